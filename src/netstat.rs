//! What the netstat sources of both inputs share: cutting what it prints into cells.

use crate::quote::quote;

/// How many bytes of a foreign first line are kept: more than [`quote`] shows.
const FIRST_LINE_KEPT: usize = 256;

/// The cells of a line: what white space separates.
pub fn cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty())
}

/// The first line of an output that says something, kept to quote it where it turns out to be foreign.
#[derive(Debug, Default)]
pub struct FirstLine(Option<Vec<u8>>);

impl FirstLine {
    /// Takes the next line.
    pub fn see(&mut self, line: &[u8]) {
        if self.0.is_none() && !line.trim_ascii().is_empty() {
            let start = line.trim_ascii();
            self.0 = Some(start.get(..FIRST_LINE_KEPT).unwrap_or(start).to_vec());
        }
    }

    /// That line, quoted; `None` where nothing but white space was printed.
    #[must_use]
    pub fn quoted(&self) -> Option<String> {
        self.0.as_deref().map(quote)
    }
}

#[cfg(test)]
mod tests;
