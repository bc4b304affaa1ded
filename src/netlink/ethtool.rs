//! Speed and duplex of every network device: `ETHTOOL_MSG_LINKMODES_GET` of generic netlink, since Linux 5.6.
//!
//! Sources: `Documentation/networking/ethtool-netlink.rst` and `include/uapi/linux/ethtool_netlink.h` of the kernel.

use std::time::Instant;

use super::dump::{DumpError, SharedDumper};
use super::genl::GENL_HEADER;
use super::message::{Attributes, Message, find_attribute, number};
use super::request::Request;

/// The name of the generic netlink family.
pub const FAMILY: &str = "ethtool";

/// `ETHTOOL_MSG_LINKMODES_GET`. The answer has the same number.
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
/// `ETHTOOL_FLAG_COMPACT_BITSETS`: the link modes as a bit mask. A list of names would be most of the answer.
const COMPACT_BITSETS: u32 = 1;

/// The link mode of a device, as its driver reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkMode {
    /// In Mbit/s; `u32::MAX` if it is unknown.
    pub speed: u32,
    /// 0 for half duplex, 1 for full duplex, other values if it is unknown.
    pub duplex: Option<u8>,
}

/// Passes the link mode of every device that has one to `each`, with the index of the device. `family` is the number of
/// the family [`FAMILY`].
///
/// # Errors
/// If the list is incomplete: a single failing driver ends it. Link modes passed to `each` before that are valid.
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
    dumper.lock().ask(request, deadline, &mut |message| {
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
                index = find_attribute(header, DEVICE_INDEX).and_then(|value| number(value, 0));
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
