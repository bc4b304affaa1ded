//! Selects interfaces, and writes a metric for each.

use std::time::Instant;

use super::counters::COUNTERS;
use super::extra::{ExtraField, ExtraTag};
use super::kinds::Kinds;
use super::source::{Extra, Interface, Query};
use crate::filter::glob::Globs;
use crate::metric::{Metric, Value};

/// Which interfaces are written, and with which fields and tags.
pub(super) struct Lines {
    /// `None` for every interface that is up and not loopback.
    interfaces: Option<Globs>,
    kinds: Option<Kinds>,
    fields: Vec<(&'static str, ExtraField)>,
    tags: Vec<(&'static str, ExtraTag)>,
}

impl Lines {
    /// Writes the interfaces that `interfaces` and `kinds` select, with extra `fields` and `tags` (sorted by name).
    pub(super) fn new(
        interfaces: Option<Globs>,
        kinds: Option<Kinds>,
        fields: Vec<(&'static str, ExtraField)>,
        tags: Vec<(&'static str, ExtraTag)>,
    ) -> Self {
        Self { interfaces, kinds, fields, tags }
    }

    /// What a source has to read.
    pub(super) fn query(&self, deadline: Instant) -> Query {
        let aliases = self.tags.iter().any(|(_, tag)| *tag == ExtraTag::IfAlias);
        let statistics = self.fields.iter().any(|(_, field)| matches!(field, ExtraField::Statistic(_)));
        Query { only_up: self.interfaces.is_none(), aliases, statistics, deadline }
    }

    /// Writes the metric of an interface, if it is selected. Returns whether it is.
    pub(super) fn write(&self, interface: &dyn Interface, each: &mut dyn FnMut(&Metric<'_>)) -> bool {
        if !self.is_selected(interface) {
            return false;
        }
        let mut fields = [("", Value::Signed(0)); COUNTERS.len() + 1];
        let mut used = 0;
        let counters = COUNTERS.into_iter().zip(interface.counters());
        let known = counters.filter_map(|(name, counter)| Some((name, Value::Unsigned(counter?))));
        for (slot, field) in fields.iter_mut().zip(known.chain([("speed", Value::Signed(interface.speed()))]))
        {
            *slot = field;
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

    /// Writes a metric that also has the extra fields and tags.
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

    /// Compares the name first, since it is known without reading anything, and the kind last.
    fn is_selected(&self, interface: &dyn Interface) -> bool {
        let named = match &self.interfaces {
            Some(globs) => globs.matches(&String::from_utf8_lossy(interface.name())),
            // An interface with an unknown status counts as up.
            None => interface.status().is_none_or(|status| status.up && !status.loopback),
        };
        named && self.kinds.as_ref().is_none_or(|kinds| kinds.matches(&interface.tag(ExtraTag::Kind)))
    }
}
