//! Interfaces that are created and deleted, and send packets.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::BindToDevice;

use super::{Soak, value};
use crate::support::execd::{command, dir};
use crate::support::links::Links;
use crate::support::namespace;

/// The length of the Ethernet, IP and UDP headers.
const HEADERS: u64 = 14 + 20 + 8;

/// A pair of devices, and the packets and bytes that were sent through it.
struct Pair {
    number: usize,
    socket: UdpSocket,
    bytes: u64,
    packets: u64,
}

impl Pair {
    fn make(links: &mut Links, number: usize) -> Self {
        let index = i32::try_from(1_000_000_000 + number % 40).expect("a few");
        let (name, peer) = (format!("c{number}"), format!("p{number}"));
        links.add_pair(index, &name, &peer).expect("a pair");
        // The first device can send as soon as it is up, since its peer is up.
        links.set_up_by_name(&peer).expect("it can be set up");
        links.set_up(index, true).expect("it can be set up");
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
        socket.set_broadcast(true).expect("an option");
        setsockopt(&socket, BindToDevice, &name.into()).expect("the device is there");
        Self { number, socket, bytes: 0, packets: 0 }
    }

    fn send(&mut self, length: usize) {
        self.socket.send_to(&vec![0; length], (Ipv4Addr::BROADCAST, 9)).expect("the device takes it");
        self.bytes += HEADERS + length as u64;
        self.packets += 1;
    }
}

/// The counters of both devices of each pair equal what was sent.
#[test]
fn values_of_created_and_deleted_interfaces() {
    if !namespace::enter() {
        return;
    }
    for which in ["default", "all"] {
        fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1")
            .expect("root of the namespace");
    }
    let dir = dir();
    let mut plugin = command(
        dir.path(),
        "[[inputs.net]]\n  source = \"netlink\"\n  interfaces = [\"[cp]*\"]\n  timeout = \"60s\"\n",
    );
    plugin.env_remove("HOST_PROC").env_remove("HOST_SYS");
    let mut soak = Soak::start("values of interfaces that come and go", plugin);
    let (mut links, mut pairs, mut sent) = (Links::open(), VecDeque::new(), 0);
    while let Some(gather) = soak.next() {
        // Up to 16 pairs. The index of a deleted pair is reused soon. The kernel chooses the indexes of the peers.
        while pairs.len() >= 4 + gather % 13 {
            let Pair { number, .. } = pairs.pop_front().expect("there is one");
            links.delete(&format!("c{number}")).expect("it is there");
        }
        pairs.push_back(Pair::make(&mut links, gather));
        for (place, pair) in pairs.iter_mut().enumerate().take(1 + gather % 3) {
            pair.send(1 + (gather * 13 + place) % 1400);
            sent += 1;
        }
        let mut gathered = soak.gather("net,interface=all ");
        let all = gathered.pop().expect("the last line");
        assert_eq!(value(&all, "udp_outdatagrams"), sent, "gather {gather}");
        let found = gathered.iter().map(|line| {
            let name =
                line.strip_prefix("net,interface=").and_then(|rest| rest.split(' ').next()).expect("a name");
            let values =
                ["bytes_sent", "packets_sent", "bytes_recv", "packets_recv"].map(|field| value(line, field));
            (name.to_owned(), values)
        });
        let found: BTreeMap<String, [u64; 4]> = found.collect();
        let expected = pairs.iter().flat_map(|pair| {
            let Pair { number, bytes, packets, .. } = *pair;
            [(format!("c{number}"), [bytes, packets, 0, 0]), (format!("p{number}"), [0, 0, bytes, packets])]
        });
        assert_eq!(found, expected.collect(), "gather {gather}");
        assert_eq!(found.len(), gathered.len(), "gather {gather}");
    }
    soak.end();
}
