//! What an input hands its metrics, errors and remarks to (Telegraf's word).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::Global;
use crate::line_protocol::{self, Unsigned};
use crate::logger::{Level, Logger};
use crate::metric::Metric;
use crate::output::{Output, OutputError};

/// Seconds from year 1, from which Telegraf counts when it rounds a time, to 1970.
const YEAR_1_TO_1970: i128 = 62_135_596_800;

/// One input's gather: applies Telegraf's global options to each metric and encodes it.
pub struct Accumulator<'a> {
    global: &'a Global,
    log: &'a mut Logger,
    output: &'a mut Output,
    unsigned: Unsigned,
    /// The timestamp and the end of every line.
    ending: Vec<u8>,
    failed: bool,
}

/// A place in the metrics of a gather, to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl<'a> Accumulator<'a> {
    /// A gather that began at `now`.
    pub fn new(
        global: &'a Global,
        log: &'a mut Logger,
        output: &'a mut Output,
        unsigned: Unsigned,
        now: SystemTime,
    ) -> Self {
        let mut ending = Vec::new();
        line_protocol::timestamp(&mut ending, rounded(now, global.precision));
        Self { global, log, output, unsigned, ending, failed: false }
    }

    /// Takes a metric, if the filter selects it and leaves it a field.
    pub fn add(&mut self, metric: &Metric<'_>) {
        let filter = &self.global.filter;
        if !filter.selects(metric) {
            return;
        }
        let out = self.output.buffer();
        let start = out.len();
        self.global.write_name(out, metric.name);
        self.global.write_tags(out, metric);
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

    /// Something failed: an `E!` line, and exit code 1 of a single gather.
    pub fn error(&mut self, text: &str) {
        self.failed = true;
        self.log.repeat(Level::Error, text, text);
    }

    /// A remark that may come up at every gather. `key` is the same each time, though `text` has numbers.
    pub fn remark(&mut self, level: Level, key: &str, text: &str) {
        self.log.repeat(level, key, text);
    }

    /// A remark to make now, repeated or not.
    pub fn say(&self, level: Level, text: &str) {
        self.log.say(level, text);
    }

    /// Where the metrics added so far end.
    pub fn mark(&mut self) -> Mark {
        Mark(self.output.buffer().len())
    }

    /// Drops the metrics added since.
    pub fn rollback(&mut self, mark: Mark) {
        self.output.buffer().truncate(mark.0);
    }

    /// Writes the metrics added so far, so that the next table finds the memory free.
    ///
    /// # Errors
    /// When nobody reads stdout any more: the gather is to be given up.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        match self.output.flush() {
            Err(error @ OutputError::Failed(_)) => {
                self.error(&error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    /// Ends the gather; true if something failed.
    #[must_use]
    pub fn finish(self) -> bool {
        self.log.end_gather();
        self.failed
    }
}

impl Global {
    fn write_name(&self, out: &mut Vec<u8>, name: &str) {
        let name = if self.name_override.is_empty() { name } else { &self.name_override };
        if self.name_prefix.is_empty() && self.name_suffix.is_empty() {
            line_protocol::measurement(out, name.as_bytes());
        } else {
            let whole = [self.name_prefix.as_str(), name, self.name_suffix.as_str()].concat();
            line_protocol::measurement(out, whole.as_bytes());
        }
    }

    /// Writes the metric's tags and the added ones, which never replace a tag that is there, in one order.
    fn write_tags(&self, out: &mut Vec<u8>, metric: &Metric<'_>) {
        let mut added = self.tags.iter().peekable();
        let mut write = |key: &str, value: &[u8]| {
            if self.filter.keeps_tag(key) {
                line_protocol::tag(out, key.as_bytes(), value);
            }
        };
        for &(key, value) in metric.tags {
            while let Some((added_key, added_value)) = added.next_if(|(added, _)| added.as_str() < key) {
                write(added_key, added_value.as_bytes());
            }
            let same = added.next_if(|(added, _)| added == key);
            match same {
                Some((_, added_value)) if value.is_empty() => write(key, added_value.as_bytes()),
                _ => write(key, value),
            }
        }
        for (key, value) in added {
            write(key, value.as_bytes());
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
