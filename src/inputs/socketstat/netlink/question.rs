//! Builds the requests to `sock_diag`: list the sockets of a family, in some states.
//!
//! Sources: `sock_diag`(7), `include/uapi/linux/{inet,unix,packet}_diag.h`.

use crate::inputs::socketstat::socket::Protocol;
use crate::inputs::socketstat::source::Query;
use crate::netlink::message::{SOCK_DIAG_BY_FAMILY, TCPDIAG_GETSOCK};
use crate::netlink::request::Request;

/// `AF_UNIX`.
pub(crate) const AF_UNIX: u8 = 1;
/// `AF_INET`.
pub const AF_INET: u8 = 2;
/// `AF_INET6`.
pub(crate) const AF_INET6: u8 = 10;
/// `AF_PACKET`.
pub(crate) const AF_PACKET: u8 = 17;

/// `1 << (INET_DIAG_INFO - 1)`: include `struct tcp_info`.
const WITH_TCP_INFO: u8 = 1 << 1;
/// `1 << (INET_DIAG_CONG - 1)`: include the name of the congestion control algorithm.
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

/// The address families of a protocol, in the order in which ss requests them.
#[must_use]
pub const fn families(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::Unix => &[AF_UNIX],
        Protocol::Packet => &[AF_PACKET],
        _ => &[AF_INET, AF_INET6],
    }
}

/// `IPPROTO_*`, or 0 for unix and packet sockets.
const fn ip_protocol(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Dccp => 33,
        Protocol::Sctp => 132,
        Protocol::Raw => 255,
        Protocol::Unix | Protocol::Packet => 0,
    }
}

/// The older request of `inet_diag` for the TCP sockets of both families at once: one walk through the kernel's tables
/// instead of two.
pub(super) fn request_for_tcp(query: &Query) -> Request {
    let any_table = [0; 4];
    Request::dump(TCPDIAG_GETSOCK)
        .push(&[AF_INET, 0, 0, extensions(query)])
        .push(&ANY_SOCKET)
        .push(&query.states.to_ne_bytes())
        .push(&any_table)
}

/// The optional attributes to include per socket. Only TCP has these; for other protocols they would only make the answer
/// longer.
fn extensions(query: &Query) -> u8 {
    let asked = [(query.tcp_info, WITH_TCP_INFO), (query.congestion, WITH_CONGESTION)];
    let asked = asked.into_iter().filter(|(wanted, _)| *wanted && query.protocol == Protocol::Tcp);
    asked.fold(0, |extensions, (_, extension)| extensions | extension)
}

/// The request for the sockets of a family that match a query. Packet sockets have no state, so the kernel lists all.
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
            .push(&[family, ip_protocol(protocol), extensions(query), 0])
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

    /// As `strace -e trace=sendmsg -e write` shows for ss 6.1. Differences: ss also requests the congestion control
    /// algorithm (`idiag_ext`); no user id of unix sockets; rings, filter and fanout of packet sockets.
    #[test]
    #[cfg(target_endian = "little")]
    fn requests_equal_those_of_ss() {
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
    fn requests_both_families_of_tcp_at_once() {
        let (states, deadline) = (listed(Protocol::Tcp), Instant::now());
        let query = Query { protocol: Protocol::Tcp, states, tcp_info: true, congestion: true, deadline };
        let asked = request_for_tcp(&query).finish(9);
        let mut expected = vec![76, 0, 0, 0, 18, 0, 1, 3, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 10];
        expected.resize(68, 0);
        expected.extend([0x37, 0xb, 0, 0, 0, 0, 0, 0]);
        assert_eq!(asked, expected);
    }

    #[test]
    fn only_tcp_requests_have_extensions() {
        for protocol in [Protocol::Udp, Protocol::Raw, Protocol::Dccp, Protocol::Sctp] {
            assert_eq!(asked(protocol, AF_INET)[18], 0);
        }
    }
}
