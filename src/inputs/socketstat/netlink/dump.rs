//! One dump: the requests, the answers to them, and what can go wrong on the way.

use std::time::Instant;

use nix::errno::Errno;

use super::request::{encode, families};
use super::rows::Rows;
use crate::inputs::socketstat::socket::Protocol;
use crate::inputs::socketstat::source::Sink;
use crate::netlink::channel::Channel;
use crate::netlink::message::{
    DONE, ERROR, INTERRUPTED, Message, Messages, NOOP, OVERRUN, SOCK_DIAG_BY_FAMILY,
};

/// How a dump that reached its end went.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The kernel said that its tables changed meanwhile.
    pub interrupted: bool,
    /// Messages that were no socket's, or cut.
    pub lost: u64,
    /// No family of the protocol is there.
    pub absent: bool,
}

/// Why a dump did not reach its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// The kernel had no room in the queue: a longer one may help.
    QueueFull,
    /// A datagram had this many bytes, more than the buffer.
    Cut(usize),
    /// The deadline passed.
    Late,
    /// The kernel refused, with this errno.
    Refused(Errno),
    /// What came is not netlink.
    Broken,
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOBUFS => Self::QueueFull,
            Errno::ETIME => Self::Late,
            errno => Self::Refused(errno),
        }
    }
}

/// What one dump works with.
pub struct Dump<'a> {
    /// The kernel.
    pub channel: &'a mut dyn Channel,
    /// The parser.
    pub rows: &'a mut Rows,
    /// Holds one datagram.
    pub buffer: &'a mut [u8],
    /// The number of the request before; counts on, so that late answers to an older one are told apart.
    pub sequence: &'a mut u32,
    /// When to give up.
    pub deadline: Instant,
}

impl Dump<'_> {
    /// Lists the sockets of `protocol` in `states` (bit N for state N).
    ///
    /// # Errors
    /// A [`Stop`]; `sink` then has a part of the sockets.
    pub fn run(&mut self, protocol: Protocol, states: u32, sink: &mut dyn Sink) -> Result<Summary, Stop> {
        let mut summary = Summary { absent: true, ..Summary::default() };
        self.rows.start();
        for family in families(protocol) {
            *self.sequence = self.sequence.wrapping_add(1);
            self.channel.send(&encode(protocol, *family, states, *self.sequence))?;
            match self.family(protocol, *family, &mut summary, sink) {
                Ok(()) => summary.absent = false,
                Err(Stop::Refused(Errno::ENOENT)) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(summary)
    }

    /// Reads the answers to the last request.
    fn family(
        &mut self,
        protocol: Protocol,
        family: u8,
        summary: &mut Summary,
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        loop {
            let length = self.channel.receive(self.buffer, self.deadline)?;
            let datagram = self.buffer.get(..length).ok_or(Stop::Cut(length))?;
            if datagram.is_empty() {
                return Err(Stop::Broken);
            }
            for message in Messages(datagram) {
                let message = message.map_err(|_| Stop::Broken)?;
                if message.sequence != *self.sequence || message.port != self.channel.port() {
                    continue;
                }
                summary.interrupted |= message.flags & INTERRUPTED != 0;
                match message.kind {
                    SOCK_DIAG_BY_FAMILY => match self.rows.parse(protocol, family, message.payload) {
                        Some(socket) => sink.socket(&socket),
                        None => summary.lost += 1,
                    },
                    NOOP => {}
                    DONE => return succeeded(&message),
                    ERROR => succeeded(&message)?,
                    OVERRUN => return Err(Stop::QueueFull),
                    _ => summary.lost += 1,
                }
            }
        }
    }
}

/// The end of a dump, and an error, say why with an errno; a module that is missing is told either way.
fn succeeded(message: &Message<'_>) -> Result<(), Stop> {
    match message.errno() {
        0 => Ok(()),
        errno => Err(Errno::from_raw(errno).into()),
    }
}
