use std::path::Path;

use super::*;
use crate::inputs::socketstat::socket::{Device, State};

fn keys(names: &[&str]) -> Keys {
    Keys::of_option(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap()
}

fn inet(address: &str, port: u16) -> Endpoint<'static> {
    Endpoint::Inet { address: address.parse().unwrap(), port, device: Device::Any, v6only: false }
}

fn text<'a>(address: &'a str, port: &'a str) -> Endpoint<'a> {
    Endpoint::Text { address: address.as_bytes(), port: port.as_bytes() }
}

/// The tags of the group of a socket on a host that listens on port 443.
fn tags(keys: &Keys, protocol: Protocol, socket: &Socket<'_>) -> String {
    let mut listening = PortSet::default();
    listening.insert(443);
    let mut key = Vec::new();
    let known = Known { listening: &listening, owner: None, now: Instant::now() };
    keys.of_socket(protocol, socket, &known, &mut Owners::new(Path::new("/sys")), &mut key);
    let values = key.split(|byte| *byte == END).map(String::from_utf8_lossy);
    keys.iter()
        .zip(values)
        .map(|(key, value)| format!("{}={value}", key.name()))
        .collect::<Vec<_>>()
        .join(",")
}

fn ends<'a>(local: Endpoint<'a>, remote: Endpoint<'a>) -> Socket<'a> {
    Socket { local, remote, ..Socket::default() }
}

#[test]
fn the_service_is_the_port_at_the_serving_side() {
    let keys = keys(&["service", "direction"]);
    let server = ends(inet("10.0.0.1", 443), inet("10.0.0.2", 50000));
    let client = ends(inet("10.0.0.1", 50000), inet("10.0.0.2", 5432));
    assert_eq!(tags(&keys, Protocol::Tcp, &server), "direction=inbound,proto=tcp,service=443");
    assert_eq!(tags(&keys, Protocol::Udp, &client), "direction=outbound,proto=udp,service=5432");
    assert_eq!(tags(&keys, Protocol::Raw, &client), "direction=,proto=raw,service=");
    let path = Endpoint::Unix { path: b"/run/x", inode: 443 };
    assert_eq!(tags(&keys, Protocol::Unix, &ends(path, path)), "direction=,proto=unix,service=");
    assert_eq!(
        tags(&keys, Protocol::Tcp, &ends(text("*", "443"), text("*", "*"))),
        "direction=inbound,proto=tcp,service=443"
    );
}

#[test]
fn ports_have_names() {
    let names =
        [("443", "web"), ("80", "web"), ("22", "ssh")].map(|(port, name)| (port.to_owned(), name.to_owned()));
    let keys = keys(&["local_port", "remote_port", "service"]).with_port_names(&names.into()).unwrap();
    assert_eq!(
        tags(&keys, Protocol::Tcp, &ends(inet("::1", 443), inet("::1", 22))),
        "local_port=web,proto=tcp,remote_port=ssh,service=web"
    );
    assert_eq!(
        tags(&keys, Protocol::Tcp, &ends(inet("::1", 1), inet("::1", 0))),
        "local_port=1,proto=tcp,remote_port=*,service=*"
    );
    assert_eq!(
        tags(&keys, Protocol::Unix, &ends(text("/run/x", "80"), text("*", "22"))),
        "local_port=80,proto=unix,remote_port=22,service="
    );
}

#[test]
fn addresses_are_cut_to_networks() {
    let both = |keys: &Keys, address| {
        let line = tags(keys, Protocol::Tcp, &ends(inet("::", 1), inet(address, 2)));
        line.rsplit_once("remote_addr=").unwrap().1.to_owned()
    };
    let whole = keys(&["local_addr", "remote_addr"]);
    let cut = keys(&["local_addr", "remote_addr"]).with_prefixes(Some(24), Some(64));
    let none = keys(&["local_addr", "remote_addr"]).with_prefixes(Some(0), Some(0));
    for (address, plain, network, all) in [
        ("10.1.2.3", "10.1.2.3", "10.1.2.0/24", "0.0.0.0/0"),
        ("::ffff:10.1.2.3", "10.1.2.3", "10.1.2.0/24", "0.0.0.0/0"),
        ("2001:db8:1:2:3::4", "[2001:db8:1:2:3::4]", "2001:db8:1:2::/64", "::/0"),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0"),
        ("::", "*", "*", "*"),
    ] {
        assert_eq!(both(&whole, address), plain);
        assert_eq!(both(&whole.with_prefixes_of(32, 128), address), plain);
        assert_eq!(both(&cut, address), network);
        assert_eq!(both(&none, address), all);
    }
    let device = Endpoint::Inet {
        address: "fe80::1".parse().unwrap(),
        port: 1,
        device: Device::Name(b"eth0"),
        v6only: false,
    };
    let keys = keys(&["local_addr", "device", "family"]);
    for local in [device, text("[fe80::1]%eth0", "1")] {
        let socket = ends(local, inet("::", 0));
        assert_eq!(
            tags(&keys, Protocol::Tcp, &socket),
            "device=eth0,family=ipv6,local_addr=[fe80::1],proto=tcp"
        );
    }
}

impl Keys {
    fn with_prefixes_of(&self, ipv4: u32, ipv6: u32) -> Self {
        Self { tags: self.tags.clone(), ..Self::default() }.with_prefixes(Some(ipv4), Some(ipv6))
    }
}

#[test]
fn what_a_kind_does_not_have_is_empty() {
    let keys = keys(&["family", "state", "device", "local_addr", "remote_addr"]);
    let path = Endpoint::Unix { path: b"\0a\0b", inode: 7 };
    let unix = Socket { state: State::Number(1), ..ends(path, Endpoint::Unknown) };
    assert_eq!(
        tags(&keys, Protocol::Unix, &unix),
        "device=,family=,local_addr=@a@b,proto=unix,remote_addr=,state=ESTAB"
    );
    let packet = ends(Endpoint::Packet { protocol: 3, device: Device::Name(b"lo") }, text("*", ""));
    assert_eq!(
        tags(&keys, Protocol::Packet, &packet),
        "device=lo,family=,local_addr=*,proto=packet,remote_addr=*,state="
    );
    // The same in the words of ss.
    let unix = Socket { state: State::Text(b"ESTAB"), ..ends(text("@a@b", "7"), text("", "")) };
    assert_eq!(
        tags(&keys, Protocol::Unix, &unix),
        "device=,family=,local_addr=@a@b,proto=unix,remote_addr=,state=ESTAB"
    );
    assert_eq!(
        tags(&keys, Protocol::Packet, &ends(text("*", "lo"), text("*", ""))),
        "device=lo,family=,local_addr=*,proto=packet,remote_addr=*,state="
    );
    let odd = ends(text("10.0.0.1%eth0", "7"), text("*", "8"));
    assert_eq!(
        tags(&keys, Protocol::Unix, &odd),
        "device=,family=,local_addr=10.0.0.1%eth0,proto=unix,remote_addr=*,state="
    );
    // A NUL would end the value.
    assert_eq!(
        tags(&keys, Protocol::Tcp, &ends(text("a\0b", "1"), text("10.0.0.1", "2"))),
        "device=,family=,local_addr=a@b,proto=tcp,remote_addr=10.0.0.1,state="
    );
}

#[test]
fn the_line_for_the_rest() {
    let keys = keys(&["direction", "service", "proto"]);
    let mut key = Vec::new();
    keys.of_other(Protocol::Udp, &mut key);
    assert_eq!(key, b"other\0udp\0other\0");
}

#[test]
fn errors_name_the_entry() {
    let unknown = Keys::of_option(&["service".to_owned(), "port".to_owned()]).unwrap_err();
    assert!(
        unknown.starts_with("unknown key \"port\"; allowed are cgroup, device, direction, family, "),
        "{unknown}"
    );
    let named = |port: &str, name: &str| {
        Keys::default().with_port_names(&[(port.to_owned(), name.to_owned())].into()).unwrap_err()
    };
    assert_eq!(named("https", "x"), "\"https\" is no port");
    assert_eq!(named("65536", "x"), "\"65536\" is no port");
    assert_eq!(named("80", ""), "the name \"\" of port 80 cannot be a tag");
    assert_eq!(named("80", "a\nb"), "the name \"a\\nb\" of port 80 cannot be a tag");
}
