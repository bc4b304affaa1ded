//! The text of a configuration file, and the lines in it that errors name.

use std::ops::Range;

use super::error::ConfigError;

/// A configuration file and its text.
#[derive(Clone, Debug)]
pub(super) struct Document<'t> {
    pub(super) file: String,
    pub(super) text: &'t str,
}

impl Document<'_> {
    /// An error at this place.
    pub(super) fn error(&self, span: &Range<usize>, message: impl Into<String>) -> ConfigError {
        ConfigError { file: self.file.clone(), line: Some(self.line(span)), message: message.into() }
    }

    /// The line in which this place begins.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        line_at(self.text.as_bytes(), span.start)
    }
}

/// The line of the byte at this offset, counted from 1.
pub(super) fn line_at(text: &[u8], offset: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', text.get(..offset).unwrap_or_default()).count()
}
