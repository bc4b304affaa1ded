//! Speed and duplex of every network device: `ETHTOOL_MSG_LINKMODES_GET` of generic netlink, since Linux 5.6.
//!
//! Sources: `Documentation/networking/ethtool-netlink.rst` and `include/uapi/linux/ethtool_netlink.h` of the kernel.

use std::time::Instant;

use super::dump::{DumpError, SharedDumper};
use super::genl::GENL_HEADER;
use super::message::{Attributes, Message, number};
use super::request::Request;

/// The name of the family.
pub const FAMILY: &str = "ethtool";

/// `ETHTOOL_MSG_LINKMODES_GET`, and the number of its answer too.
const LINKMODES_GET: u8 = 4;
/// `ETHTOOL_A_LINKMODES_HEADER`.
const HEADER: u16 = 1;
/// `ETHTOOL_A_LINKMODES_SPEED`.
const SPEED: u16 = 5;
/// `ETHTOOL_A_LINKMODES_DUPLEX`.
const DUPLEX: u16 = 6;
/// `ETHTOOL_A_HEADER_DEV_INDEX`, inside the header.
const DEVICE_INDEX: u16 = 1;
/// `ETHTOOL_A_HEADER_FLAGS`, inside the header.
const FLAGS: u16 = 3;
/// `ETHTOOL_FLAG_COMPACT_BITSETS`: the link modes as bits. As a list of names they are most of the answer.
const COMPACT_BITSETS: u32 = 1;

/// What a device's driver says of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkMode {
    /// In Mbit/s, `u32::MAX` where it is not known.
    pub speed: u32,
    /// 0 for half duplex, 1 for full, other numbers where it is not known.
    pub duplex: Option<u8>,
}

/// Asks for the link modes of every device that has some, and hands on each with the index of its device. `family` is
/// the number of the family [`FAMILY`].
///
/// # Errors
/// When the list is not whole: a single device whose driver fails ends it. What was handed on stays good.
pub fn list(
    dumper: &SharedDumper,
    family: u16,
    deadline: Instant,
    each: &mut dyn FnMut(u32, LinkMode),
) -> Result<(), DumpError> {
    let request = Request::dump(family)
        .push(&[LINKMODES_GET, 1, 0, 0])
        .nested(HEADER, &[(FLAGS, &COMPACT_BITSETS.to_ne_bytes())]);
    let mut malformed = false;
    dumper.ask(request, deadline, &mut |message| {
        if message.kind == family {
            match link_mode(message) {
                Some((index, mode)) => each(index, mode),
                None => malformed = true,
            }
        }
    })?;
    if malformed { Err(DumpError::Malformed) } else { Ok(()) }
}

fn link_mode(message: &Message<'_>) -> Option<(u32, LinkMode)> {
    let (mut index, mut speed, mut duplex) = (None, None, None);
    for attribute in Attributes(message.payload.get(GENL_HEADER..)?) {
        match attribute.ok()? {
            (HEADER, header) => {
                let found = Attributes(header).map_while(Result::ok).find(|(kind, _)| *kind == DEVICE_INDEX);
                index = found.and_then(|(_, value)| number(value, 0));
            }
            (SPEED, value) => speed = number(value, 0),
            (DUPLEX, value) => duplex = number(value, 0),
            _ => {}
        }
    }
    Some((index?, LinkMode { speed: speed?, duplex }))
}

#[cfg(test)]
mod tests;
