//! Telegraf's options for every plugin.
//!
//! Source: the chapters "Plugins" and "Metric filtering" of Telegraf's `docs/CONFIGURATION.md`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::duration::GoDuration;
use super::{OptionError, shown};
use crate::filter::{Filter, FilterError, FilterOptions};
use crate::logger::Level;
use crate::quote::quote;

/// The names of these options.
pub const KEYS: &[&str] = &[
    "alias",
    "name_override",
    "name_prefix",
    "name_suffix",
    "tags",
    "precision",
    "log_level",
    "namepass",
    "namedrop",
    "namepass_separator",
    "namedrop_separator",
    "fieldinclude",
    "fieldpass",
    "fieldexclude",
    "fielddrop",
    "tagpass",
    "tagdrop",
    "taginclude",
    "tagexclude",
];

/// What to do about an option of Telegraf's that has no place here.
pub(super) fn misplaced(key: &str) -> Option<&'static str> {
    match key {
        "interval" | "collection_jitter" | "collection_offset" => {
            Some("not supported here: Telegraf starts each gather, so put it into [[inputs.execd]]")
        }
        "metricpass" => Some(
            "not supported here: put it into [[inputs.execd]], or use namepass, namedrop, tagpass or tagdrop",
        ),
        _ => None,
    }
}

/// The options of one section, checked.
#[derive(Debug, Default)]
pub struct Global {
    /// Tells sections of one input apart in the log; empty: none.
    pub alias: String,
    /// Replaces the measurement's name; empty: does not.
    pub name_override: String,
    /// Put before the name.
    pub name_prefix: String,
    /// Put behind the name.
    pub name_suffix: String,
    /// Tags to add, sorted by key.
    pub tags: Vec<(String, String)>,
    /// What timestamps are rounded to; zero: not.
    pub precision: Duration,
    /// What this section logs; `None`: what the process does.
    pub log_level: Option<Level>,
    /// Which metrics, tags and fields are written.
    pub filter: Filter,
}

impl Global {
    pub(super) fn new(options: Options) -> Result<Self, OptionError> {
        options.check_names()?;
        let Options { fieldpass: Strings(fieldpass), fielddrop: Strings(fielddrop), .. } = options;
        let list = |Strings(list)| list;
        let table = |table: Option<BTreeMap<String, Strings>>| {
            table.unwrap_or_default().into_iter().map(|(tag, Strings(values))| (tag, values)).collect()
        };
        let filter = Filter::compile(&FilterOptions {
            namepass: list(options.namepass),
            namedrop: list(options.namedrop),
            namepass_separator: options.namepass_separator,
            namedrop_separator: options.namedrop_separator,
            fieldinclude: [list(options.fieldinclude), fieldpass.clone()].concat(),
            fieldexclude: [list(options.fieldexclude), fielddrop.clone()].concat(),
            taginclude: list(options.taginclude),
            tagexclude: list(options.tagexclude),
            tagpass: table(options.tagpass),
            tagdrop: table(options.tagdrop),
        })
        .map_err(|FilterError { key, tag, cause }| {
            let key = match key {
                "fieldinclude" if fieldpass.contains(&cause.pattern) => "fieldpass",
                "fieldexclude" if fielddrop.contains(&cause.pattern) => "fielddrop",
                key => key,
            };
            let tag = tag.map(|tag| format!(".{}", shown(&tag))).unwrap_or_default();
            OptionError { key: format!("{key}{tag}"), message: cause.to_string() }
        })?;
        Ok(Self {
            alias: options.alias,
            name_override: options.name_override,
            name_prefix: options.name_prefix,
            name_suffix: options.name_suffix,
            tags: options.tags.into_iter().collect(),
            precision: options.precision.map_or(Duration::ZERO, |GoDuration(precision)| precision),
            log_level: options.log_level.as_deref().map(level).transpose()?,
            filter,
        })
    }
}

fn level(name: &str) -> Result<Level, OptionError> {
    match name.to_ascii_lowercase().as_str() {
        "error" => Ok(Level::Error),
        "warn" => Ok(Level::Warn),
        "info" => Ok(Level::Info),
        "debug" | "trace" => Ok(Level::Debug),
        _ => Err(OptionError {
            key: String::from("log_level"),
            message: format!(
                "unknown level {}; allowed are error, warn, info, debug, trace",
                quote(name.as_bytes())
            ),
        }),
    }
}

/// The options as they stand in the file.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct Options {
    alias: String,
    name_override: String,
    name_prefix: String,
    name_suffix: String,
    tags: BTreeMap<String, String>,
    precision: Option<GoDuration>,
    log_level: Option<String>,
    namepass: Strings,
    namedrop: Strings,
    namepass_separator: String,
    namedrop_separator: String,
    fieldinclude: Strings,
    fieldpass: Strings,
    fieldexclude: Strings,
    fielddrop: Strings,
    tagpass: Option<BTreeMap<String, Strings>>,
    tagdrop: Option<BTreeMap<String, Strings>>,
    taginclude: Strings,
    tagexclude: Strings,
}

impl Options {
    /// Refuses names that no escape of line protocol can carry: Telegraf would take the line for a comment, or
    /// the tag for another one.
    fn check_names(&self) -> Result<(), OptionError> {
        let fault = |key: &str, message: &str| {
            Err(OptionError { key: key.to_owned(), message: format!("{message} in line protocol") })
        };
        let Self { name_prefix, name_override, .. } = self;
        let (key, start) = if name_prefix.is_empty() {
            ("name_override", name_override)
        } else {
            ("name_prefix", name_prefix)
        };
        if start.starts_with('#') {
            return fault(key, "must not begin with \"#\", which makes a comment of the metric");
        }
        if !name_override.is_empty() && name_override.bytes().all(|byte| byte == b'\\') {
            return fault(
                "name_override",
                "must not be backslashes alone, which leave the metric without a name",
            );
        }
        if self.tags.keys().any(|tag| tag.ends_with('\\') || tag.contains(char::is_control)) {
            return fault(
                "tags",
                "must not have a key with a control character or a backslash at its end, which is another key",
            );
        }
        Ok(())
    }
}

/// An array of strings, with an error that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strings(pub Vec<String>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Strings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Strings, A::Error> {
                let mut strings = Vec::new();
                while let Some(string) = values.next_element()? {
                    strings.push(string);
                }
                Ok(Strings(strings))
            }
        }
        deserializer.deserialize_seq(Array)
    }
}
