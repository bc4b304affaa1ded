//! The source `procfs`: reads the tables in `/proc/net`, for hosts without `sock_diag` (gVisor, some containers) and for
//! another host's `/proc`.
//!
//! The tables have less than ss prints: no `%device`, no TCP counters, no peer and no queues of unix sockets, no send
//! queue of packet sockets. These are omitted.
//!
//! Source: proc(5).

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::interfaces::{Interfaces, Names};
use super::socket::{Protocol, Socket};
use super::source::{Capabilities, Query, Source};
use crate::file;
use crate::inputs::source::{Cause, Diagnostic, SourceError};
use crate::lines::Lines;
use crate::os_error;

pub mod table;

use table::ProcTable;

/// The protocols with a table in `/proc/net`.
pub const PROTOCOLS: &[Protocol] =
    &[Protocol::Tcp, Protocol::Udp, Protocol::Raw, Protocol::Unix, Protocol::Packet];

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    protocols: PROTOCOLS,
    tcp_info: false,
    identity: false,
    listening: true,
    events: false,
    other_network: true,
};

/// How many bytes are read at once. The deadline is checked in between.
const CHUNK: usize = 64 * 1024;

/// Reads the socket tables of one network namespace.
#[derive(Debug)]
pub struct Procfs {
    net: PathBuf,
    interfaces: Interfaces,
}

impl Procfs {
    /// Reads the tables in the directory `net` (`/proc/net`), with the device names from `names`.
    #[must_use]
    pub const fn new(net: PathBuf, names: Names) -> Self {
        Self { net, interfaces: Interfaces::new(names) }
    }
}

impl Source for Procfs {
    fn dump(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&Socket<'_>),
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let Self { net, interfaces } = self;
        interfaces.forget();
        let mut diagnostics = Vec::new();
        let mut found = false;
        for path in paths(net, query.protocol) {
            let Some(file) = open(&path)? else { continue };
            found = true;
            // Addresses are in the byte order of this machine: HOST_PROC is a /proc of the same kernel.
            let mut table = ProcTable::new(query.protocol, query.states, cfg!(target_endian = "little"));
            read(file, &path, query.deadline, &mut |line| {
                if let Some(mut socket) = table.line(line) {
                    socket.local.name_device(|index| interfaces.name(index));
                    each(&socket);
                }
            })?;
            let skipped =
                table.finish().map_err(|cause| SourceError::Failed(procfs(cause.in_file(&path))))?;
            let name = format!("procfs: {}", path.display());
            diagnostics.extend(skipped.diagnostic("procfs: malformed rows", &name));
        }
        if found {
            return Ok(diagnostics);
        }
        let cause = no_table(net, query.protocol);
        Err(if probe(net).is_ok() {
            SourceError::Unsupported(cause)
        } else {
            SourceError::Unavailable(cause)
        })
    }
}

/// Checks that a table in the directory `net` can be opened. One is enough, since a missing table only affects its own
/// protocol.
pub(super) fn probe(net: &Path) -> Result<(), Cause> {
    let mut fault = None;
    for protocol in PROTOCOLS {
        for path in paths(net, *protocol) {
            match open(&path) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                Err(error) => {
                    fault.get_or_insert(error.into_cause());
                }
            }
        }
    }
    Err(fault.unwrap_or_else(|| no_table(net, Protocol::Tcp)))
}

/// The tables of a protocol. The second does not exist if IPv6 is off.
fn paths(net: &Path, protocol: Protocol) -> impl Iterator<Item = PathBuf> {
    let names: &[&str] = match protocol {
        Protocol::Tcp => &["tcp", "tcp6"],
        Protocol::Udp => &["udp", "udp6"],
        Protocol::Raw => &["raw", "raw6"],
        Protocol::Unix => &["unix"],
        Protocol::Packet => &["packet"],
        Protocol::Dccp | Protocol::Sctp => &[],
    };
    names.iter().map(move |name| net.join(name))
}

/// Opens a file. `None` if it does not exist.
fn open(path: &Path) -> Result<Option<File>, SourceError> {
    match file::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let cause = procfs(Cause::new(os_error::text(&error)).in_file(path));
            match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::NotADirectory => {
                    Err(SourceError::Unavailable(cause))
                }
                _ => Err(SourceError::Failed(cause)),
            }
        }
    }
}

fn procfs(cause: Cause) -> Cause {
    Cause { source: Some("procfs"), ..cause }
}

/// Passes each line to `each`, or `None` for one that is too long.
fn read(
    mut file: File,
    path: &Path,
    deadline: Instant,
    each: &mut dyn FnMut(Option<&[u8]>),
) -> Result<(), SourceError> {
    let failed = |reason: &str| SourceError::Failed(procfs(Cause::new(reason).in_file(path)));
    let mut lines = Lines::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        if Instant::now() >= deadline {
            return Err(failed("timed out (option timeout)"));
        }
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => lines.feed(chunk.get(..length).unwrap_or_default(), each),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(&error.to_string())),
        }
    }
    lines.finish(each);
    Ok(())
}

fn no_table(net: &Path, protocol: Protocol) -> Cause {
    let paths: Vec<String> = paths(net, protocol).map(|path| path.display().to_string()).collect();
    procfs(Cause::new(match paths.as_slice() {
        [] => format!("/proc/net has no table of {protocol} sockets"),
        paths => format!("cannot list {protocol} sockets: there is no {}", paths.join(" and no ")),
    }))
}

#[cfg(test)]
mod tests;
