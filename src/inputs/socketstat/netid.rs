//! The names that ss prints for the types of unix and packet sockets.
//!
//! Source: `unix_netid_name` and `sock_state_print` in `misc/ss.c` of iproute2 6.1.

/// The netid of a unix socket of type `SOCK_STREAM`, `SOCK_SEQPACKET` or, for all others, datagrams.
#[must_use]
pub(super) const fn unix(kind: u16) -> &'static [u8] {
    match kind {
        1 => b"u_str",
        5 => b"u_seq",
        _ => b"u_dgr",
    }
}

/// The netid of a packet socket of type `SOCK_RAW` or, for all others, datagrams.
#[must_use]
pub(super) const fn packet(kind: u16) -> &'static [u8] {
    match kind {
        3 => b"p_raw",
        _ => b"p_dgr",
    }
}
