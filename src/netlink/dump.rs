//! Sends requests to the kernel and reads the answers, with one loop for every kind of request.
//!
//! Sources: netlink(7), and `netlink_dump` in the kernel's `net/netlink/af_netlink.c`.

use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;
use thiserror::Error;

use super::channel::{Channel, KernelChannel};
use super::message::{DONE, ERROR, INTERRUPTED, Message, Messages, NOOP, OVERRUN};
use super::request::Request;
use crate::shared::Shared;

/// The size of the receive buffer. The kernel fills a datagram with up to 32 KiB if the buffer has room.
const DATAGRAM: usize = 64 * 1024;
/// The limit of the receive queue, in bytes. Not an allocation.
const QUEUE: usize = 1024 * 1024;

/// Why a dump is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DumpError {
    /// The receive queue overflowed.
    #[error("no room in the queue, see net.core.rmem_max")]
    QueueFull,
    /// A datagram was longer than the buffer.
    #[error("truncated datagram of {0} bytes")]
    Truncated(usize),
    /// The deadline passed.
    #[error("timed out (option timeout)")]
    TimedOut,
    /// The kernel refused the request.
    #[error("{0}")]
    Refused(Errno),
    /// The answer is not valid netlink.
    #[error("malformed answer from the kernel")]
    Malformed,
}

impl From<Errno> for DumpError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOBUFS => Self::QueueFull,
            Errno::ETIME => Self::TimedOut,
            errno => Self::Refused(errno),
        }
    }
}

/// Opens a channel.
pub type Open = dyn FnMut() -> Result<Box<dyn Channel>, Errno> + Send;

/// Sends requests, one after the other. The channel stays open between requests. An error closes it, since late answers
/// may still arrive, and the next request opens a new one.
pub struct Dumper {
    open: Box<Open>,
    channel: Option<Box<dyn Channel>>,
    buffer: Vec<u8>,
    sequence: u32,
}

impl Dumper {
    /// A dumper for a netlink protocol. Opens nothing before the first request.
    #[must_use]
    pub fn new(protocol: SockProtocol) -> Self {
        Self::with_channel(Box::new(move || Ok(Box::new(KernelChannel::open(protocol, 0, QUEUE)?))))
    }

    /// A dumper that opens its channels with `open`.
    #[must_use]
    pub fn with_channel(open: Box<Open>) -> Self {
        Self { open, channel: None, buffer: Vec::new(), sequence: 0 }
    }

    /// Sends a request and passes each message of the answer to `each`. Returns whether the kernel reports that the objects
    /// changed during the dump (`NLM_F_DUMP_INTR`), so that some may be missing or duplicated. Dumps of inet, unix and
    /// packet sockets never report it.
    ///
    /// # Errors
    /// When the answer is not complete. `each` may have received a part of it.
    pub fn ask(
        &mut self,
        request: Request,
        deadline: Instant,
        each: &mut dyn FnMut(&Message<'_>),
    ) -> Result<bool, DumpError> {
        let mut channel = match self.channel.take() {
            Some(channel) => channel,
            None => (self.open)()?,
        };
        self.buffer.resize(DATAGRAM, 0);
        self.sequence = self.sequence.wrapping_add(1);
        channel.send(&request.finish(self.sequence))?;
        let answer = Answer { channel: &mut *channel, sequence: self.sequence, interrupted: false };
        let outcome = answer.read(&mut self.buffer, deadline, each);
        // ENOENT completes an answer too: the kernel does not list this family.
        if matches!(outcome, Ok(_) | Err(DumpError::Refused(Errno::ENOENT))) {
            self.channel = Some(channel);
        }
        outcome
    }
}

/// A dumper that several sources share.
pub type SharedDumper = Shared<Dumper>;

struct Answer<'a> {
    channel: &'a mut dyn Channel,
    sequence: u32,
    interrupted: bool,
}

impl Answer<'_> {
    fn read(
        mut self,
        buffer: &mut [u8],
        deadline: Instant,
        each: &mut dyn FnMut(&Message<'_>),
    ) -> Result<bool, DumpError> {
        loop {
            let length = self.channel.receive(buffer, deadline)?;
            let datagram = buffer.get(..length).ok_or(DumpError::Truncated(length))?;
            if datagram.is_empty() {
                return Err(DumpError::Malformed);
            }
            for message in Messages(datagram) {
                let message = message.map_err(|_| DumpError::Malformed)?;
                if message.sequence != self.sequence || message.port != self.channel.port() {
                    continue;
                }
                self.interrupted |= message.flags & INTERRUPTED != 0;
                match message.kind {
                    NOOP => {}
                    // Both end the answer and carry an errno.
                    DONE | ERROR => {
                        return match message.errno() {
                            0 => Ok(self.interrupted),
                            errno => Err(Errno::from_raw(errno).into()),
                        };
                    }
                    OVERRUN => return Err(DumpError::QueueFull),
                    _ => each(&message),
                }
            }
        }
    }
}
