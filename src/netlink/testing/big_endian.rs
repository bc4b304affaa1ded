//! The recorded answers of a little-endian kernel, as a big-endian kernel would have sent them.

/// What an attribute holds: text and single bytes, numbers of one width, or attributes.
enum Holds {
    Bytes,
    Numbers(usize),
    Attributes(fn(u16) -> Holds),
}

/// Swaps the bytes of all numbers that are read. A recording has one kind of messages.
pub(super) fn swapped(recording: &str, mut answer: Vec<u8>) -> Vec<u8> {
    let (fixed, holds): (&[usize], fn(u16) -> Holds) = match recording {
        "links.bin" | "links-with-stats.bin" => (&[1, 1, 2, 4, 4, 4], of_link),
        "stats.bin" => (&[1, 1, 2, 4, 4], |_| Holds::Numbers(8)),
        "family.bin" => (&[1, 1, 2], of_family),
        "linkmodes.bin" => (&[1, 1, 2], of_link_modes),
        _ => panic!("which numbers {recording} has is not known"),
    };
    let mut rest = answer.as_mut_slice();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(*rest.first_chunk().expect("a length")) as usize;
        let kind = u16::from_le_bytes([rest[4], rest[5]]);
        let (message, tail) = rest.split_at_mut(length.next_multiple_of(4).min(rest.len()));
        let payload = swap(message, &[4, 2, 2, 4, 4]);
        // NLMSG_ERROR and NLMSG_DONE hold the number of an error.
        if matches!(kind, 2 | 3) {
            swap(payload, &[4]);
        } else {
            attributes(swap(payload, fixed), holds);
        }
        rest = tail;
    }
    answer
}

fn of_link(kind: u16) -> Holds {
    match kind {
        // IFLA_MTU, IFLA_MASTER, IFLA_TXQLEN, IFLA_CARRIER_CHANGES
        4 | 10 | 13 | 35 => Holds::Numbers(4),
        // IFLA_STATS64
        23 => Holds::Numbers(8),
        // IFLA_LINKINFO
        18 => Holds::Attributes(|_| Holds::Bytes),
        _ => Holds::Bytes,
    }
}

fn of_family(kind: u16) -> Holds {
    // CTRL_ATTR_FAMILY_ID
    if kind == 1 { Holds::Numbers(2) } else { Holds::Bytes }
}

fn of_link_modes(kind: u16) -> Holds {
    match kind {
        // ETHTOOL_A_LINKMODES_HEADER with ETHTOOL_A_HEADER_DEV_INDEX
        1 => Holds::Attributes(|kind| if kind == 1 { Holds::Numbers(4) } else { Holds::Bytes }),
        // ETHTOOL_A_LINKMODES_SPEED
        5 => Holds::Numbers(4),
        _ => Holds::Bytes,
    }
}

fn attributes(mut rest: &mut [u8], holds: fn(u16) -> Holds) {
    while rest.len() >= 4 {
        let length = usize::from(u16::from_le_bytes([rest[0], rest[1]]));
        // Without the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER.
        let kind = u16::from_le_bytes([rest[2], rest[3]]) & 0x3fff;
        let (attribute, tail) = rest.split_at_mut(length.next_multiple_of(4).min(rest.len()));
        let value = swap(&mut attribute[..length], &[2, 2]);
        match holds(kind) {
            Holds::Bytes => {}
            Holds::Numbers(width) => value.chunks_exact_mut(width).for_each(<[u8]>::reverse),
            Holds::Attributes(holds) => attributes(value, holds),
        }
        rest = tail;
    }
}

/// Swaps numbers of these widths. Returns what follows them.
fn swap<'a>(mut bytes: &'a mut [u8], widths: &[usize]) -> &'a mut [u8] {
    for width in widths {
        let (number, rest) = bytes.split_at_mut(*width);
        number.reverse();
        bytes = rest;
    }
    bytes
}
