use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

fn address(text: &str, v6only: bool) -> String {
    let mut out = Vec::new();
    push_address(&mut out, text.parse().unwrap(), v6only);
    String::from_utf8(out).unwrap()
}

#[test]
fn prints_addresses_as_ss_does() {
    for (from, to) in [
        ("0.0.0.0", "0.0.0.0"),
        ("127.0.0.1", "127.0.0.1"),
        ("255.209.10.100", "255.209.10.100"),
        ("::", "*"),
        ("::1", "[::1]"),
        ("::ffff", "[::ffff]"),
        ("fe80::70e1:abff:fe53:55ed", "[fe80::70e1:abff:fe53:55ed]"),
        ("::ffff:127.0.0.1", "[::ffff:127.0.0.1]"),
        ("::ffff:0.0.0.0", "[::ffff:0.0.0.0]"),
        // The deprecated IPv4-compatible form: as glibc, unlike std.
        ("::10.0.0.1", "[::10.0.0.1]"),
        ("::1:0", "[::0.1.0.0]"),
        ("1::", "[1::]"),
        ("2001:db8:0:1:0:0:0:2", "[2001:db8:0:1::2]"),
        // A single zero is not shortened. Of two equal runs, the first is.
        ("2001:db8:0:1:2:3:4:5", "[2001:db8:0:1:2:3:4:5]"),
        ("1:0:0:2:3:0:0:4", "[1::2:3:0:0:4]"),
        ("64:ff9b::10.0.0.1", "[64:ff9b::a00:1]"),
    ] {
        assert_eq!(address(from, false), to);
    }
    assert_eq!(address("::", true), "[::]");
}

#[test]
fn prints_numbers() {
    let mut text = Vec::new();
    for port in [0, 1, 80, 65535] {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        push_service(&mut text, &Endpoint::Inet { address, port, device: Device::Any, v6only: false });
        text.push(b' ');
    }
    for inode in [0, 326_176, i32::MAX.unsigned_abs(), 1 << 31, u32::MAX] {
        push_inode(&mut text, inode);
        text.push(b' ');
    }
    assert_eq!(text, b"* 1 80 65535 0 326176 2147483647 -2147483648 -1 ");
}

proptest! {
    #[test]
    fn agrees_with_std(bits: u128, mask: u128) {
        for bits in [bits, bits & mask, bits & mask & (mask << 17)] {
            let v6 = Ipv6Addr::from(bits);
            // std prints the IPv4-compatible form in hexadecimal.
            prop_assume!(bits >> 32 != 0);
            let mut text = Vec::new();
            push_address(&mut text, IpAddr::V6(v6), false);
            prop_assert_eq!(String::from_utf8(text).unwrap(), format!("[{v6}]"));
        }
        let v4 = Ipv4Addr::from(u32::try_from(bits >> 96).unwrap());
        let mut text = Vec::new();
        push_address(&mut text, IpAddr::V4(v4), false);
        prop_assert_eq!(String::from_utf8(text).unwrap(), v4.to_string());
    }
}

#[test]
fn prints_paths_and_devices() {
    let text = |end: Endpoint<'_>| {
        let mut text = Vec::new();
        push_host(&mut text, &end);
        text.push(b' ');
        push_service(&mut text, &end);
        String::from_utf8(text).unwrap()
    };
    assert_eq!(text(Endpoint::Unix { path: b"/run/a b\0c", inode: 7 }), "/run/a b 7");
    assert_eq!(text(Endpoint::Unix { path: b"\0a\0b", inode: 7 }), "@a@b 7");
    assert_eq!(text(Endpoint::Unix { path: b"", inode: 0 }), "* 0");
    assert_eq!(text(Endpoint::Packet { protocol: 3, device: Device::Name(b"lo") }), "* lo");
    assert_eq!(text(Endpoint::Packet { protocol: 2048, device: Device::Any }), "[2048] *");
    assert_eq!(text(Endpoint::Packet { protocol: 3, device: Device::Index(9) }), "* if9");
    assert_eq!(text(Endpoint::Unknown), " ");
}
