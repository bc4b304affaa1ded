use super::*;
use crate::inputs::socketstat::socket::{Device, State};

fn list(entries: &[&str]) -> Strings {
    Strings(entries.iter().map(|&entry| entry.to_owned()).collect())
}

fn selection(options: &SelectionOptions) -> Selection {
    Selection::new(options, &Protocol::ALL).unwrap()
}

fn states(entries: &[&str]) -> Selection {
    selection(&SelectionOptions { states: list(entries), ..Default::default() })
}

/// The TCP states that `entries` select.
fn mask(entries: &[&str]) -> u32 {
    states(entries).states(Protocol::Tcp)
}

fn inet(address: &str, port: u16) -> Endpoint<'static> {
    Endpoint::Inet { address: address.parse().unwrap(), port, device: Device::Any, v6only: false }
}

fn text<'a>(address: &'a str, port: &'a str) -> Endpoint<'a> {
    Endpoint::Text { address: address.as_bytes(), port: port.as_bytes() }
}

fn message(options: &SelectionOptions, protocols: &[Protocol]) -> String {
    let error = Selection::new(options, protocols).unwrap_err();
    format!("{}: {}", error.key, error.message)
}

#[test]
fn states_have_the_names_of_the_filter_and_of_the_printout() {
    let names = [
        ("established", "ESTAB"),
        ("syn-sent", "SYN-SENT"),
        ("syn-recv", "SYN-RECV"),
        ("fin-wait-1", "FIN-WAIT-1"),
        ("fin-wait-2", "FIN-WAIT-2"),
        ("time-wait", "TIME-WAIT"),
        ("closed", "UNCONN"),
        ("close-wait", "CLOSE-WAIT"),
        ("last-ack", "LAST-ACK"),
        ("listening", "LISTEN"),
        ("closing", "CLOSING"),
    ];
    for (number, (filter, printed)) in (1_u32..).zip(names) {
        for name in [filter, printed, &filter.to_uppercase(), &printed.to_lowercase()] {
            assert_eq!(mask(&[name]), 1 << number, "{name}");
        }
    }
    assert_eq!(mask(&["close"]), mask(&["unconnected"]));
    assert_eq!(mask(&["syn-rcv"]), mask(&["syn-recv"]));
}

#[test]
fn groups_of_states_are_those_of_ss() {
    let established_to_closing = 0xffe;
    assert_eq!(mask(&["all"]), established_to_closing);
    assert_eq!(mask(&["connected"]), established_to_closing & !(1 << 7 | 1 << 10));
    assert_eq!(mask(&["synchronized"]), established_to_closing & !(1 << 7 | 1 << 10 | 1 << 2));
    assert_eq!(mask(&["bucket"]), 1 << 3 | 1 << 6);
    assert_eq!(mask(&["Big"]), established_to_closing & !(1 << 3 | 1 << 6));
    assert_eq!(mask(&["estab", "bucket"]), 1 << 1 | 1 << 3 | 1 << 6);
    assert_eq!(mask(&["connected", "!time-wait", "!syn-sent"]), mask(&["synchronized", "!time-wait"]));
    assert_eq!(mask(&["!time-wait"]), established_to_closing & !(1 << 6));
}

#[test]
fn the_states_that_ss_lists_are_the_default() {
    for protocol in Protocol::ALL {
        assert_eq!(Selection::default().states(protocol), state::listed(protocol));
    }
    // Bit 0 makes ss print the state.
    assert_eq!(states(&["established"]).states(Protocol::Raw), 0b11);
    assert_eq!(states(&["established"]).states(Protocol::Sctp), 0b11);
    assert_eq!(states(&["listening"]).states(Protocol::Sctp), 1 << 10);
}

#[test]
fn the_state_is_judged_where_the_source_does_not() {
    let mut established = states(&["established"]);
    let mut takes = |protocol, state| established.takes(protocol, &Socket { state, ..Socket::default() });
    assert!(takes(Protocol::Raw, State::Number(1)));
    assert!(!takes(Protocol::Raw, State::Number(7)));
    assert!(!takes(Protocol::Raw, State::Text(b"UNCONN")));
    assert!(!takes(Protocol::Raw, State::Number(255)));
    assert!(!takes(Protocol::Packet, State::Unknown));
    assert!(takes(Protocol::Sctp, State::Association(4)));
    assert!(takes(Protocol::Udp, State::Unknown));
    // Without the option, what the source lists is what ss lists.
    let unconnected = Socket { state: State::Number(7), ..Socket::default() };
    assert!(Selection::default().takes(Protocol::Raw, &unconnected));
}

#[test]
fn ports_and_ranges() {
    let mut selection = selection(&SelectionOptions {
        local_ports: list(&["443", "8000-8002", "!8001"]),
        remote_ports: list(&["!53", "!0-9"]),
        ..Default::default()
    });
    let mut takes =
        |protocol, local, remote| selection.takes(protocol, &Socket { local, remote, ..Socket::default() });
    for (port, taken) in [(443, true), (442, false), (8000, true), (8001, false), (8002, true), (8003, false)]
    {
        assert_eq!(takes(Protocol::Tcp, inet("::1", port), inet("::1", 10)), taken, "{port}");
    }
    for (port, taken) in [(53, false), (54, true), (9, false), (0, false), (65535, true)] {
        assert_eq!(takes(Protocol::Tcp, inet("::1", 443), inet("::1", port)), taken, "{port}");
    }
    assert!(takes(Protocol::Udp, text("*", "443"), text("10.0.0.1", "54")));
    assert!(!takes(Protocol::Udp, text("*", "443"), text("*", "*")));
    // The port of a unix socket is an inode number.
    assert!(!takes(Protocol::Unix, text("*", "443"), text("*", "54")));
}

#[test]
fn networks_and_addresses() {
    let mut selection = selection(&SelectionOptions {
        remote_addrs: list(&[
            "10.0.0.0/8",
            "!10.1.2.3/16",
            "2001:db8::/32",
            "[fe80::1]",
            "::ffff:192.0.2.0/120",
        ]),
        ..Default::default()
    });
    let mut takes = |remote| selection.takes(Protocol::Tcp, &Socket { remote, ..Socket::default() });
    for (address, taken) in [
        ("10.2.3.4", true),
        ("10.1.255.255", false),
        ("11.0.0.0", false),
        ("::ffff:10.2.3.4", true),
        ("::ffff:10.1.3.4", false),
        ("192.0.2.77", true),
        ("192.0.3.77", false),
        ("2001:db8:ffff::1", true),
        ("2001:db9::", false),
        ("fe80::1", true),
        ("fe80::2", false),
        ("::", false),
    ] {
        assert_eq!(takes(inet(address, 1)), taken, "{address}");
    }
    assert!(takes(text("[::ffff:10.2.3.4]", "1")));
    assert!(takes(text("[fe80::1]%eth0", "1")));
    assert!(!takes(text("*", "*")));
    assert!(!takes(Endpoint::Unknown));
}

#[test]
fn all_of_one_family() {
    let v6 = SelectionOptions { local_addrs: list(&["::/0"]), ..Default::default() };
    let v4 = SelectionOptions { local_addrs: list(&["0.0.0.0/0"]), ..Default::default() };
    for (address, is_v4) in
        [("127.0.0.1", true), ("::ffff:127.0.0.1", true), ("::1", false), ("ffff::", false)]
    {
        let socket = Socket { local: inet(address, 1), ..Socket::default() };
        assert_eq!(selection(&v4).takes(Protocol::Tcp, &socket), is_v4, "{address}");
        assert_eq!(selection(&v6).takes(Protocol::Tcp, &socket), !is_v4, "{address}");
    }
}

#[test]
fn paths_of_unix_sockets_are_globs() {
    let mut selection = selection(&SelectionOptions {
        local_addrs: list(&["/run/*.sock", "@bus", "127.0.0.1", "!/run/secret*"]),
        ..Default::default()
    });
    let mut takes = |protocol, local| selection.takes(protocol, &Socket { local, ..Socket::default() });
    let unix = |path| Endpoint::Unix { path, inode: 7 };
    assert!(takes(Protocol::Unix, unix(b"/run/x.sock")));
    assert!(takes(Protocol::Unix, text("/run/x.sock", "7")));
    assert!(!takes(Protocol::Unix, unix(b"/run/secret.sock")));
    assert!(takes(Protocol::Unix, unix(b"\0bus")));
    assert!(!takes(Protocol::Unix, unix(b"")));
    assert!(!takes(Protocol::Unix, unix(b"127.0.0.2")));
    // Each kind of socket has its own entries.
    assert!(takes(Protocol::Tcp, inet("127.0.0.1", 1)));
    assert!(!takes(Protocol::Packet, Endpoint::Packet { protocol: 3, device: Device::Any }));
    let mut v6 = self::selection(&SelectionOptions { local_addrs: list(&["::/0"]), ..Default::default() });
    assert!(!v6.takes(Protocol::Packet, &Socket { local: text("*", "lo"), ..Socket::default() }));
}

#[test]
fn errors_name_the_entry() {
    let ports = |entry| SelectionOptions { local_ports: list(&["1", entry]), ..Default::default() };
    for entry in ["", "!", "https", "65536", "+1", "1-", "-1", "9-8", "1-65536", "1-2-3", " 1"] {
        let message = message(&ports(entry), &Protocol::ALL);
        assert!(message.starts_with(&format!("local_ports: {entry:?} is neither a port nor")), "{message}");
    }
    let addresses = |entry| SelectionOptions { remote_addrs: list(&["::1", entry]), ..Default::default() };
    for entry in ["", "!", "/run/*", "10.0.0.0/33", "10.0.0/8", "::/129", "::1/", "::ffff:1.2.3.4/95", "eth0"]
    {
        let message = message(&addresses(entry), &[Protocol::Tcp, Protocol::Packet]);
        assert!(
            message.starts_with(&format!("remote_addrs: {entry:?} is neither an address nor")),
            "{message}"
        );
    }
    assert!(
        message(&addresses("/run/[a"), &[Protocol::Unix]).starts_with("remote_addrs: glob \"/run/[a\": ")
    );
    let states = |entries: &[&str]| SelectionOptions { states: list(entries), ..Default::default() };
    let wrong = message(&states(&["ESTAB", "open"]), &Protocol::ALL);
    assert!(
        wrong.starts_with("states: unknown state \"open\"; allowed are established, syn-sent, "),
        "{wrong}"
    );
    assert!(wrong.ends_with(", closing and the groups all, connected, synchronized, bucket, big"), "{wrong}");
    assert_eq!(message(&states(&["bucket", "!bucket"]), &Protocol::ALL), "states: no state is left");
}
