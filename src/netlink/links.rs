//! The network devices of this network namespace: `RTM_GETLINK`, and the messages that report a change of one.
//!
//! Sources: rtnetlink(7), `include/uapi/linux/{rtnetlink,if_link}.h`, and `rtnl_fill_ifinfo` in the kernel's
//! `net/core/rtnetlink.c`.

use std::time::Instant;

use super::dump::{DumpError, SharedDumper};
use super::message::{Attributes, Message, number};
use super::request::Request;
use super::stats::Statistics;

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
/// `struct ifinfomsg`.
const IFINFOMSG: usize = 16;
/// Where its index is.
const INDEX: usize = 4;
/// Where its flags are.
const FLAGS: usize = 8;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_WIRELESS: u16 = 11;
const IFLA_TXQLEN: u16 = 13;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_STATS64: u16 = 23;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_CARRIER: u16 = 33;
const IFLA_CARRIER_CHANGES: u16 = 35;
const IFLA_PARENT_DEV_NAME: u16 = 56;
/// Inside `IFLA_LINKINFO`.
const IFLA_INFO_KIND: u16 = 1;
/// Leaves the statistics out of the answer.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

const IFF_UP: u32 = 0x1;
const IFF_LOOPBACK: u32 = 0x8;

/// The index of the loopback device, in every namespace.
const LOOPBACK: i32 = 1;

/// What the kernel says of one device. A number is `None` where this kernel does not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: Vec<u8>,
    /// `IFF_UP` and others, see netdevice(7).
    pub flags: u32,
    /// The longest packet, in bytes.
    pub mtu: Option<u32>,
    /// The length of its queue of packets to be sent.
    pub tx_queue_len: Option<u32>,
    /// `IF_OPER_*` of `include/uapi/linux/if.h`, the states of RFC 2863.
    pub oper_state: Option<u8>,
    /// Whether it has a carrier.
    pub carrier: Option<bool>,
    /// How often the carrier came or went.
    pub carrier_changes: Option<u32>,
    /// The index of the bridge or bond that it belongs to.
    pub master: Option<u32>,
    /// Its hardware address; empty where it has none.
    pub address: Vec<u8>,
    /// Its alias; empty where it has none.
    pub alias: Vec<u8>,
    /// The kind of device (`veth`, `bridge`, ...); empty where it is none of those that can be made with `ip link add`.
    pub kind: Vec<u8>,
    /// Whether it has a device on a bus. Kernels before 5.14 do not say so.
    pub on_bus: bool,
}

impl Link {
    /// Whether it is administratively up.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.flags & IFF_UP != 0
    }

    /// Whether it is a loopback device.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.flags & IFF_LOOPBACK != 0
    }

    /// Takes an attribute over.
    fn take(&mut self, kind: u16, value: &[u8]) {
        match kind {
            IFLA_ADDRESS => self.address = value.to_vec(),
            IFLA_IFNAME => self.name = text(value).to_vec(),
            IFLA_MTU => self.mtu = number(value, 0),
            IFLA_MASTER => self.master = number(value, 0),
            IFLA_TXQLEN => self.tx_queue_len = number(value, 0),
            IFLA_OPERSTATE => self.oper_state = number(value, 0),
            IFLA_IFALIAS => self.alias = text(value).to_vec(),
            IFLA_CARRIER => self.carrier = number(value, 0).map(|carrier: u8| carrier != 0),
            IFLA_CARRIER_CHANGES => self.carrier_changes = number(value, 0),
            IFLA_PARENT_DEV_NAME => self.on_bus = true,
            IFLA_LINKINFO => {
                let inner = Attributes(value).map_while(Result::ok).find(|(kind, _)| *kind == IFLA_INFO_KIND);
                self.kind = inner.map(|(_, kind)| text(kind).to_vec()).unwrap_or_default();
            }
            _ => {}
        }
    }
}

/// A string of the kernel's, which ends at its NUL.
fn text(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// What a message says of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It came, or it is now so.
    Is(u32, Link),
    /// It now has this name and these flags; of the rest the message says nothing.
    IsNamed(u32, Vec<u8>, u32),
    /// It went.
    Gone(u32),
    /// This is of something else.
    Other,
}

/// Reads a message. `None` where it is malformed.
#[must_use]
pub fn report(message: &Message<'_>) -> Option<Report> {
    if !matches!(message.kind, RTM_NEWLINK | RTM_DELLINK) {
        return Some(Report::Other);
    }
    let family: u8 = number(message.payload, 0)?;
    // Bridges report their ports in the same group, under a family of their own: a port that leaves is not gone.
    if family != 0 {
        return Some(Report::Other);
    }
    let index = number(message.payload, INDEX)?;
    if message.kind == RTM_DELLINK {
        return Some(Report::Gone(index));
    }
    let mut link = Link { flags: number(message.payload, FLAGS)?, ..Link::default() };
    let mut wireless = false;
    for attribute in Attributes(message.payload.get(IFINFOMSG..)?) {
        let (kind, value) = attribute.ok()?;
        wireless |= kind == IFLA_WIRELESS;
        link.take(kind, value);
    }
    if link.name.is_empty() {
        return None;
    }
    // An event of wireless extensions has only these two attributes.
    Some(if wireless { Report::IsNamed(index, link.name, link.flags) } else { Report::Is(index, link) })
}

/// Asks for every device and hands on each. Returns whether the list changed meanwhile, so that some may be missing.
///
/// # Errors
/// When the kernel gives no list, or one with malformed messages.
pub fn list(
    dumper: &SharedDumper,
    deadline: Instant,
    each: &mut dyn FnMut(u32, Link),
) -> Result<bool, DumpError> {
    let request = all().attribute(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    let mut malformed = false;
    let interrupted = dumper.ask(request, deadline, &mut |message| match report(message) {
        Some(Report::Is(index, link)) => each(index, link),
        Some(_) => {}
        None => malformed = true,
    })?;
    if malformed { Err(DumpError::Malformed) } else { Ok(interrupted) }
}

/// As [`super::stats::list`], for kernels that do not have it.
///
/// # Errors
/// As there.
pub fn list_statistics(
    dumper: &SharedDumper,
    deadline: Instant,
    each: &mut dyn FnMut(u32, Statistics),
) -> Result<bool, DumpError> {
    let mut malformed = false;
    let interrupted = dumper.ask(all(), deadline, &mut |message| {
        if message.kind != RTM_NEWLINK {
            return;
        }
        let attributes = Attributes(message.payload.get(IFINFOMSG..).unwrap_or_default());
        let statistics = attributes.map_while(Result::ok).find(|(kind, _)| *kind == IFLA_STATS64);
        match (number(message.payload, INDEX), statistics) {
            (Some(index), Some((_, statistics))) => each(index, Statistics::read(statistics)),
            _ => malformed = true,
        }
    })?;
    if malformed { Err(DumpError::Malformed) } else { Ok(interrupted) }
}

/// Whether the kernel answers such questions.
///
/// # Errors
/// When it does not.
pub fn probe(dumper: &SharedDumper, deadline: Instant) -> Result<(), DumpError> {
    let request = Request::one(RTM_GETLINK).push(&[0; INDEX]).push(&LOOPBACK.to_ne_bytes()).push(&[0; 8]);
    dumper.ask(request, deadline, &mut |_| {}).map(drop)
}

/// An ifinfomsg of zeros asks for all devices.
fn all() -> Request {
    Request::dump(RTM_GETLINK).push(&[0; IFINFOMSG])
}

#[cfg(test)]
mod tests;
