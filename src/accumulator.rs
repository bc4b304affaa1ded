//! What an input passes its metrics, errors and remarks to (Telegraf's word).

use std::time::SystemTime;

use crate::config::Global;
use crate::line_protocol::Unsigned;
use crate::logger::{Level, Logger};
use crate::metric::Metric;
use crate::metric_writer::MetricWriter;
use crate::output::{Output, OutputError};

/// One gather of one input.
pub struct Accumulator<'a> {
    writer: MetricWriter<'a>,
    log: &'a mut Logger,
    output: &'a mut Output,
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
        Self { writer: MetricWriter::new(global, unsigned, now), log, output, failed: false }
    }

    /// Adds a metric, whose tags must be sorted by key. The section's options may change or drop it.
    pub fn add(&mut self, metric: &Metric<'_>) {
        self.writer.write(self.output.buffer(), metric);
    }

    /// Reports that something failed: an `E!` line, and exit code 1 with `--once`.
    pub fn error(&mut self, text: &str) {
        self.failed = true;
        self.log.repeat(Level::Error, text, text);
    }

    /// A remark that may come at every gather. `key` is the same each time, even if `text` holds numbers that change.
    pub fn remark(&mut self, level: Level, key: &str, text: &str) {
        self.log.repeat(level, key, text);
    }

    /// A remark to log now, even if it was logged before.
    pub fn say(&self, level: Level, text: &str) {
        self.log.say(level, text);
    }

    /// Where the metrics added so far end.
    pub fn mark(&mut self) -> Mark {
        Mark(self.output.buffer().len())
    }

    /// Drops the metrics added since the mark.
    pub fn rollback(&mut self, mark: Mark) {
        self.output.buffer().truncate(mark.0);
    }

    /// Writes the metrics added so far, so that their memory is used again.
    ///
    /// # Errors
    /// When stdout is closed: the gather is to be abandoned.
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

#[cfg(test)]
mod tests;
