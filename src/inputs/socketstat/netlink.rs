//! Sockets from the kernel itself: `NETLINK_SOCK_DIAG`, as ss asks it, without a child and without privilege.
//!
//! Rows are parsed in place, fields by their offset, so that a kernel with more or fewer of them does not matter.
//! One descriptor stays open between dumps; whatever goes wrong closes it, and the next dump opens another.
//!
//! A kernel may have sockets of a protocol and lack the module that lists them (`raw_diag` often): ss then reads the
//! table in `/proc/net`, and so does this source, through another one that it is given.
//!
//! Sources: `sock_diag`(7), netlink(7), and `misc/ss.c` of iproute2 6.1 for what ss asks and prints.

pub mod dump;
pub mod request;
pub mod rows;

use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use self::dump::{Dump, Stop, Summary};
use self::rows::Rows;
use super::interfaces::{Interfaces, Names};
use super::socket::{Protocol, Socket};
use super::source::{Note, Sink, Source, SourceError};
use super::state;
use crate::netlink::channel::{Channel, KernelChannel};
use crate::os_error;

/// What netlink can list.
pub const PROTOCOLS: &[Protocol] = &Protocol::ALL;

/// The kernel fills datagrams of a dump up to 32 KiB (`netlink_recvmsg` in `net/netlink/af_netlink.c`), where the
/// reader has shown a buffer of that size.
const DATAGRAM: usize = 64 * 1024;
/// The longest datagram to make room for.
const LONGEST_DATAGRAM: usize = 16 * 1024 * 1024;
/// Bytes that may be queued at first: a limit, not an allocation.
const QUEUE: usize = 1024 * 1024;
/// How often a dump is started again, where the deadline allows it.
const ATTEMPTS: u32 = 8;

/// Opens a channel that may queue so many bytes.
pub type Open = dyn FnMut(usize) -> Result<Box<dyn Channel>, Errno> + Send;

/// The kernel's socket tables.
pub struct Netlink {
    open: Box<Open>,
    channel: Option<Box<dyn Channel>>,
    fallback: Option<Box<dyn Source + Send>>,
    rows: Rows,
    buffer: Vec<u8>,
    sequence: u32,
    queue: usize,
}

impl Default for Netlink {
    fn default() -> Self {
        Self::new()
    }
}

impl Netlink {
    /// Those of the network namespace of this process. Nothing is opened before the first dump.
    #[must_use]
    pub fn new() -> Self {
        Self::with_channel(
            Box::new(|queue| Ok(Box::new(KernelChannel::open(SockProtocol::NetlinkSockDiag, 0, queue)?))),
            Names::Own,
        )
    }

    /// One whose channels come from `open`, which is given the bytes to queue, and whose interfaces are called as
    /// `names` knows.
    #[must_use]
    pub fn with_channel(open: Box<Open>, names: Names) -> Self {
        let rows = Rows::new(Interfaces::new(names));
        Self { open, channel: None, fallback: None, rows, buffer: Vec::new(), sequence: 0, queue: QUEUE }
    }

    /// Asks `source` for a protocol that this kernel does not list.
    #[must_use]
    pub fn with_fallback(self, source: Box<dyn Source + Send>) -> Self {
        Self { fallback: Some(source), ..self }
    }

    /// One dump, without repetition.
    fn attempt(
        &mut self,
        protocol: Protocol,
        states: u32,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Summary, Stop> {
        let mut channel = match self.channel.take() {
            Some(channel) => channel,
            None => (self.open)(self.queue)?,
        };
        if self.buffer.is_empty() {
            self.buffer.resize(DATAGRAM, 0);
        }
        let Self { rows, buffer, sequence, .. } = self;
        let summary =
            Dump { channel: &mut *channel, rows, buffer, sequence, deadline }.run(protocol, states, sink)?;
        // After an error answers may still be on their way: only an intact channel is kept.
        self.channel = Some(channel);
        Ok(summary)
    }

    /// Makes room for what `stop` says was lacking; whether there is a point in another attempt.
    fn make_room(&mut self, stop: &Stop) -> bool {
        match stop {
            Stop::QueueFull => self.queue = self.queue.saturating_mul(2),
            Stop::Cut(length) if *length <= LONGEST_DATAGRAM => self.buffer.resize(*length, 0),
            _ => return false,
        }
        true
    }

    /// Attempts until one is whole. An interrupted one is accepted where another like it would come too late.
    fn attempts(
        &mut self,
        protocol: Protocol,
        states: u32,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Summary, Stop> {
        let mut left = ATTEMPTS;
        loop {
            let begin = Instant::now();
            left -= 1;
            match self.attempt(protocol, states, deadline, sink) {
                Ok(summary) => {
                    let in_time = Instant::now() + begin.elapsed() < deadline;
                    if !summary.interrupted || left == 0 || !in_time {
                        return Ok(summary);
                    }
                }
                Err(stop) if left == 0 || !self.make_room(&stop) => return Err(stop),
                Err(_) => {}
            }
            sink.restart();
        }
    }

    /// What to do for a protocol that the kernel does not list.
    fn absent(
        &mut self,
        protocol: Protocol,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Note>, SourceError> {
        let mut note = absence(protocol);
        let mut notes = match self.fallback.as_mut().map(|source| source.dump(protocol, deadline, sink)) {
            Some(Ok(notes)) => {
                note.push_str("; read from /proc/net instead");
                notes
            }
            // Not there either: the protocol is not in this kernel.
            None | Some(Err(SourceError::Unavailable(_))) => Vec::new(),
            Some(Err(error)) => return Err(error),
        };
        notes.push(Note::Info { key: "netlink: protocol not in this kernel", text: note });
        Ok(notes)
    }
}

impl Source for Netlink {
    fn dump(
        &mut self,
        protocol: Protocol,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Note>, SourceError> {
        let result = self.attempts(protocol, state::listed(protocol), deadline, sink);
        self.queue = QUEUE;
        self.buffer.truncate(DATAGRAM);
        self.buffer.shrink_to_fit();
        let summary = result.map_err(|stop| error(protocol, &stop))?;
        if summary.absent { self.absent(protocol, deadline, sink) } else { Ok(notes(protocol, &summary)) }
    }
}

/// Whether netlink lists `protocol` on this host now, and if not, why.
///
/// # Errors
/// One line that says what is missing.
pub fn probe(protocol: Protocol, deadline: Instant) -> Result<(), String> {
    struct Nothing;
    impl Sink for Nothing {
        fn socket(&mut self, _: &Socket<'_>) {}
        fn restart(&mut self) {}
    }
    // In none of the states: the question costs the kernel next to nothing.
    match Netlink::new().attempts(protocol, 0, deadline, &mut Nothing) {
        Ok(summary) if summary.absent => Err(absence(protocol)),
        Ok(_) => Ok(()),
        Err(stop) => Err(error(protocol, &stop).to_string()),
    }
}

fn notes(protocol: Protocol, summary: &Summary) -> Vec<Note> {
    let mut notes = Vec::new();
    if summary.interrupted {
        let text = format!(
            "netlink: the {protocol} sockets changed while the kernel listed them; some may be missing or double"
        );
        notes.push(Note::Warning { key: "netlink: interrupted dump", text });
    }
    if summary.lost > 0 {
        let text = format!("netlink: {} messages about {protocol} sockets left out: malformed", summary.lost);
        notes.push(Note::Warning { key: "netlink: malformed messages", text });
    }
    notes
}

fn absence(protocol: Protocol) -> String {
    let module = if protocol == Protocol::Packet { "af_packet" } else { protocol.name() };
    format!("netlink: this kernel has no {protocol} sockets, or not the module {module}_diag that lists them")
}

fn error(protocol: Protocol, stop: &Stop) -> SourceError {
    match stop {
        Stop::Late => {
            SourceError::Failed(format!("netlink: {protocol} sockets not listed within the timeout"))
        }
        Stop::QueueFull => SourceError::Failed(format!(
            "netlink: {protocol} sockets not listed: no room in the queue, see net.core.rmem_max"
        )),
        Stop::Cut(length) => SourceError::Failed(format!(
            "netlink: {protocol} sockets not listed: a datagram of {length} bytes"
        )),
        Stop::Broken => SourceError::Failed(format!(
            "netlink: {protocol} sockets not listed: the kernel's answer is malformed"
        )),
        Stop::Refused(errno) => {
            let advice = os_error::advice(Some(*errno as i32));
            let text = format!("netlink: {protocol} sockets not listed: {errno}{advice}");
            match errno {
                Errno::EPERM
                | Errno::EACCES
                | Errno::ENOSYS
                | Errno::EINVAL
                | Errno::EOPNOTSUPP
                | Errno::EAFNOSUPPORT
                | Errno::EPROTONOSUPPORT
                | Errno::ESOCKTNOSUPPORT
                | Errno::ECONNREFUSED => SourceError::Unavailable(text),
                _ => SourceError::Failed(text),
            }
        }
    }
}

#[cfg(test)]
mod tests;
