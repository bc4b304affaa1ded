//! Converts recordings of little-endian kernels to what a big-endian kernel would have written.

use std::fs;
use std::path::Path;

use regex::{Captures, Regex};
use telegraf_execd_network::inputs::socketstat::socket::Protocol;

/// Copies a directory of tables of `/proc/net`, with its subdirectories.
pub fn copy_tables(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the directory can be made");
    for entry in fs::read_dir(from).expect("the directory can be listed") {
        let entry = entry.expect("the directory can be listed");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tables(&entry.path(), &to);
            continue;
        }
        let text = fs::read(entry.path()).expect("the table can be read");
        let text = String::from_utf8(text).map(|text| table(&text).into_bytes());
        let text = text.unwrap_or_else(std::string::FromUtf8Error::into_bytes);
        fs::write(to, text).expect("the copy can be written");
    }
}

/// Converts a table in `/proc/net`, where the kernel prints the words of an address as numbers.
fn table(text: &str) -> String {
    let addresses =
        Regex::new("([0-9A-F]{32}|[0-9A-F]{8}):[0-9A-F]{4} ").expect("a constant pattern compiles");
    let swapped = |found: &Captures<'_>| {
        let (address, port) = found[0].split_once(':').expect("the pattern has one");
        let words = address.as_bytes().chunks(8).flat_map(|word| word.chunks(2).rev().flatten());
        format!("{}:{port}", words.map(|digit| char::from(*digit)).collect::<String>())
    };
    addresses.replace_all(text, swapped).into_owned()
}

/// Converts netlink messages that list sockets of this protocol.
pub fn messages(protocol: Protocol, mut stream: Vec<u8>) -> Vec<u8> {
    const NLMSG_DONE: u16 = 3;
    let mut rest = stream.as_mut_slice();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(*rest.first_chunk().expect("a length")) as usize;
        let kind = u16::from_le_bytes([rest[4], rest[5]]);
        let (message, tail) = rest.split_at_mut(length.next_multiple_of(4).min(rest.len()));
        let (header, payload) = message.split_at_mut(16);
        swap(header, &[4, 2, 2, 4, 4]);
        match (kind, protocol) {
            (NLMSG_DONE, _) => swap(payload, &[4]),
            // struct unix_diag_msg: four bytes, then the inode number and the cookie.
            (_, Protocol::Unix) => {
                swap(&mut payload[4..16], &[4; 3]);
                attributes(protocol, &mut payload[16..]);
            }
            // struct packet_diag_msg
            (_, Protocol::Packet) => {
                swap(&mut payload[2..16], &[2, 4, 4, 4]);
                attributes(protocol, &mut payload[16..]);
            }
            // struct inet_diag_msg: ports and addresses are in network byte order.
            _ => {
                swap(&mut payload[40..72], &[4; 8]);
                attributes(protocol, &mut payload[72..]);
            }
        }
        rest = tail;
    }
    stream
}

fn attributes(protocol: Protocol, mut rest: &mut [u8]) {
    /// The widths of the numbers up to `snd_wnd` of Linux 6.18, without the single bytes at the start.
    const TCP_INFO: [&[usize]; 7] = [&[4; 24], &[8; 4], &[4; 6], &[8; 4], &[4; 2], &[8; 2], &[4; 4]];
    while rest.len() >= 4 {
        let length = usize::from(u16::from_le_bytes([rest[0], rest[1]]));
        let kind = u16::from_le_bytes([rest[2], rest[3]]);
        let (attribute, tail) = rest.split_at_mut(length.next_multiple_of(4).min(rest.len()));
        let (header, value) = attribute.split_at_mut(4);
        swap(header, &[2, 2]);
        match (protocol, kind) {
            (Protocol::Tcp, 2) => swap(&mut value[8..], &TCP_INFO.concat()),
            // Nothing to swap: the name of the congestion control, single bytes, and paths.
            (Protocol::Tcp | Protocol::Udp, 4..=6 | 8 | 11) | (Protocol::Unix, 0 | 6) => {}
            (Protocol::Tcp | Protocol::Udp, 21) => swap(value, &[8]),
            _ => {
                let words = value.len() / 4;
                swap(value, &vec![4; words]);
            }
        }
        rest = tail;
    }
}

/// Swaps the bytes of consecutive numbers of these widths, up to the end of `bytes`.
fn swap(mut bytes: &mut [u8], widths: &[usize]) {
    for width in widths {
        let Some((number, tail)) = bytes.split_at_mut_checked(*width) else { return };
        number.reverse();
        bytes = tail;
    }
}
