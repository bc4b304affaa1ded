//! A program on PATH, run for the lines that it prints.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use crate::command::{Children, Command, CommandError, find_program};
use crate::lines::Lines;
use crate::quote::quote;

/// Why a run gave no output to rely on. The text is one line that names the command.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum RunError {
    /// The program is not there, or cannot be started.
    #[error("{0}")]
    Missing(String),
    /// It ran and failed.
    #[error("{0}")]
    Failed(String),
}

/// Takes a line of the output, `None` in the place of one that is too long; an error ends the run.
pub type Each<'a> = dyn FnMut(Option<&[u8]>) -> Result<(), String> + 'a;

/// A program on PATH, looked up again only after it failed.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    path: OsString,
    found: Option<PathBuf>,
    children: Arc<Children>,
}

impl Program {
    /// The program `name`, to be found in the absolute entries of `path`.
    #[must_use]
    pub fn new(name: &'static str, path: &OsStr, children: Arc<Children>) -> Self {
        Self { name, path: path.to_owned(), found: None, children }
    }

    /// Runs it to its end, `deadline` at the latest. `each` gets every line of its stdout as it arrives, `None`
    /// in the place of one that is too long. The child's environment holds nothing but `PATH` and `LC_ALL=C`:
    /// no `LIBXO_OPTIONS`, which turns the output of FreeBSD's netstat into JSON.
    ///
    /// # Errors
    /// When it is not there, does not end well, in time and within `limit` bytes, or `each` rejects a line.
    pub fn run(
        &mut self,
        args: &[&str],
        deadline: Instant,
        limit: u64,
        each: &mut Each<'_>,
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
                    accepted = each(line);
                }
            });
            accepted
        };
        self.children
            .run(&command, deadline, limit, &mut on_output)
            .map_err(|error| self.describe(args, &error))?;
        let mut accepted = Ok(());
        lines.finish(&mut |line| accepted = each(line));
        accepted.map_err(|error| self.describe(args, &CommandError::Rejected(error)))?;
        self.found = Some(program);
        Ok(())
    }

    fn describe(&self, args: &[&str], error: &CommandError) -> RunError {
        let said = match error.stderr().trim_ascii() {
            b"" => String::new(),
            stderr => format!(": {}", quote(stderr)),
        };
        let text = format!("{} {error}{said}", command_line(self.name, args));
        match error {
            CommandError::Start(error) if is_missing(error) => RunError::Missing(text),
            _ => RunError::Failed(text),
        }
    }
}

/// Whether the program itself is at fault, and not a limit of this process that may be lifted.
fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
        || error.raw_os_error() == Some(nix::libc::ENOEXEC)
}

/// A command as a user would type it, for messages.
#[must_use]
pub fn command_line(name: &str, args: &[&str]) -> String {
    std::iter::once(name).chain(args.iter().copied()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
