//! The interface of an input.

use crate::accumulator::Accumulator;
use crate::output::OutputError;

/// Something that gathers metrics.
pub trait Input {
    /// Starts what runs between gathers. Called once before the first gather, unless there is only one.
    fn start(&mut self) {}

    /// Gathers once. Failures are reported to the accumulator and do not stop the rest of the gather.
    ///
    /// # Errors
    /// If stdout is closed.
    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError>;

    /// Describes what a gather would read now, with one part per source. Gathers nothing.
    fn describe(&self) -> Vec<Part>;
}

/// What an input would gather from one source. Printed as a part of a line.
pub struct Part {
    /// The source, or why there is none.
    pub(crate) source: Result<&'static str, String>,
    /// What it would gather from it.
    pub(crate) what: String,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.source {
            Ok(source) => write!(f, "source {source}, {}", self.what),
            Err(error) => write!(f, "{}: {error}", self.what),
        }
    }
}
