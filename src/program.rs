//! Runs a program from PATH and splits its output into lines.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use crate::command::{Children, Command, CommandError, Failure, find_program};
use crate::lines::Lines;

/// Why a run gave no complete output. The text is one line: the command, the cause, and what the program wrote to stderr.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    /// The program is not installed, or is a file that cannot be executed.
    #[error(transparent)]
    Missing(Failure),
    /// This run failed; the next one may succeed.
    #[error(transparent)]
    Failed(Failure),
}

/// Takes the next line of the output, or `None` for a line that is too long; an error ends the run.
pub(crate) type OnLine<'a> = dyn FnMut(Option<&[u8]>) -> Result<(), String> + 'a;

/// A program on PATH. It is looked up for the first run, and again after a failed one.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    path: OsString,
    found: Option<PathBuf>,
    children: Arc<Children>,
}

impl Program {
    /// The program `name`, to be found in the absolute entries of `path`.
    pub(crate) fn new(name: &'static str, path: &OsStr, children: Arc<Children>) -> Self {
        Self { name, path: path.to_owned(), found: None, children }
    }

    /// Runs the program to its end, or until `deadline`, and hands each line of its stdout to `on_line` as it arrives.
    ///
    /// The child's environment is `PATH` and `LC_ALL=C`: with `LIBXO_OPTIONS`, for instance, FreeBSD's netstat would
    /// print JSON.
    ///
    /// # Errors
    /// When the program is missing, fails, does not end before `deadline` or prints more than `limit` bytes, and when
    /// `on_line` does.
    pub(crate) fn run(
        &mut self,
        args: &[&str],
        deadline: Instant,
        limit: u64,
        on_line: &mut OnLine<'_>,
    ) -> Result<(), RunError> {
        let program = match self.found.take() {
            Some(program) => program,
            None => find_program(self.name, &self.path).map_err(RunError::Missing)?,
        };
        let command = Command { program: &program, args, path: &self.path };
        let mut lines = Lines::default();
        let mut on_output = |chunk: &[u8]| {
            let mut accepted = Ok(());
            lines.feed(chunk, &mut |line| {
                if accepted.is_ok() {
                    accepted = on_line(line);
                }
            });
            accepted
        };
        let mut outcome = self.children.run(&command, deadline, limit, &mut on_output);
        if outcome.is_ok() {
            lines.finish(&mut |line| outcome = on_line(line).map_err(CommandError::Rejected));
        }
        outcome.map_err(|cause| failed(command_line(self.name, args), cause))?;
        self.found = Some(program);
        Ok(())
    }
}

/// Tells a program that cannot be executed from other failures, such as a limit of this process that may be lifted.
fn failed(command: String, cause: CommandError) -> RunError {
    let missing = match &cause {
        CommandError::Start(error) => {
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
                || error.raw_os_error() == Some(nix::libc::ENOEXEC)
        }
        _ => false,
    };
    let failure = Failure { command, cause };
    if missing { RunError::Missing(failure) } else { RunError::Failed(failure) }
}

/// A command as a user would type it.
pub(crate) fn command_line(name: &str, args: &[&str]) -> String {
    std::iter::once(name).chain(args.iter().copied()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
