//! Builds requests.
//!
//! Source: netlink(7) and `include/uapi/linux/netlink.h`.

use super::message::{HEADER, NESTED};

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 0x1;
/// `NLM_F_ACK`: ends the answer with a message that carries an errno. A dump always ends with one.
const ACK: u16 = 0x4;
/// `NLM_F_ROOT | NLM_F_MATCH`: all objects instead of one.
const DUMP: u16 = 0x100 | 0x200;
/// The offset of the sequence number in `struct nlmsghdr`.
const SEQUENCE: usize = 8;

/// A request: the header, the fixed part of this kind of message, then attributes.
#[derive(Clone, Debug)]
pub struct Request(Vec<u8>);

impl Request {
    /// A request for all objects of a kind.
    #[must_use]
    pub fn dump(kind: u16) -> Self {
        Self::new(kind, REQUEST | DUMP)
    }

    /// A request for one object.
    #[must_use]
    pub fn one(kind: u16) -> Self {
        Self::new(kind, REQUEST | ACK)
    }

    fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        // The sequence number, filled in by `finish`, and the kernel's port, 0.
        bytes.resize(HEADER, 0);
        Self(bytes)
    }

    /// Appends a fixed part.
    #[must_use]
    pub fn push(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(part);
        self
    }

    /// Appends an attribute.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        // No attribute of this plugin is near 64 KiB.
        let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// Appends an attribute that consists of attributes.
    #[must_use]
    pub fn nested(self, kind: u16, attributes: &[(u16, &[u8])]) -> Self {
        let mut inner = Self(Vec::new());
        for (kind, value) in attributes {
            inner = inner.attribute(*kind, value);
        }
        self.attribute(kind | NESTED, &inner.0)
    }

    /// The bytes to send, with a sequence number.
    #[must_use]
    pub fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        for (at, number) in [(0, length), (SEQUENCE, sequence)] {
            if let Some(place) = self.0.get_mut(at..at + 4) {
                place.copy_from_slice(&number.to_ne_bytes());
            }
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::{Attributes, Messages};

    #[test]
    fn attributes_can_be_nested() {
        let bytes = Request::dump(18).nested(1, &[(3, &[1, 2, 3, 4])]).finish(99);
        let headers = [12_u16, 0x8001, 8, 3].map(u16::to_ne_bytes).concat();
        assert_eq!(bytes[HEADER..], [&headers[..], &[1, 2, 3, 4]].concat());
    }

    #[test]
    fn a_request_is_a_message_with_its_attributes() {
        let bytes = Request::dump(18).push(&[7; 4]).attribute(29, &[1, 2, 3]).attribute(30, &[]).finish(99);
        let message = Messages(&bytes).next().unwrap().unwrap();
        assert_eq!((message.kind, message.flags, message.sequence), (18, 0x301, 99));
        let attributes: Vec<_> = Attributes(&message.payload[4..]).map(Result::unwrap).collect();
        assert_eq!(attributes, [(29, &[1_u8, 2, 3][..]), (30, &[])]);
    }
}
