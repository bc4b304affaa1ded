//! The line that says how the gathers of a section go: `internal_net`.

use std::time::Duration;

use crate::metric::{Metric, Value};

/// How the gathers go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    /// Interfaces of the last gather.
    pub(super) interfaces: u64,
    /// Gathers that failed, or a part of which did, a total.
    pub(super) errors: u64,
    /// The last source that was read.
    pub(super) source: &'static str,
}

impl Stats {
    /// Hands that metric to `add`.
    pub(super) fn write(&self, alias: &str, took: Duration, add: &mut dyn FnMut(&Metric<'_>)) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let mut fields = vec![
            ("interfaces", Value::Unsigned(self.interfaces)),
            ("errors", Value::Unsigned(self.errors)),
            ("gather_time_ns", Value::Unsigned(took)),
        ];
        if !self.source.is_empty() {
            fields.push(("source", Value::Text(self.source.as_bytes())));
        }
        add(&Metric { name: "internal_net", tags: &[("alias", alias.as_bytes())], fields: &fields });
    }
}
