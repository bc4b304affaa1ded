//! Reads a child's stdout and stderr.

use std::io::{ErrorKind, Read, Result as IoResult};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdout};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::error::{CommandError, Stderr};
use super::kill_on_exit::KillOnExit;

/// How much of a child's stderr is kept for the error message, in bytes.
const STDERR_KEPT: usize = 1024;
/// The size of a read, in bytes.
const CHUNK: usize = 64 * 1024;
/// The size of the pipe to request, in bytes. Whenever the pipe is full, there are two context switches.
#[cfg(target_os = "linux")]
const PIPE_SIZE: i32 = 1024 * 1024;

/// Is called with the next part of stdout. An error ends the run.
pub(super) type OnOutput<'a> = dyn FnMut(&[u8]) -> Result<(), String> + 'a;

/// The reading ends of a child's stdout and stderr; each is closed once it has ended.
pub(super) struct Pipes {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    stderr_kept: Vec<u8>,
    /// Kept until the run has ended.
    _kill_on_exit: KillOnExit,
}

impl Pipes {
    pub(super) fn new(child: &mut Child, kill_on_exit: KillOnExit) -> IoResult<Self> {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        if let (Some(stdout), Some(stderr)) = (&stdout, &stderr) {
            set_nonblocking(stdout)?;
            set_nonblocking(stderr)?;
            enlarge(stdout);
        }
        Ok(Self { stdout, stderr, stderr_kept: Vec::new(), _kill_on_exit: kill_on_exit })
    }

    /// The start of stderr.
    pub(super) fn into_stderr(self) -> Stderr {
        Stderr(self.stderr_kept)
    }

    /// Reads both pipes to their end.
    pub(super) fn read_all(
        &mut self,
        deadline: Instant,
        limit: u64,
        on_output: &mut OnOutput<'_>,
    ) -> Result<(), CommandError> {
        let mut chunk = vec![0; CHUNK];
        let mut total = 0_u64;
        while self.wait_readable(deadline)? {
            let part = read_some(&mut self.stdout, &mut chunk)?;
            if !part.is_empty() {
                total += part.len() as u64;
                if total > limit {
                    return Err(CommandError::Truncated(limit));
                }
                on_output(part).map_err(CommandError::Rejected)?;
            }
            let part = read_some(&mut self.stderr, &mut chunk)?;
            let room = STDERR_KEPT.saturating_sub(self.stderr_kept.len());
            self.stderr_kept.extend(part.iter().take(room));
        }
        Ok(())
    }

    /// Waits until one of the pipes is readable. Returns false if both have ended.
    fn wait_readable(&self, deadline: Instant) -> Result<bool, CommandError> {
        let stdout = self.stdout.as_ref().map(AsFd::as_fd);
        let stderr = self.stderr.as_ref().map(AsFd::as_fd);
        let mut open: Vec<PollFd<'_>> =
            stdout.into_iter().chain(stderr).map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        if open.is_empty() {
            return Ok(false);
        }
        loop {
            let left = deadline
                .checked_duration_since(Instant::now())
                .ok_or_else(|| CommandError::TimedOut { stderr: Stderr::default() })?;
            // Rounded up: with a timeout of 0, the last millisecond would be a busy loop.
            let millis = left.as_millis().saturating_add(1).try_into().unwrap_or(i32::MAX);
            match poll(&mut open, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
                Ok(0) | Err(Errno::EINTR | Errno::EAGAIN) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(CommandError::Read(error.into())),
            }
        }
    }
}

fn set_nonblocking(pipe: impl AsFd) -> IoResult<()> {
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(())
}

/// With a larger pipe, the child can write while its output is parsed. An error means that the user's quota for pipes is
/// exhausted. Everything works without it too, only slower.
#[cfg(target_os = "linux")]
fn enlarge(pipe: impl AsFd) {
    let (Ok(_) | Err(_)) = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(PIPE_SIZE));
}

#[cfg(not(target_os = "linux"))]
fn enlarge(_: impl AsFd) {}

/// Reads what is available, which may be nothing. Closes the pipe at its end.
fn read_some<'c>(pipe: &mut Option<impl Read>, chunk: &'c mut [u8]) -> Result<&'c [u8], CommandError> {
    let Some(open) = pipe else { return Ok(&[]) };
    match open.read(chunk) {
        Ok(read) => {
            if read == 0 {
                *pipe = None;
            }
            Ok(chunk.get(..read).unwrap_or_default())
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(&[]),
        Err(error) => Err(CommandError::Read(error)),
    }
}
