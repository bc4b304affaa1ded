//! Generic netlink: the number of a family and of its multicast groups.
//!
//! Source: `include/uapi/linux/genetlink.h`.

use std::time::Instant;

use nix::errno::Errno;

use super::dump::{DumpError, SharedDumper};
use super::message::{Attributes, number};
use super::request::Request;

/// `GENL_ID_CTRL`: the family that knows the others.
const CONTROLLER: u16 = 0x10;
/// `CTRL_CMD_GETFAMILY`.
const GET_FAMILY: u8 = 3;
/// `CTRL_ATTR_FAMILY_ID`.
const FAMILY_ID: u16 = 1;
/// `CTRL_ATTR_FAMILY_NAME`.
const FAMILY_NAME: u16 = 2;
/// `struct genlmsghdr`.
pub const GENL_HEADER: usize = 4;

/// The number of the family `name`.
///
/// # Errors
/// `ENOENT` where this kernel has no such family.
pub fn family(dumper: &SharedDumper, name: &str, deadline: Instant) -> Result<u16, DumpError> {
    let request = Request::one(CONTROLLER)
        .push(&[GET_FAMILY, 1, 0, 0])
        .attribute(FAMILY_NAME, &[name.as_bytes(), b"\0"].concat());
    let mut id = None;
    dumper.ask(request, deadline, &mut |message| {
        let attributes = Attributes(message.payload.get(GENL_HEADER..).unwrap_or_default());
        let found = attributes.map_while(Result::ok).find(|(kind, _)| *kind == FAMILY_ID);
        id = found.and_then(|(_, value)| number(value, 0));
    })?;
    id.ok_or(DumpError::Refused(Errno::ENOENT))
}
