//! Writes line protocol to stdout in whole lines, so that Telegraf never reads half of one.
//!
//! A write of at most `PIPE_BUF` bytes to a pipe is atomic (write(2) of POSIX), so no write is longer. While a reader
//! stalls the write waits, and nothing is queued.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thiserror::Error;

/// The largest atomic write to a pipe, in bytes (`PIPE_BUF`): 4,096 on Linux; the BSDs and macOS have the 512 of POSIX.
const ATOMIC: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };
/// The capacity that the buffer keeps after a gather, in bytes.
const KEPT: usize = 64 * 1024;
/// Up to this capacity, in bytes, the buffer doubles when it grows, as every vector does. After that it grows by a step
/// that is enough for any table, since the old and the new buffer are in memory together each time.
const DOUBLED: usize = 32 * 1024 * 1024;
const STEP: usize = 112 * 1024 * 1024;
/// The minimum free capacity for the next line, in bytes.
const ROOM: usize = 1024 * 1024;

/// Why a gather was not written.
#[derive(Debug, Error)]
pub enum OutputError {
    /// Stdout is closed.
    #[error("stdout is closed")]
    Closed,
    /// A write failed. The next one may succeed, for instance when a disk is no longer full.
    #[error("cannot write to stdout: {0}")]
    Failed(Errno),
}

/// Stdout, and the lines to be written to it.
#[derive(Debug)]
pub struct Output {
    fd: OwnedFd,
    buffer: Vec<u8>,
    /// The rest of a line that was partly written when a write failed. It is written before anything else.
    begun: Vec<u8>,
}

impl Output {
    /// An output to a file, pipe or terminal.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd, buffer: Vec::new(), begun: Vec::new() }
    }

    /// The buffer, to which lines are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        // A large buffer that doubles takes twice the memory that it needs.
        if self.buffer.capacity() >= DOUBLED && self.buffer.capacity() - self.buffer.len() < ROOM {
            self.buffer.reserve_exact(STEP);
        }
        &mut self.buffer
    }

    /// Writes the buffer, and empties it.
    ///
    /// # Errors
    /// If stdout is closed or a write fails. The buffer is then dropped, except for the rest of a line that was partly
    /// written.
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

/// The length of the next write: as many whole lines as can be written at once, and at least one.
fn piece_of(lines: &[u8]) -> usize {
    let window = lines.get(..ATOMIC).unwrap_or(lines);
    let whole = memchr::memrchr(b'\n', window).or_else(|| memchr::memchr(b'\n', lines));
    whole.map_or(lines.len(), |end| end + 1)
}

/// The rest of the line in which the write of `piece` stopped. Empty if it stopped between two lines.
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

/// Stdout may be non-blocking: that is a property of the open file, which other processes share.
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
        assert!(piece <= ATOMIC && piece > ATOMIC - 100, "{piece}");
        assert_eq!(piece_of(b"a\nb\n"), 4);
        let long = [b"y".repeat(2 * ATOMIC), b"\nz\n".to_vec()].concat();
        assert_eq!(piece_of(&long), 2 * ATOMIC + 1);
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
    fn a_full_device_is_an_error_and_empties_the_buffer() {
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
    fn a_closed_stdout_is_a_separate_error() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let mut output = Output::new(writer);
        drop(reader);
        output.buffer().extend_from_slice(b"a b=1i\n");
        assert!(matches!(output.flush(), Err(OutputError::Closed)));
    }

    #[test]
    fn a_large_buffer_grows_once() {
        let mut output = Output::new(std::fs::File::open("/dev/null").unwrap().into());
        let line = vec![b'x'; ROOM / 4];
        while output.buffer.len() < 2 * DOUBLED {
            output.buffer().extend_from_slice(&line);
            let (length, capacity) = (output.buffer.len(), output.buffer.capacity());
            assert!(length <= DOUBLED || capacity <= length + STEP + ROOM, "{capacity} for {length}");
        }
        // It is written to a descriptor that is not open for writing.
        assert!(output.flush().is_err());
        assert!(output.buffer.capacity() <= KEPT);
    }
}
