//! The line that says how the gathers of a section go: `internal_socketstat`.

use std::time::Duration;

use super::events::Events;
use super::groups;
use super::table::Stats;
use crate::metric::{Metric, Value};

/// Hands that metric to `add`. `groups` is `None` where sockets have lines of their own.
pub(super) fn write(
    alias: &str,
    stats: &Stats,
    groups: Option<groups::Stats>,
    events: Option<&Events>,
    took: Duration,
    add: &mut dyn FnMut(&Metric<'_>),
) {
    let nanoseconds = |time: Duration| Value::Unsigned(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let mut fields = Vec::with_capacity(12);
    fields.push(("sockets", Value::Unsigned(groups.map_or(stats.sockets, |groups| groups.sockets))));
    if let Some(groups) = groups {
        fields.push(("groups", Value::Unsigned(groups.groups)));
        fields.push(("groups_folded", Value::Unsigned(groups.folded)));
    }
    if let (Some(groups), Some(events)) = (groups, events) {
        fields.push(("closed", Value::Unsigned(groups.closed)));
        fields.push(("closed_lost", Value::Unsigned(events.lost())));
        fields.push(("events_time_ns", Value::Unsigned(events.cpu_ns)));
        fields.push(("unattributed_bytes", Value::Unsigned(groups.unattributed_bytes)));
    }
    fields.push(("gather_time_ns", nanoseconds(took)));
    fields.push(("dump_time_ns", nanoseconds(stats.dumps)));
    fields.push(("errors", Value::Unsigned(stats.errors)));
    if !stats.source.is_empty() {
        fields.push(("source", Value::Text(stats.source.as_bytes())));
    }
    let tags = [("alias", alias.as_bytes())];
    add(&Metric { name: "internal_socketstat", tags: &tags, fields: &fields });
}
