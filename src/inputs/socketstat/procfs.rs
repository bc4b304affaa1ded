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
use super::socket::Protocol;
use super::source::{Note, Sink, Source, SourceError};
use crate::file;
use crate::lines::Lines;
use crate::os_error;

pub mod table;

use table::Table;

/// What `/proc/net` has tables of.
pub const PROTOCOLS: &[Protocol] =
    &[Protocol::Tcp, Protocol::Udp, Protocol::Raw, Protocol::Unix, Protocol::Packet];

/// How much is read at once. The deadline is looked at in between.
const CHUNK: usize = 64 * 1024;

/// The tables of one network namespace.
#[derive(Debug)]
pub struct Procfs {
    net: PathBuf,
    interfaces: Interfaces,
}

impl Procfs {
    /// The tables in the directory `net` (`/proc/net`), whose interfaces are called as `names` knows.
    #[must_use]
    pub const fn new(net: PathBuf, names: Names) -> Self {
        Self { net, interfaces: Interfaces::new(names) }
    }
}

impl Source for Procfs {
    fn dump(
        &mut self,
        protocol: Protocol,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Note>, SourceError> {
        self.interfaces.forget();
        let mut notes = Vec::new();
        let mut found = false;
        for path in paths(&self.net, protocol) {
            let Some(file) = open(&path)? else { continue };
            found = true;
            // The tables are in the byte order of the machine, and another host's /proc is on this one.
            let little_endian = cfg!(target_endian = "little");
            let mut table = Table::new(protocol, little_endian, &mut self.interfaces);
            read(file, &path, deadline, &mut |line| table.line(line, sink))?;
            notes.extend(table.finish(&path)?);
        }
        if found { Ok(notes) } else { Err(SourceError::Unavailable(absence(&self.net, protocol))) }
    }
}

/// Whether there is a table in the directory `net` that can be opened, and if not, why. One is enough: a table that is
/// missing costs its own protocol only.
///
/// # Errors
/// One line that says what is missing.
pub fn probe(net: &Path) -> Result<(), String> {
    let mut fault = None;
    for protocol in PROTOCOLS {
        for path in paths(net, *protocol) {
            match open(&path) {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => {}
                Err(error) => {
                    fault.get_or_insert_with(|| error.to_string());
                }
            }
        }
    }
    Err(fault.unwrap_or_else(|| absence(net, Protocol::Tcp)))
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
            let text = format!("procfs: {}: {}", path.display(), os_error::text(&error));
            match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::NotADirectory => Err(SourceError::Unavailable(text)),
                _ => Err(SourceError::Failed(text)),
            }
        }
    }
}

/// Hands each line to `each`, and `None` for one that is too long.
fn read(
    mut file: File,
    path: &Path,
    deadline: Instant,
    each: &mut dyn FnMut(Option<&[u8]>),
) -> Result<(), SourceError> {
    let failed = |cause: &str| SourceError::Failed(format!("procfs: {}: {cause}", path.display()));
    let mut lines = Lines::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        if Instant::now() >= deadline {
            return Err(failed("not read within the timeout"));
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

fn absence(net: &Path, protocol: Protocol) -> String {
    let paths: Vec<String> = paths(net, protocol).map(|path| path.display().to_string()).collect();
    match paths.as_slice() {
        [] => format!("procfs: there is no table of {protocol} sockets in /proc/net"),
        paths => format!("procfs: no {protocol} sockets listed: there is no {}", paths.join(" and no ")),
    }
}

#[cfg(test)]
mod tests;
