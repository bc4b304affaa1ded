//! Generic netlink: looks up the number of a message family.
//!
//! Source: `include/uapi/linux/genetlink.h`.

use std::time::Instant;

use nix::errno::Errno;

use super::dump::{DumpError, SharedDumper};
use super::message::{find_attribute, number};
use super::request::Request;

/// `GENL_ID_CTRL`: the family that lists all families.
const CONTROLLER: u16 = 0x10;
/// `CTRL_CMD_GETFAMILY`.
const GET_FAMILY: u8 = 3;
/// `CTRL_ATTR_FAMILY_ID`.
const FAMILY_ID: u16 = 1;
/// `CTRL_ATTR_FAMILY_NAME`.
const FAMILY_NAME: u16 = 2;
/// `sizeof(struct genlmsghdr)`.
pub const GENL_HEADER: usize = 4;

/// Returns the number of the family `name`.
///
/// # Errors
/// `ENOENT` if this kernel does not have the family.
pub fn family(dumper: &SharedDumper, name: &str, deadline: Instant) -> Result<u16, DumpError> {
    let request = Request::one(CONTROLLER)
        .push(&[GET_FAMILY, 1, 0, 0])
        .attribute(FAMILY_NAME, &[name.as_bytes(), b"\0"].concat());
    let mut id = None;
    dumper.lock().ask(request, deadline, &mut |message| {
        let attributes = message.payload.get(GENL_HEADER..).unwrap_or_default();
        id = find_attribute(attributes, FAMILY_ID).and_then(|value| number(value, 0));
    })?;
    id.ok_or(DumpError::Refused(Errno::ENOENT))
}
