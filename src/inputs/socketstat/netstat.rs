//! Sockets from netstat(1), on FreeBSD, OpenBSD, NetBSD and macOS.
//!
//! Each system is asked in the one way that does not cut IPv6 addresses: `-W` on FreeBSD, `-l` on macOS, `-v` on the
//! others (macOS's `-v` adds a column with blanks in its cells, OpenBSD's `-W` means something else). NetBSD's `-p`
//! prints statistics, so there both families are listed and the protocol is picked from the rows.
//!
//! What ss prints on Linux and netstat does not know is left out: the counters of a connection, and
//! whether `*` stands for any address of one family or of both.

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

use table::Table;

/// What netstat can do.
pub(super) const CAPABILITIES: Capabilities = Capabilities {
    protocols: &[Protocol::Tcp, Protocol::Udp],
    tcp_info: false,
    identity: false,
    listening: false,
    events: false,
    other_network: false,
};

/// The most that one run may print, in bytes: some 2 million sockets.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Lists sockets with the netstat of one system.
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
        let mut table = Table::new(query.protocol, query.states);
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

    /// NetBSD's command does not name the protocol, and the runs for both may fail.
    fn of(&self, query: &Query) -> String {
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
                    SourceError::Failed(cause.prefixed(&self.of(query)))
                }
                error => error,
            })?);
        }
        Ok(diagnostics)
    }
}

/// The arguments of each run that together list the sockets of `protocol`.
fn runs(platform: Platform, protocol: Protocol) -> Vec<[&'static str; 3]> {
    let name = protocol.name();
    match platform {
        Platform::FreeBsd => vec![["-anW", "-p", name]],
        Platform::MacOs => vec![["-anl", "-p", name]],
        Platform::OpenBsd => vec![["-anv", "-p", name]],
        Platform::NetBsd => vec![["-anv", "-f", "inet"], ["-anv", "-f", "inet6"]],
    }
}

/// Whether this source can work now: on a system whose netstat is known, with netstat on `path`.
pub(super) fn probe(platform: Option<Platform>, path: &OsStr) -> Result<(), Cause> {
    platform.ok_or_else(|| Cause::new(crate::platform::unknown()))?;
    find_program("netstat", path).map(|_| ()).map_err(|error| Cause::new(error.to_string()))
}

#[cfg(test)]
mod tests;
