//! Parses the payload of one message into one socket, for each address family.

mod inet;
mod packet;
mod unix;

use super::question::{AF_PACKET, AF_UNIX};
use crate::inputs::socketstat::socket::{Protocol, Socket};

/// Parses the messages of one dump.
#[derive(Debug, Default)]
pub struct Rows {
    /// The inode of the previous socket. ss uses it to recognize an SCTP association.
    inode: u32,
}

impl Rows {
    /// Parses the payload of an answer for `protocol` and `family`. `None` if it is truncated, of another family, or has
    /// malformed attributes.
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
