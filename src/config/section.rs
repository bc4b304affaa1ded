//! One `[[inputs.x]]` section: the options of the input and those of Telegraf, with the lines for error messages.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, ValueDeserializer};

use super::document::Document;
use super::error::{ConfigError, OptionError, one_line, shown};
use super::global::{Global, GlobalOptions, global_options};
use super::nearest::nearest;
use super::{elsewhere, env};
use crate::quote::shorten;

/// An input that may be configured.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The input's name, without `inputs.`.
    pub name: &'static str,
    /// The names of its own options.
    pub options: fn() -> &'static [&'static str],
}

impl Known {
    /// The error for a value that is not a section.
    pub(super) fn expected(&self, document: &Document<'_>, span: &Range<usize>) -> ConfigError {
        document.error(span, format!("inputs.{0}: expected a section [[inputs.{0}]]", self.name))
    }
}

/// One `[[inputs.x]]` section.
#[derive(Debug)]
pub struct Section<'t> {
    /// The input's name.
    pub name: &'static str,
    /// Telegraf's options for every input.
    pub global: Global,
    document: Document<'t>,
    pub(super) line: usize,
    /// The line of each key; those of a table as `tags.dc`.
    lines: BTreeMap<String, usize>,
    /// The input's own options.
    own: Spanned<DeValue<'t>>,
}

type Key<'t> = Spanned<DeString<'t>>;

impl<'t> Section<'t> {
    /// Parses the table of a section.
    pub(super) fn new(
        document: &Document<'t>,
        known: &Known,
        table: Spanned<DeValue<'t>>,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let span = table.span();
        let DeValue::Table(table) = table.into_inner() else {
            return Err(known.expected(document, &span));
        };
        let mut own = DeTable::new();
        let mut global = DeTable::new();
        let mut lines = BTreeMap::new();
        for (key, mut value) in table {
            let name = key.get_ref().as_ref();
            let place = format!("inputs.{}.{}", known.name, shown(name));
            substitute(document, &place, &mut value, lookup)?;
            each_key(&shown(name), &key, &value, &mut |path, key, _| {
                lines.insert(path.to_owned(), document.line(&key.span()));
            });
            if (known.options)().contains(&name) {
                own.insert(key, value);
            } else if global_options().contains(&name) {
                global.insert(key, value);
            } else {
                let error = unknown_option(known, name);
                return Err(document.error(&key.span(), format!("{place}: {error}")));
            }
        }
        let section = Section {
            name: known.name,
            global: Global::default(),
            document: document.clone(),
            line: document.line(&span),
            lines,
            own: Spanned::new(span.clone(), DeValue::Table(own)),
        };
        let options: GlobalOptions = section.deserialize(Spanned::new(span, DeValue::Table(global)))?;
        let global = Global::new(options).map_err(|error| section.error(&error))?;
        Ok(Section { global, ..section })
    }

    /// Parses the input's own options.
    ///
    /// # Errors
    /// When a value has the wrong type or form.
    pub(crate) fn options<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.deserialize(self.own.clone())
    }

    /// The name of this section's log: `inputs.NAME`, or `inputs.NAME::ALIAS`.
    pub(crate) fn log_name(&self) -> String {
        let Global { alias, .. } = &self.global;
        if alias.is_empty() {
            format!("inputs.{}", self.name)
        } else {
            format!("inputs.{}::{}", self.name, shorten(alias))
        }
    }

    /// The error for the value of an option, with its line.
    pub(crate) fn error(&self, error: &OptionError) -> ConfigError {
        ConfigError {
            file: self.document.file.clone(),
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
            // The last one is the innermost: the entries of an inline table follow the table here.
            let key = places.iter().rfind(|(place, _)| place.start <= span.start && span.end <= place.end);
            let key = key.map_or_else(String::new, |(_, key)| format!(".{key}"));
            self.document.error(&span, format!("inputs.{}{key}: {}", self.name, one_line(error.message())))
        })
    }
}

/// The message for an option that neither the input nor Telegraf has.
fn unknown_option(known: &Known, name: &str) -> String {
    if let Some(place) = elsewhere::belongs(name) {
        return place.to_owned();
    }
    let own = (known.options)();
    match nearest(name, own.iter().chain(global_options()).copied()) {
        Some(nearest) => format!("unknown option; did you mean {nearest}?"),
        None => format!("unknown option; allowed are {} and Telegraf's global options", own.join(", ")),
    }
}

/// Replaces environment variables in every string of a value, as Telegraf does after parsing.
fn substitute(
    document: &Document<'_>,
    place: &str,
    value: &mut Spanned<DeValue<'_>>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ConfigError> {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) => {
            let replaced = env::substitute(text, lookup)
                .map_err(|error| document.error(&span, format!("{place}: {error}")))?;
            *text = replaced.into();
            Ok(())
        }
        DeValue::Array(values) => {
            values.iter_mut().try_for_each(|value| substitute(document, place, value, lookup))
        }
        DeValue::Table(table) => table.iter_mut().try_for_each(|(key, value)| {
            substitute(document, &format!("{place}.{}", shown(key.get_ref())), value, lookup)
        }),
        _ => Ok(()),
    }
}

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
