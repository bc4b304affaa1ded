//! The questions to `sock_diag`: "list the sockets of this family, in these states".
//!
//! Sources: `sock_diag`(7), `include/uapi/linux/{inet,unix,packet}_diag.h`.

use crate::inputs::socketstat::socket::Protocol;
use crate::inputs::socketstat::source::Query;
use crate::netlink::message::{SOCK_DIAG_BY_FAMILY, TCPDIAG_GETSOCK};
use crate::netlink::request::Request;

/// `AF_UNIX`.
pub const AF_UNIX: u8 = 1;
/// `AF_INET`.
pub const AF_INET: u8 = 2;
/// `AF_INET6`.
pub const AF_INET6: u8 = 10;
/// `AF_PACKET`.
pub const AF_PACKET: u8 = 17;

/// `1 << (INET_DIAG_INFO - 1)`: with `struct tcp_info`.
const WITH_TCP_INFO: u8 = 1 << 1;
/// `1 << (INET_DIAG_CONG - 1)`: with the name of the congestion control.
const WITH_CONGESTION: u8 = 1 << 3;
/// `UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID`.
const UNIX_SHOW: u32 = 0x1 | 0x4 | 0x10 | 0x40;
/// `PACKET_SHOW_INFO | PACKET_SHOW_MEMINFO`.
const PACKET_SHOW: u32 = 0x1 | 0x10;
/// `struct inet_diag_sockid`, all zeros: any socket.
const ANY_SOCKET: [u8; 48] = [0; 48];
/// The cookie of any socket.
const ANY_COOKIE: [u8; 8] = [0; 8];
const ANY_INODE: [u8; 4] = [0; 4];

/// The address families of a protocol, in the order in which ss asks for them.
#[must_use]
pub const fn families(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Unix => &[AF_UNIX],
        Protocol::Packet => &[AF_PACKET],
        _ => &[AF_INET, AF_INET6],
    }
}

/// `IPPROTO_*` of a protocol, 0 where its family has none.
const fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Dccp => 33,
        Protocol::Sctp => 132,
        Protocol::Raw => 255,
        Protocol::Unix | Protocol::Packet => 0,
    }
}

/// The request for the TCP sockets of both families at once, which `inet_diag` has had before there was one by family: one
/// walk through the kernel's tables in the place of two.
pub(super) fn request_for_tcp(query: &Query) -> Request {
    let any_table = [0; 4];
    Request::dump(TCPDIAG_GETSOCK)
        .push(&[AF_INET, 0, 0, extensions(query)])
        .push(&ANY_SOCKET)
        .push(&query.states.to_ne_bytes())
        .push(&any_table)
}

/// What to tell of each socket beyond addresses, state and queues. Only TCP has it: asked for elsewhere, the answer would
/// only be longer.
fn extensions(query: &Query) -> u8 {
    let asked = [(query.tcp_info, WITH_TCP_INFO), (query.congestion, WITH_CONGESTION)];
    let asked = asked.into_iter().filter(|(wanted, _)| *wanted && query.protocol == Protocol::Tcp);
    asked.fold(0, |extensions, (_, extension)| extensions | extension)
}

/// The request for the sockets of a family that a query asks for. Packet sockets have no state: the kernel lists all.
#[must_use]
pub fn request(query: &Query, family: u8) -> Request {
    let request = Request::dump(SOCK_DIAG_BY_FAMILY);
    match query.protocol {
        Protocol::Unix => request
            .push(&[family, 0, 0, 0])
            .push(&query.states.to_ne_bytes())
            .push(&ANY_INODE)
            .push(&UNIX_SHOW.to_ne_bytes())
            .push(&ANY_COOKIE),
        Protocol::Packet => request
            .push(&[family, 0, 0, 0])
            .push(&ANY_INODE)
            .push(&PACKET_SHOW.to_ne_bytes())
            .push(&ANY_COOKIE),
        protocol => request
            .push(&[family, number(protocol), extensions(query), 0])
            .push(&query.states.to_ne_bytes())
            .push(&ANY_SOCKET),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::inputs::socketstat::state::listed;

    fn asked(protocol: Protocol, family: u8) -> Vec<u8> {
        let (states, deadline) = (listed(protocol), Instant::now());
        request(&Query { protocol, states, tcp_info: true, congestion: false, deadline }, family).finish(9)
    }

    /// What `strace -e trace=sendmsg -e write` shows of ss 6.1, but for `idiag_ext` (ss also asks for the congestion
    /// control), for unix sockets (it does not ask for the user id) and for packet sockets (it also asks for rings,
    /// filter and fanout).
    #[test]
    #[cfg(target_endian = "little")]
    fn asks_as_ss_does() {
        let mut expected =
            vec![72, 0, 0, 0, 20, 0, 1, 3, 9, 0, 0, 0, 0, 0, 0, 0, 2, 6, 2, 0, 0x37, 0xb, 0, 0];
        expected.resize(72, 0);
        assert_eq!(asked(Protocol::Tcp, AF_INET), expected);
        assert_eq!(&asked(Protocol::Raw, AF_INET6)[16..24], [10, 255, 0, 0, 2, 0, 0, 0]);
        let unix = asked(Protocol::Unix, AF_UNIX);
        assert_eq!(unix.len(), 40);
        assert_eq!(&unix[16..32], [1, 0, 0, 0, 0x37, 0xb, 0, 0, 0, 0, 0, 0, 0x55, 0, 0, 0]);
        let packet = asked(Protocol::Packet, AF_PACKET);
        assert_eq!(packet.len(), 36);
        assert_eq!(&packet[16..28], [17, 0, 0, 0, 0, 0, 0, 0, 0x11, 0, 0, 0]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn asks_for_both_families_of_tcp_at_once() {
        let (states, deadline) = (listed(Protocol::Tcp), Instant::now());
        let query = Query { protocol: Protocol::Tcp, states, tcp_info: true, congestion: true, deadline };
        let asked = request_for_tcp(&query).finish(9);
        let mut expected = vec![76, 0, 0, 0, 18, 0, 1, 3, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 10];
        expected.resize(68, 0);
        expected.extend([0x37, 0xb, 0, 0, 0, 0, 0, 0]);
        assert_eq!(asked, expected);
    }

    #[test]
    fn asks_only_tcp_for_its_counters() {
        for protocol in [Protocol::Udp, Protocol::Raw, Protocol::Dccp, Protocol::Sctp] {
            assert_eq!(asked(protocol, AF_INET)[18], 0);
        }
    }
}
