//! `struct inet_diag_msg`: tcp, udp, raw, dccp and sctp.
//!
//! Sources: `include/uapi/linux/inet_diag.h`, `struct tcp_info` in `include/uapi/linux/tcp.h`; `inet_show_sock`
//! and `tcp_stats_print` in `misc/ss.c` of iproute2 6.1.

use std::net::IpAddr;

use super::Rows;
use crate::inputs::socketstat::address::{parts, push_address, push_port};
use crate::inputs::socketstat::netlink::request::AF_INET;
use crate::inputs::socketstat::socket::{COUNTERS, Protocol, Socket};
use crate::inputs::socketstat::state;
use crate::netlink::message::{Attributes, number};

/// `sizeof(struct inet_diag_msg)`.
const FIXED: usize = 72;
/// `INET_DIAG_INFO`.
const INFO: u16 = 2;
/// `INET_DIAG_SKV6ONLY`.
const V6ONLY: u16 = 11;

/// What a row's attributes tell.
#[derive(Default)]
struct Extensions {
    v6only: bool,
    counters: [Option<u64>; COUNTERS.len()],
}

pub(super) fn parse<'a>(protocol: Protocol, payload: &'a [u8], rows: &'a mut Rows) -> Option<Socket<'a>> {
    let (fixed, attributes) = payload.split_at_checked(FIXED)?;
    let extensions = read_extensions(protocol, attributes)?;
    let state: u8 = number(fixed, 1)?;
    let inode = number(fixed, 68)?;
    // ss marks an association below its socket with "`- ", which is layout and no part of the state.
    let is_association = protocol == Protocol::Sctp && inode != 0 && inode == rows.inode;
    rows.inode = inode;

    let text = &mut rows.text;
    push_address(text, address(fixed, 8)?, extensions.v6only);
    let interface: u32 = number(fixed, 40)?;
    if interface != 0 {
        text.push(b'%');
        text.extend_from_slice(rows.interfaces.name(interface));
    }
    let local_addr = text.len();
    push_port(text, port(fixed, 4)?);
    let local_port = text.len();
    push_address(text, address(fixed, 24)?, extensions.v6only);
    let remote_addr = text.len();
    push_port(text, port(fixed, 6)?);
    let remote_port = text.len();

    let [local_addr, local_port, remote_addr, remote_port] =
        parts(text, [local_addr, local_port, remote_addr, remote_port]);
    Some(Socket {
        local_addr,
        local_port,
        remote_addr,
        remote_port,
        state: if is_association { state::sctp_name(state) } else { state::name(state) },
        netid: b"",
        recv_q: number::<u32>(fixed, 56).map(u64::from),
        send_q: number::<u32>(fixed, 60).map(u64::from),
        counters: extensions.counters,
    })
}

/// The address at `at`: the first 4 bytes of 16 for IPv4.
fn address(fixed: &[u8], at: usize) -> Option<IpAddr> {
    let bytes = fixed.get(at..)?;
    if fixed.first() == Some(&AF_INET) {
        bytes.first_chunk::<4>().map(|octets| IpAddr::from(*octets))
    } else {
        bytes.first_chunk::<16>().map(|octets| IpAddr::from(*octets))
    }
}

/// The port at `at`, which is in network byte order.
fn port(fixed: &[u8], at: usize) -> Option<u16> {
    number(fixed, at).map(u16::from_be)
}

fn read_extensions(protocol: Protocol, attributes: &[u8]) -> Option<Extensions> {
    let mut extensions = Extensions::default();
    for attribute in Attributes(attributes) {
        match attribute.ok()? {
            (INFO, info) if protocol == Protocol::Tcp => extensions.counters = counters(info),
            (V6ONLY, [flag, ..]) => extensions.v6only = *flag != 0,
            _ => {}
        }
    }
    Some(extensions)
}

/// [`COUNTERS`] from `struct tcp_info`. Older kernels have a shorter one, newer ones a longer one: a field that is
/// not there is not known. ss prints no counter that is 0.
fn counters(info: &[u8]) -> [Option<u64>; COUNTERS.len()] {
    let wide = |at| number::<u64>(info, at).filter(|count| *count != 0);
    let narrow = |at| number::<u32>(info, at).filter(|count| *count != 0).map(u64::from);
    [wide(120), wide(128), narrow(136), narrow(140), narrow(156), narrow(152)]
}
