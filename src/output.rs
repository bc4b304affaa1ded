//! Writes line protocol to stdout: whole lines only, so that Telegraf never reads half of one.
//!
//! A write of at most `PIPE_BUF` bytes to a pipe is whole or not at all (POSIX, write(2)), so lines go out in
//! such pieces. A reader that stalls makes the write wait; nothing is queued meanwhile.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thiserror::Error;

/// The largest write that a pipe takes whole. Linux has 4,096; POSIX promises 512, and the BSDs and macOS keep
/// to just that.
const WHOLE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };
/// A buffer above this is given back after the gather that needed it.
const KEPT: usize = 64 * 1024;

/// Why a gather did not go out.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The reader is gone: there is nobody left to gather for.
    #[error("stdout is closed")]
    Closed,
    /// The write failed, perhaps not for ever (a full disk): the rest of the gather is dropped.
    #[error("cannot write to stdout: {0}")]
    Failed(Errno),
}

/// The lines that wait to be written, and where to.
#[derive(Debug)]
pub struct Output {
    fd: OwnedFd,
    buffer: Vec<u8>,
    /// What a failed write left of the line that it had begun: it goes out before anything else.
    begun: Vec<u8>,
}

impl Output {
    /// An output to that file, pipe or terminal.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, buffer: Vec::new(), begun: Vec::new() }
    }

    /// Where lines are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes all that is waiting.
    ///
    /// # Errors
    /// When the reader is gone or the write failed. What was waiting is dropped, but for the end of a line
    /// that is half written.
    pub fn flush(&mut self) -> Result<(), OutputError> {
        let outcome = self.write_begun().and_then(|()| self.write_lines());
        self.buffer.clear();
        self.buffer.shrink_to(KEPT);
        outcome
    }

    fn write_begun(&mut self) -> Result<(), OutputError> {
        while !self.begun.is_empty() {
            let written = write_some(self.fd.as_fd(), &self.begun)?;
            self.begun.drain(..written.min(self.begun.len()));
        }
        Ok(())
    }

    fn write_lines(&mut self) -> Result<(), OutputError> {
        let mut rest = self.buffer.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(piece_of(rest));
            let mut left = piece;
            while !left.is_empty() {
                match write_some(self.fd.as_fd(), left) {
                    Ok(written) => left = left.get(written..).unwrap_or_default(),
                    Err(error) => {
                        self.begun = unfinished_line(piece, left).to_vec();
                        return Err(error);
                    }
                }
            }
            rest = after;
        }
        Ok(())
    }
}

/// The length of the next write: as many whole lines as a pipe takes at once, at least one.
fn piece_of(lines: &[u8]) -> usize {
    let window = lines.get(..WHOLE).unwrap_or(lines);
    let whole = memchr::memrchr(b'\n', window).or_else(|| memchr::memchr(b'\n', lines));
    whole.map_or(lines.len(), |end| end + 1)
}

/// What is missing of the line in which the write of `piece` stopped; empty if it stopped between two lines.
fn unfinished_line<'a>(piece: &[u8], left: &'a [u8]) -> &'a [u8] {
    let written = piece.get(..piece.len() - left.len()).unwrap_or_default();
    if matches!(written.last(), None | Some(b'\n')) {
        return &[];
    }
    let end = memchr::memchr(b'\n', left).map_or(left.len(), |end| end + 1);
    left.get(..end).unwrap_or(left)
}

fn write_some(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, OutputError> {
    loop {
        match nix::unistd::write(fd, bytes) {
            Ok(0) => return Err(OutputError::Failed(Errno::ENOSPC)),
            Ok(written) => return Ok(written),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => wait_writable(fd)?,
            Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(OutputError::Closed),
            Err(error) => return Err(OutputError::Failed(error)),
        }
    }
}

/// Stdout may have been made non-blocking by whoever shares it.
fn wait_writable(fd: BorrowedFd<'_>) -> Result<(), OutputError> {
    match poll(&mut [PollFd::new(fd, PollFlags::POLLOUT)], PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => Ok(()),
        Err(error) => Err(OutputError::Failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_below_the_limit() {
        let line = [b"x".repeat(99), b"\n".to_vec()].concat();
        let lines = line.repeat(100);
        let piece = piece_of(&lines);
        assert_eq!(piece % 100, 0);
        assert!(piece <= WHOLE && piece > WHOLE - 100, "{piece}");
        assert_eq!(piece_of(b"a\nb\n"), 4);
        let long = [b"y".repeat(2 * WHOLE), b"\nz\n".to_vec()].concat();
        assert_eq!(piece_of(&long), 2 * WHOLE + 1);
        assert_eq!(piece_of(b"no end"), 6);
    }

    #[test]
    fn a_half_written_line_is_remembered() {
        let piece = b"one\ntwo\nthree\n";
        assert_eq!(unfinished_line(piece, &piece[..]), b"");
        assert_eq!(unfinished_line(piece, &piece[2..]), b"e\n");
        assert_eq!(unfinished_line(piece, &piece[4..]), b"");
        assert_eq!(unfinished_line(piece, &piece[5..]), b"wo\n");
    }

    #[test]
    fn a_full_device_is_an_error_and_drops_what_waits() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let Ok(full) = full else {
            crate::skip::skipped("needs /dev/full");
            return;
        };
        let mut output = Output::new(full.into());
        output.buffer().extend_from_slice(b"a b=1i\n");
        assert!(matches!(output.flush(), Err(OutputError::Failed(Errno::ENOSPC))));
        assert!(output.buffer().is_empty() && output.begun.is_empty());
    }

    #[test]
    fn a_closed_reader_is_told_apart() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let mut output = Output::new(writer);
        drop(reader);
        output.buffer().extend_from_slice(b"a b=1i\n");
        assert!(matches!(output.flush(), Err(OutputError::Closed)));
    }
}
