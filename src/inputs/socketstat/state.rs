//! Socket states: the kernel's numbers, the names that ss prints, and which states ss lists without `-a`.
//!
//! A set of states is a bit mask: bit N for state N.
//!
//! Sources: `include/net/tcp_states.h` and `include/linux/sctp.h` of the kernel; `sstate_name`,
//! `sctp_sstate_name`, `default_dbs` and `default_afs` in `misc/ss.c` of iproute2 6.1.

use super::protocol::Protocol;

/// `TCP_ESTABLISHED`.
pub(crate) const ESTABLISHED: u8 = 1;

/// `TCP_SYN_SENT`.
pub(super) const SYN_SENT: u8 = 2;

/// `TCP_SYN_RECV`.
pub(super) const SYN_RECV: u8 = 3;

/// `TCP_TIME_WAIT`.
pub(super) const TIME_WAIT: u8 = 6;

/// `TCP_CLOSE`. For datagram sockets: not connected.
pub(crate) const CLOSE: u8 = 7;

/// `TCP_LISTEN`.
pub(crate) const LISTEN: u8 = 10;

/// `TCP_CLOSING`, the last state that ss knows.
pub(super) const CLOSING: u8 = 11;

/// `SS_CONN` of ss: every state but `TCP_SYN_RECV`, `TCP_TIME_WAIT`, `TCP_CLOSE` and `TCP_LISTEN`.
const CONNECTED: u32 = 0xfff & !(1 << 3 | 1 << 6 | 1 << CLOSE | 1 << 10);

/// The states that ss lists for `protocol` without `-a`.
#[must_use]
pub const fn listed(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::Tcp | Protocol::Unix | Protocol::Dccp | Protocol::Sctp => CONNECTED,
        Protocol::Udp | Protocol::Raw => 1 << ESTABLISHED,
        Protocol::Packet => 1 << CLOSE,
    }
}

/// The name that ss prints for a state. All protocols use the numbers of TCP.
#[must_use]
pub(crate) fn name(state: u8) -> &'static [u8] {
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

/// The number of the state that ss prints as `name`.
#[must_use]
pub(crate) fn number_of_name(name: &[u8]) -> Option<u8> {
    (ESTABLISHED..=CLOSING).find(|number| self::name(*number) == name)
}

/// The name that ss prints for the state of an SCTP association.
#[must_use]
pub(crate) fn association_name(state: u8) -> &'static [u8] {
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
mod tests {
    use super::*;

    #[test]
    fn lists_the_states_that_ss_lists() {
        let names = |protocol| -> Vec<&str> {
            let listed = listed(protocol);
            (1..12)
                .filter(|state| listed & (1 << state) != 0)
                .map(|state| str::from_utf8(name(state)).unwrap())
                .collect()
        };
        let connected =
            ["ESTAB", "SYN-SENT", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "LAST-ACK", "CLOSING"];
        for protocol in [Protocol::Tcp, Protocol::Unix, Protocol::Dccp, Protocol::Sctp] {
            assert_eq!(names(protocol), connected);
        }
        for protocol in [Protocol::Udp, Protocol::Raw] {
            assert_eq!(names(protocol), ["ESTAB"]);
        }
        assert_eq!(names(Protocol::Packet), ["UNCONN"]);
    }
}
