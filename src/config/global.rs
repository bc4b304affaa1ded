//! Telegraf's options for every input.
//!
//! Source: the chapters "Plugins" and "Metric filtering" of Telegraf's `docs/CONFIGURATION.md`, and `buildInput` and
//! `buildFilter` in its `config/config.go`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::duration::GoDuration;
use super::error::{OptionError, shown};
use super::field_names::field_names;
use super::values::{Strings, Tags};
use crate::filter::glob::Globs;
use crate::filter::{Filter, FilterError, FilterOptions};
use crate::logger::Level;
use crate::quote::quote;

/// The options of one section, checked.
#[derive(Debug, Default)]
pub struct Global {
    /// Distinguishes sections of one input in the log. May be empty.
    pub alias: String,
    /// Replaces the name of the measurement, unless empty.
    pub name_override: String,
    /// The prefix of the name.
    pub name_prefix: String,
    /// The suffix of the name.
    pub name_suffix: String,
    /// Tags to add, sorted by key.
    pub tags: Vec<(String, String)>,
    /// Whether `tags` are added even if the filter drops their keys.
    pub always_include_local_tags: bool,
    /// The precision of timestamps; zero for no rounding.
    pub precision: Duration,
    /// The log level of this section; `None` for that of the process.
    pub log_level: Option<Level>,
    /// The filter for metrics, tags and fields.
    pub filter: Filter,
}

/// The options as they stand in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct GlobalOptions {
    alias: String,
    name_override: String,
    name_prefix: String,
    name_suffix: String,
    tags: Tags,
    always_include_local_tags: bool,
    precision: Option<GoDuration>,
    log_level: Option<String>,
    namepass: Strings,
    namedrop: Strings,
    namepass_separator: String,
    namedrop_separator: String,
    fieldinclude: Strings,
    fieldpass: Strings,
    pass: Strings,
    fieldexclude: Strings,
    fielddrop: Strings,
    drop: Strings,
    tagpass: Option<BTreeMap<String, Strings>>,
    tagdrop: Option<BTreeMap<String, Strings>>,
    taginclude: Strings,
    tagexclude: Strings,
}

/// The names of Telegraf's options for every input.
#[must_use]
pub fn global_options() -> &'static [&'static str] {
    field_names::<GlobalOptions>()
}

impl Global {
    pub(super) fn new(options: GlobalOptions) -> Result<Self, OptionError> {
        options.check_names()?;
        let list = |Strings(list)| list;
        let table = |table: Option<BTreeMap<String, Strings>>| {
            table.unwrap_or_default().into_iter().map(|(tag, Strings(values))| (tag, values)).collect()
        };
        let include = [
            ("pass", options.pass),
            ("fieldpass", options.fieldpass),
            ("fieldinclude", options.fieldinclude),
        ];
        let exclude = [
            ("drop", options.drop),
            ("fielddrop", options.fielddrop),
            ("fieldexclude", options.fieldexclude),
        ];
        let filter = Filter::compile(&FilterOptions {
            namepass: list(options.namepass),
            namedrop: list(options.namedrop),
            namepass_separator: options.namepass_separator,
            namedrop_separator: options.namedrop_separator,
            fieldinclude: merged(include)?,
            fieldexclude: merged(exclude)?,
            taginclude: list(options.taginclude),
            tagexclude: list(options.tagexclude),
            tagpass: table(options.tagpass),
            tagdrop: table(options.tagdrop),
        })
        .map_err(|FilterError { key, tag, cause }| {
            let tag = tag.map(|tag| format!(".{}", shown(&tag))).unwrap_or_default();
            OptionError { key: format!("{key}{tag}"), message: cause.to_string() }
        })?;
        Ok(Self {
            alias: options.alias,
            name_override: options.name_override,
            name_prefix: options.name_prefix,
            name_suffix: options.name_suffix,
            tags: options.tags.0.into_iter().collect(),
            always_include_local_tags: options.always_include_local_tags,
            precision: options.precision.map_or(Duration::ZERO, |GoDuration(precision)| precision),
            log_level: options.log_level.as_deref().map(level).transpose()?,
            filter,
        })
    }
}

/// One list from an option and its old names, which Telegraf reads together.
fn merged(lists: [(&str, Strings); 3]) -> Result<Vec<String>, OptionError> {
    let mut merged = Vec::new();
    for (key, Strings(list)) in lists {
        // Also compiled separately, so that an error names the right option.
        Globs::compile(&list, "")
            .map_err(|cause| OptionError { key: key.to_owned(), message: cause.to_string() })?;
        merged.extend(list);
    }
    Ok(merged)
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

impl GlobalOptions {
    /// Rejects names that line protocol cannot represent, even escaped: Telegraf would read a comment or another tag.
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
                "must not consist of backslashes only, which leave the metric without a name",
            );
        }
        if self.tags.0.keys().any(|tag| tag.ends_with('\\') || tag.contains(char::is_control)) {
            return fault(
                "tags",
                "must not have a key with a control character or a backslash at its end, which is another key",
            );
        }
        Ok(())
    }
}
