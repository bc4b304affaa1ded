//! The counters of every network device: `RTM_GETSTATS`, since Linux 4.7.
//!
//! It costs the kernel a twentieth of what `RTM_GETLINK` costs, which says all that is known of each device.
//!
//! Source: `include/uapi/linux/if_link.h` and `rtnl_stats_dump` in the kernel's `net/core/rtnetlink.c`.

use std::time::Instant;

use super::dump::{DumpError, SharedDumper};
use super::message::{Attributes, number};
use super::request::Request;

const RTM_NEWSTATS: u16 = 92;
const RTM_GETSTATS: u16 = 94;
/// `struct if_stats_msg`.
const IF_STATS_MSG: usize = 12;
/// Where its index is.
const INDEX: usize = 4;
/// The attribute with `struct rtnl_link_stats64`.
const IFLA_STATS_LINK_64: u16 = 1;
/// Asks for that attribute alone.
const FILTER: u32 = 1 << (IFLA_STATS_LINK_64 - 1);

/// `struct rtnl_link_stats64` of one device, which is shorter on older kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics<'a>(&'a [u8]);

impl<'a> Statistics<'a> {
    /// That of a message, or what was kept of it.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes of the message.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The counter at a place of the structure; `None` where this kernel does not have it.
    #[must_use]
    pub fn get(self, place: usize) -> Option<u64> {
        number(self.0, place * size_of::<u64>())
    }
}

/// Asks for the counters of every device and hands on each with the index of its device. Returns whether the list of
/// devices changed meanwhile, so that some may be missing.
///
/// # Errors
/// When the kernel gives no list, or one with malformed messages. `EOPNOTSUPP` where it does not know the question.
pub fn list(
    dumper: &SharedDumper,
    deadline: Instant,
    each: &mut dyn FnMut(u32, Statistics<'_>),
) -> Result<bool, DumpError> {
    let request = Request::dump(RTM_GETSTATS).push(&[0; IF_STATS_MSG - 4]).push(&FILTER.to_ne_bytes());
    let mut malformed = false;
    let interrupted = dumper.ask(request, deadline, &mut |message| {
        if message.kind != RTM_NEWSTATS {
            return;
        }
        let attributes = Attributes(message.payload.get(IF_STATS_MSG..).unwrap_or_default());
        let found = attributes.map_while(Result::ok).find(|(kind, _)| *kind == IFLA_STATS_LINK_64);
        match (number(message.payload, INDEX), found) {
            (Some(index), Some((_, bytes))) => each(index, Statistics::new(bytes)),
            _ => malformed = true,
        }
    })?;
    if malformed { Err(DumpError::Malformed) } else { Ok(interrupted) }
}

#[cfg(test)]
mod tests;
