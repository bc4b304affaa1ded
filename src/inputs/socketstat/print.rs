//! Prints the ends of a socket as `ss -n` of iproute2 6.1 does, so that tags do not depend on the source.
//!
//! Everything is appended to a buffer that the caller reuses, without an allocation per socket.
//!
//! Sources: `inet_addr_print`, `resolve_service`, `int_to_str`, `unix_show_sock` and `packet_stats_print` in iproute2's
//! `misc/ss.c`, `proto_n2a` in its `lib/ll_proto.c`, and glibc's `inet_ntop`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(test)]
use super::socket::Socket;
use super::socket::{Device, Endpoint};
use crate::number::push_decimal;

/// `ETH_P_ALL`.
const ETH_P_ALL: u16 = 3;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends the address of an end, without the port.
pub(super) fn push_host(text: &mut Vec<u8>, end: &Endpoint<'_>) {
    match *end {
        Endpoint::Unknown => {}
        Endpoint::Inet { address, device, v6only, .. } => {
            push_address(text, address, v6only);
            if device != Device::Any {
                text.push(b'%');
                push_device(text, device);
            }
        }
        Endpoint::Unix { path, .. } => push_path(text, path),
        Endpoint::Packet { protocol: ETH_P_ALL, .. } => text.push(b'*'),
        Endpoint::Packet { protocol, .. } => {
            text.push(b'[');
            push_decimal(text, u64::from(protocol));
            text.push(b']');
        }
        Endpoint::Text { address, .. } => text.extend_from_slice(address),
    }
}

/// Appends the port, device or inode number of an end.
pub(super) fn push_service(text: &mut Vec<u8>, end: &Endpoint<'_>) {
    match *end {
        Endpoint::Unknown => {}
        Endpoint::Packet { device: Device::Any, .. } => text.push(b'*'),
        Endpoint::Inet { port, .. } => push_port(text, port),
        Endpoint::Unix { inode, .. } => push_inode(text, inode),
        Endpoint::Packet { device, .. } => push_device(text, device),
        Endpoint::Text { port, .. } => text.extend_from_slice(port),
    }
}

/// Appends the name of a device, or `if3` for index 3 without a name.
fn push_device(text: &mut Vec<u8>, device: Device<'_>) {
    match device {
        Device::Any => {}
        Device::Name(name) => text.extend_from_slice(name),
        Device::Index(index) => {
            text.extend_from_slice(b"if");
            push_decimal(text, u64::from(index));
        }
    }
}

/// Appends a path, which ends at a NUL. An abstract name begins with NUL, and each of its NULs is printed as `@`.
fn push_path(text: &mut Vec<u8>, path: &[u8]) {
    match path.first() {
        None => text.push(b'*'),
        Some(0) => text.extend(path.iter().map(|byte| if *byte == 0 { b'@' } else { *byte })),
        Some(_) => text.extend(path.iter().take_while(|byte| **byte != 0)),
    }
}

/// Appends an address: `127.0.0.1`, `[::1]`, `[::ffff:127.0.0.1]`. The unspecified IPv6 address is `*` or, if the socket
/// accepts IPv6 only (`v6only`), `[::]`.
pub(super) fn push_address(text: &mut Vec<u8>, address: IpAddr, v6only: bool) {
    match address {
        IpAddr::V4(address) => push_v4(text, address),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) if !v6only => text.push(b'*'),
        IpAddr::V6(address) => {
            text.push(b'[');
            push_v6(text, address);
            text.push(b']');
        }
    }
}

/// Appends a port (for raw sockets, the protocol). 0 is any and printed as `*`.
pub(super) fn push_port(text: &mut Vec<u8>, port: u16) {
    if port == 0 {
        text.push(b'*');
    } else {
        push_decimal(text, u64::from(port));
    }
}

/// Appends an inode number. ss stores it in an `int`, so it prints one above 2^31-1 as a negative number.
fn push_inode(text: &mut Vec<u8>, inode: u32) {
    let inode = inode.cast_signed();
    if inode < 0 {
        text.push(b'-');
    }
    push_decimal(text, u64::from(inode.unsigned_abs()));
}

fn push_v4(text: &mut Vec<u8>, address: Ipv4Addr) {
    let [a, b, c, d] = address.octets();
    push_decimal(text, u64::from(a));
    for octet in [b, c, d] {
        text.push(b'.');
        push_decimal(text, u64::from(octet));
    }
}

/// Appends an IPv6 address as glibc prints it. Unlike std, glibc also prints `::a.b.c.d` with an IPv4 part.
pub(super) fn push_v6(text: &mut Vec<u8>, address: Ipv6Addr) {
    let words = address.segments();
    let last = |[a, b]: [u8; 2], [c, d]: [u8; 2]| Ipv4Addr::new(a, b, c, d);
    match words {
        [0, 0, 0, 0, 0, 0xffff, high, low] => {
            text.extend_from_slice(b"::ffff:");
            push_v4(text, last(high.to_be_bytes(), low.to_be_bytes()));
        }
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            text.extend_from_slice(b"::");
            push_v4(text, last(high.to_be_bytes(), low.to_be_bytes()));
        }
        _ => push_words(text, words),
    }
}

/// Appends hexadecimal words. The longest run of two or more zeros is shortened to `::` (the first, if several).
fn push_words(text: &mut Vec<u8>, words: [u16; 8]) {
    let (start, length) = longest_zeros(words);
    let mut colon = false;
    for (at, word) in words.into_iter().enumerate() {
        if at == start && length > 1 {
            text.extend_from_slice(b"::");
            colon = false;
        }
        if length > 1 && (start..start + length).contains(&at) {
            continue;
        }
        if colon {
            text.push(b':');
        }
        push_hexadecimal(text, word);
        colon = true;
    }
}

fn longest_zeros(words: [u16; 8]) -> (usize, usize) {
    let (mut best, mut run) = ((0, 0), 0);
    for (at, word) in words.into_iter().enumerate() {
        run = if word == 0 { run + 1 } else { 0 };
        if run > best.1 {
            best = (at + 1 - run, run);
        }
    }
    best
}

fn push_hexadecimal(text: &mut Vec<u8>, word: u16) {
    let digits = [word >> 12, (word >> 8) & 15, (word >> 4) & 15, word & 15];
    let zeros = digits.iter().take(3).take_while(|digit| **digit == 0).count();
    text.extend(digits.iter().skip(zeros).map(|digit| DIGITS[usize::from(*digit)]));
}

/// Address and port of each end, as ss prints them.
#[cfg(test)]
pub(super) fn printed(socket: &Socket<'_>) -> [String; 4] {
    let text = |push: fn(&mut Vec<u8>, &Endpoint<'_>), end| {
        let mut text = Vec::new();
        push(&mut text, end);
        String::from_utf8_lossy(&text).into_owned()
    };
    let Socket { local, remote, .. } = socket;
    [text(push_host, local), text(push_service, local), text(push_host, remote), text(push_service, remote)]
}

#[cfg(test)]
mod tests;
