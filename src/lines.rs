//! Cuts a stream of chunks into lines, as they arrive and in bounded memory.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The longest line that is kept. ss's longest lines are below 4 KiB; a unix path has at most 108 bytes.
const LONGEST: usize = 64 * 1024;
/// How much is read of one file: more than any table of the kernel's, less than for ever.
const LARGEST: u64 = 1024 * 1024 * 1024;

/// Splits chunks at newlines. A line that spans chunks is carried over; all others are handed on in place.
#[derive(Debug, Default)]
pub struct Lines {
    carry: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// Takes the next chunk. `each` gets every line that it completes, without its newline, and `None` in the
    /// place of one of more than 64 KiB.
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

    /// Ends the stream: hands on a last line that has no newline.
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

/// Opens a file to read it. Non-blocking, so that a pipe in the place of the file cannot hold the gather up.
///
/// # Errors
/// Those of open(2).
pub fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)
}

/// Reads a text file, handing on each line as [`Lines::feed`] does.
///
/// # Errors
/// When the file cannot be opened or read to its end, or is without end.
pub fn of_file(path: &Path, each: &mut dyn FnMut(Option<&[u8]>)) -> Result<()> {
    let mut file = open(path)?;
    let mut lines = Lines::default();
    let mut chunk = vec![0; LONGEST];
    let mut total = 0_u64;
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => {
                total += read as u64;
                if total > LARGEST {
                    return Err(Error::other("the file has no end"));
                }
                lines.feed(chunk.get(..read).unwrap_or_default(), each);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    lines.finish(each);
    Ok(())
}

#[cfg(test)]
mod tests;
