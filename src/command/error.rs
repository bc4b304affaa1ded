//! Why a command failed.

use std::fmt::{Display, Formatter, Result as FmtResult};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use thiserror::Error;

use crate::os_error;
use crate::quote::quote;

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
pub(crate) struct Stderr(pub(super) Vec<u8>);

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
pub(crate) struct Ended(pub(super) ExitStatus);

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
