//! The interfaces of this system with their flags, in one question to the kernel: `RTM_GETLINK`.
//!
//! getifaddrs(3) asks it too, but for all that the kernel knows of each interface and for every address: with a
//! thousand interfaces that costs more than all the rest of the gather.
//!
//! Sources: rtnetlink(7), `include/uapi/linux/rtnetlink.h` and `if_link.h`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::system::Status;
use crate::netlink::channel::{Channel, KernelChannel};
use crate::netlink::message::{Attributes, DONE, ERROR, HEADER, Message, Messages, number};

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
/// `NLM_F_REQUEST` and `NLM_F_DUMP`.
const DUMP: u16 = 0x1 | 0x300;
/// `struct ifinfomsg`.
const IFINFOMSG: usize = 16;
const IFLA_IFNAME: u16 = 3;
const IFLA_EXT_MASK: u16 = 29;
/// The counters come from /proc.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

/// Room for a datagram of a dump: the kernel fills up to 32 KiB.
const DATAGRAM: usize = 64 * 1024;
/// What may be queued meanwhile.
const QUEUE: usize = 256 * 1024;
/// The kernel answers at once; this only ends a dump that never does.
const PATIENCE: Duration = Duration::from_secs(5);

/// The status of every interface, by name.
///
/// # Errors
/// The errno of the question; `EPROTO` for an answer that makes no sense.
pub(super) fn interfaces() -> Result<HashMap<Vec<u8>, Status>, Errno> {
    let mut channel = KernelChannel::open(SockProtocol::NetlinkRoute, 0, QUEUE)?;
    channel.send(&request())?;
    let deadline = Instant::now() + PATIENCE;
    let mut datagram = vec![0; DATAGRAM];
    let mut interfaces = HashMap::new();
    loop {
        let length = channel.receive(&mut datagram, deadline)?;
        let messages = datagram.get(..length).ok_or(Errno::EMSGSIZE)?;
        if take(messages, &mut interfaces)? {
            return Ok(interfaces);
        }
    }
}

/// The kernel's word that an interface came, went, or changed (`RTNLGRP_LINK`).
#[derive(Debug)]
pub(super) struct Changes(KernelChannel);

impl Changes {
    /// Listens from now on.
    pub(super) fn subscribe() -> Result<Self, Errno> {
        const RTMGRP_LINK: u32 = 1;
        KernelChannel::open(SockProtocol::NetlinkRoute, RTMGRP_LINK, QUEUE).map(Self)
    }

    /// Whether there was any since the last question; an answer that cannot be had counts as one.
    pub(super) fn any(&mut self) -> bool {
        // What has changed is asked anew, so the messages need not be whole.
        self.0.drain(&mut [0; 64]).unwrap_or(true)
    }
}

fn request() -> Vec<u8> {
    let mut attribute = Vec::new();
    attribute.extend_from_slice(&8_u16.to_ne_bytes());
    attribute.extend_from_slice(&IFLA_EXT_MASK.to_ne_bytes());
    attribute.extend_from_slice(&RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    let length = HEADER + IFINFOMSG + attribute.len();
    let mut request = Vec::with_capacity(length);
    // A message this short fits any integer.
    request.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
    request.extend_from_slice(&RTM_GETLINK.to_ne_bytes());
    request.extend_from_slice(&DUMP.to_ne_bytes());
    // Sequence, port, and an ifinfomsg that asks for all.
    request.resize(HEADER + IFINFOMSG, 0);
    request.extend_from_slice(&attribute);
    request
}

/// Adds the interfaces of a datagram; true at the end of the dump.
fn take(datagram: &[u8], interfaces: &mut HashMap<Vec<u8>, Status>) -> Result<bool, Errno> {
    for message in Messages(datagram) {
        let message = message.map_err(|_| Errno::EPROTO)?;
        match message.kind {
            DONE | ERROR if message.errno() != 0 => return Err(Errno::from_raw(message.errno())),
            DONE => return Ok(true),
            RTM_NEWLINK => interfaces.extend(interface(&message)),
            _ => {}
        }
    }
    Ok(false)
}

fn interface(message: &Message<'_>) -> Option<(Vec<u8>, Status)> {
    let flags: u32 = number(message.payload, 8)?;
    let attributes = Attributes(message.payload.get(IFINFOMSG..)?);
    let (_, name) = attributes.map_while(Result::ok).find(|(kind, _)| *kind == IFLA_IFNAME)?;
    let name = name.split(|byte| *byte == 0).next()?;
    Some((name.to_vec(), Status::of_flags(flags)))
}

#[cfg(test)]
mod tests;
