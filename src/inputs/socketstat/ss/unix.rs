//! Parses the two ends of a unix socket in the table of ss, and detects lines that are not rows.
//!
//! A path may contain any byte but NUL, including line breaks. So any user who can create a socket can make ss print lines
//! that look like the rows of other sockets, after the first part of the socket's own row.

use std::ops::Range;

use memchr::memmem;

use super::words::Words;
use crate::number::parse_decimal;

/// The maximum length of a path (`sun_path`).
const LONGEST_PATH: usize = 108;
/// ss recomputes the column widths after this many bytes (`BUF_CHUNKS_MAX` chunks of 1 MiB).
const PAGE: usize = 5 * 1024 * 1024;
/// How many bytes of rows are kept while it is unknown whether the table is padded.
const UNDECIDED: usize = 1024 * 1024;

/// Distinguishes rows from lines that are part of a path.
///
/// Versions of ss that print a column Process pad each column to its widest cell. The width of a path includes its line
/// breaks, so no part of a path reaches the columns after it. Hence if one row is aligned with the header, a row that is
/// not is malformed. In other tables a path can imitate a row completely. There, after a row whose path has a line break,
/// the lines that may still belong to that path are skipped.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    /// The positions of the separators before the two inode numbers, as in the header.
    header: Option<(usize, usize)>,
    /// Whether a row was aligned with the header.
    padded: bool,
    /// How many of the next bytes may belong to a path with a line break.
    doubtful: usize,
    /// How many bytes of the table were read so far.
    seen: usize,
    /// Rows that are malformed if the table is padded.
    undecided: Vec<Vec<u8>>,
    kept: usize,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Row,
    Malformed,
    /// Kept until [`Alignment::decided`] returns it.
    Undecided,
}

impl Alignment {
    /// For a table with the header `... Local Address:Port   Peer Address:Port  Process`.
    pub(super) fn of_header(line: &[u8]) -> Self {
        let colons = || memmem::find_iter(line, b"Address:Port").map(|start| start + "Address".len());
        let process = memmem::find(line, b"Process").is_some();
        Self { header: colons().next().zip(colons().nth(1)).filter(|_| process), ..Self::default() }
    }

    /// Decides whether a line with its inode numbers at `inodes` is a row.
    pub(super) fn judge(&mut self, line: &[u8], inodes: [usize; 2]) -> Verdict {
        self.count(line);
        let [local, remote] = inodes.map(|start| start.saturating_sub(1));
        let moved =
            self.padded && self.seen > PAGE && self.header.is_some_and(|header| (local, remote) > header);
        if self.header == Some((local, remote)) || moved {
            self.header = Some((local, remote));
            self.padded = true;
            return Verdict::Row;
        }
        if self.padded || self.doubtful > 0 {
            return Verdict::Malformed;
        }
        if self.header.is_none() {
            return Verdict::Row;
        }
        self.kept += line.len();
        self.undecided.push(line.to_vec());
        if self.kept > UNDECIDED {
            self.header = None;
        }
        Verdict::Undecided
    }

    /// Takes a line whose path has a line break: no inode number follows it.
    pub(super) fn line_break(&mut self, line: &[u8]) {
        if self.doubtful == 0 {
            self.seen += line.len() + 1;
            self.doubtful = LONGEST_PATH;
        } else {
            self.count(line);
        }
    }

    fn count(&mut self, line: &[u8]) {
        self.seen += line.len() + 1;
        self.doubtful = self.doubtful.saturating_sub(line.len() + 1);
    }

    /// Returns the undecided lines and what they are, or nothing while that is still unknown. `end` is true at the end of
    /// the table.
    pub(super) fn decided(&mut self, end: bool) -> (Verdict, Vec<Vec<u8>>) {
        if self.padded {
            (Verdict::Malformed, std::mem::take(&mut self.undecided))
        } else if end || self.header.is_none() {
            (Verdict::Row, std::mem::take(&mut self.undecided))
        } else {
            (Verdict::Undecided, Vec::new())
        }
    }
}

/// Splits `PATH INODE PEER-PATH PEER-INODE`, where paths may contain spaces, commas and digits.
///
/// ss prints one space between a path and its inode, and pads with more between the two ends. The peer is nearly always
/// `*`. If it is a path, it begins where a number is followed by `/` or `@`.
pub(super) fn unix_ends(text: &[u8]) -> Option<[Range<usize>; 4]> {
    let text = text.trim_ascii_end();
    let (front, remote_port) = last_word(text)?;
    inode(text.get(remote_port.clone())?)?;
    if let Some((head, star)) = last_word(front).filter(|(_, word)| front.get(word.clone()) == Some(b"*")) {
        let head = head.trim_ascii_end();
        if let Some((path, inode)) =
            last_word(head).filter(|(path, word)| is_end(path, head.get(word.clone())))
        {
            return Some([0..path.len(), inode, star, remote_port]);
        }
    }
    let mut words = Words::of(front);
    let mut behind_digits: Option<[Range<usize>; 2]> = None;
    while let Some(word) = words.next() {
        let path = front.get(..word.start.saturating_sub(1)).unwrap_or_default();
        if !is_end(path, front.get(word.clone())) {
            continue;
        }
        let rest = words.rest();
        let marked = matches!(front.get(rest.start), Some(b'/' | b'@'));
        if rest.is_empty() {
            break;
        }
        if marked || path == b"*" {
            return Some([0..path.len(), word, rest, remote_port]);
        }
        behind_digits.get_or_insert([word, rest]);
    }
    let [inode, rest] = behind_digits?;
    Some([0..inode.start - 1, inode, rest, remote_port])
}

/// Whether `path` and `number` are valid for one end of a unix socket.
fn is_end(path: &[u8], number: Option<&[u8]>) -> bool {
    !path.is_empty() && number.and_then(inode).is_some()
}

/// Parses an inode number. ss stores it in an `int`, so it prints one above 2^31-1 as a negative number.
fn inode(word: &[u8]) -> Option<u64> {
    parse_decimal(word.strip_prefix(b"-").unwrap_or(word))
}

/// Splits a text before its last word, without the one space between.
fn last_word(text: &[u8]) -> Option<(&[u8], Range<usize>)> {
    let start = text.iter().rposition(u8::is_ascii_whitespace)? + 1;
    Some((text.get(..start - 1)?, start..text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process";

    #[test]
    fn a_row_that_is_not_aligned_in_a_padded_table_is_malformed() {
        let mut alignment = Alignment::of_header(HEADER);
        assert_eq!(alignment.judge(b"forged first", [30, 40]), Verdict::Undecided);
        assert_eq!(alignment.decided(false), (Verdict::Undecided, vec![]));
        assert_eq!(alignment.judge(b"aligned", [40, 58]), Verdict::Row);
        assert_eq!(alignment.decided(false), (Verdict::Malformed, vec![b"forged first".to_vec()]));
        assert_eq!(alignment.judge(b"forged later", [30, 40]), Verdict::Malformed);
    }

    #[test]
    fn every_row_of_a_table_without_padding_is_taken() {
        let mut alignment = Alignment::of_header(HEADER);
        assert_eq!(alignment.judge(b"one", [30, 40]), Verdict::Undecided);
        assert_eq!(alignment.decided(true), (Verdict::Row, vec![b"one".to_vec()]));
        let mut old =
            Alignment::of_header(b"Netid  State  Recv-Q Send-Q  Local Address:Port  Peer Address:Port ");
        assert_eq!(old.judge(b"one", [30, 40]), Verdict::Row);
    }

    #[test]
    fn lines_after_a_path_with_a_line_break_are_skipped_up_to_the_maximum_length_of_a_path() {
        let mut old = Alignment::default();
        old.line_break(b"u_str ESTAB 0 0 /x");
        let row = [b'x'; 60];
        assert_eq!(old.judge(&row, [30, 40]), Verdict::Malformed);
        assert_eq!(old.judge(&row, [30, 40]), Verdict::Row);
    }
}
