//! A metric per interface: which are written, and with what.

use std::time::Instant;

use super::counters::COUNTERS;
use super::extra::{ExtraField, ExtraTag};
use super::kinds::Kinds;
use super::source::{Extra, Interface, Query};
use crate::filter::glob::Globs;
use crate::metric::{Metric, Value};

/// Chooses interfaces and makes metrics of them.
pub(super) struct Lines {
    /// `None`: every interface that is up and no loopback.
    interfaces: Option<Globs>,
    kinds: Option<Kinds>,
    fields: Vec<(&'static str, ExtraField)>,
    tags: Vec<(&'static str, ExtraTag)>,
}

impl Lines {
    /// Writes the interfaces that `interfaces` and `kinds` select, with further `fields` and `tags` (sorted by name).
    pub(super) fn new(
        interfaces: Option<Globs>,
        kinds: Option<Kinds>,
        fields: Vec<(&'static str, ExtraField)>,
        tags: Vec<(&'static str, ExtraTag)>,
    ) -> Self {
        Self { interfaces, kinds, fields, tags }
    }

    /// What to ask a source.
    pub(super) fn query(&self, deadline: Instant) -> Query {
        let aliases = self.tags.iter().any(|(_, tag)| *tag == ExtraTag::IfAlias);
        Query { only_up: self.interfaces.is_none(), aliases, deadline }
    }

    /// Makes the metric of an interface, if it is wanted; whether it is.
    pub(super) fn write(&self, interface: &dyn Interface, each: &mut dyn FnMut(&Metric<'_>)) -> bool {
        if !self.is_wanted(interface) {
            return false;
        }
        let extra_tags: Vec<_> = self.tags.iter().map(|(name, tag)| (*name, interface.tag(*tag))).collect();
        let mut tags: Vec<(&str, &[u8])> = Vec::with_capacity(extra_tags.len() + 1);
        tags.push(("interface", interface.name()));
        tags.extend(extra_tags.iter().map(|(name, value)| (*name, value.as_slice())));
        tags.sort_unstable_by_key(|(name, _)| *name);

        let known = |(name, field): &(&'static str, ExtraField)| Some((*name, interface.field(*field)?));
        let extra_fields: Vec<(&str, Extra)> = self.fields.iter().filter_map(known).collect();
        let mut fields: Vec<(&str, Value<'_>)> = Vec::with_capacity(COUNTERS.len() + 1 + extra_fields.len());
        let counters = COUNTERS.into_iter().zip(interface.counters());
        fields.extend(counters.filter_map(|(name, counter)| Some((name, Value::Unsigned(counter?)))));
        fields.push(("speed", Value::Signed(interface.speed())));
        fields.extend(extra_fields.iter().map(|(name, value)| match value {
            Extra::Number(number) => (*name, Value::Unsigned(*number)),
            Extra::Text(text) => (*name, Value::Text(text)),
        }));
        each(&Metric { name: "net", tags: &tags, fields: &fields });
        true
    }

    /// The name is looked at first, since it costs nothing; the kind last.
    fn is_wanted(&self, interface: &dyn Interface) -> bool {
        let named = match &self.interfaces {
            Some(globs) => globs.matches(&String::from_utf8_lossy(interface.name())),
            // Where it is not known, every interface counts as up.
            None => interface.status().is_none_or(|status| status.up && !status.loopback),
        };
        named && self.kinds.as_ref().is_none_or(|kinds| kinds.matches(&interface.tag(ExtraTag::Kind)))
    }
}
