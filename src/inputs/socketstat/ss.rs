//! The source `ss`: one run of iproute2's `ss -in --PROTO` a protocol.

mod table;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::socket::Protocol;
use super::source::{Note, Sink, Source, SourceError};
use crate::command::{Children, Command, CommandError, find_program};
use crate::host::Host;
use crate::lines::Lines;
use crate::logger::quote;
use table::Table;

/// What ss can list: everything.
pub const PROTOCOLS: &[Protocol] = &Protocol::ALL;

/// ss writes about 500 bytes a TCP socket: room for half a million of them.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Runs ss and reads its tables.
pub struct Ss {
    host: Arc<Host>,
    children: Arc<Children>,
    /// Where ss was found; looked up again after a run that failed.
    program: Option<PathBuf>,
}

impl Ss {
    /// A source that finds ss on the host's PATH.
    #[must_use]
    pub fn new(host: Arc<Host>, children: Arc<Children>) -> Self {
        Self { host, children, program: None }
    }

    fn program(&mut self) -> Result<PathBuf, SourceError> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        let program = find(&self.host).map_err(SourceError::Unavailable)?;
        Ok(self.program.insert(program).clone())
    }
}

/// Whether ss is installed, else what to install.
///
/// # Errors
/// One line that names the package.
pub fn probe(host: &Host) -> Result<(), String> {
    find(host).map(|_| ())
}

fn find(host: &Host) -> Result<PathBuf, String> {
    find_program("ss", host.path())
        .map_err(|error| format!("{error}: install the package iproute2 (iproute on some systems)"))
}

impl Source for Ss {
    fn dump(
        &mut self,
        protocol: Protocol,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Note>, SourceError> {
        let program = self.program()?;
        let option = format!("--{protocol}");
        let command = Command { program: &program, args: &["-in", &option], path: self.host.path() };
        let mut table = Table::new(protocol);
        let mut lines = Lines::default();
        let outcome = self.children.run(&command, deadline, LIMIT, &mut |chunk| {
            lines.feed(chunk, &mut |line| table.line(line, sink));
            table.sound()
        });
        match outcome {
            Ok(()) => {
                lines.finish(&mut |line| table.line(line, sink));
                table.finish(sink).map_err(|error| self.failed(protocol, &error))
            }
            Err(error) => Err(self.run_error(protocol, &error)),
        }
    }
}

impl Ss {
    fn failed(&mut self, protocol: Protocol, cause: &str) -> SourceError {
        self.program = None;
        SourceError::Failed(format!("ss -in --{protocol}: {cause}"))
    }

    fn run_error(&mut self, protocol: Protocol, error: &CommandError) -> SourceError {
        let stderr = error.stderr().trim_ascii();
        if stderr.is_empty() {
            self.failed(protocol, &error.to_string())
        } else {
            self.failed(protocol, &format!("{error}: {}", quote(stderr)))
        }
    }
}
