//! Runs one child process with a deadline: in a process group of its own, with bounded output, always killed and reaped.

mod children;
mod group;
mod kill_on_exit;
mod pipes;

use std::ffi::OsStr;
use std::fmt::{Display, Formatter, Result as FmtResult};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use nix::unistd::{AccessFlags, access};
use thiserror::Error;

pub use children::Children;

use crate::os_error;
use crate::quote::quote;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command<'a> {
    /// The program's absolute path.
    pub(crate) program: &'a Path,
    pub(crate) args: &'a [&'a str],
    /// The child's `PATH`. Together with `LC_ALL=C` it is the child's whole environment.
    pub(crate) path: &'a OsStr,
}

/// Why a program could not be run to its end. The text follows the command line: `ss -in --tcp timed out`.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error("not found on PATH")]
    NotFound,
    #[error("cannot start: {}", os_error::text(.0))]
    Start(std::io::Error),
    #[error("timed out (option timeout){stderr}")]
    TimedOut { stderr: Stderr },
    /// It ended with an exit code other than 0, or was killed by a signal.
    #[error("ended with {status}{stderr}")]
    Status { status: Ended, stderr: Stderr },
    /// The output is longer than the limit, which is in bytes.
    #[error("printed more than {} MiB", .0 / (1024 * 1024))]
    Truncated(u64),
    /// The reader of the output rejected it.
    #[error("{0}")]
    Rejected(String),
    #[error("cannot read its output: {}", os_error::text(.0))]
    Read(std::io::Error),
    /// The child was reaped elsewhere, so its status is unknown.
    #[error("cannot tell how it ended: {0}")]
    Wait(std::io::Error),
}

/// The start of a child's stderr. Printed quoted after the message, unless it is empty.
#[derive(Debug, Default)]
pub(crate) struct Stderr(Vec<u8>);

impl Display for Stderr {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self.0.trim_ascii() {
            b"" => Ok(()),
            text => write!(f, ": {}", quote(text)),
        }
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended(ExitStatus);

impl Display for Ended {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("an unknown status"),
        }
    }
}

/// A program that could not be run to its end: the command line, as a user would type it, and the cause.
#[derive(Debug, Error)]
#[error("{command} {cause}")]
pub(crate) struct Failure {
    pub(crate) command: String,
    pub(crate) cause: CommandError,
}

/// Finds an executable file called `name` in the absolute entries of `path`.
pub(crate) fn find_program(name: &str, path: &OsStr) -> Result<PathBuf, Failure> {
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|file| file.is_file() && access(file, AccessFlags::X_OK).is_ok())
        .ok_or_else(|| Failure { command: name.to_owned(), cause: CommandError::NotFound })
}

#[cfg(test)]
mod tests;
