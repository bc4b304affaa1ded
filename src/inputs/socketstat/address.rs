//! How `ss -n` of iproute2 6.1 prints internet addresses, ports and inodes.
//!
//! Shared by the sources that get them as numbers, so that a series keeps its tags whichever source lists it.
//! Everything is appended to a buffer that the caller reuses: a row costs no allocation.
//!
//! Sources: `inet_addr_print`, `resolve_service` and `int_to_str` in iproute2's `misc/ss.c`, and glibc's
//! `inet_ntop`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends an address as ss does: `127.0.0.1`, `[::1]`, `[::ffff:127.0.0.1]`. The unspecified IPv6 address is
/// `*`, unless the socket takes IPv6 only (`v6only`): then it is `[::]`.
pub fn push_address(text: &mut Vec<u8>, address: IpAddr, v6only: bool) {
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

/// Appends a port (of a raw socket: its protocol) in decimal, `*` for 0.
pub fn push_port(text: &mut Vec<u8>, port: u16) {
    if port == 0 {
        text.push(b'*');
    } else {
        push_number(text, u32::from(port));
    }
}

/// Appends a socket's inode. ss holds it in an `int`, so one above 2^31-1 is printed as a negative number.
pub fn push_inode(text: &mut Vec<u8>, inode: u32) {
    let inode = inode.cast_signed();
    if inode < 0 {
        text.push(b'-');
    }
    push_number(text, inode.unsigned_abs());
}

/// Appends a number in decimal.
pub fn push_number(text: &mut Vec<u8>, mut number: u32) {
    let mut digits = [0; 10];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = DIGITS[(number % 10) as usize];
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[start..]);
}

/// Cuts `text` at ends (in order) that were taken while it was written; what is past its end is empty.
#[must_use]
pub fn parts<const N: usize>(mut text: &[u8], ends: [usize; N]) -> [&[u8]; N] {
    let mut start = 0;
    ends.map(|end| {
        let (part, rest) = text.split_at_checked(end.saturating_sub(start)).unwrap_or_default();
        (text, start) = (rest, end);
        part
    })
}

fn push_v4(text: &mut Vec<u8>, address: Ipv4Addr) {
    let [a, b, c, d] = address.octets();
    push_number(text, u32::from(a));
    for octet in [b, c, d] {
        text.push(b'.');
        push_number(text, u32::from(octet));
    }
}

/// glibc prints the last four bytes as IPv4 in `::ffff:a.b.c.d` and in the old `::a.b.c.d`, which std does not.
fn push_v6(text: &mut Vec<u8>, address: Ipv6Addr) {
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

/// Hexadecimal words, the first of the longest runs of two or more zeros shortened to `::`.
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

#[cfg(test)]
mod tests;
