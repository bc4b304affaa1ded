use std::time::Duration;

use nix::sys::socket::SockProtocol;

use super::*;
use crate::netlink::dump::Dumper;
use crate::netlink::message::HEADER;
use crate::netlink::testing::{self, Kernel, recorded};

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn message(kind: u16, payload: &[u8]) -> Message<'_> {
    Message { kind, flags: 0, sequence: 0, port: 0, payload }
}

fn payload(family: u8, index: i32, flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut request = Request::one(0).push(&[family, 0, 0, 0]).push(&index.to_ne_bytes());
    request = request.push(&flags.to_ne_bytes()).push(&[0; 4]);
    for (kind, value) in attributes {
        request = request.attribute(*kind, value);
    }
    request.finish(0)[HEADER..].to_vec()
}

#[test]
fn attributes_become_properties() {
    let kind = Request::one(0).attribute(IFLA_INFO_KIND, b"veth\0").finish(0)[HEADER..].to_vec();
    let attributes: &[(u16, &[u8])] = &[
        (IFLA_IFNAME, b"eth0\0"),
        (IFLA_MTU, &1500_u32.to_ne_bytes()),
        (IFLA_TXQLEN, &1000_u32.to_ne_bytes()),
        (IFLA_OPERSTATE, &[6]),
        (IFLA_CARRIER, &[1]),
        (IFLA_CARRIER_CHANGES, &3_u32.to_ne_bytes()),
        (IFLA_MASTER, &9_u32.to_ne_bytes()),
        (IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]),
        (IFLA_IFALIAS, b"uplink"),
        (IFLA_LINKINFO, &kind),
        (IFLA_PARENT_DEV_NAME, b"0000:00:03.0\0"),
        (999, b"unknown"),
    ];
    let bytes = payload(0, 5, 0x1003, attributes);
    let whole = Link {
        name: b"eth0".to_vec(),
        flags: 0x1003,
        mtu: Some(1500),
        tx_queue_len: Some(1000),
        oper_state: Some(6),
        carrier: Some(true),
        carrier_changes: Some(3),
        master: Some(9),
        address: vec![2, 0, 0, 0, 0, 1],
        alias: b"uplink".to_vec(),
        kind: b"veth".to_vec(),
        on_bus: true,
    };
    assert!(whole.is_up() && !whole.is_loopback());
    assert_eq!(change(&message(RTM_NEWLINK, &bytes)), Some(Change::Set(5, whole)));
    for end in 0..bytes.len() {
        // A message truncated between two attributes is valid. Nothing is read past the end.
        let cut = change(&message(RTM_NEWLINK, &bytes[..end]));
        assert!(cut.is_none() || matches!(cut, Some(Change::Set(5, _))), "{end}: {cut:?}");
    }
}

#[test]
fn a_port_that_leaves_a_bridge_is_not_a_removed_device() {
    const AF_BRIDGE: u8 = 7;
    let name: &[(u16, &[u8])] = &[(IFLA_IFNAME, b"eth0\0")];
    let gone = |family| change(&message(RTM_DELLINK, &payload(family, 5, 0, name)));
    assert_eq!((gone(0), gone(AF_BRIDGE)), (Some(Change::Removed(5)), Some(Change::Other)));
    let port = payload(AF_BRIDGE, 5, 0x1003, name);
    assert_eq!(change(&message(RTM_NEWLINK, &port)), Some(Change::Other));
    assert_eq!(change(&message(20, &[])), Some(Change::Other), "another kind of message");
}

#[test]
fn an_event_of_the_wireless_extensions_has_only_name_and_flags() {
    let bytes = payload(0, 5, 0x1003, &[(IFLA_IFNAME, b"wlan0\0"), (IFLA_WIRELESS, &[1; 8])]);
    let expected = Change::SetNameAndFlags(5, b"wlan0".to_vec(), 0x1003);
    assert_eq!(change(&message(RTM_NEWLINK, &bytes)), Some(expected));
}

#[test]
fn recorded_links_are_parsed() {
    let kernel = Kernel::default().answers(RTM_GETLINK, &recorded("links.bin"));
    let mut links = Vec::new();
    let interrupted = list(&kernel.dumper(), deadline(), &mut |index, link| links.push((index, link)));
    assert_eq!(interrupted, Ok(false));
    let find = |name: &[u8]| links.iter().find(|(_, link)| link.name == name).expect("it was there");
    let (bridge, _) = find(b"br0");
    let (_, port) = find(b"v0");
    assert_eq!((port.master, port.kind.as_slice()), (Some(*bridge), &b"veth"[..]));
    assert_eq!(port.alias, b"rack 7, port=3 \"left\" \\");
    let (_, long) = find(b"a\"b#c@d");
    assert_eq!((long.alias.len(), long.mtu, long.tx_queue_len), (255, Some(9000), Some(77)));
    let (index, loopback) = find(b"lo");
    assert!(*index == 1 && loopback.is_loopback() && loopback.kind.is_empty() && !loopback.on_bus);
    assert!(find(b"\xe9th!,=\\").1.address.len() == 6 && find(b"tun0").1.address.is_empty());
    assert_eq!(links.len(), 13);
}

#[test]
fn a_malformed_message_fails_the_list() {
    let mut answer = testing::message(RTM_NEWLINK, 2, &payload(0, 5, 0, &[]));
    answer.extend(testing::message(3, 2, &[0; 4]));
    let kernel = Kernel::default().answers(RTM_GETLINK, &answer);
    assert_eq!(list(&kernel.dumper(), deadline(), &mut |_, _| {}), Err(DumpError::Malformed));
    assert_eq!(list_statistics(&kernel.dumper(), deadline(), &mut |_, _| {}), Err(DumpError::Malformed));
}

#[test]
fn this_host_has_a_loopback_device() {
    let dumper = SharedDumper::new(Dumper::new(SockProtocol::NetlinkRoute));
    if let Err(error) = probe(&dumper, deadline()) {
        return crate::skip::skipped(&format!("needs NETLINK_ROUTE: {error}"));
    }
    let mut links = Vec::new();
    list(&dumper, deadline(), &mut |_, link| links.push(link)).expect("the kernel answers");
    assert!(links.iter().any(Link::is_loopback), "{links:?}");
}
