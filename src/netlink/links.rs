//! The network devices of this network namespace: `RTM_GETLINK`, and notifications about changes.
//!
//! Sources: rtnetlink(7), `include/uapi/linux/{rtnetlink,if_link}.h`, and `rtnl_fill_ifinfo` in the kernel's
//! `net/core/rtnetlink.c`.

use std::time::Instant;

use super::dump::{DumpError, SharedDumper};
use super::message::{Attributes, Message, find_attribute, number};
use super::request::Request;
use super::stats::{self, Statistics};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
/// `sizeof(struct ifinfomsg)`.
const IFINFOMSG: usize = 16;
/// The offset of the index in `struct ifinfomsg`.
const INDEX: usize = 4;
/// The offset of the flags in `struct ifinfomsg`.
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
/// Omits the statistics from the answer.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

const IFF_UP: u32 = 0x1;
const IFF_LOOPBACK: u32 = 0x8;

/// The index of the loopback device, in every namespace.
const LOOPBACK: i32 = 1;

/// The properties of a device. `None` if this kernel does not report a property.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The name.
    pub name: Vec<u8>,
    /// `IFF_UP` and others, see netdevice(7).
    pub flags: u32,
    /// The maximum transmission unit, in bytes.
    pub mtu: Option<u32>,
    /// The length of the transmit queue, in packets.
    pub tx_queue_len: Option<u32>,
    /// `IF_OPER_*` of `include/uapi/linux/if.h`, the operational states of RFC 2863.
    pub oper_state: Option<u8>,
    /// Whether it has a carrier.
    pub carrier: Option<bool>,
    /// How often the carrier was lost or found.
    pub carrier_changes: Option<u32>,
    /// The index of the bridge or bond that it belongs to.
    pub master: Option<u32>,
    /// The hardware address; empty if it has none.
    pub address: Vec<u8>,
    /// The alias; empty if it has none.
    pub alias: Vec<u8>,
    /// The kind of device (`veth`, `bridge`, ...); empty if it is not of a kind that `ip link add` creates.
    pub kind: Vec<u8>,
    /// Whether it is on a bus. Kernels before 5.14 do not report that.
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

    /// Sets the property that an attribute has.
    fn set(&mut self, kind: u16, value: &[u8]) {
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
                let kind = find_attribute(value, IFLA_INFO_KIND);
                self.kind = kind.map(|kind| text(kind).to_vec()).unwrap_or_default();
            }
            _ => {}
        }
    }
}

/// A string without the NUL at its end.
fn text(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// What a message reports about the device with the given index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was created or changed, and has these properties now.
    Set(u32, Link),
    /// It has this name and these flags now. The message has no other properties.
    SetNameAndFlags(u32, Vec<u8>, u32),
    /// It was removed.
    Removed(u32),
    /// The message is not about a device.
    Other,
}

/// Parses a message. `None` if it is malformed.
#[must_use]
pub fn change(message: &Message<'_>) -> Option<Change> {
    if !matches!(message.kind, RTM_NEWLINK | RTM_DELLINK) {
        return Some(Change::Other);
    }
    let family: u8 = number(message.payload, 0)?;
    // Bridges report their ports to the same group, with AF_BRIDGE. When a port leaves, the device still exists.
    if family != 0 {
        return Some(Change::Other);
    }
    let index = number(message.payload, INDEX)?;
    if message.kind == RTM_DELLINK {
        return Some(Change::Removed(index));
    }
    let mut link = Link { flags: number(message.payload, FLAGS)?, ..Link::default() };
    let mut wireless = false;
    for attribute in Attributes(message.payload.get(IFINFOMSG..)?) {
        let (kind, value) = attribute.ok()?;
        wireless |= kind == IFLA_WIRELESS;
        link.set(kind, value);
    }
    if link.name.is_empty() {
        return None;
    }
    // Events of the wireless extensions have only these two attributes.
    Some(if wireless {
        Change::SetNameAndFlags(index, link.name, link.flags)
    } else {
        Change::Set(index, link)
    })
}

/// Passes every device to `each`. Returns whether the list changed meanwhile, so that some may be missing.
///
/// # Errors
/// If the list cannot be read, or a message is malformed.
pub fn list(
    dumper: &SharedDumper,
    deadline: Instant,
    each: &mut dyn FnMut(u32, Link),
) -> Result<bool, DumpError> {
    let request = all().attribute(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes());
    let mut malformed = false;
    let interrupted = dumper.lock().ask(request, deadline, &mut |message| match change(message) {
        Some(Change::Set(index, link)) => each(index, link),
        Some(_) => {}
        None => malformed = true,
    })?;
    if malformed { Err(DumpError::Malformed) } else { Ok(interrupted) }
}

/// Like [`super::stats::list`], for kernels without `RTM_GETSTATS`.
///
/// # Errors
/// Like [`super::stats::list`].
pub fn list_statistics(
    dumper: &SharedDumper,
    deadline: Instant,
    each: &mut dyn FnMut(u32, Statistics<'_>),
) -> Result<bool, DumpError> {
    let format = stats::Format { message: RTM_NEWLINK, header: IFINFOMSG, attribute: IFLA_STATS64 };
    format.list(dumper, all(), deadline, each)
}

/// Checks whether the kernel answers such a request.
///
/// # Errors
/// If it refuses, or does not answer in time.
pub fn probe(dumper: &SharedDumper, deadline: Instant) -> Result<(), DumpError> {
    let request = Request::one(RTM_GETLINK).push(&[0; INDEX]).push(&LOOPBACK.to_ne_bytes()).push(&[0; 8]);
    dumper.lock().ask(request, deadline, &mut |_| {}).map(drop)
}

/// A request for all devices: `struct ifinfomsg` filled with zeros.
fn all() -> Request {
    Request::dump(RTM_GETLINK).push(&[0; IFINFOMSG])
}

#[cfg(test)]
mod tests;
