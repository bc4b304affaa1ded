//! What an input is.

use crate::accumulator::Accumulator;
use crate::output::OutputError;

/// Something that gathers metrics.
pub trait Input {
    /// Begins what goes on between gathers: called once, before the first of several.
    fn start(&mut self) {}

    /// Gathers once. What fails is reported to the accumulator and costs nothing else.
    ///
    /// # Errors
    /// When nobody reads the metrics any more.
    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError>;

    /// What it would gather now, and from where: a part per source. Gathers nothing.
    fn describe(&self) -> Vec<Part>;
}

/// What an input would gather from one source. Prints as a part of a line.
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
