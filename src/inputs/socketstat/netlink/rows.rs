//! From the payload of one message to one socket, for each family.

mod inet;
mod packet;
mod unix;

use super::question::{AF_PACKET, AF_UNIX};
use crate::inputs::socketstat::socket::{Protocol, Socket};

/// Parses the messages of one dump.
#[derive(Debug, Default)]
pub struct Rows {
    /// The inode of the row before, by which ss tells an SCTP association from a socket.
    inode: u32,
}

impl Rows {
    /// The socket in the payload of a message that answers for `protocol` and `family`; `None` where it is truncated, of
    /// another family, or its attributes are malformed.
    pub fn parse<'a>(&mut self, protocol: Protocol, family: u8, payload: &'a [u8]) -> Option<Socket<'a>> {
        if payload.first() != Some(&family) {
            return None;
        }
        match family {
            AF_UNIX => unix::parse(payload),
            AF_PACKET => packet::parse(payload),
            _ => inet::parse(protocol, payload, &mut self.inode),
        }
    }
}

#[cfg(test)]
mod tests;
