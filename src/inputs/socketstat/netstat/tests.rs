use std::ffi::OsStr;

use proptest::prelude::*;

use super::table::NetstatTable;
use super::{CAPABILITIES, probe, runs};
use crate::inputs::socketstat::print::printed;
use crate::inputs::socketstat::socket::{Protocol, Socket};
use crate::inputs::socketstat::state::listed;
use crate::platform::Platform;

const HEADER: &str = "Active Internet connections (including servers)
Proto Recv-Q Send-Q Local Address          Foreign Address        (state)
";

/// The number of skipped rows, and whether nothing was printed.
type End = Result<(u64, bool), String>;

/// Parses an output: each socket as `local port remote port state recv_q send_q`, and the result.
fn read(protocol: Protocol, output: &[u8]) -> (Vec<String>, End) {
    let mut sockets = Vec::new();
    let mut table = NetstatTable::new(protocol, listed(protocol));
    for line in output.split(|byte| *byte == b'\n') {
        table.line(Some(line), &mut |socket| sockets.push(shown(socket)));
    }
    (sockets, table.finish().map(|summary| (summary.skipped.count(), summary.empty)))
}

fn shown(socket: &Socket<'_>) -> String {
    let (ends, state) = (printed(socket).join(" "), String::from_utf8_lossy(socket.state.name()));
    format!("{ends} {state} {:?} {:?}", socket.recv_q, socket.send_q)
}

fn rows(protocol: Protocol, rows: &str) -> (Vec<String>, u64) {
    let (sockets, end) = read(protocol, format!("{HEADER}{rows}").as_bytes());
    (sockets, end.expect("a header is there").0)
}

/// The socket of one row.
fn only(protocol: Protocol, row: &str) -> String {
    let (mut sockets, left_out) = rows(protocol, row);
    assert_eq!((sockets.len(), left_out), (1, 0), "{row}");
    sockets.remove(0)
}

#[test]
fn states_have_the_names_of_ss() {
    for (state, name) in [
        ("SYN_SENT", "SYN-SENT"),
        ("ESTABLISHED", "ESTAB"),
        ("ESTABLISHED*", "ESTAB"),
        ("CLOSE_WAIT", "CLOSE-WAIT"),
        ("FIN_WAIT_1", "FIN-WAIT-1"),
        ("CLOSING", "CLOSING"),
        ("LAST_ACK", "LAST-ACK"),
        ("FIN_WAIT_2*", "FIN-WAIT-2"),
        ("12", "UNKNOWN"),
        ("-1", "UNKNOWN"),
    ] {
        let row = format!("tcp4 1 2 10.0.0.1.22 10.0.0.2.4000 {state}");
        let expected = format!("10.0.0.1 22 10.0.0.2 4000 {name} Some(1) Some(2)");
        assert_eq!(only(Protocol::Tcp, &row), expected);
    }
    for state in ["LISTEN", "TIME_WAIT", "CLOSED", "TIME_WAIT*", "SYN_RCVD"] {
        let row = format!("tcp4 1 2 10.0.0.1.22 10.0.0.2.4000 {state}");
        assert_eq!(rows(Protocol::Tcp, &row), (vec![], 0), "{state}");
    }
}

#[test]
fn addresses_are_printed_as_ss_does() {
    for (cell, expected) in [
        ("10.0.0.1.22", "10.0.0.1 22"),
        ("*.22", "* 22"),
        ("10.0.0.1.*", "10.0.0.1 *"),
        ("10.0.0.1%em0.22", "10.0.0.1%em0 22"),
        ("::1.22", "[::1] 22"),
        ("2001:db8::4.65535", "[2001:db8::4] 65535"),
        ("::ffff:10.0.0.1.443", "[::ffff:10.0.0.1] 443"),
        ("fe80::1%lo0.123", "[fe80::1]%lo0 123"),
        ("fe80::1%em0.100.123", "[fe80::1]%em0.100 123"),
        ("fe80:4::1.123", "[fe80:4::1] 123"),
    ] {
        let row = format!("tcp6 0 0 {cell} {cell} ESTABLISHED");
        let expected = format!("{expected} {expected} ESTAB Some(0) Some(0)");
        assert_eq!(only(Protocol::Tcp, &row), expected);
    }
}

#[test]
fn protocol_cells_of_every_system_are_known() {
    for (proto, protocol) in [
        ("tcp", Protocol::Tcp),
        ("tcp4", Protocol::Tcp),
        ("tcp6", Protocol::Tcp),
        ("tcp46", Protocol::Tcp),
        ("toe4", Protocol::Tcp),
        ("toe6", Protocol::Tcp),
        ("udp", Protocol::Udp),
        ("udp4", Protocol::Udp),
        ("udp6", Protocol::Udp),
        ("udp46", Protocol::Udp),
    ] {
        let row = format!("{proto} 0 0 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED");
        for asked in [Protocol::Tcp, Protocol::Udp] {
            let expected = usize::from(asked == protocol);
            let (sockets, left_out) = rows(asked, &row);
            assert_eq!((sockets.len(), left_out), (expected, 0), "{proto} asked for {asked}");
        }
    }
}

#[test]
fn other_protocols_and_closing_remarks_are_not_malformed() {
    let others = "ip 4       0      0 *.*                    *.*
icm6       0      0 *.*                    *.*
ip6        0      0 *.58                   *.*
divert     0      0 *.700                  *.*

Some tcp sockets may have been deleted.
";
    assert_eq!(rows(Protocol::Tcp, others), (vec![], 0));
}

#[test]
fn a_datagram_socket_without_a_peer_is_omitted() {
    let udp = "udp4 0 0 10.0.0.1.123 *.*\nudp46 0 0 *.5353 *.*\nudp6 7 0 ::1.9 ::1.53\n";
    let expected = vec!["[::1] 9 [::1] 53 ESTAB Some(7) Some(0)".to_owned()];
    assert_eq!(rows(Protocol::Udp, udp), (expected, 0));
}

#[test]
fn malformed_rows_are_counted_and_affect_no_others() {
    let good = "tcp4 0 0 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED";
    for bad in [
        "tcp4",
        "tcp4 0 0 10.0.0.1.22",
        "tcp4 0 0 10.0.0.1.22 10.0.0.2.4000",
        "tcp4 x 0 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED",
        "tcp4 0 -1 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED",
        "tcp4 0 18446744073709551616 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED",
        "tcp4 00 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED",
        "tcp4 0 0 10.0.0.1.2210.0.0.2.4000 ESTABLISHED",
        "tcp4 0 0 10.0.0.1.22 10.0.0.2.4000ESTABLISHED",
        "tcp4 0 0 10.0.0.1.22 10.0.0.2.4000 ESTABL",
        "tcp4 0 0 10.0.0.1.65536 10.0.0.2.4000 ESTABLISHED",
        "tcp4 0 0 10.0.0.22 10.0.0.2.4000 ESTABLISHED",
        "tcp4 0 0 localhost.22 10.0.0.2.4000 ESTABLISHED",
        "tcp4 0 0 10.0.0.1.ssh 10.0.0.2.4000 ESTABLISHED",
        "tcp6 0 0 2001:db8:20:4: 2001:db8:20:1: ESTABLISHED",
        "t\0cp4 0 0 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED",
        "46 0 0 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED",
    ] {
        let (sockets, left_out) = rows(Protocol::Tcp, &format!("{good}\n{bad}\n{good}\r\n"));
        assert_eq!((sockets.len(), left_out), (2, 1), "{bad}");
    }
    let mut table = NetstatTable::new(Protocol::Udp, !0);
    table.line(Some(b"Proto Recv-Q Send-Q Local Address Foreign Address"), &mut |_| {});
    table.line(None, &mut |_| {});
    assert_eq!(table.finish().unwrap().skipped.count(), 1);
}

#[test]
fn the_header_gives_the_columns() {
    let openbsd = b"Proto   Recv-Q Send-Q Recv-W Send-W Cgst-W  Local Address  Foreign Address  TCP-State
tcp 1 2 3 4 5 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED
Active Internet connections (including servers)
Proto   Recv-Q Send-Q  Local Address  Foreign Address
udp 1 2 10.0.0.1.53 10.0.0.2.4000
";
    let (sockets, end) = read(Protocol::Tcp, openbsd);
    assert_eq!(sockets, ["10.0.0.1 22 10.0.0.2 4000 ESTAB Some(1) Some(2)"]);
    assert_eq!(end, Ok((0, false)));
    let (sockets, _) = read(Protocol::Udp, openbsd);
    assert_eq!(sockets, ["10.0.0.1 53 10.0.0.2 4000 ESTAB Some(1) Some(2)"]);

    let fused = b"Proto Recv-Q Send-Q Local AddressForeign Address(state)  rxbytes
tcp46 1 2 ::1.22 ::1.4000 LAST_ACK 77
";
    assert_eq!(read(Protocol::Tcp, fused).0, ["[::1] 22 [::1] 4000 LAST-ACK Some(1) Some(2)"]);

    let lacking = b"Proto Local Address Foreign Address State\ntcp 10.0.0.1.22 10.0.0.2.4000 CLOSING\n";
    assert_eq!(read(Protocol::Tcp, lacking).0, ["10.0.0.1 22 10.0.0.2 4000 CLOSING None None"]);
}

#[test]
fn rows_below_an_unknown_header_are_counted() {
    let output = format!("{HEADER}Proto Recv-Q\ntcp4 0 0 10.0.0.1.22 10.0.0.2.4000 ESTABLISHED\n");
    let (sockets, end) = read(Protocol::Tcp, output.as_bytes());
    assert_eq!((sockets.len(), end), (0, Ok((1, false))));
}

#[test]
fn other_tables_are_ignored() {
    let unix = format!(
        "{HEADER}tcp4 0 0 10.0.0.1.22 10.0.0.2.4000 CLOSING
Active UNIX domain sockets
Address  Type   Recv-Q Send-Q    Inode     Conn     Refs  Nextref Addr
fffff800 stream      0      0        0 fffff801        0        0
"
    );
    let (sockets, end) = read(Protocol::Tcp, unix.as_bytes());
    assert_eq!((sockets.len(), end), (1, Ok((0, false))));
}

#[test]
fn an_output_without_a_header_is_refused_and_quoted() {
    let text =
        "printed unexpected output, expected a table of tcp sockets, got \"Active Internet\\tconnections\"";
    assert_eq!(read(Protocol::Tcp, b"\n Active Internet\tconnections\r\n").1, Err(text.to_owned()));
    let text = "printed unexpected output, expected a table of udp sockets, got \"usage: netstat\"";
    assert_eq!(read(Protocol::Udp, b"usage: netstat\nudp4 0 0 *.1 *.*\n").1, Err(text.to_owned()));
    // tcp needs a header with the state.
    assert!(read(Protocol::Tcp, b"Proto Recv-Q Send-Q Local Address Foreign Address\n").1.is_err());
}

#[test]
fn the_netstat_of_linux_is_refused() {
    let linux = b"Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address           Foreign Address         State
tcp        0      0 0.0.0.0:2024            0.0.0.0:*               LISTEN
";
    let text = read(Protocol::Tcp, linux).1.unwrap_err();
    let expected = "printed unexpected output, expected a table of tcp sockets, got \"Active Internet connections (servers";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn an_empty_output_means_no_sockets() {
    for empty in [&b""[..], b"\n", b" \r\n\n"] {
        assert_eq!(read(Protocol::Udp, empty), (vec![], Ok((0, true))));
    }
    assert_eq!(read(Protocol::Tcp, HEADER.as_bytes()).1, Ok((0, false)));
}

#[test]
fn each_system_gets_the_flags_that_do_not_truncate_addresses() {
    assert_eq!(runs(Platform::FreeBsd, Protocol::Tcp), [["-anW", "-p", "tcp"]]);
    assert_eq!(runs(Platform::MacOs, Protocol::Udp), [["-anl", "-p", "udp"]]);
    assert_eq!(runs(Platform::OpenBsd, Protocol::Udp), [["-anv", "-p", "udp"]]);
    for protocol in CAPABILITIES.protocols {
        assert_eq!(runs(Platform::NetBsd, *protocol), [["-anv", "-f", "inet"], ["-anv", "-f", "inet6"]]);
    }
}

#[test]
fn the_probe_names_what_is_missing() {
    let nowhere = OsStr::new("/nonexistent");
    let unknown = probe(None, nowhere).expect_err("no platform");
    assert!(unknown.to_string().contains("netstat_platform"), "{unknown}");
    let missing = probe(Some(Platform::FreeBsd), nowhere).expect_err("no netstat");
    assert_eq!(missing.to_string(), "netstat not found on PATH");
}

proptest! {
    #[test]
    fn no_output_makes_it_panic(output in proptest::collection::vec(any::<u8>(), 0..2000)) {
        for protocol in CAPABILITIES.protocols {
            let (sockets, end) = read(*protocol, &output);
            prop_assert!(sockets.is_empty() || end.is_ok());
        }
    }

    #[test]
    fn no_row_makes_it_panic(rows in "((tcp4|udp6|ip|Proto|Some|Active)[ .:%*0-9a-zA-Z_\\n\\t-]{0,60}\\n){0,20}") {
        for protocol in CAPABILITIES.protocols {
            let (_, end) = read(*protocol, format!("{HEADER}{rows}").as_bytes());
            prop_assert!(end.is_ok());
        }
    }

    #[test]
    fn a_socket_comes_back_as_it_was(
        local in any::<std::net::IpAddr>(),
        remote in any::<std::net::IpAddr>(),
        ports in any::<(u16, u16)>(),
        queues in any::<(u64, u64)>(),
    ) {
        let row = format!("tcp {} {} {local}.{} {remote}.{} CLOSING", queues.0, queues.1, ports.0, ports.1);
        let ss = |ip: std::net::IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        let (local, remote) = (ss(local), ss(remote));
        let expected =
            format!("{local} {} {remote} {} CLOSING Some({}) Some({})", ports.0, ports.1, queues.0, queues.1);
        prop_assert_eq!(only(Protocol::Tcp, &row), expected);
    }
}
