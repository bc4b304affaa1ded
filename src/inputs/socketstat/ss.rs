//! The source `ss`: one run of iproute2's `ss -in --PROTO` a protocol.

pub mod table;

use std::sync::Arc;
use std::time::Instant;

use super::socket::Protocol;
use super::source::{Note, Sink, Source, SourceError};
use crate::command::{Children, find_program};
use crate::host::Host;
use crate::program::{Program, command_line};
use table::Table;

/// What ss can list: everything.
pub const PROTOCOLS: &[Protocol] = &Protocol::ALL;

/// ss writes about 500 bytes a TCP socket: room for half a million of them.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Runs ss and reads its tables.
pub struct Ss(Program);

impl Ss {
    /// A source that finds ss on the host's PATH.
    #[must_use]
    pub fn new(host: &Host, children: Arc<Children>) -> Self {
        Self(Program::new("ss", host.path(), children))
    }
}

/// Whether ss is installed.
///
/// # Errors
/// Where it is not: one line that names the package.
pub fn probe(host: &Host) -> Result<(), String> {
    find_program("ss", host.path())
        .map(|_| ())
        .map_err(|error| format!("{error}: install the package iproute2 (iproute on some systems)"))
}

impl Source for Ss {
    fn dump(
        &mut self,
        protocol: Protocol,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Note>, SourceError> {
        let option = format!("--{protocol}");
        let args = ["-in", &option];
        let mut table = Table::new(protocol);
        self.0.run(&args, deadline, LIMIT, &mut |line| table.line(line, sink))?;
        table
            .finish(sink)
            .map_err(|error| SourceError::Failed(format!("{} {error}", command_line("ss", &args))))
    }
}
