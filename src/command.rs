//! One child process with a deadline: its own process group, bounded output, always killed and reaped.

mod leash;

use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{AccessFlags, Pid, access};
use thiserror::Error;

use leash::Leash;

/// How much of a child's stderr is kept for the error message.
const STDERR_KEPT: usize = 1024;
/// How much is read at once, and what the pipe is asked to hold: each refill is a change of context.
const CHUNK: usize = 64 * 1024;
#[cfg(target_os = "linux")]
const PIPE: i32 = 1024 * 1024;
/// How long a killed child may take to vanish before it is left for the next run to reap.
const REAP: Duration = Duration::from_secs(1);

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// The program's absolute path.
    pub program: &'a Path,
    /// Its arguments.
    pub args: &'a [&'a str],
    /// The child's `PATH`, which with `LC_ALL=C` is its whole environment.
    pub path: &'a OsStr,
}

/// Why a run gave no result. `stderr` is the start of what the child printed there.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The program could not be started.
    #[error("cannot start: {0}")]
    Start(std::io::Error),
    /// The deadline passed.
    #[error("timed out before its end (option timeout)")]
    Deadline {
        /// The start of the child's stderr.
        stderr: Vec<u8>,
    },
    /// The program ended with another exit code than 0, or by a signal.
    #[error("ended with {status}")]
    Status {
        /// How it ended.
        status: Ended,
        /// The start of the child's stderr.
        stderr: Vec<u8>,
    },
    /// Its output passed the limit, in bytes.
    #[error("printed more than {0} MiB")]
    TooMuch(u64),
    /// Whoever reads the output would have no more of it.
    #[error("{0}")]
    Rejected(String),
    /// A read from the child failed.
    #[error("cannot read its output: {0}")]
    Read(std::io::Error),
}

impl CommandError {
    /// What the child said on stderr, where that can explain the error.
    #[must_use]
    pub fn stderr(&self) -> &[u8] {
        match self {
            Self::Deadline { stderr } | Self::Status { stderr, .. } => stderr,
            _ => &[],
        }
    }
}

/// How a child ended, in words.
#[derive(Clone, Copy, Debug)]
pub struct Ended(ExitStatus);

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("an unknown status"),
        }
    }
}

/// Finds an executable file of that name in the absolute entries of `path`.
///
/// # Errors
/// Where there is none: one line that says so.
pub fn find_program(name: &str, path: &OsStr) -> Result<PathBuf, String> {
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|file| file.is_file() && access(file, AccessFlags::X_OK).is_ok())
        .ok_or_else(|| format!("no program {name} on PATH"))
}

/// The children of this process, one at a time, so that whoever ends the process can end them first.
#[derive(Debug, Default)]
pub struct Children(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    running: Option<Child>,
    /// Killed children that had not vanished when their run ended (stuck in the kernel).
    stuck: Vec<Child>,
    closing: bool,
}

impl Children {
    /// Runs a command to its end, `deadline` at the latest. `on_output` gets stdout as it arrives; an error
    /// from it ends the run. Whatever happens, no process of the child's group is left.
    ///
    /// After [`Children::close`] it does not return: the process exits, and there is nothing left to report.
    ///
    /// # Errors
    /// When the program did not start, end well, in time and within `limit` bytes of output.
    pub fn run(
        &self,
        command: &Command<'_>,
        deadline: Instant,
        limit: u64,
        on_output: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), CommandError> {
        let mut pipes = self.start(command).inspect_err(|_| self.finish())?;
        let mut outcome = pipes.read_all(deadline, limit, on_output);
        let mut status = None;
        if outcome.is_ok() {
            status = self.wait_for_exit(deadline);
            if status.is_none() {
                outcome = Err(CommandError::Deadline { stderr: Vec::new() });
            }
        }
        self.finish();
        drop(Self::stop_if_closing(self.slot()));
        match (outcome, status) {
            (Ok(()), Some(status)) if status.success() => Ok(()),
            (Ok(()), Some(status)) => {
                Err(CommandError::Status { status: Ended(status), stderr: pipes.stderr_kept })
            }
            (Err(CommandError::Deadline { .. }), _) | (Ok(()), None) => {
                Err(CommandError::Deadline { stderr: pipes.stderr_kept })
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Kills the running child, if there is one, with its whole group, and lets no further one start.
    pub fn close(&self) {
        let mut slot = self.slot();
        slot.closing = true;
        if let Some(child) = &mut slot.running {
            kill_group(child);
            // The kernel hands the group to init in any case: only a short look, the caller is in a hurry.
            for _ in 0..50 {
                if !matches!(child.try_wait(), Ok(None)) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Parks this thread for good, the lock released, if the process is about to exit.
    fn stop_if_closing(slot: MutexGuard<'_, Slot>) -> MutexGuard<'_, Slot> {
        if !slot.closing {
            return slot;
        }
        drop(slot);
        loop {
            std::thread::park();
        }
    }

    /// The state is sound after every step, so a panic elsewhere does not spoil it.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, command: &Command<'_>) -> Result<Pipes, CommandError> {
        let mut slot = self.slot();
        slot.stuck.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let mut slot = Self::stop_if_closing(slot);
        let mut builder = std::process::Command::new(command.program);
        builder
            .args(command.args)
            .env_clear()
            .env("PATH", command.path)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let leash = Leash::new().map_err(CommandError::Start)?;
        let mut child = builder.spawn().map_err(CommandError::Start)?;
        let pipes =
            leash.tie(&child).map_err(CommandError::Start).and_then(|()| Pipes::of(&mut child, leash));
        slot.running = Some(child);
        drop(slot);
        pipes
    }

    /// Waits until the child has ended, without reaping it: its group must stay ours until it is killed.
    /// `None` at the deadline.
    fn wait_for_exit(&self, deadline: Instant) -> Option<ExitStatus> {
        let mut pause = Duration::from_micros(50);
        loop {
            let mut slot = self.slot();
            let child = slot.running.as_mut()?;
            if has_exited(child) {
                kill_group(child);
                return child.wait().ok();
            }
            drop(slot);
            let left = deadline.checked_duration_since(Instant::now())?;
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }

    /// Kills what is left of the group and reaps the child.
    fn finish(&self) {
        let started = Instant::now();
        loop {
            let mut slot = self.slot();
            let Some(child) = &mut slot.running else { return };
            kill_group(child);
            let gone = !matches!(child.try_wait(), Ok(None));
            if gone || started.elapsed() > REAP {
                let child = slot.running.take();
                slot.stuck.extend(child.filter(|_| !gone));
                return;
            }
            drop(slot);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn group_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().map(Pid::from_raw)
}

fn kill_group(child: &Child) {
    if let Some(group) = group_of(child) {
        // ESRCH: all of it is gone; EPERM (macOS): only the zombie is left. Both are what is wanted.
        let (Ok(()) | Err(_)) = killpg(group, Signal::SIGKILL);
    }
}

/// Whether the child has ended, leaving it a zombie where the system can tell without reaping.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn has_exited(child: &mut Child) -> bool {
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
    let Some(pid) = group_of(child) else { return false };
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::StillAlive) | Err(Errno::EINTR))
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn has_exited(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

/// The reading ends of a child's stdout and stderr.
struct Pipes {
    stdout: Option<std::process::ChildStdout>,
    stderr: Option<std::process::ChildStderr>,
    stderr_kept: Vec<u8>,
    /// Held until the child is gone.
    _leash: Leash,
}

impl Pipes {
    fn of(child: &mut Child, leash: Leash) -> Result<Self, CommandError> {
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let pipes = Self { stdout, stderr, stderr_kept: Vec::new(), _leash: leash };
        if let (Some(stdout), Some(stderr)) = (&pipes.stdout, &pipes.stderr) {
            set_nonblocking(stdout).and_then(|()| set_nonblocking(stderr)).map_err(CommandError::Read)?;
            enlarge(stdout);
        }
        Ok(pipes)
    }

    fn read_all(
        &mut self,
        deadline: Instant,
        limit: u64,
        on_output: &mut dyn FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), CommandError> {
        let mut chunk = vec![0; CHUNK];
        let mut total = 0_u64;
        while self.wait_readable(deadline)? {
            if let Some(read) = read_some(&mut self.stdout, &mut chunk)? {
                let part = chunk.get(..read).unwrap_or_default();
                total += part.len() as u64;
                if total > limit {
                    return Err(CommandError::TooMuch(limit / (1024 * 1024)));
                }
                on_output(part).map_err(CommandError::Rejected)?;
            }
            if let Some(read) = read_some(&mut self.stderr, &mut chunk)? {
                let room = STDERR_KEPT.saturating_sub(self.stderr_kept.len());
                self.stderr_kept.extend_from_slice(chunk.get(..read.min(room)).unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Waits for either pipe; false when both have ended.
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
                .ok_or(CommandError::Deadline { stderr: Vec::new() })?;
            // Rounded up, so that the last wait does not spin.
            let millis = left.as_millis().saturating_add(1).try_into().unwrap_or(i32::MAX);
            match poll(&mut open, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
                Ok(0) | Err(Errno::EINTR | Errno::EAGAIN) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(CommandError::Read(error.into())),
            }
        }
    }
}

fn set_nonblocking(pipe: impl AsFd) -> std::io::Result<()> {
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(|_| ()).map_err(Into::into)
}

/// A larger pipe lets the child run on while its output is parsed. Where the user's pipe quota is spent, the
/// usual one does as well, only slower.
#[cfg(target_os = "linux")]
fn enlarge(pipe: impl AsFd) {
    let (Ok(_) | Err(_)) = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(PIPE));
}

#[cfg(not(target_os = "linux"))]
fn enlarge(_: impl AsFd) {}

/// Reads what is there. `None`: nothing now. At the end of the stream the pipe is dropped.
fn read_some(pipe: &mut Option<impl Read>, chunk: &mut [u8]) -> Result<Option<usize>, CommandError> {
    let Some(open) = pipe else { return Ok(None) };
    match open.read(chunk) {
        Ok(0) => {
            *pipe = None;
            Ok(None)
        }
        Ok(read) => Ok(Some(read)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(CommandError::Read(error)),
    }
}

#[cfg(test)]
mod tests;
