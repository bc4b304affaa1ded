//! The plugin's own TOML, from text to checked sections.
//!
//! The syntax is Telegraf's, so that a `[[inputs.x]]` section moves over unchanged. Every error names the
//! file, the line, the key and what is allowed.

pub mod duration;
pub mod env;
mod global;
pub mod nearest;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;

use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

pub use global::{Global, KEYS as GLOBAL_OPTIONS, Strings};

use crate::quote::{quote, shorten};

/// The name in messages of the configuration that is built in.
pub const BUILT_IN: &str = "(built-in defaults)";
/// The configuration that is built in, and that `--sample-config` prints.
pub const SAMPLE: &str = include_str!("../plugin.conf.sample");
/// More bytes than any configuration has.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What is wrong in a configuration.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{file}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ConfigError {
    file: String,
    /// Counted from 1, where the fault has a place.
    line: Option<usize>,
    message: String,
}

/// A fault in the value of one option, found after the section was read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{key}: {message}")]
pub struct OptionError {
    /// The option's name; of an entry in a table of tags, with the tag: `tagpass.proto`.
    pub key: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// An input that may be configured: the name behind `inputs.` and its own options.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The input's name.
    pub name: &'static str,
    /// The names of its options.
    pub options: &'static [&'static str],
}

/// One `[[inputs.x]]` section.
#[derive(Debug)]
pub struct Section<'t> {
    /// The input's name.
    pub name: &'static str,
    /// Telegraf's options for every plugin.
    pub global: Global,
    source: Source<'t>,
    line: usize,
    /// The line of each key, those in tables as `tags.dc`.
    lines: BTreeMap<String, usize>,
    /// The input's own options.
    own: Spanned<DeValue<'t>>,
}

/// The file's name and text, for messages.
#[derive(Clone, Debug)]
struct Source<'t> {
    file: String,
    text: &'t str,
}

impl Source<'_> {
    fn error(&self, span: &Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError { file: self.file.clone(), line: Some(self.line(span)), message: message.into() }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        1 + memchr::memchr_iter(b'\n', before).count()
    }
}

/// Reads a configuration file.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub fn read_file(path: &std::path::Path) -> Result<String, ConfigError> {
    let fault = |message| ConfigError { file: path.display().to_string(), line: None, message };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| fault(format!("cannot read the configuration: {error}")))?;
    if bytes.len() as u64 > LONGEST {
        return Err(fault(format!("the configuration is longer than {} MiB", LONGEST / 1024 / 1024)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = 1 + memchr::memchr_iter(
            b'\n',
            error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default(),
        )
        .count();
        ConfigError {
            file: path.display().to_string(),
            line: Some(line),
            message: String::from("the configuration is not UTF-8 text"),
        }
    })
}

/// Parses a configuration. `lookup` answers for environment variables.
///
/// # Errors
/// The first fault in the text.
pub fn parse<'t>(
    file: &str,
    text: &'t str,
    known: &[Known],
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Section<'t>>, ConfigError> {
    let source = Source { file: file.to_owned(), text };
    let root = DeTable::parse(text).map_err(|error| syntax_error(&source, &error))?;
    let mut sections = Vec::new();
    for (key, value) in root.into_inner() {
        if key.get_ref() != "inputs" {
            return Err(unknown_section(&source, &key.span(), key.get_ref()));
        }
        let DeValue::Table(inputs) = value.into_inner() else {
            return Err(source.error(&key.span(), "inputs: expected sections [[inputs.NAME]]"));
        };
        for (name, tables) in inputs {
            let Some(known) = known.iter().find(|known| known.name == name.get_ref()) else {
                return Err(unknown_input(&source, &name.span(), name.get_ref(), known));
            };
            for table in tables_of(&source, known, tables)? {
                sections.push(section(&source, known, table, lookup)?);
            }
        }
    }
    if sections.is_empty() {
        let names: Vec<String> = known.iter().map(|known| format!("[[inputs.{}]]", known.name)).collect();
        let message = format!("no input is configured: add {}", names.join(" or "));
        return Err(ConfigError { file: file.to_owned(), line: None, message });
    }
    // In the order of the file, as Telegraf gathers them.
    sections.sort_by_key(|section| section.line);
    Ok(sections)
}

fn syntax_error(source: &Source<'_>, error: &toml::de::Error) -> ConfigError {
    let span = error.span().unwrap_or_default();
    source.error(&span, format!("not valid TOML: {}", one_line(error.message())))
}

/// A message about a value in one line, with what it quotes from the file cut, but not what it expected.
fn one_line(message: &str) -> String {
    let message = message.lines().collect::<Vec<_>>().join(", ");
    match message.rsplit_once(", expected ") {
        Some((found, expected)) => format!("{}, expected {expected}", shorten(found)),
        // What this crate says itself is cut already.
        None => message,
    }
}

/// A key for a message: as it is where TOML needs no quotes for it, else quoted; and cut.
fn shown(key: &str) -> String {
    let bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare && !key.is_empty() { shorten(key) } else { quote(key.as_bytes()) }
}

type Key<'t> = Spanned<toml::de::DeString<'t>>;

/// Calls `each` for a key, and then for those of its table if it has one, with the path: `tags`, `tags.dc`.
fn each_key<'t>(
    path: &str,
    key: &Key<'t>,
    value: &Spanned<DeValue<'t>>,
    each: &mut dyn FnMut(&str, &Key<'t>, &Spanned<DeValue<'t>>),
) {
    each(path, key, value);
    if let DeValue::Table(table) = value.get_ref() {
        for (key, value) in table {
            each_key(&format!("{path}.{}", shown(key.get_ref())), key, value, each);
        }
    }
}

fn unknown_section(source: &Source<'_>, span: &Range<usize>, name: &str) -> ConfigError {
    let telegraf = ["agent", "global_tags", "outputs", "processors", "aggregators", "secretstores"];
    if telegraf.contains(&name) {
        let hint =
            format!("section {name}: belongs to Telegraf's own configuration, here only [[inputs.NAME]]");
        return source.error(span, hint);
    }
    let hint = nearest::nearest(name, ["inputs"].into_iter())
        .map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
    source.error(span, format!("unknown section {}: expected [[inputs.NAME]]{hint}", quote(name.as_bytes())))
}

fn unknown_input(source: &Source<'_>, span: &Range<usize>, name: &str, known: &[Known]) -> ConfigError {
    let names: Vec<&str> = known.iter().map(|known| known.name).collect();
    let hint = nearest::nearest(name, names.iter().copied())
        .map_or_else(String::new, |nearest| format!("; did you mean inputs.{nearest}?"));
    let allowed = names.join(", inputs.");
    source.error(span, format!("unknown input inputs.{}: known are inputs.{allowed}{hint}", shown(name)))
}

/// `[[inputs.x]]` sections, or the single `[inputs.x]` that Telegraf also takes.
fn tables_of<'t>(
    source: &Source<'_>,
    known: &Known,
    value: Spanned<DeValue<'t>>,
) -> Result<Vec<Spanned<DeValue<'t>>>, ConfigError> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Array(tables) => Ok(tables.into_iter().collect()),
        table @ DeValue::Table(_) => Ok(vec![Spanned::new(span, table)]),
        _ => Err(source.error(&span, format!("inputs.{0}: expected a section [[inputs.{0}]]", known.name))),
    }
}

fn section<'t>(
    source: &Source<'t>,
    known: &Known,
    value: Spanned<DeValue<'t>>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Section<'t>, ConfigError> {
    let span = value.span();
    let DeValue::Table(mut table) = value.into_inner() else {
        return Err(source.error(&span, format!("inputs.{0}: expected a section [[inputs.{0}]]", known.name)));
    };
    let mut own = DeTable::new();
    let mut global = DeTable::new();
    let mut lines = BTreeMap::new();
    for (key, mut value) in std::mem::take(&mut table) {
        let name = key.get_ref().to_string();
        substitute(source, &format!("inputs.{}.{}", known.name, shown(&name)), &mut value, lookup)?;
        each_key(&shown(&name), &key, &value, &mut |path, key, _| {
            lines.insert(path.to_owned(), source.line(&key.span()));
        });
        if known.options.contains(&name.as_str()) {
            own.insert(key, value);
        } else if global::KEYS.contains(&name.as_str()) {
            global.insert(key, value);
        } else {
            return Err(unknown_key(source, known, &key));
        }
    }
    let section = Section {
        name: known.name,
        global: Global::default(),
        source: source.clone(),
        line: source.line(&span),
        lines,
        own: Spanned::new(span.clone(), DeValue::Table(own)),
    };
    let options = section.deserialize(Spanned::new(span, DeValue::Table(global)))?;
    let global = Global::new(options).map_err(|error| section.error(&error))?;
    Ok(Section { global, ..section })
}

fn unknown_key(source: &Source<'_>, known: &Known, key: &Key<'_>) -> ConfigError {
    let name = key.get_ref().as_ref();
    let place = format!("inputs.{}.{}", known.name, shown(name));
    if let Some(hint) = global::misplaced(name) {
        return source.error(&key.span(), format!("{place}: {hint}"));
    }
    let all = known.options.iter().chain(global::KEYS).copied();
    let hint = nearest::nearest(name, all).map_or_else(
        || format!("known are {} and Telegraf's global options", known.options.join(", ")),
        |nearest| format!("did you mean {nearest}?"),
    );
    source.error(&key.span(), format!("{place}: unknown option; {hint}"))
}

/// Replaces environment variables in every string of a value, as Telegraf does after parsing.
fn substitute(
    source: &Source<'_>,
    place: &str,
    value: &mut Spanned<DeValue<'_>>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ConfigError> {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) => {
            let replaced = env::substitute(text, lookup)
                .map_err(|error| source.error(&span, format!("{place}: {error}")))?;
            *text = replaced.into();
            Ok(())
        }
        DeValue::Array(values) => {
            values.iter_mut().try_for_each(|value| substitute(source, place, value, lookup))
        }
        DeValue::Table(table) => table.iter_mut().try_for_each(|(key, value)| {
            substitute(source, &format!("{place}.{}", shown(key.get_ref())), value, lookup)
        }),
        _ => Ok(()),
    }
}

impl<'t> Section<'t> {
    /// The input's own options, as its type describes them.
    ///
    /// # Errors
    /// When a value has the wrong type or form.
    pub fn options<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.deserialize(self.own.clone())
    }

    /// The name of this section's log: `inputs.NAME`, or `inputs.NAME::ALIAS`.
    #[must_use]
    pub fn log_name(&self) -> String {
        let Global { alias, .. } = &self.global;
        if alias.is_empty() {
            format!("inputs.{}", self.name)
        } else {
            format!("inputs.{}::{}", self.name, shorten(alias))
        }
    }

    /// The error of an option's value, with its place.
    #[must_use]
    pub fn error(&self, error: &OptionError) -> ConfigError {
        ConfigError {
            file: self.source.file.clone(),
            line: Some(self.lines.get(&error.key).copied().unwrap_or(self.line)),
            message: format!("inputs.{}.{}: {}", self.name, error.key, error.message),
        }
    }

    fn deserialize<T: DeserializeOwned>(&self, table: Spanned<DeValue<'t>>) -> Result<T, ConfigError> {
        let mut places = Vec::new();
        if let DeValue::Table(table) = table.get_ref() {
            for (key, value) in table {
                each_key(&shown(key.get_ref()), key, value, &mut |path, _, value| {
                    places.push((value.span(), path.to_owned()));
                });
            }
        }
        T::deserialize(ValueDeserializer::from(table)).map_err(|error| {
            let span = error.span().unwrap_or_default();
            // An inline table holds its entries, which come behind it here.
            let key = places.iter().rfind(|(place, _)| place.start <= span.start && span.end <= place.end);
            let key = key.map_or_else(String::new, |(_, key)| format!(".{key}"));
            self.source.error(&span, format!("inputs.{}{key}: {}", self.name, one_line(error.message())))
        })
    }
}

#[cfg(test)]
mod tests;
