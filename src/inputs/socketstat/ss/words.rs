//! Splits a line into words, separated by white space.

use std::ops::Range;

/// Iterates over the positions of the words in a line.
pub(super) struct Words<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    /// The words of the whole line.
    pub(super) const fn of(line: &'a [u8]) -> Self {
        Self { line, at: 0 }
    }

    /// The words from `start` on.
    pub(super) const fn from(line: &'a [u8], start: usize) -> Self {
        Self { line, at: start }
    }

    fn skip_blanks(&mut self) {
        let blanks = self.line.get(self.at..).unwrap_or_default().iter();
        self.at += blanks.take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    pub(super) fn next(&mut self) -> Option<Range<usize>> {
        self.skip_blanks();
        let start = self.at;
        let word = self.line.get(start..).unwrap_or_default().iter();
        self.at += word.take_while(|byte| !byte.is_ascii_whitespace()).count();
        (start < self.at).then_some(start..self.at)
    }

    /// The rest of the line after the words taken so far.
    pub(super) fn rest(&mut self) -> Range<usize> {
        self.skip_blanks();
        self.at..self.line.len()
    }
}
