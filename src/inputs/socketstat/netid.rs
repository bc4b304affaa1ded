//! ss's names for the kinds of unix and packet sockets, and for what a packet socket is bound to.
//!
//! Sources: `unix_netid_name`, `sock_state_print` and `packet_stats_print` in `misc/ss.c`, and `proto_n2a` in
//! `lib/ll_proto.c`, of iproute2 6.1.

use super::address::push_number;
use super::interfaces::Interfaces;

/// `ETH_P_ALL`.
const ALL: u16 = 3;

/// The netid of a unix socket by its type: `SOCK_STREAM`, `SOCK_SEQPACKET`, and datagrams for all others.
#[must_use]
pub const fn unix(kind: u16) -> &'static [u8] {
    match kind {
        1 => b"u_str",
        5 => b"u_seq",
        _ => b"u_dgr",
    }
}

/// The netid of a packet socket by its type: `SOCK_RAW`, and datagrams for all others.
#[must_use]
pub const fn packet(kind: u16) -> &'static [u8] {
    match kind {
        3 => b"p_raw",
        _ => b"p_dgr",
    }
}

/// Appends the ether type that a packet socket takes: `[2048]`, or `*` for all.
pub fn push_ether_type(text: &mut Vec<u8>, protocol: u16) {
    if protocol == ALL {
        text.push(b'*');
    } else {
        text.push(b'[');
        push_number(text, u32::from(protocol));
        text.push(b']');
    }
}

/// Appends the interface that a packet socket is bound to: `lo`, or `*` for any.
pub fn push_interface(text: &mut Vec<u8>, index: u32, interfaces: &mut Interfaces) {
    if index == 0 {
        text.push(b'*');
    } else {
        text.extend_from_slice(interfaces.name(index));
    }
}
