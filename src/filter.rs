//! Telegraf's metric filter: which metrics, fields and tags of an input go out.
//!
//! Options and order are those of Telegraf's `models.Filter` (`models/filter.go`): `namepass` and `namedrop`, then
//! `tagpass` and `tagdrop`, select metrics as they were gathered; `fieldinclude`, `fieldexclude`, `taginclude` and
//! `tagexclude` later remove fields and tags. Where both lists of a pair match, the one that drops wins.

use thiserror::Error;

use self::glob::{GlobError, Globs};
use crate::metric::Metric;

pub mod glob;
#[cfg(test)]
mod tests;

/// The filter's options as the configuration has them. As in Telegraf, an empty list or table does not filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FilterOptions {
    /// Only metrics with one of these names.
    pub(crate) namepass: Vec<String>,
    /// No metric with one of these names.
    pub(crate) namedrop: Vec<String>,
    /// The characters that `*` and `?` of `namepass` do not match.
    pub(crate) namepass_separator: String,
    /// The characters that `*` and `?` of `namedrop` do not match.
    pub(crate) namedrop_separator: String,
    /// Only fields with one of these keys.
    pub(crate) fieldinclude: Vec<String>,
    /// No field with one of these keys.
    pub(crate) fieldexclude: Vec<String>,
    /// Only tags with one of these keys.
    pub(crate) taginclude: Vec<String>,
    /// No tag with one of these keys.
    pub(crate) tagexclude: Vec<String>,
    /// Only metrics that match one of these entries: a tag and its values. An entry without values never matches.
    pub(crate) tagpass: Vec<(String, Vec<String>)>,
    /// No metric that matches one of these entries.
    pub(crate) tagdrop: Vec<(String, Vec<String>)>,
}

/// An option of the filter that holds an entry which is not a glob.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{key}{}: {cause}", tag.as_ref().map(|tag| format!(".{tag}")).unwrap_or_default())]
pub(crate) struct FilterError {
    /// The option's name.
    pub(crate) key: &'static str,
    /// The tag, where the option is a table of tags.
    pub(crate) tag: Option<String>,
    /// The entry, and what is wrong with it.
    pub(crate) cause: GlobError,
}

/// A compiled filter. The default keeps everything.
#[derive(Debug, Default)]
pub struct Filter {
    name: Pair,
    field: Pair,
    tag: Pair,
    tagpass: Vec<TagGlobs>,
    tagdrop: Vec<TagGlobs>,
}

/// A pair of options: what passes, and what of that is dropped. `None` does not filter.
#[derive(Debug, Default)]
struct Pair {
    pass: Option<Globs>,
    drop: Option<Globs>,
}

#[derive(Debug)]
struct TagGlobs {
    key: String,
    values: Option<Globs>,
}

impl Filter {
    /// Compiles the options.
    ///
    /// # Errors
    /// The first option that holds an entry which is not a glob.
    pub(crate) fn compile(options: &FilterOptions) -> Result<Self, FilterError> {
        let globs = |key, list: &[String], separators: &str| {
            Globs::compile(list, separators).map_err(|cause| FilterError { key, tag: None, cause })
        };
        let tags = |key, table: &[(String, Vec<String>)]| {
            let entry = |(tag, values): &(String, Vec<String>)| {
                let values = Globs::compile(values, "");
                let error = |cause| FilterError { key, tag: Some(tag.clone()), cause };
                Ok(TagGlobs { key: tag.clone(), values: values.map_err(error)? })
            };
            table.iter().map(entry).collect::<Result<Vec<_>, FilterError>>()
        };
        Ok(Self {
            name: Pair {
                pass: globs("namepass", &options.namepass, &options.namepass_separator)?,
                drop: globs("namedrop", &options.namedrop, &options.namedrop_separator)?,
            },
            field: Pair {
                pass: globs("fieldinclude", &options.fieldinclude, "")?,
                drop: globs("fieldexclude", &options.fieldexclude, "")?,
            },
            tag: Pair {
                pass: globs("taginclude", &options.taginclude, "")?,
                drop: globs("tagexclude", &options.tagexclude, "")?,
            },
            tagpass: tags("tagpass", &options.tagpass)?,
            tagdrop: tags("tagdrop", &options.tagdrop)?,
        })
    }

    /// Whether the metric, as it was gathered, is written at all.
    pub(crate) fn selects(&self, metric: &Metric) -> bool {
        self.name.keeps(metric.name)
            && (self.tagpass.is_empty() || self.tagpass.iter().any(|entry| entry.matches(metric)))
            && !self.tagdrop.iter().any(|entry| entry.matches(metric))
    }

    /// Whether a field with this key stays in the metric.
    pub(crate) fn keeps_field(&self, key: &str) -> bool {
        self.field.keeps(key)
    }

    /// Whether a tag with this key stays in the metric.
    pub(crate) fn keeps_tag(&self, key: &str) -> bool {
        self.tag.keeps(key)
    }
}

impl Pair {
    fn keeps(&self, text: &str) -> bool {
        self.pass.as_ref().is_none_or(|pass| pass.matches(text))
            && !self.drop.as_ref().is_some_and(|drop| drop.matches(text))
    }
}

impl TagGlobs {
    /// Whether the metric has this tag with one of these values. A tag with an empty value counts as absent.
    fn matches(&self, metric: &Metric) -> bool {
        self.values.as_ref().is_some_and(|values| {
            metric.tags.iter().any(|&(key, value)| {
                key == self.key && !value.is_empty() && values.matches(&String::from_utf8_lossy(value))
            })
        })
    }
}
