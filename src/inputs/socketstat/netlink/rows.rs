//! From one message to one socket, for each family. The texts are built in one reused buffer.

mod inet;
mod packet;
mod unix;

use super::request::{AF_PACKET, AF_UNIX};
use crate::inputs::socketstat::interfaces::Interfaces;
use crate::inputs::socketstat::socket::{Protocol, Socket};

/// Parses the messages of one dump.
#[derive(Debug)]
pub struct Rows {
    /// Addresses and ports of the row at hand, one after the other.
    text: Vec<u8>,
    interfaces: Interfaces,
    /// The inode of the row before, by which ss tells an SCTP association from a socket.
    inode: u32,
}

impl Rows {
    /// Names interfaces by `interfaces`.
    #[must_use]
    pub const fn new(interfaces: Interfaces) -> Self {
        Self { text: Vec::new(), interfaces, inode: 0 }
    }

    /// Begins a dump: what was remembered from the one before may be stale.
    pub fn start(&mut self) {
        self.interfaces.forget();
        self.inode = 0;
    }

    /// The socket in the payload of a message that answers for `protocol` and `family`; `None` where it is cut,
    /// of another family, or its attributes are malformed.
    pub fn parse<'a>(&'a mut self, protocol: Protocol, family: u8, payload: &'a [u8]) -> Option<Socket<'a>> {
        if payload.first() != Some(&family) {
            return None;
        }
        self.text.clear();
        match family {
            AF_UNIX => unix::parse(payload, &mut self.text),
            AF_PACKET => packet::parse(payload, &mut self.text, &mut self.interfaces),
            _ => inet::parse(protocol, payload, self),
        }
    }
}

#[cfg(test)]
mod tests;
