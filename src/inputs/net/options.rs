//! The options of a section `[[inputs.net]]`.

use std::time::Duration;

use serde::Deserialize;

use super::extra::{self, ExtraField, ExtraTag};
use super::kinds::Kinds;
use super::protocols::{FILES, ProtocolFile};
use super::source::{Capabilities, Source};
use super::sources::SOURCES;
use crate::config::duration::GoDuration;
use crate::config::nearest::nearest;
use crate::config::{ConfigError, OptionError, Section, Strings};
use crate::filter::glob::Globs;
use crate::inputs::choice::SourceOptions;
use crate::quote::{quote, shorten};

/// The options as they stand in the file.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::inputs) struct Options {
    interfaces: Strings,
    kinds: Strings,
    ignore_protocol_stats: bool,
    protocol_stats: Option<Strings>,
    extra_fields: Strings,
    extra_tags: Strings,
    internal: bool,
    source: String,
    netstat_platform: Option<String>,
    timeout: GoDuration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interfaces: Strings::default(),
            kinds: Strings::default(),
            ignore_protocol_stats: false,
            protocol_stats: None,
            extra_fields: Strings::default(),
            extra_tags: Strings::default(),
            internal: false,
            source: String::from("auto"),
            netstat_platform: None,
            timeout: GoDuration(Duration::from_secs(1)),
        }
    }
}

/// The options, checked.
pub(super) struct Settings {
    /// `None`: every interface that is up and no loopback.
    pub(super) interfaces: Option<Globs>,
    /// `None`: of every kind.
    pub(super) kinds: Option<Kinds>,
    /// The files with protocol statistics.
    pub(super) protocols: Vec<ProtocolFile>,
    /// Further fields, with their names.
    pub(super) fields: Vec<(&'static str, ExtraField)>,
    /// Further tags, with their names.
    pub(super) tags: Vec<(&'static str, ExtraTag)>,
    /// Whether the plugin's own metric is written.
    pub(super) internal: bool,
    /// What is gathered, for a reader.
    pub(super) what: String,
    /// Where to read.
    pub(super) source: SourceOptions<dyn Source, Capabilities>,
}

impl Settings {
    /// Checks the options of a section.
    ///
    /// # Errors
    /// When an option's value is not allowed.
    pub(super) fn of_section(section: &Section<'_>) -> Result<Self, ConfigError> {
        let options: Options = section.options()?;
        let fault = |key: &str, message| section.error(&OptionError { key: key.to_owned(), message });
        let Strings(interfaces) = &options.interfaces;
        let interfaces =
            Globs::compile(interfaces, "").map_err(|error| fault("interfaces", error.to_string()))?;
        let kinds = Kinds::of_option(&options.kinds.0).map_err(|message| fault("kinds", message))?;
        let mut protocols = match options.protocol_stats {
            None => FILES.into_iter().filter(|file| file.name == DEFAULT_PROTOCOL_FILE).collect(),
            Some(Strings(names)) => protocols(&names).map_err(|message| fault("protocol_stats", message))?,
        };
        if options.ignore_protocol_stats {
            protocols.clear();
        }
        let fields = extra::fields_of_option(&options.extra_fields.0)
            .map_err(|message| fault("extra_fields", message))?;
        let tags =
            extra::tags_of_option(&options.extra_tags.0).map_err(|message| fault("extra_tags", message))?;
        let platform = options.netstat_platform.as_deref();
        let source = SourceOptions::new(SOURCES, &options.source, options.timeout, platform)
            .map_err(|error| section.error(&error))?;
        if let Some(named) = source.named.filter(|named| kinds.is_some() && !named.capabilities.kinds) {
            let others: Vec<&str> =
                SOURCES.iter().filter(|source| source.capabilities.kinds).map(|source| source.name).collect();
            let others = if others.is_empty() { String::from("none") } else { others.join(", ") };
            let name = named.name;
            let message =
                format!("source {name} does not know the kind of an interface; supported by {others}");
            return Err(fault("kinds", message));
        }
        let what = what(&options.interfaces.0, &options.kinds.0, &protocols);
        Ok(Self { interfaces, kinds, protocols, fields, tags, internal: options.internal, what, source })
    }
}

/// What a section gathers, in words.
fn what(interfaces: &[String], kinds: &[String], protocols: &[ProtocolFile]) -> String {
    let mut what = match interfaces {
        [] => String::from("interfaces that are up and not loopback"),
        patterns => format!("interfaces {}", shorten(&patterns.join(", "))),
    };
    if !kinds.is_empty() {
        what += ", kinds ";
        what += &shorten(&kinds.join(", "));
    }
    if !protocols.is_empty() && cfg!(target_os = "linux") {
        what += ", interface=all";
    }
    what
}

/// The file whose counters are written where the section does not say.
const DEFAULT_PROTOCOL_FILE: &str = "snmp";

/// The files that are named, each once.
fn protocols(names: &[String]) -> Result<Vec<ProtocolFile>, String> {
    let mut files = Vec::new();
    for name in names {
        let file = FILES.into_iter().find(|file| file.name == name).ok_or_else(|| {
            let known = FILES.map(|file| file.name);
            let hint = nearest(name, known.into_iter()).map_or_else(
                || format!("allowed are {}", known.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            format!("unknown file {}; {hint}", quote(name.as_bytes()))
        })?;
        if !files.contains(&file) {
            files.push(file);
        }
    }
    Ok(files)
}
