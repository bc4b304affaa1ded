//! Netlink messages and their attributes, read in place from the bytes of a datagram.
//!
//! Every length is checked. Numbers are in the byte order of the machine.
//! Source: netlink(7) and `include/uapi/linux/netlink.h`.

/// `sizeof(struct nlmsghdr)`.
pub const HEADER: usize = 16;

/// `NLMSG_NOOP`.
pub(crate) const NOOP: u16 = 1;
/// `NLMSG_ERROR`: the payload is an errno.
pub const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump. The payload is an errno.
pub const DONE: u16 = 3;
/// `NLMSG_OVERRUN`: messages were lost.
pub const OVERRUN: u16 = 4;
/// `TCPDIAG_GETSOCK`: the request for TCP sockets of any family, and each of the answer.
pub const TCPDIAG_GETSOCK: u16 = 18;
/// `SOCK_DIAG_BY_FAMILY`: a request for sockets, and each socket of the answer.
pub const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// `NLM_F_DUMP_INTR`: the objects changed during the dump, so some may be missing or duplicated.
pub(crate) const INTERRUPTED: u16 = 0x10;

/// `NLA_F_NESTED`: the flag in an attribute's type for a value that consists of attributes.
pub const NESTED: u16 = 0x8000;
/// `NLA_TYPE_MASK`: the bits of an attribute's type without its flags.
const ATTRIBUTE_TYPE: u16 = 0x3fff;
/// `sizeof(struct nlattr)`.
const ATTRIBUTE_HEADER: usize = 4;

/// A message or attribute with a length past the end of the data, or shorter than its own header.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// One message of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The type, for instance [`DONE`].
    pub kind: u16,
    /// The flags, for instance `NLM_F_DUMP_INTR`.
    pub flags: u16,
    /// The sequence number of the request that it answers.
    pub sequence: u32,
    /// The port of the socket that sent the request.
    pub port: u32,
    /// The data after the header.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// The errno in a message of kind `DONE` or `ERROR`; 0 for success. The kernel sends it negated.
    #[must_use]
    pub fn errno(&self) -> i32 {
        number(self.payload, 0).map_or(0, |code: u32| code.cast_signed().saturating_neg())
    }
}

/// Iterates over the messages of a datagram, up to the first malformed one.
#[derive(Debug)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let length = number::<u32>(self.0, 0).map(|length| length as usize);
        let message = take(&mut self.0, length, HEADER);
        let header = |message: &'a [u8]| {
            Some(Message {
                kind: number(message, 4)?,
                flags: number(message, 6)?,
                sequence: number(message, 8)?,
                port: number(message, 12)?,
                payload: message.get(HEADER..)?,
            })
        };
        Some(message.and_then(header).ok_or(Malformed))
    }
}

/// Iterates over the attributes of a message, as type and value, up to the first malformed one.
#[derive(Debug)]
pub(crate) struct Attributes<'a>(pub &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let length = number::<u16>(self.0, 0).map(usize::from);
        let attribute = take(&mut self.0, length, ATTRIBUTE_HEADER);
        let parts = |attribute: &'a [u8]| {
            Some((number::<u16>(attribute, 2)? & ATTRIBUTE_TYPE, attribute.get(ATTRIBUTE_HEADER..)?))
        };
        Some(attribute.and_then(parts).ok_or(Malformed))
    }
}

/// Takes `length` bytes and the padding to a multiple of 4 off the front. After an invalid length, `rest` is empty.
fn take<'a>(rest: &mut &'a [u8], length: Option<usize>, least: usize) -> Option<&'a [u8]> {
    let whole = std::mem::take(rest);
    let (head, _) = whole.split_at_checked(length.filter(|length| *length >= least)?)?;
    *rest = whole.get(head.len().next_multiple_of(4)..).unwrap_or_default();
    Some(head)
}

/// An integer that can be read from a message.
pub trait Number: Sized {
    /// Reads the integer at offset `at`, in the byte order of the machine. `None` if the data is too short.
    fn read(data: &[u8], at: usize) -> Option<Self>;
}

macro_rules! numbers {
    ($($integer:ty),*) => {$(
        impl Number for $integer {
            fn read(data: &[u8], at: usize) -> Option<Self> {
                data.get(at..)?.first_chunk().copied().map(Self::from_ne_bytes)
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64);

/// Reads the integer at offset `at`. `None` if the data is too short.
#[must_use]
pub fn number<T: Number>(data: &[u8], at: usize) -> Option<T> {
    T::read(data, at)
}

#[cfg(test)]
mod tests;
