//! The network devices of this network namespace: `RTM_GETLINK`.
//!
//! getifaddrs(3) asks it too, but for all that the kernel knows of each device and for every address: with a thousand
//! devices that costs more than all the rest of a gather.
//!
//! Sources: rtnetlink(7), `include/uapi/linux/rtnetlink.h` and `if_link.h`.

use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::channel::KernelChannel;
use super::dump::{DumpError, SharedDumper};
use super::message::{Attributes, Message, number};
use super::request::Request;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
/// `struct ifinfomsg`.
const IFINFOMSG: usize = 16;
const IFLA_IFNAME: u16 = 3;
const IFLA_EXT_MASK: u16 = 29;
/// The counters come from elsewhere.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

/// What may be queued of changes.
const QUEUE: usize = 256 * 1024;
/// How often an interrupted dump is started again.
const ATTEMPTS: u32 = 8;

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: Vec<u8>,
    /// `IFF_UP` and others, see netdevice(7).
    pub flags: u32,
}

/// Every device. An interrupted dump is started again, since devices may be missing from it; the last one counts.
///
/// # Errors
/// When the kernel gives no list, or one with malformed messages.
pub fn links(dumper: &SharedDumper, deadline: Instant) -> Result<Vec<Link>, DumpError> {
    let mut attempts = ATTEMPTS;
    loop {
        let mut links = Vec::new();
        let mut malformed = false;
        let interrupted = dumper.ask(request(), deadline, &mut |message| {
            if message.kind == RTM_NEWLINK {
                match link(message) {
                    Some(link) => links.push(link),
                    None => malformed = true,
                }
            }
        })?;
        attempts -= 1;
        if malformed {
            return Err(DumpError::Malformed);
        }
        if !interrupted || attempts == 0 {
            return Ok(links);
        }
    }
}

/// The kernel's messages that a device came, went, or changed (`RTNLGRP_LINK`).
#[derive(Debug)]
pub struct Changes(KernelChannel);

impl Changes {
    /// Listens from now on.
    ///
    /// # Errors
    /// The errno of the system call that failed.
    pub fn subscribe() -> Result<Self, Errno> {
        const RTMGRP_LINK: u32 = 1;
        KernelChannel::open(SockProtocol::NetlinkRoute, RTMGRP_LINK, QUEUE).map(Self)
    }

    /// Whether there was any since the last question; an answer that cannot be had counts as one.
    pub fn any(&mut self) -> bool {
        // What has changed is asked anew, so the messages need not be whole.
        self.0.drain(&mut [0; 64]).unwrap_or(true)
    }
}

fn request() -> Request {
    // An ifinfomsg of zeros asks for all devices.
    Request::dump(RTM_GETLINK)
        .push(&[0; IFINFOMSG])
        .attribute(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes())
}

fn link(message: &Message<'_>) -> Option<Link> {
    let flags: u32 = number(message.payload, 8)?;
    let attributes = Attributes(message.payload.get(IFINFOMSG..)?);
    let (_, name) = attributes.map_while(Result::ok).find(|(kind, _)| *kind == IFLA_IFNAME)?;
    let name = name.split(|byte| *byte == 0).next()?;
    Some(Link { name: name.to_vec(), flags })
}

#[cfg(test)]
mod tests;
