//! The parsers' correctness: from tables with known content, as each system prints them, they must return exactly
//! this content.

#![allow(clippy::format_push_string, reason = "a table is read more easily as it is printed")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use telegraf_execd_network::inputs::net::counters::{Counter, Counters};
use telegraf_execd_network::inputs::net::dev::Devices;
use telegraf_execd_network::inputs::net::netstat::table::{Details, Table};
use telegraf_execd_network::inputs::net::protocols::{FILES, ProtocolCounters, ProtocolTable};
use telegraf_execd_network::inputs::socketstat::netstat::table::NetstatTable;
use telegraf_execd_network::inputs::socketstat::procfs::table::ProcTable;
use telegraf_execd_network::inputs::socketstat::socket::{Device, Endpoint, Protocol, Socket, State};

use crate::checks::selection::hexadecimal;

/// Failures are not written to the project's directory.
pub fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

fn lines(text: &str) -> impl Iterator<Item = Option<&[u8]>> {
    text.lines().map(|line| Some(line.as_bytes()))
}

/// Names that the kernel might use. No two are equal in lower case.
fn names<T: std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<(String, T)>> {
    btree_map("[A-Z][a-z][A-Za-z0-9]{0,12}", value, 1..20).prop_map(|names| {
        let lower: BTreeMap<_, _> =
            names.into_iter().map(|(name, value)| (name.to_lowercase(), (name, value))).collect();
        lower.into_values().collect()
    })
}

/// Counters, often at the bounds.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0..1000_u64, Just(u64::MAX), Just(i64::MAX as u64)]
}

fn protocol_file(name: &str, text: &str) -> Vec<(String, i64)> {
    let file = FILES.into_iter().find(|file| file.name == name).expect("a known file");
    let (mut table, mut counters) = (ProtocolTable::new(file), ProtocolCounters::default());
    lines(text).for_each(|line| table.line(line, &mut counters));
    assert_eq!(table.finish(), 0, "nothing of it is malformed: {text}");
    counters.counters().to_vec()
}

proptest! {
    #![proptest_config(config())]

    /// `/proc/net/snmp` and `/proc/net/netstat`: a line of names, then a line of values.
    #[test]
    fn pairs_of_lines(protocols in names(names(any::<i64>())), file in select(vec!["snmp", "netstat"])) {
        let (mut text, mut expected) = (String::new(), Vec::new());
        for (protocol, counters) in &protocols {
            let line = |values: Vec<String>| format!("{protocol}: {}\n", values.join(" "));
            text += &line(counters.iter().map(|(name, _)| name.clone()).collect());
            text += &line(counters.iter().map(|(_, value)| value.to_string()).collect());
            let key = |name: &str| format!("{protocol}_{name}").to_lowercase();
            expected.extend(counters.iter().map(|(name, value)| (key(name), *value)));
        }
        prop_assert_eq!(protocol_file(file, &text), expected);
    }

    /// `/proc/net/snmp6`: unsigned counters, of which the largest do not fit.
    #[test]
    fn counters_of_ipv6(counters in names(number())) {
        let rows = counters.iter().map(|(name, value)| format!("{:<32}\t{value}\n", format!("Udp6{name}")));
        let text: String = rows.collect();
        let clamped = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let expected: Vec<_> =
            counters.iter().map(|(name, value)| (format!("udp6_{}", name.to_lowercase()), clamped(*value))).collect();
        prop_assert_eq!(protocol_file("snmp6", &text), expected);
    }

    /// `/proc/net/sockstat`: names and values in turn.
    #[test]
    fn sockets_in_use(protocols in names(names(0..i64::MAX)), file in select(vec!["sockstat", "sockstat6"])) {
        let (mut text, mut expected) = (String::new(), Vec::new());
        for (protocol, counters) in &protocols {
            let words: Vec<String> = counters.iter().map(|(name, value)| format!("{name} {value}")).collect();
            text += &format!("{protocol}: {}\n", words.join(" "));
            let key = |name: &str| format!("{file}_{protocol}_{name}").to_lowercase();
            expected.extend(counters.iter().map(|(name, value)| (key(name), *value)));
        }
        prop_assert_eq!(protocol_file(file, &text), expected);
    }

    /// `/proc/net/dev`: 16 columns, of which 8 are always written. A name may hold a colon.
    #[test]
    fn devices(rows in vec((r"[!-~]{1,15}", vec(number(), 16)), 0..20)) {
        let mut text = String::from(
            "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop \
             fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
        );
        for (name, values) in &rows {
            let values: Vec<String> = values.iter().map(|value| format!("{value:>7}")).collect();
            text += &format!("{name:>6}: {}\n", values.join(" "));
        }
        let mut devices = Devices::default();
        let read: Vec<_> = lines(&text)
            .filter_map(|line| devices.line(line).map(|device| (device.name.to_vec(), device.counters())))
            .collect();
        let expected: Vec<_> = rows
            .iter()
            .map(|(name, values)| {
                (name.clone().into_bytes(), [8, 0, 9, 1, 2, 10, 3, 11].map(|column: usize| Some(values[column])))
            })
            .collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(devices.finish().expect("a header").count(), 0);
    }
}

/// A row of an inet table of `/proc/net`.
#[derive(Clone, Debug)]
struct Inet {
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    state: u8,
    queues: (u32, u32),
    uid: u32,
    inode: u64,
}

fn inet(v6: bool) -> impl Strategy<Value = Inet> {
    let address = move || {
        let mapped =
            any::<[u8; 4]>().prop_map(|v4| IpAddr::from(std::net::Ipv4Addr::from(v4).to_ipv6_mapped()));
        let v6_address = prop_oneof![any::<[u8; 16]>().prop_map(IpAddr::from), mapped];
        if v6 { v6_address.boxed() } else { any::<[u8; 4]>().prop_map(IpAddr::from).boxed() }
    };
    let ends = [(address(), any::<u16>()), (address(), any::<u16>())];
    (ends, 1..13_u8, any::<(u32, u32)>(), any::<u32>(), any::<u64>()).prop_map(
        |([local, remote], state, queues, uid, inode)| Inet { local, remote, state, queues, uid, inode },
    )
}

fn proc_table(protocol: Protocol, text: &str, states: u32, each: &mut dyn FnMut(&Socket<'_>)) {
    let mut table = ProcTable::new(protocol, states, cfg!(target_endian = "little"));
    for line in lines(text) {
        if let Some(socket) = table.line(line) {
            each(&socket);
        }
    }
    assert_eq!(table.finish().expect("the header is there").count(), 0, "{text}");
}

proptest! {
    #![proptest_config(config())]

    /// `/proc/net/tcp`, `udp`, `raw` and their IPv6 counterparts: each socket in a requested state, once.
    #[test]
    fn inet_sockets(
        rows in prop_oneof![vec(inet(false), 0..20), vec(inet(true), 0..20)],
        protocol in select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Raw]),
        states: u32,
    ) {
        let mut text = String::from("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n");
        for (slot, row) in rows.iter().enumerate() {
            let Inet { local, remote, state, queues: (send, receive), uid, inode } = row;
            let (local, remote) = (hexadecimal(local.0, local.1), hexadecimal(remote.0, remote.1));
            text += &format!(
                "{slot:4}: {local} {remote} {state:02X} {send:08X}:{receive:08X} 00:00000000 00000000 {uid:5} {:8} {inode} 1 00000000fb1e0a 0\n",
                0
            );
        }
        let mut read = Vec::new();
        proc_table(protocol, &text, states, &mut |socket| read.push(format!("{socket:?}")));
        let end = |(address, port)| Endpoint::Inet { address, port, device: Device::Any, v6only: false };
        let mut expected = Vec::new();
        for row in rows.iter().filter(|row| states & (1 << row.state) != 0) {
            let socket = format!("{:?}", Socket {
                local: end(row.local),
                remote: end(row.remote),
                state: State::Number(row.state),
                recv_q: Some(row.queues.1.into()),
                send_q: Some(row.queues.0.into()),
                uid: Some(row.uid),
                inode: Some(row.inode),
                ..Socket::default()
            });
            expected.push(socket);
        }
        prop_assert_eq!(read, expected);
    }

    /// `/proc/net/unix`: types, states, and paths with any characters but newlines.
    #[test]
    fn unix_sockets(rows in vec((select(vec![1_u16, 2, 5]), 0..3_u8, any::<u32>(), r"[^\n\r]{0,30}"), 0..20)) {
        let mut text = String::from("Num       RefCount Protocol Flags    Type St Inode Path\n");
        for (kind, state, inode, path) in &rows {
            // Listening, connected, not connected.
            let (flags, state) = [(0x10000, 1), (0, 3), (0, 1)][usize::from(*state)];
            let path = if path.is_empty() { String::new() } else { format!(" {path}") };
            text += &format!("0000000000000000: 00000002 00000000 {flags:08X} {kind:04X} {state:02X} {inode:5}{path}\n");
        }
        let mut read = Vec::new();
        proc_table(Protocol::Unix, &text, !0, &mut |socket| {
            let Endpoint::Unix { path, inode } = socket.local else { panic!("{socket:?}") };
            assert_eq!(socket.inode, Some(inode.into()));
            let State::Number(state) = socket.state else { panic!("{socket:?}") };
            read.push((socket.netid.to_vec(), state, inode, path.to_vec()));
        });
        let expected: Vec<_> = rows
            .iter()
            .map(|(kind, state, inode, path)| {
                let kind = if *kind == 1 { "u_str" } else if *kind == 2 { "u_dgr" } else { "u_seq" };
                let state = [10, 1, 7][usize::from(*state)];
                (kind.as_bytes().to_vec(), state, *inode, path.clone().into_bytes())
            })
            .collect();
        prop_assert_eq!(read, expected);
    }

    /// `/proc/net/packet`.
    #[test]
    fn packet_sockets(rows in vec((any::<bool>(), any::<u16>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u64>()), 0..20)) {
        let mut text = String::from("sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
        for (raw, protocol, device, memory, uid, inode) in &rows {
            let kind = if *raw { 3 } else { 2 };
            text += &format!("00000000b5d787c1 3      {kind:<4} {protocol:04x}   {device:<5} 1 {memory:<6} {uid:<6} {inode:<6}\n");
        }
        let mut read = Vec::new();
        proc_table(Protocol::Packet, &text, !0, &mut |socket| read.push(format!("{socket:?}")));
        let expected: Vec<_> = rows
            .iter()
            .map(|(raw, protocol, device, memory, uid, inode)| {
                let device = if *device == 0 { Device::Any } else { Device::Index(*device) };
                let socket = Socket {
                    local: Endpoint::Packet { protocol: *protocol, device },
                    remote: Endpoint::Text { address: b"*", port: b"" },
                    state: State::Number(7),
                    netid: if *raw { b"p_raw" } else { b"p_dgr" },
                    recv_q: Some((*memory).into()),
                    uid: Some(*uid),
                    inode: Some(*inode),
                    ..Socket::default()
                };
                format!("{socket:?}")
            })
            .collect();
        prop_assert_eq!(read, expected);
    }
}

/// The header of the socket table on each system, and its names of TCP over IPv4 and IPv6.
const SOCKET_HEADERS: [(&str, [&str; 2]); 4] = [
    ("Proto Recv-Q Send-Q Local Address          Foreign Address        (state)", ["tcp4", "tcp6"]),
    ("Proto   Recv-Q Send-Q  Local Address          Foreign Address        TCP-State", ["tcp", "tcp6"]),
    ("Proto Recv-Q Send-Q  Local Address          Foreign Address        State", ["tcp", "tcp6"]),
    (
        "Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)    rhiwat shiwat",
        ["tcp46", "tcp46"],
    ),
];

/// The states as the BSDs and ss name them.
const STATES: [(&str, &str); 11] = [
    ("CLOSED", "UNCONN"),
    ("LISTEN", "LISTEN"),
    ("SYN_SENT", "SYN-SENT"),
    ("SYN_RCVD", "SYN-RECV"),
    ("ESTABLISHED", "ESTAB"),
    ("CLOSE_WAIT", "CLOSE-WAIT"),
    ("FIN_WAIT_1", "FIN-WAIT-1"),
    ("CLOSING", "CLOSING"),
    ("LAST_ACK", "LAST-ACK"),
    ("FIN_WAIT_2", "FIN-WAIT-2"),
    ("TIME_WAIT", "TIME-WAIT"),
];

/// An endpoint as netstat prints it, and its address and port as ss prints them.
fn bsd_end() -> impl Strategy<Value = (String, (String, String))> {
    let host = prop_oneof![
        any::<[u8; 4]>().prop_map(|v4| {
            let v4 = IpAddr::from(v4).to_string();
            (v4.clone(), v4)
        }),
        any::<[u8; 16]>().prop_map(|v6| {
            let v6 = IpAddr::from(v6).to_string();
            (v6.clone(), format!("[{v6}]"))
        }),
        Just(("fe80::1%lo0".to_owned(), "[fe80::1]%lo0".to_owned())),
        Just(("*".to_owned(), "*".to_owned())),
    ];
    let port = prop_oneof![any::<u16>().prop_map(|port| port.to_string()), Just("*".to_owned())];
    (host, port).prop_map(|((printed, ss), port)| (format!("{printed}.{port}"), (ss, port)))
}

proptest! {
    #![proptest_config(config())]

    /// `netstat -an`, with sockets of another protocol between the requested ones.
    #[test]
    fn netstat_sockets(
        (header, names) in select(&SOCKET_HEADERS[..]),
        rows in vec((bsd_end(), bsd_end(), number(), number(), select(&STATES[..]), any::<(bool, bool)>()), 0..20),
    ) {
        let mut text = format!("Active Internet connections (including servers)\n{header}\n");
        let mut expected = Vec::new();
        for ((local, local_ss), (remote, remote_ss), recv_q, send_q, (state, state_ss), (v6, udp)) in &rows {
            if *udp {
                text += &format!("udp4  {recv_q:6} {send_q:6} {local:<22} {remote:<22}\n");
                continue;
            }
            let name = names[usize::from(*v6)];
            text += &format!("{name:<5} {recv_q:6} {send_q:6} {local:<22} {remote:<22} {state}\n");
            expected.push((local_ss.clone(), remote_ss.clone(), Some(*recv_q), Some(*send_q), (*state_ss).to_owned()));
        }
        let mut table = NetstatTable::new(Protocol::Tcp, !0);
        let mut read = Vec::new();
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("what was written");
        let end = |end: &Endpoint<'_>| match end {
            Endpoint::Text { address, port } => (string(address), string(port)),
            other => panic!("{other:?}"),
        };
        for line in lines(&text) {
            table.line(line, &mut |socket| {
                let State::Text(state) = socket.state else { panic!("{socket:?}") };
                read.push((end(&socket.local), end(&socket.remote), socket.recv_q, socket.send_q, string(state)));
            });
        }
        prop_assert_eq!(read, expected);
        prop_assert_eq!(table.finish().expect("a table").skipped.count(), 0);
    }
}

/// The columns after the address, for each system and command.
const COLUMNS: [&str; 8] = [
    // FreeBSD, with and without input drops.
    "Ipkts Ierrs Idrop Ibytes Opkts Oerrs Obytes Coll Drop",
    "Ipkts Ierrs Ibytes Opkts Oerrs Obytes Coll",
    // macOS.
    "Ipkts Ierrs Ibytes Opkts Oerrs Obytes Coll Drop",
    // OpenBSD: bytes, drops, errors.
    "Ibytes Obytes",
    "Ipkts Idrop Opkts Odrop Colls",
    "Ipkts Ierrs Opkts Oerrs Colls",
    // NetBSD.
    "Ipkts Ierrs Idrops Opkts Oerrs Colls Odrops",
    "Ipkts Ierrs Opkts Oerrs Colls Drops",
];

fn counter(column: &str) -> Option<Counter> {
    Some(match column {
        "Ibytes" => Counter::BytesRecv,
        "Obytes" => Counter::BytesSent,
        "Ipkts" => Counter::PacketsRecv,
        "Opkts" => Counter::PacketsSent,
        "Ierrs" => Counter::ErrIn,
        "Oerrs" => Counter::ErrOut,
        "Idrop" | "Idrops" => Counter::DropIn,
        "Odrop" | "Odrops" | "Drop" | "Drops" => Counter::DropOut,
        _ => return None,
    })
}

proptest! {
    #![proptest_config(config())]

    /// `netstat -i`: the row of each interface. The rows of its addresses are skipped.
    #[test]
    fn netstat_interfaces(
        columns in select(&COLUMNS[..]),
        rows in vec(
            ("[a-z]{1,6}[0-9]{1,3}", any::<bool>(), 68..65536_u64, option::of(any::<[u8; 6]>()), any::<bool>(), vec(number(), 9)),
            0..20,
        ),
        numbered: bool,
    ) {
        let mut text = format!("{:<15} {:<6} {:<11} {:<17} {columns}\n", "Name", "Mtu", "Network", "Address");
        let mut expected = Vec::new();
        for (index, (name, down, mtu, address, with_address, values)) in (1..).zip(&rows) {
            let link = if numbered { format!("<Link#{index}>") } else { "<Link>".to_owned() };
            let cell = format!("{name}{}", if *down { "*" } else { "" });
            let address = address.map(|octets| octets.map(|octet| format!("{octet:02x}")).join(":")).unwrap_or_default();
            let cells: Vec<String> = columns.split(' ').zip(values).map(|(_, value)| format!("{value:>8}")).collect();
            text += &format!("{cell:<15} {mtu:<6} {link:<11} {address:<17} {}\n", cells.join(" "));
            if *with_address {
                text += &format!("{cell:<15} {mtu:<6} {:<11} {:<17} {}\n", "10.20/16", "10.20.9.1", cells.join(" "));
            }
            let mut counters = Counters::default();
            let mut collisions = None;
            for (column, value) in columns.split(' ').zip(values) {
                match counter(column) {
                    Some(counter) => counters[counter.index()] = Some(*value),
                    None => collisions = Some(*value),
                }
            }
            let index = numbered.then_some(index);
            let details = Details { mtu: Some(*mtu), index, collisions, address: address.into_bytes() };
            expected.push((cell.into_bytes(), counters, details));
        }
        let mut table = Table::default();
        lines(&text).for_each(|line| table.line(line));
        let links = table.finish().expect("a table");
        let read: Vec<_> = links.rows.into_iter().map(|row| (row.cell, row.counters, row.details)).collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(links.skipped, 0);
    }
}
