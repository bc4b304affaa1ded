//! The source `netstat`: runs netstat(1) on FreeBSD, OpenBSD, NetBSD and macOS.
//!
//! The flags are those that keep IPv6 addresses from being truncated: `-W` on FreeBSD, `-l` on macOS, `-v` on the others
//! (on macOS `-v` adds a column with spaces in its cells, on OpenBSD `-W` has another meaning). On NetBSD `-p` prints
//! statistics, so both families are listed and the rows are filtered by protocol.
//!
//! netstat does not print TCP counters, nor whether `*` is any address of one family or of both. These are omitted.

use std::ffi::OsStr;

use super::socket::{Protocol, Socket};
use super::source::{Capabilities, Query, Source};
use crate::command::find_program;
use crate::inputs::environment::Environment;
use crate::inputs::source::{Cause, Diagnostic, SourceError};
use crate::logger::Level;
use crate::platform::Platform;
use crate::program::{Program, command_line};

pub mod table;

use table::NetstatTable;

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    protocols: &[Protocol::Tcp, Protocol::Udp],
    tcp_info: false,
    identity: false,
    listening: false,
    events: false,
    other_network: false,
};

/// The output limit of one run, in bytes: about 2 million sockets.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Lists sockets with netstat.
#[derive(Debug)]
pub(super) struct Netstat {
    platform: Platform,
    program: Program,
}

impl Netstat {
    /// A source that runs the netstat of `platform`.
    pub(super) fn new(platform: Platform, environment: &Environment) -> Self {
        let program = Program::new("netstat", environment.host.path(), environment.children.clone());
        Self { platform, program }
    }

    fn run(
        &mut self,
        args: &[&str],
        query: &Query,
        each: &mut dyn FnMut(&Socket<'_>),
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let mut table = NetstatTable::new(query.protocol, query.states);
        self.program.run(args, query.deadline, LIMIT, &mut |line| {
            table.line(line, each);
            Ok(())
        })?;
        let command = command_line("netstat", args);
        let summary = table
            .finish()
            .map_err(|reason| SourceError::Failed(Cause::new(format!("{command} {reason}"))))?;
        let mut diagnostics: Vec<Diagnostic> =
            summary.skipped.diagnostic("netstat: malformed rows", &command).into_iter().collect();
        if summary.empty {
            let text = format!("{command} printed nothing: there are no such sockets");
            diagnostics.push(Diagnostic { level: Level::Info, key: "netstat: nothing printed", text });
        }
        Ok(diagnostics)
    }

    /// The protocol, for error messages on NetBSD, where the command does not name it.
    fn protocol_prefix(&self, query: &Query) -> String {
        if self.platform == Platform::NetBsd { format!("{}: ", query.protocol) } else { String::new() }
    }
}

impl Source for Netstat {
    fn dump(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&Socket<'_>),
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let mut diagnostics = Vec::new();
        for args in runs(self.platform, query.protocol) {
            diagnostics.extend(self.run(&args, query, each).map_err(|error| match error {
                SourceError::Failed(cause) if self.platform == Platform::NetBsd => {
                    SourceError::Failed(cause.prefixed(&self.protocol_prefix(query)))
                }
                error => error,
            })?);
        }
        Ok(diagnostics)
    }
}

/// The arguments of each run. Together the runs list the sockets of `protocol`.
fn runs(platform: Platform, protocol: Protocol) -> Vec<[&'static str; 3]> {
    let name = protocol.name();
    match platform {
        Platform::FreeBsd => vec![["-anW", "-p", name]],
        Platform::MacOs => vec![["-anl", "-p", name]],
        Platform::OpenBsd => vec![["-anv", "-p", name]],
        Platform::NetBsd => vec![["-anv", "-f", "inet"], ["-anv", "-f", "inet6"]],
    }
}

/// Checks that the platform is supported and that netstat is on `path`.
pub(super) fn probe(platform: Option<Platform>, path: &OsStr) -> Result<(), Cause> {
    platform.ok_or_else(|| Cause::new(crate::platform::unknown()))?;
    find_program("netstat", path).map(|_| ()).map_err(|error| Cause::new(error.to_string()))
}

#[cfg(test)]
mod tests;
