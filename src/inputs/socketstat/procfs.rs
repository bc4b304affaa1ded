//! Sockets from the tables in `/proc/net`, for where the kernel's `sock_diag` is not there either (gVisor, some
//! containers), and for another host's `/proc`.
//!
//! The tables hold less than ss prints: no `%device`, no counters of a connection, of unix sockets no peer and no
//! queues, of packet sockets no send queue. What they do not hold is left out.
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

use table::Table;

/// What `/proc/net` has tables of.
pub const PROTOCOLS: &[Protocol] =
    &[Protocol::Tcp, Protocol::Udp, Protocol::Raw, Protocol::Unix, Protocol::Packet];

/// What the tables can tell.
pub(super) const CAPABILITIES: Capabilities = Capabilities {
    protocols: PROTOCOLS,
    tcp_info: false,
    identity: false,
    listening: true,
    events: false,
    other_network: true,
};

/// How much is read at once. The deadline is looked at in between.
const CHUNK: usize = 64 * 1024;

/// The tables of one network namespace.
#[derive(Debug)]
pub struct Procfs {
    net: PathBuf,
    interfaces: Interfaces,
}

impl Procfs {
    /// The tables in the directory `net` (`/proc/net`), whose devices are called as `names` knows.
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
            // The tables are in the byte order of the machine, and another host's /proc is on this one.
            let mut table = Table::new(query.protocol, query.states, cfg!(target_endian = "little"));
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

/// Whether there is a table in the directory `net` that can be opened. One is enough: a table that is missing costs its
/// own protocol only.
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

/// The tables of a protocol; the second is not there where IPv6 is off.
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

/// The file, or `None` where there is none of that name.
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

/// Hands each line to `each`, and `None` for one that is too long.
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
