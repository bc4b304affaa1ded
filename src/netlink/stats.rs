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

/// How many counters `struct rtnl_link_stats64` has had at most; the last one came with Linux 5.19.
pub const COUNT: usize = 25;

/// `struct rtnl_link_stats64` of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    values: [u64; COUNT],
    /// How many of them this kernel has.
    known: usize,
}

impl Statistics {
    /// Reads the structure, which is shorter on older kernels.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let mut statistics = Self { values: [0; COUNT], known: 0 };
        for (value, bytes) in statistics.values.iter_mut().zip(bytes.as_chunks().0) {
            *value = u64::from_ne_bytes(*bytes);
            statistics.known += 1;
        }
        statistics
    }

    /// The counter at a place of the structure; `None` where this kernel does not have it.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<u64> {
        self.values.get(..self.known)?.get(place).copied()
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
    each: &mut dyn FnMut(u32, Statistics),
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
            (Some(index), Some((_, bytes))) => each(index, Statistics::read(bytes)),
            _ => malformed = true,
        }
    })?;
    if malformed { Err(DumpError::Malformed) } else { Ok(interrupted) }
}

#[cfg(test)]
mod tests;
