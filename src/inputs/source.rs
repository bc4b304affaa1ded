//! What both inputs ask of their sources: outcomes, diagnostics, and where something went wrong.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use crate::logger::Level;
use crate::program::RunError;
use crate::quote::quote;

/// Why a source gave nothing.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The source does not work on this host now: not installed, not permitted, not mounted.
    #[error("{0}")]
    Unavailable(Cause),
    /// The source works, but this host has no such table.
    #[error("{0}")]
    Unsupported(Cause),
    /// This run failed; the next one may work.
    #[error("{0}")]
    Failed(Cause),
}

/// What went wrong, and where. Prints as one line.
#[derive(Debug, Default)]
pub struct Cause {
    /// The source, where the rest does not name it.
    pub source: Option<&'static str>,
    /// The file, if one was read.
    pub path: Option<PathBuf>,
    /// The line in it or in a program's output, counted from 1.
    pub line: Option<u64>,
    /// What was wrong.
    pub reason: String,
    /// The offending text.
    pub item: Option<Vec<u8>>,
}

impl Cause {
    /// A cause without a place.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// With a text in front of the reason.
    #[must_use]
    pub fn prefixed(self, text: &str) -> Self {
        Self { reason: format!("{text}{}", self.reason), ..self }
    }

    /// The file in which it was found.
    #[must_use]
    pub fn in_file(self, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// The line in which it was found, and what is in the line.
    #[must_use]
    pub fn at(self, line: u64, item: &[u8]) -> Self {
        Self { line: Some(line), item: Some(item.to_vec()), ..self }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = self.source {
            write!(f, "{source}: ")?;
        }
        if let Some(path) = &self.path {
            write!(f, "{}", path.display())?;
        }
        if let Some(line) = self.line {
            write!(f, "{}{line}", if self.path.is_some() { ":" } else { "line " })?;
        }
        if self.path.is_some() || self.line.is_some() {
            f.write_str(": ")?;
        }
        f.write_str(&self.reason)?;
        match &self.item {
            Some(item) => write!(f, "{}", quote(item)),
            None => Ok(()),
        }
    }
}

impl SourceError {
    /// What went wrong, whatever that means for the source.
    #[must_use]
    pub fn into_cause(self) -> Cause {
        match self {
            Self::Unavailable(cause) | Self::Unsupported(cause) | Self::Failed(cause) => cause,
        }
    }
}

impl From<RunError> for SourceError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Missing(failure) => Self::Unavailable(Cause::new(failure.to_string())),
            RunError::Failed(failure) => Self::Failed(Cause::new(failure.to_string())),
        }
    }
}

/// Something to say about a gather that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `Info`: said once. `Warn` and `Debug`: repeats are thinned.
    pub level: Level,
    /// Tells diagnostics apart whose texts have other numbers at each gather.
    pub key: &'static str,
    /// One line.
    pub text: String,
}

/// The rows of a table that were skipped, for one diagnostic per gather.
#[derive(Debug, Default)]
pub struct Skipped {
    count: u64,
    first: Option<(Option<u64>, Vec<u8>)>,
}

/// More of a row than [`quote`] shows.
const KEPT: usize = 256;

impl Skipped {
    /// Skips a row.
    pub fn add(&mut self, line: Option<u64>, row: &[u8]) {
        self.count += 1;
        self.first.get_or_insert_with(|| (line, row.get(..KEPT).unwrap_or(row).to_vec()));
    }

    /// How many rows were skipped.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The diagnostic for `table`; `None` where no row was skipped.
    #[must_use]
    pub fn diagnostic(&self, key: &'static str, table: &str) -> Option<Diagnostic> {
        let (line, row) = self.first.as_ref()?;
        let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let text = format!("{table}: skipped {} malformed rows, first: {line}{}", self.count, quote(row));
        Some(Diagnostic { level: Level::Warn, key, text })
    }
}
