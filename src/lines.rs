//! Splits a stream of chunks into lines as they arrive, in bounded memory.

/// The longest line that is kept, in bytes. Those of ss are shorter than 4 KiB: a unix path has at most 108 bytes.
const LONGEST: usize = 64 * 1024;
/// What messages show instead of a longer line.
pub(crate) const TOO_LONG: &[u8] = b"(a line of more than 64 KiB)";

/// Splits chunks at newlines. Only a line that spans chunks is copied.
#[derive(Debug, Default)]
pub struct Lines {
    /// The start of a line whose end has not arrived yet.
    carry: Vec<u8>,
    /// That line is too long, and its start was dropped.
    too_long: bool,
}

impl Lines {
    /// Takes the next chunk. Each line that ends in it is handed to `each` without its newline, or as `None` if it is
    /// longer than 64 KiB.
    pub fn feed(&mut self, mut chunk: &[u8], each: &mut dyn FnMut(Option<&[u8]>)) {
        if !self.carry.is_empty() || self.too_long {
            let Some(end) = memchr::memchr(b'\n', chunk) else {
                return self.keep(chunk);
            };
            let (head, tail) = chunk.split_at(end);
            self.keep(head);
            self.finish(each);
            chunk = tail.get(1..).unwrap_or_default();
        }
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (line, tail) = chunk.split_at(end);
            each((line.len() <= LONGEST).then_some(line));
            chunk = tail.get(1..).unwrap_or_default();
        }
        self.keep(chunk);
    }

    /// Ends the stream, and hands on a last line without a newline.
    pub fn finish(&mut self, each: &mut dyn FnMut(Option<&[u8]>)) {
        if std::mem::take(&mut self.too_long) {
            each(None);
        } else if !self.carry.is_empty() {
            each(Some(&self.carry));
        }
        self.carry.clear();
    }

    fn keep(&mut self, part: &[u8]) {
        if self.carry.len() + part.len() > LONGEST {
            self.too_long = true;
            self.carry.clear();
        }
        if !self.too_long {
            self.carry.extend_from_slice(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        let mut each = |line: Option<&[u8]>| seen.push(line.map(<[u8]>::to_vec));
        for chunk in chunks {
            lines.feed(chunk, &mut each);
        }
        lines.finish(&mut each);
        seen
    }

    #[test]
    fn the_lines_are_the_same_wherever_the_chunks_are_cut() {
        let text = b"first\n\n second line\nlast";
        let whole = lines_of(&[text]);
        assert_eq!(whole.len(), 4);
        for cut in 0..text.len() {
            let (head, tail) = text.split_at(cut);
            assert_eq!(lines_of(&[head, tail]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines_of(&bytes), whole);
    }

    #[test]
    fn a_line_that_is_too_long_is_dropped_and_the_next_one_kept() {
        let long = vec![b'x'; LONGEST];
        assert_eq!(lines_of(&[&long, b"y", &long, b"\nok\n"]), [None, Some(b"ok".to_vec())]);
        assert_eq!(lines_of(&[&long, b"\nok"]), [Some(long.clone()), Some(b"ok".to_vec())]);
        assert_eq!(lines_of(&[&long, b"y"]), [None]);
    }
}
