//! The kernel's numbers of socket states, ss's names for them, and which of them ss lists without `-a`.
//!
//! A set of states is a mask: bit N for state N.
//!
//! Sources: `include/net/tcp_states.h` and `include/linux/sctp.h` of the kernel; `sstate_name`,
//! `sctp_sstate_name`, `default_dbs` and `default_afs` in `misc/ss.c` of iproute2 6.1.

use super::protocol::Protocol;

/// `TCP_ESTABLISHED`.
pub const ESTABLISHED: u8 = 1;

/// `TCP_SYN_SENT`.
pub(super) const SYN_SENT: u8 = 2;

/// `TCP_SYN_RECV`.
pub(super) const SYN_RECV: u8 = 3;

/// `TCP_TIME_WAIT`.
pub(super) const TIME_WAIT: u8 = 6;

/// `TCP_CLOSE`: of datagram sockets, not connected.
pub const CLOSE: u8 = 7;

/// `TCP_LISTEN`.
pub const LISTEN: u8 = 10;

/// `TCP_CLOSING`, the last that ss knows.
pub(super) const CLOSING: u8 = 11;

/// Every state (of the twelve that ss knows) but `TCP_SYN_RECV`, `TCP_TIME_WAIT`, `TCP_CLOSE` and `TCP_LISTEN`:
/// `SS_CONN`.
const CONNECTED: u32 = 0xfff & !(1 << 3 | 1 << 6 | 1 << CLOSE | 1 << 10);

/// The states in which ss lists a socket of `protocol` without `-a`, bit N for state N.
#[must_use]
pub const fn listed(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Tcp | Protocol::Unix | Protocol::Dccp | Protocol::Sctp => CONNECTED,
        Protocol::Udp | Protocol::Raw => 1 << ESTABLISHED,
        Protocol::Packet => 1 << CLOSE,
    }
}

/// ss's name of a state of TCP (and of all that borrow its numbers).
#[must_use]
pub fn name(state: u8) -> &'static [u8] {
    match state {
        ESTABLISHED => b"ESTAB",
        2 => b"SYN-SENT",
        3 => b"SYN-RECV",
        4 => b"FIN-WAIT-1",
        5 => b"FIN-WAIT-2",
        6 => b"TIME-WAIT",
        CLOSE => b"UNCONN",
        8 => b"CLOSE-WAIT",
        9 => b"LAST-ACK",
        LISTEN => b"LISTEN",
        CLOSING => b"CLOSING",
        _ => b"UNKNOWN",
    }
}

/// The number of the state that ss prints as `name`; `None` where it has none.
#[must_use]
pub fn number_of_name(name: &[u8]) -> Option<u8> {
    (ESTABLISHED..=CLOSING).find(|number| self::name(*number) == name)
}

/// ss's name of a state of an SCTP association.
#[must_use]
pub fn association_name(state: u8) -> &'static [u8] {
    match state {
        0 => b"CLOSED",
        1 => b"COOKIE_WAIT",
        2 => b"COOKIE_ECHOED",
        3 => b"ESTAB",
        4 => b"SHUTDOWN_PENDING",
        5 => b"SHUTDOWN_SENT",
        6 => b"SHUTDOWN_RECEIVED",
        7 => b"ACK_SENT",
        _ => b"UNKNOWN",
    }
}

#[cfg(test)]
mod tests;
