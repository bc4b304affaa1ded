//! What the netstat sources of both inputs share: running the program, and cutting what it prints into cells.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use crate::command::{Children, Command, CommandError, find_program};
use crate::lines::Lines;
use crate::logger::quote;

/// How many bytes of a foreign first line are kept: more than [`quote`] shows.
const FIRST_LINE_KEPT: usize = 256;

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
    /// When it is not there, or does not end well, in time and within `limit` bytes.
    pub fn run(
        &mut self,
        args: &[&str],
        deadline: Instant,
        limit: u64,
        each: &mut dyn FnMut(Option<&[u8]>),
    ) -> Result<(), RunError> {
        let program = match self.found.take() {
            Some(program) => program,
            None => find_program(self.name, &self.path).map_err(RunError::Missing)?,
        };
        let command = Command { program: &program, args, path: &self.path };
        let mut lines = Lines::default();
        let mut on_output = |chunk: &[u8]| {
            lines.feed(chunk, each);
            Ok(())
        };
        self.children
            .run(&command, deadline, limit, &mut on_output)
            .map_err(|error| self.describe(args, &error))?;
        lines.finish(each);
        self.found = Some(program);
        Ok(())
    }

    fn describe(&self, args: &[&str], error: &CommandError) -> RunError {
        let mut text = format!("{} {error}", command_line(self.name, args));
        if !error.stderr().is_empty() {
            text += &format!(": {}", quote(error.stderr().trim_ascii()));
        }
        match error {
            CommandError::Start(_) => RunError::Missing(text),
            _ => RunError::Failed(text),
        }
    }
}

/// A command as a user would type it, for messages.
#[must_use]
pub fn command_line(name: &str, args: &[&str]) -> String {
    std::iter::once(name).chain(args.iter().copied()).collect::<Vec<_>>().join(" ")
}

/// The cells of a line: what white space separates.
pub fn cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|cell| !cell.is_empty())
}

/// An unsigned decimal number without a sign. `None` where the cell is anything else or passes 64 bits.
#[must_use]
pub fn number(cell: &[u8]) -> Option<u64> {
    let digits = cell.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(cell).ok().filter(|_| digits)?.parse().ok()
}

/// The first line of an output that says something, kept to quote it where it turns out to be foreign.
#[derive(Debug, Default)]
pub struct FirstLine(Option<Vec<u8>>);

impl FirstLine {
    /// Takes the next line.
    pub fn see(&mut self, line: &[u8]) {
        if self.0.is_none() && !line.trim_ascii().is_empty() {
            let start = line.trim_ascii();
            self.0 = Some(start.get(..FIRST_LINE_KEPT).unwrap_or(start).to_vec());
        }
    }

    /// That line, quoted; `None` where nothing but white space was printed.
    #[must_use]
    pub fn quoted(&self) -> Option<String> {
        self.0.as_deref().map(quote)
    }
}

#[cfg(test)]
mod tests;
