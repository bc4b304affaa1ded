//! Turns a metric into a line: applies Telegraf's global options, then encodes it.
//!
//! The order is that of Telegraf's `RunningInput.MakeMetric` (`models/running_input.go`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::Global;
use crate::line_protocol::{self, Unsigned};
use crate::metric::Metric;

/// Seconds from year 1, from which Telegraf counts when it rounds a time, to 1970.
const YEAR_1_TO_1970: i128 = 62_135_596_800;

/// Writes the metrics of one gather of one input.
pub(crate) struct MetricWriter<'a> {
    global: &'a Global,
    unsigned: Unsigned,
    /// The timestamp and the end of every line.
    ending: Vec<u8>,
}

impl<'a> MetricWriter<'a> {
    /// For a gather that began at `now`.
    pub(crate) fn new(global: &'a Global, unsigned: Unsigned, now: SystemTime) -> Self {
        let mut ending = Vec::new();
        line_protocol::timestamp(&mut ending, rounded(now, global.precision));
        Self { global, unsigned, ending }
    }

    /// Appends the line of a metric, or nothing if the filter drops the metric or leaves it no field.
    pub(crate) fn write(&self, out: &mut Vec<u8>, metric: &Metric<'_>) {
        debug_assert!(
            metric.tags.is_sorted_by(|(key, _), (next, _)| key < next),
            "tags that are not sorted by key: {metric:?}"
        );
        let filter = &self.global.filter;
        if !filter.selects(metric) {
            return;
        }
        let start = out.len();
        self.write_name(out, metric.name);
        self.write_tags(out, metric);
        let mut separator = b' ';
        for &(key, value) in metric.fields {
            if filter.keeps_field(key) {
                out.push(separator);
                line_protocol::field(out, key.as_bytes(), value, self.unsigned);
                separator = b',';
            }
        }
        if separator == b' ' {
            out.truncate(start);
        } else {
            out.extend_from_slice(&self.ending);
        }
    }

    fn write_name(&self, out: &mut Vec<u8>, name: &str) {
        let Global { name_override, name_prefix, name_suffix, .. } = self.global;
        let name = if name_override.is_empty() { name } else { name_override };
        if name_prefix.is_empty() && name_suffix.is_empty() {
            line_protocol::measurement(out, name.as_bytes());
        } else {
            line_protocol::measurement(out, [name_prefix, name, name_suffix].concat().as_bytes());
        }
    }

    /// Writes the metric's tags and those of the section, which never replace one of the metric, sorted by key. A tag
    /// with an empty value counts as absent.
    fn write_tags(&self, out: &mut Vec<u8>, metric: &Metric<'_>) {
        let of_section = self.global.tags.iter().map(|(key, value)| (key.as_str(), value.as_bytes()));
        let mut of_section = of_section.peekable();
        for &(key, value) in metric.tags {
            while let Some((key, value)) = of_section.next_if(|&(added, _)| added < key) {
                self.write_tag(out, key, value, Some(value));
            }
            let added = of_section.next_if(|&(added, _)| added == key).map(|(_, added)| added);
            let value = added.filter(|_| value.is_empty()).unwrap_or(value);
            self.write_tag(out, key, value, added);
        }
        for (key, value) in of_section {
            self.write_tag(out, key, value, Some(value));
        }
    }

    /// Writes a tag that the filter keeps. In the place of another one, writes the section's tag with that key, if
    /// there is one and it is always to be included.
    fn write_tag(&self, out: &mut Vec<u8>, key: &str, value: &[u8], of_section: Option<&[u8]>) {
        let value = if self.global.filter.keeps_tag(key) {
            Some(value)
        } else {
            of_section.filter(|_| self.global.always_include_local_tags)
        };
        if let Some(value) = value {
            line_protocol::tag(out, key.as_bytes(), value);
        }
    }
}

/// Nanoseconds since 1970, rounded half up to a multiple of `precision` as Go's `Time.Round` does.
fn rounded(now: SystemTime, precision: Duration) -> i128 {
    let nanoseconds = |duration: Duration| i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
    let since_1970 = match now.duration_since(UNIX_EPOCH) {
        Ok(after) => nanoseconds(after),
        Err(error) => -nanoseconds(error.duration()),
    };
    let precision = nanoseconds(precision);
    if precision <= 1 {
        return since_1970;
    }
    let origin = YEAR_1_TO_1970 * 1_000_000_000;
    let steps = (since_1970 + origin + precision / 2).div_euclid(precision);
    steps * precision - origin
}

#[cfg(test)]
mod tests;
