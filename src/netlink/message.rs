//! Netlink messages and their attributes, read in place from the bytes of a datagram.
//!
//! Every length is checked against what is there. Numbers are in the byte order of the machine.
//! Source: netlink(7) and `include/uapi/linux/netlink.h`.

/// `struct nlmsghdr`.
pub const HEADER: usize = 16;

/// `NLMSG_NOOP`.
pub const NOOP: u16 = 1;
/// `NLMSG_ERROR`: the answer is an errno.
pub const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump, with an errno too.
pub const DONE: u16 = 3;
/// `NLMSG_OVERRUN`: answers were lost.
pub const OVERRUN: u16 = 4;
/// `TCPDIAG_GETSOCK`: the request for TCP sockets of any family, and each of the answer.
pub const TCPDIAG_GETSOCK: u16 = 18;
/// `SOCK_DIAG_BY_FAMILY`: the request, and each socket of the answer.
pub const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// `NLM_F_DUMP_INTR`: what is dumped changed meanwhile, so that rows may be missing or double.
pub const INTERRUPTED: u16 = 0x10;

/// `NLA_F_NESTED`: the bit of an attribute's type that says that its value consists of attributes.
pub const NESTED: u16 = 0x8000;
/// The bits of an attribute's type that are its type (`NLA_TYPE_MASK`).
const ATTRIBUTE_TYPE: u16 = 0x3fff;
/// `struct nlattr`.
const ATTRIBUTE_HEADER: usize = 4;

/// A length that points past the end, or is shorter than its own header.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// One message of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is: [`DONE`], [`ERROR`], [`SOCK_DIAG_BY_FAMILY`], ...
    pub kind: u16,
    /// Flags, of which [`INTERRUPTED`] matters.
    pub flags: u16,
    /// The sequence number of the request that it answers.
    pub sequence: u32,
    /// The port of the socket that asked.
    pub port: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// The errno in an answer of kind [`DONE`] or [`ERROR`], 0 for success. The kernel negates it.
    #[must_use]
    pub fn errno(&self) -> i32 {
        number(self.payload, 0).map_or(0, |code: u32| code.cast_signed().saturating_neg())
    }
}

/// The messages of a datagram, up to the first malformed one.
#[derive(Debug)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let length = number::<u32>(self.0, 0).map(|length| length as usize);
        let message = cut(&mut self.0, length, HEADER);
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

/// The attributes of a message, type and value, up to the first malformed one.
#[derive(Debug)]
pub struct Attributes<'a>(pub &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let length = number::<u16>(self.0, 0).map(usize::from);
        let attribute = cut(&mut self.0, length, ATTRIBUTE_HEADER);
        let parts = |attribute: &'a [u8]| {
            Some((number::<u16>(attribute, 2)? & ATTRIBUTE_TYPE, attribute.get(ATTRIBUTE_HEADER..)?))
        };
        Some(attribute.and_then(parts).ok_or(Malformed))
    }
}

/// Takes `length` bytes off the front, and the padding to a multiple of 4; nothing is left after a false length.
fn cut<'a>(rest: &mut &'a [u8], length: Option<usize>, least: usize) -> Option<&'a [u8]> {
    let whole = std::mem::take(rest);
    let (head, _) = whole.split_at_checked(length.filter(|length| *length >= least)?)?;
    *rest = whole.get(head.len().next_multiple_of(4)..).unwrap_or_default();
    Some(head)
}

/// Integers that are read from a message.
pub trait Number: Sized {
    /// The integer at `at`, in the byte order of the machine; `None` where the data ends before it does.
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

/// The integer at offset `at`; `None` where the data ends before it does.
#[must_use]
pub fn number<T: Number>(data: &[u8], at: usize) -> Option<T> {
    T::read(data, at)
}

#[cfg(test)]
mod tests;
