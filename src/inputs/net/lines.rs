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
        let statistics = self.fields.iter().any(|(_, field)| matches!(field, ExtraField::Statistic(_)));
        Query { only_up: self.interfaces.is_none(), aliases, statistics, deadline }
    }

    /// Makes the metric of an interface, if it is wanted; whether it is.
    pub(super) fn write(&self, interface: &dyn Interface, each: &mut dyn FnMut(&Metric<'_>)) -> bool {
        if !self.is_wanted(interface) {
            return false;
        }
        let mut fields = [("", Value::Signed(0)); COUNTERS.len() + 1];
        let mut used = 0;
        let counters = COUNTERS.into_iter().zip(interface.counters());
        let known = counters.filter_map(|(name, counter)| Some((name, Value::Unsigned(counter?))));
        for (place, field) in
            fields.iter_mut().zip(known.chain([("speed", Value::Signed(interface.speed()))]))
        {
            *place = field;
            used += 1;
        }
        let tags = [("interface", interface.name())];
        if self.fields.is_empty() && self.tags.is_empty() {
            each(&Metric { name: "net", tags: &tags, fields: &fields[..used] });
        } else {
            self.write_extra(interface, &tags, &fields[..used], each);
        }
        true
    }

    /// With what is asked for beyond that.
    fn write_extra(
        &self,
        interface: &dyn Interface,
        tags: &[(&str, &[u8])],
        fields: &[(&str, Value<'_>)],
        each: &mut dyn FnMut(&Metric<'_>),
    ) {
        let more: Vec<_> = self.tags.iter().map(|(name, tag)| (*name, interface.tag(*tag))).collect();
        let mut tags = tags.to_vec();
        tags.extend(more.iter().map(|(name, value)| (*name, value.as_slice())));
        tags.sort_unstable_by_key(|(name, _)| *name);
        let known = |(name, field): &(&'static str, ExtraField)| Some((*name, interface.field(*field)?));
        let more: Vec<(&str, Extra)> = self.fields.iter().filter_map(known).collect();
        let mut fields = fields.to_vec();
        fields.extend(more.iter().map(|(name, value)| match value {
            Extra::Number(number) => (*name, Value::Unsigned(*number)),
            Extra::Text(text) => (*name, Value::Text(text)),
        }));
        each(&Metric { name: "net", tags: &tags, fields: &fields });
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
