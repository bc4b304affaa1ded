//! What the sources of both inputs return: errors with their causes, and diagnostics.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

use crate::logger::Level;
use crate::program::RunError;
use crate::quote::quote;

/// Why a source returned no data.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The source does not work on this host now: not installed, not permitted, not mounted.
    #[error("{0}")]
    Unavailable(Cause),
    /// The source works, but this host does not support the protocol.
    #[error("{0}")]
    Unsupported(Cause),
    /// This run failed; the next one may work.
    #[error("{0}")]
    Failed(Cause),
}

/// What went wrong, and where. Prints as one line.
#[derive(Debug, Default)]
pub struct Cause {
    /// The source, if the reason does not name it.
    pub(crate) source: Option<&'static str>,
    /// The file, if one was read.
    pub(crate) path: Option<PathBuf>,
    /// The line in the file or in a program's output, counted from 1.
    pub(crate) line: Option<u64>,
    /// What was wrong.
    pub(crate) reason: String,
    /// The offending text.
    pub(crate) item: Option<Vec<u8>>,
}

impl Cause {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// Puts a text in front of the reason.
    #[must_use]
    pub(crate) fn prefixed(self, text: &str) -> Self {
        Self { reason: format!("{text}{}", self.reason), ..self }
    }

    #[must_use]
    pub(crate) fn in_file(self, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// Adds the line number and the text of the line.
    #[must_use]
    pub(crate) fn at(self, line: u64, item: &[u8]) -> Self {
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
    #[must_use]
    pub(crate) fn into_cause(self) -> Cause {
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

/// A log message about a gather that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `Info` messages are logged once; repeated `Warn` and `Debug` messages are rate limited.
    pub level: Level,
    /// Identifies the diagnostic across gathers, as numbers in its text change.
    pub(crate) key: &'static str,
    /// One line of text.
    pub text: String,
}

/// Counts the skipped rows of a table, for one diagnostic per gather.
#[derive(Debug, Default)]
pub struct Skipped {
    count: u64,
    first: Option<(Option<u64>, Vec<u8>)>,
}

/// How many bytes of the first skipped row are kept: more than [`quote`] shows.
const KEPT: usize = 256;

impl Skipped {
    pub(crate) fn add(&mut self, line: Option<u64>, row: &[u8]) {
        self.count += 1;
        self.first.get_or_insert_with(|| (line, row.get(..KEPT).unwrap_or(row).to_vec()));
    }

    /// How many rows were skipped.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The diagnostic for `table`, or `None` if no row was skipped.
    #[must_use]
    pub(crate) fn diagnostic(&self, key: &'static str, table: &str) -> Option<Diagnostic> {
        let (line, row) = self.first.as_ref()?;
        let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let text = format!("{table}: skipped {} malformed rows, first: {line}{}", self.count, quote(row));
        Some(Diagnostic { level: Level::Warn, key, text })
    }
}
