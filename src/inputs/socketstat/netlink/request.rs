//! The questions: "list the sockets of this family, in these states".
//!
//! Sources: `sock_diag`(7), `include/uapi/linux/{inet,unix,packet}_diag.h`.

use crate::inputs::socketstat::socket::Protocol;
use crate::netlink::message::{HEADER, SOCK_DIAG_BY_FAMILY};

/// `AF_UNIX`.
pub const AF_UNIX: u8 = 1;
/// `AF_INET`.
pub const AF_INET: u8 = 2;
/// `AF_INET6`.
pub const AF_INET6: u8 = 10;
/// `AF_PACKET`.
pub const AF_PACKET: u8 = 17;

/// `NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH`.
const DUMP: u16 = 0x1 | 0x100 | 0x200;
/// `1 << (INET_DIAG_INFO - 1)`: with `struct tcp_info`.
const WITH_TCP_INFO: u8 = 1 << 1;
/// `UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN`.
const UNIX_SHOW: u32 = 0x1 | 0x4 | 0x10;
/// `PACKET_SHOW_INFO | PACKET_SHOW_MEMINFO`.
const PACKET_SHOW: u32 = 0x1 | 0x10;
/// `struct inet_diag_sockid`, all zeros: any socket.
const ANY_SOCKET: [u8; 48] = [0; 48];
/// The cookie of any socket.
const ANY_COOKIE: [u8; 8] = [0; 8];

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

/// The request for all sockets of `protocol` and `family` in `states` (bit N for state N). The kernel's packet
/// sockets have no state: all of them are listed.
#[must_use]
pub fn encode(protocol: Protocol, family: u8, states: u32, sequence: u32) -> Vec<u8> {
    // Only TCP has the counters: asked for elsewhere, the answer would only be longer.
    let extensions = if protocol == Protocol::Tcp { WITH_TCP_INFO } else { 0 };
    let any_inode = 0u32;
    let body = match protocol {
        Protocol::Unix => {
            let fixed: [[u8; 4]; 4] =
                [[family, 0, 0, 0], states.to_ne_bytes(), any_inode.to_ne_bytes(), UNIX_SHOW.to_ne_bytes()];
            [fixed.as_flattened(), &ANY_COOKIE].concat()
        }
        Protocol::Packet => {
            let fixed = [[family, 0, 0, 0], any_inode.to_ne_bytes(), PACKET_SHOW.to_ne_bytes()];
            [fixed.as_flattened(), &ANY_COOKIE].concat()
        }
        _ => {
            let fixed = [[family, number(protocol), extensions, 0], states.to_ne_bytes()];
            [fixed.as_flattened(), &ANY_SOCKET].concat()
        }
    };
    // All three bodies are below 64 bytes.
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let kind = [SOCK_DIAG_BY_FAMILY.to_ne_bytes(), DUMP.to_ne_bytes()];
    let port_of_the_kernel = 0u32;
    [
        &length.to_ne_bytes()[..],
        kind.as_flattened(),
        &sequence.to_ne_bytes(),
        &port_of_the_kernel.to_ne_bytes(),
        &body,
    ]
    .concat()
}

#[cfg(test)]
mod tests;
