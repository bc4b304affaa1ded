//! Sockets from netstat(1), on FreeBSD, OpenBSD, NetBSD and macOS.
//!
//! Each system is asked in the one way that does not cut IPv6 addresses: `-W` on FreeBSD, `-l` on macOS, `-v` on the
//! others (macOS's `-v` adds a column with blanks in its cells, OpenBSD's `-W` means something else). NetBSD's `-p`
//! prints statistics, so there both families are listed and the protocol is picked from the rows.
//!
//! What ss prints on Linux and netstat does not know is left out: the counters of a connection, and
//! whether `*` stands for any address of one family or of both.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Instant;

use super::socket::Protocol;
use super::source::{Note, Sink, Source, SourceError};
use crate::command::{Children, find_program};
use crate::platform::Platform;
use crate::program::{Program, command_line};

pub mod table;

use table::Table;

/// What netstat can list.
pub const PROTOCOLS: &[Protocol] = &[Protocol::Tcp, Protocol::Udp];

/// The most that one run may print: some 2 million sockets.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Lists sockets with the netstat of one system.
#[derive(Debug)]
pub struct Netstat {
    platform: Platform,
    program: Program,
}

impl Netstat {
    /// A source that runs the netstat of `platform`, found on `path`.
    #[must_use]
    pub fn new(platform: Platform, path: &OsStr, children: Arc<Children>) -> Self {
        Self { platform, program: Program::new("netstat", path, children) }
    }

    fn run(
        &mut self,
        args: &[&str],
        protocol: Protocol,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Note>, SourceError> {
        let mut table = Table::new(protocol);
        self.program.run(args, deadline, LIMIT, &mut |line| {
            table.line(line, &mut |socket| sink.socket(socket));
            Ok(())
        })?;
        let command = command_line("netstat", args);
        let summary = table.finish().map_err(|text| SourceError::Failed(format!("{command} {text}")))?;
        let mut notes = Vec::new();
        if summary.left_out > 0 {
            let text = format!("{command}: {} rows that cannot be read left out", summary.left_out);
            notes.push(Note::Warning { key: "netstat rows", text });
        }
        if summary.empty {
            let text = format!("{command} prints nothing: there are no such sockets");
            notes.push(Note::Info { key: "netstat empty", text });
        }
        Ok(notes)
    }
}

impl Source for Netstat {
    fn dump(
        &mut self,
        protocol: Protocol,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Note>, SourceError> {
        let mut notes = Vec::new();
        for args in runs(self.platform, protocol) {
            let run = self.run(&args, protocol, deadline, sink);
            notes.extend(run.map_err(|error| match error {
                // This command does not name the protocol, and both may fail by it.
                SourceError::Failed(text) if self.platform == Platform::NetBsd => {
                    SourceError::Failed(format!("{protocol}: {text}"))
                }
                error => error,
            })?);
        }
        Ok(notes)
    }
}

/// The arguments of each run that together list the sockets of `protocol`.
#[must_use]
pub fn runs(platform: Platform, protocol: Protocol) -> Vec<[&'static str; 3]> {
    let name = protocol.name();
    match platform {
        Platform::FreeBsd => vec![["-anW", "-p", name]],
        Platform::MacOs => vec![["-anl", "-p", name]],
        Platform::OpenBsd => vec![["-anv", "-p", name]],
        Platform::NetBsd => vec![["-anv", "-f", "inet"], ["-anv", "-f", "inet6"]],
    }
}

/// Whether this source can work now: on a system whose netstat is known, with netstat on `path`.
///
/// # Errors
/// Where it cannot: one line that says what is missing.
pub fn probe(platform: Option<Platform>, path: &OsStr) -> Result<(), String> {
    platform.ok_or_else(crate::platform::unknown)?;
    find_program("netstat", path).map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
