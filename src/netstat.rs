//! Shared by the netstat sources of both inputs: splits lines into cells, and keeps the first line for error messages.

use crate::quote::quote;

/// How many bytes of the first line are kept: more than [`quote`] shows.
const FIRST_LINE_KEPT: usize = 256;

/// The cells of a line, separated by white space.
pub(crate) fn cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty())
}

/// The first line of an output that is not blank, kept to be quoted if the output is not the expected table.
#[derive(Debug, Default)]
pub(crate) struct FirstLine(Option<Vec<u8>>);

impl FirstLine {
    /// Takes the next line.
    pub(crate) fn see(&mut self, line: &[u8]) {
        if self.0.is_none() && !line.trim_ascii().is_empty() {
            let start = line.trim_ascii();
            self.0 = Some(start.get(..FIRST_LINE_KEPT).unwrap_or(start).to_vec());
        }
    }

    /// The line, quoted, or `None` if the output was blank.
    #[must_use]
    pub(crate) fn quoted(&self) -> Option<String> {
        self.0.as_deref().map(quote)
    }
}

#[cfg(test)]
mod tests {
    use super::{FirstLine, cells};

    #[test]
    fn cells_are_what_white_space_separates() {
        let all = |line| cells(line).collect::<Vec<_>>();
        assert_eq!(all(b"  tcp4\t 0  *.22 \r"), [&b"tcp4"[..], b"0", b"*.22"]);
        assert!(all(b" \t\r").is_empty());
    }

    #[test]
    fn the_first_line_that_says_something_is_kept() {
        let mut first = FirstLine::default();
        first.see(b" \r");
        assert_eq!(first.quoted(), None);
        first.see(b"  netstat: sysctl failed \r");
        first.see(b"other");
        assert_eq!(first.quoted().as_deref(), Some("\"netstat: sysctl failed\""));
    }
}
