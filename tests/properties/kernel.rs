//! The parsers of netlink: from the kernel's messages about devices with known values they must return exactly these
//! values.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use telegraf_execd_network::netlink::channel::Channel;
use telegraf_execd_network::netlink::dump::{Dumper, SharedDumper};
use telegraf_execd_network::netlink::ethtool::{self, LinkMode};
use telegraf_execd_network::netlink::links::{self, Link};
use telegraf_execd_network::netlink::stats;

use super::tables::config;

const RTM_NEWLINK: u16 = 16;
const RTM_NEWSTATS: u16 = 92;
const ETHTOOL: u16 = 0x1c;
/// `NLA_F_NESTED`: nested attributes may be marked as such.
const NESTED: u16 = 0x8000;
/// `IFLA_LINKINFO`.
const LINKINFO: u16 = 0x12;
/// `ETHTOOL_A_LINKMODES_HEADER`.
const HEADER: u16 = 0x1;

/// A kernel that answers one request with these messages, a few in each datagram.
#[derive(Clone)]
struct Kernel {
    messages: Vec<(u16, Vec<u8>)>,
    sequence: u32,
}

impl Kernel {
    fn dumper(messages: Vec<(u16, Vec<u8>)>) -> SharedDumper {
        let kernel = Self { messages, sequence: 0 };
        SharedDumper::new(Dumper::with_channel(Box::new(move || Ok(Box::new(kernel.clone())))))
    }
}

impl Channel for Kernel {
    fn port(&self) -> u32 {
        7
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        self.sequence = u32::from_ne_bytes(request[8..12].try_into().expect("four bytes"));
        // NLMSG_DONE.
        self.messages.push((3, vec![0; 4]));
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Instant) -> Result<usize, Errno> {
        let count = self.messages.len().min(3);
        let mut datagram = Vec::new();
        for (kind, payload) in self.messages.drain(..count) {
            let length = u32::try_from(16 + payload.len()).expect("a short message");
            datagram.extend(length.to_ne_bytes());
            datagram.extend([kind, 0x2].map(u16::to_ne_bytes).concat());
            datagram.extend([self.sequence, 7].map(u32::to_ne_bytes).concat());
            datagram.extend(payload);
            datagram.resize(datagram.len().next_multiple_of(4), 0);
        }
        buffer[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("a short attribute");
    let mut bytes = [length, kind].map(u16::to_ne_bytes).concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn text(text: &[u8]) -> Vec<u8> {
    [text, b"\0"].concat()
}

/// A device and its index.
fn device() -> impl Strategy<Value = (u32, Link)> {
    let bytes = |most| vec(1..=u8::MAX, 0..most);
    let number = || option::of(any::<u32>());
    let words = (number(), number(), number(), number());
    let rest = (option::of(any::<u8>()), option::of(any::<bool>()), any::<bool>());
    (any::<(u32, u32)>(), vec(1..=u8::MAX, 1..16), bytes(33), bytes(100), bytes(16), words, rest).prop_map(
        |((index, flags), name, address, alias, kind, (mtu, tx_queue_len, carrier_changes, master), rest)| {
            let (oper_state, carrier, on_bus) = rest;
            let link = Link {
                name,
                flags,
                mtu,
                tx_queue_len,
                oper_state,
                carrier,
                carrier_changes,
                master,
                address,
                alias,
                kind,
                on_bus,
            };
            (index, link)
        },
    )
}

/// A message as `rtnl_fill_ifinfo` writes it, with an unknown attribute at the front.
fn newlink(index: u32, link: &Link) -> (u16, Vec<u8>) {
    let mut payload = [0, index, link.flags, 0].map(u32::to_ne_bytes).concat();
    payload.extend(attribute(0x3fff, b"unknown"));
    let mut add = |kind, value: &[u8]| payload.extend(attribute(kind, value));
    add(3, &text(&link.name));
    for (kind, value) in
        [(4, link.mtu), (13, link.tx_queue_len), (35, link.carrier_changes), (10, link.master)]
    {
        if let Some(value) = value {
            add(kind, &value.to_ne_bytes());
        }
    }
    for (kind, value) in [(16, link.oper_state), (33, link.carrier.map(u8::from))] {
        if let Some(value) = value {
            add(kind, &[value]);
        }
    }
    if !link.address.is_empty() {
        add(1, &link.address);
    }
    if !link.alias.is_empty() {
        add(20, &text(&link.alias));
    }
    if !link.kind.is_empty() {
        let data = attribute(2, b"what the kind has to say");
        add(LINKINFO | NESTED, &[attribute(1, &text(&link.kind)), data].concat());
    }
    if link.on_bus {
        add(56, b"0000:00:03.0\0");
    }
    (RTM_NEWLINK, payload)
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

proptest! {
    #![proptest_config(config())]

    /// `RTM_NEWLINK`.
    #[test]
    fn devices(devices in vec(device(), 0..20)) {
        let messages = devices.iter().map(|(index, link)| newlink(*index, link)).collect();
        let mut read = Vec::new();
        let interrupted = links::list(&Kernel::dumper(messages), deadline(), &mut |index, link| read.push((index, link)));
        prop_assert_eq!(interrupted, Ok(false));
        prop_assert_eq!(read, devices);
    }

    /// `RTM_NEWSTATS`: the structure of any kernel. Older kernels have fewer counters.
    #[test]
    fn counters(devices in vec((any::<u32>(), vec(any::<u64>(), 0..30)), 0..20)) {
        let messages = devices.iter().map(|(index, counters)| {
            let mut payload = [0, *index, 1].map(u32::to_ne_bytes).concat();
            payload.extend(attribute(1, &counters.iter().flat_map(|counter| counter.to_ne_bytes()).collect::<Vec<_>>()));
            (RTM_NEWSTATS, payload)
        });
        let mut read = Vec::new();
        let interrupted = stats::list(&Kernel::dumper(messages.collect()), deadline(), &mut |index, all| {
            read.push((index, (0..).map_while(|place| all.get(place)).collect::<Vec<_>>()));
        });
        prop_assert_eq!(interrupted, Ok(false));
        prop_assert_eq!(read, devices);
    }

    /// `ETHTOOL_MSG_LINKMODES_GET`: speed and duplex.
    #[test]
    fn link_modes(devices in vec((any::<u32>(), any::<u32>(), option::of(select(vec![0_u8, 1, 255]))), 0..20)) {
        let messages = devices.iter().map(|(index, speed, duplex)| {
            let header = [attribute(2, b"eth0\0"), attribute(1, &index.to_ne_bytes())].concat();
            let mut payload = vec![4, 1, 0, 0];
            payload.extend([attribute(HEADER | NESTED, &header), attribute(5, &speed.to_ne_bytes())].concat());
            if let Some(duplex) = duplex {
                payload.extend(attribute(6, &[*duplex]));
            }
            (ETHTOOL, payload)
        });
        let mut read = Vec::new();
        let outcome = ethtool::list(&Kernel::dumper(messages.collect()), ETHTOOL, deadline(), &mut |index, mode| {
            let LinkMode { speed, duplex } = mode;
            read.push((index, speed, duplex));
        });
        prop_assert_eq!(outcome, Ok(()));
        prop_assert_eq!(read, devices);
    }
}
