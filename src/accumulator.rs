//! What an input passes its metrics, errors and remarks to (Telegraf's word).

use std::time::SystemTime;

use crate::config::Global;
use crate::line_protocol::Unsigned;
use crate::logger::{Level, Logger};
use crate::metric::Metric;
use crate::metric_writer::MetricWriter;
use crate::output::{Output, OutputError};

/// The maximum size of the lines of one table, in bytes: about half a million sockets.
const LARGEST_TABLE: usize = 128 * 1024 * 1024;

/// One gather of one input.
pub struct Accumulator<'a> {
    writer: MetricWriter<'a>,
    log: &'a mut Logger,
    output: &'a mut Output,
    failed: bool,
}

/// A position in the metrics of a gather, for [`Accumulator::rollback`].
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

    /// Adds a metric, whose tags must be sorted by key. The section's options may change or drop it. Does nothing if
    /// the table is too large.
    pub fn add(&mut self, metric: &Metric<'_>) {
        if !self.is_full() {
            self.writer.write(self.output.buffer(), metric);
        }
    }

    /// Whether the metrics since the last flush, which are those of one table, are too many to be written.
    pub(crate) fn is_full(&mut self) -> bool {
        self.output.buffer().len() > LARGEST_TABLE
    }

    /// Drops `table` if it is too large, and reports that; true if it was.
    pub(crate) fn drop_if_full(&mut self, table: &str) -> bool {
        let full = self.is_full();
        if full {
            self.output.buffer().clear();
            let most = LARGEST_TABLE / (1024 * 1024);
            self.error(&format!("{table}: more than {most} MiB of metrics, skipped all of them: select fewer, for instance with tagpass"));
        }
        full
    }

    /// Reports that something failed: an `E!` line, and exit code 1 with `--once`.
    pub fn error(&mut self, text: &str) {
        self.failed = true;
        self.log.repeat(Level::Error, text, text);
    }

    /// Logs a message that may occur in every gather. `key` is the same each time, even if numbers in `text` change.
    pub fn remark(&mut self, level: Level, key: &str, text: &str) {
        self.log.repeat(level, key, text);
    }

    /// Logs a message, even if it was logged before.
    pub fn say(&self, level: Level, text: &str) {
        self.log.say(level, text);
    }

    /// The end of the metrics added so far.
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
        self.drop_if_full("this input");
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
