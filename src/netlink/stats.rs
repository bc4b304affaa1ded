//! The counters of every network device: `RTM_GETSTATS`, since Linux 4.7.
//!
//! It takes the kernel a twentieth of the time of `RTM_GETLINK`, which returns all properties of each device.
//!
//! Source: `include/uapi/linux/if_link.h` and `rtnl_stats_dump` in the kernel's `net/core/rtnetlink.c`.

use std::time::Instant;

use super::dump::{DumpError, SharedDumper};
use super::message::{find_attribute, number};
use super::request::Request;

const RTM_NEWSTATS: u16 = 92;
const RTM_GETSTATS: u16 = 94;
/// `sizeof(struct if_stats_msg)`.
const IF_STATS_MSG: usize = 12;
/// The offset of the device's index in `struct if_stats_msg`, and in `struct ifinfomsg`.
const INDEX: usize = 4;
/// The attribute that contains `struct rtnl_link_stats64`.
const IFLA_STATS_LINK_64: u16 = 1;
/// Requests only that attribute.
const FILTER: u32 = 1 << (IFLA_STATS_LINK_64 - 1);

/// The `struct rtnl_link_stats64` of one device. It is shorter on older kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics<'a>(&'a [u8]);

impl<'a> Statistics<'a> {
    /// Wraps the bytes of the structure.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes of the structure.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The counter with this index in the structure; `None` if this kernel does not have it.
    #[must_use]
    pub fn get(self, index: usize) -> Option<u64> {
        number(self.0, index * size_of::<u64>())
    }
}

/// Passes the counters of every device to `each`, with the index of the device. Returns whether the list of devices
/// changed meanwhile, so that some may be missing.
///
/// # Errors
/// If the list cannot be read, or a message is malformed. `EOPNOTSUPP` if this kernel does not support the request.
pub fn list(
    dumper: &SharedDumper,
    deadline: Instant,
    each: &mut dyn FnMut(u32, Statistics<'_>),
) -> Result<bool, DumpError> {
    let request = Request::dump(RTM_GETSTATS).push(&[0; IF_STATS_MSG - 4]).push(&FILTER.to_ne_bytes());
    let format = Format { message: RTM_NEWSTATS, header: IF_STATS_MSG, attribute: IFLA_STATS_LINK_64 };
    format.list(dumper, request, deadline, each)
}

/// Where the counters are in the messages of an answer.
pub(super) struct Format {
    /// The type of the messages.
    pub(super) message: u16,
    /// The size of the structure before the attributes, in bytes.
    pub(super) header: usize,
    pub(super) attribute: u16,
}

impl Format {
    /// Sends a request and passes the counters of every device in the answer to `each`.
    pub(super) fn list(
        &self,
        dumper: &SharedDumper,
        request: Request,
        deadline: Instant,
        each: &mut dyn FnMut(u32, Statistics<'_>),
    ) -> Result<bool, DumpError> {
        let mut malformed = false;
        let interrupted = dumper.lock().ask(request, deadline, &mut |message| {
            if message.kind != self.message {
                return;
            }
            let attributes = message.payload.get(self.header..).unwrap_or_default();
            match (number(message.payload, INDEX), find_attribute(attributes, self.attribute)) {
                (Some(index), Some(bytes)) => each(index, Statistics::new(bytes)),
                _ => malformed = true,
            }
        })?;
        if malformed { Err(DumpError::Malformed) } else { Ok(interrupted) }
    }
}

#[cfg(test)]
mod tests;
