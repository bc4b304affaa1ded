use super::*;
use crate::inputs::socketstat::field::{CONTRACT, printed as counters};
use crate::inputs::socketstat::netlink::question::{AF_INET, AF_INET6};
use crate::inputs::socketstat::print::printed;
use crate::inputs::socketstat::socket::State;

fn rows() -> Rows {
    Rows::default()
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// `struct inet_diag_msg` from port 80 to port 4711, inode 99, queues 5 and 6.
fn inet(family: u8, state: u8, local: &[u8], remote: &[u8], interface: u32) -> Vec<u8> {
    let mut bytes = vec![family, state, 0, 0, 0, 80, 0x12, 0x67];
    for address in [local, remote] {
        bytes.extend(address);
        bytes.resize(bytes.len() + 16 - address.len(), 0);
    }
    bytes.extend(interface.to_ne_bytes());
    bytes.extend([0; 12]);
    for number in [5_u32, 6, 1000, 99] {
        bytes.extend(number.to_ne_bytes());
    }
    assert_eq!(bytes.len(), 72);
    bytes
}

#[test]
fn prints_the_addresses_of_both_families() {
    let mut rows = rows();
    let v4 = inet(AF_INET, 1, &[127, 0, 0, 1], &[10, 0, 0, 2], u32::MAX);
    let socket = rows.parse(Protocol::Udp, AF_INET, &v4).unwrap();
    assert_eq!(printed(&socket), ["127.0.0.1%if4294967295", "80", "10.0.0.2", "4711"]);
    assert_eq!((socket.state, socket.inode, socket.uid), (State::Number(1), Some(99), Some(1000)));
    assert_eq!(socket.cookie, Some(0));
    assert_eq!((socket.recv_q, socket.send_q), (Some(5), Some(6)));

    let any = inet(AF_INET6, 10, &[0; 16], &[0; 16], 0);
    let socket = rows.parse(Protocol::Tcp, AF_INET6, &any).unwrap();
    assert_eq!(printed(&socket), ["*", "80", "*", "4711"]);
    let v6only = [any.clone(), attribute(11, &[1])].concat();
    let socket = rows.parse(Protocol::Tcp, AF_INET6, &v6only).unwrap();
    assert_eq!(printed(&socket), ["[::]", "80", "[::]", "4711"]);
    let both = [any, attribute(11, &[0])].concat();
    let socket = rows.parse(Protocol::Tcp, AF_INET6, &both).unwrap();
    assert_eq!(printed(&socket), ["*", "80", "*", "4711"]);
}

#[test]
fn reads_the_counters_of_a_tcp_info_of_any_length() {
    let fixed = inet(AF_INET, 1, &[127, 0, 0, 1], &[127, 0, 0, 1], 0);
    let mut info = vec![0xff; 400];
    info[120..160].copy_from_slice(
        &[11_u64, 22, 3 | 4 << 32, 0xffff_ffff_ffff_ffff, 5 | 6 << 32].map(u64::to_le_bytes).concat(),
    );
    for length in 0..info.len() {
        let payload = [fixed.clone(), attribute(2, &info[..length])].concat();
        let counters = counters(&rows().parse(Protocol::Tcp, AF_INET, &payload).unwrap().tcp);
        // bytes_acked, bytes_received, segs_out, segs_in, data_segs_out, data_segs_in.
        let ends = [128, 136, 140, 144, 160, 156];
        for ((field, counter), end) in CONTRACT.iter().zip(counters).zip(ends) {
            assert_eq!(counter.is_some(), length >= end, "{} in {length} bytes", field.name);
        }
    }
    #[cfg(target_endian = "little")]
    {
        let payload = [fixed.clone(), attribute(2, &info)].concat();
        let counters = counters(&rows().parse(Protocol::Tcp, AF_INET, &payload).unwrap().tcp);
        assert_eq!(counters, [11, 22, 3, 4, 6, 5].map(Some));
    }
    // ss omits counters that are 0.
    let payload = [fixed, attribute(2, &[0; 280])].concat();
    assert_eq!(counters(&rows().parse(Protocol::Tcp, AF_INET, &payload).unwrap().tcp), [None; 6]);
}

#[test]
fn recognizes_an_sctp_association_by_the_inode_of_its_socket() {
    let mut rows = rows();
    let row = |state| inet(AF_INET, state, &[127, 0, 0, 1], &[127, 0, 0, 1], 0);
    let state = |rows: &mut Rows, number| {
        String::from_utf8(rows.parse(Protocol::Sctp, AF_INET, &row(number)).unwrap().state.name().to_vec())
            .unwrap()
    };
    assert_eq!(state(&mut rows, 10), "LISTEN");
    assert_eq!(state(&mut rows, 3), "ESTAB");
    assert_eq!(state(&mut rows, 6), "SHUTDOWN_RECEIVED");
    rows = self::rows();
    assert_eq!(state(&mut rows, 3), "SYN-RECV");
}

#[test]
fn prints_unix_paths_as_ss_does() {
    let mut rows = rows();
    let fixed = |kind, inode: u32| {
        let mut bytes = vec![AF_UNIX, kind, 1, 0];
        bytes.extend(inode.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes
    };
    for (kind, name, path, netid) in [
        (1, Some(&b"/run/a b,c=d\0"[..]), &b"/run/a b,c=d"[..], "u_str"),
        (2, Some(&b"\0abs\0tract"[..]), b"@abs@tract", "u_dgr"),
        (5, Some(&b"/no-nul"[..]), b"/no-nul", "u_seq"),
        (3, None, b"*", "u_dgr"),
    ] {
        let path = String::from_utf8_lossy(path);
        let name = name.map_or_else(Vec::new, |name| attribute(0, name));
        let peer = attribute(2, &5_u32.to_ne_bytes());
        let queues = attribute(4, &[7_u32.to_ne_bytes(), 8_u32.to_ne_bytes()].concat());
        let payload = [fixed(kind, 4_000_000_000), name, peer, queues].concat();
        let socket = rows.parse(Protocol::Unix, AF_UNIX, &payload).unwrap();
        assert_eq!(printed(&socket), [&path, "-294967296", "*", "5"]);
        assert_eq!(socket.netid, netid.as_bytes());
        assert_eq!((socket.recv_q, socket.send_q), (Some(7), Some(8)));
    }
    let payload = fixed(1, 12);
    let alone = rows.parse(Protocol::Unix, AF_UNIX, &payload).unwrap();
    assert_eq!(printed(&alone), ["*", "12", "*", "0"]);
    assert_eq!((alone.recv_q, alone.send_q), (None, None));
}

#[test]
fn prints_packet_sockets_as_ss_does() {
    let mut rows = rows();
    let payload = |kind, protocol: u16, index: u32| {
        let mut bytes = vec![AF_PACKET, kind];
        bytes.extend(protocol.to_ne_bytes());
        bytes.extend([0; 12]);
        bytes.extend(attribute(0, &index.to_ne_bytes()));
        bytes.extend(attribute(6, &5018_u32.to_ne_bytes()));
        bytes
    };
    for (kind, protocol, index, expected) in [
        (3, 3, 0, ["p_raw", "*", "*"]),
        (2, 2048, 0, ["p_dgr", "[2048]", "*"]),
        (3, 0, u32::MAX, ["p_raw", "[0]", "if4294967295"]),
    ] {
        let payload = payload(kind, protocol, index);
        let socket = rows.parse(Protocol::Packet, AF_PACKET, &payload).unwrap();
        let [netid, local, device] = expected;
        assert_eq!(socket.netid, netid.as_bytes());
        assert_eq!(printed(&socket), [local, device, "*", ""]);
        assert_eq!((socket.recv_q, socket.send_q), (Some(5018), Some(0)));
    }
}

#[test]
fn rejects_truncated_payloads_and_other_families() {
    let whole = inet(AF_INET, 1, &[127, 0, 0, 1], &[127, 0, 0, 1], 0);
    assert!(rows().parse(Protocol::Tcp, AF_INET, &whole).is_some());
    assert!(rows().parse(Protocol::Tcp, AF_INET6, &whole).is_none());
    for length in 0..whole.len() {
        assert!(rows().parse(Protocol::Tcp, AF_INET, &whole[..length]).is_none());
    }
    let lying = [whole, vec![200, 0, 2, 0]].concat();
    assert!(rows().parse(Protocol::Tcp, AF_INET, &lying).is_none());
    for family in [AF_UNIX, AF_PACKET] {
        assert!(rows().parse(Protocol::Unix, family, &[family; 15]).is_none());
        assert!(rows().parse(Protocol::Unix, family, &[family; 16]).is_some());
        assert!(rows().parse(Protocol::Unix, family, &[family; 17]).is_none());
    }
}
