//! `struct inet_diag_msg`: tcp, udp, raw, dccp and sctp.
//!
//! Sources: `include/uapi/linux/inet_diag.h`; `inet_show_sock` in `misc/ss.c` of iproute2 6.1.

use std::net::IpAddr;

use crate::inputs::socketstat::netlink::question::AF_INET;
use crate::inputs::socketstat::socket::{Device, Endpoint, Protocol, Socket, State, TcpInfo};
use crate::netlink::message::{Attributes, number};

/// `sizeof(struct inet_diag_msg)`.
const FIXED: usize = 72;
/// `INET_DIAG_INFO`.
const INFO: u16 = 2;
/// `INET_DIAG_CONG`.
const CONGESTION: u16 = 4;
/// `INET_DIAG_SKV6ONLY`.
const V6ONLY: u16 = 11;
/// `INET_DIAG_CGROUP_ID`.
const CGROUP: u16 = 21;
/// `INET_DIAG_NOCOOKIE` in both halves.
const NO_COOKIE: u64 = u64::MAX;

pub(super) fn parse<'a>(protocol: Protocol, payload: &'a [u8], inode_before: &mut u32) -> Option<Socket<'a>> {
    let (fixed, attributes) = payload.split_at_checked(FIXED)?;
    let (mut v6only, mut tcp, mut congestion, mut cgroup) = (false, TcpInfo::Unknown, None, None);
    for attribute in Attributes(attributes) {
        match attribute.ok()? {
            (INFO, info) if protocol == Protocol::Tcp => tcp = TcpInfo::Raw(info),
            (CONGESTION, name) => congestion = name.split(|byte| *byte == 0).next(),
            (V6ONLY, [flag, ..]) => v6only = *flag != 0,
            (CGROUP, value) => cgroup = number(value, 0),
            _ => {}
        }
    }
    let inode: u32 = number(fixed, 68)?;
    let state = number(fixed, 1)?;
    // ss marks an association below its socket with "`- ". This is layout, not part of the state.
    let is_association = protocol == Protocol::Sctp && inode != 0 && inode == *inode_before;
    *inode_before = inode;
    let cookie = [number::<u32>(fixed, 44)?, number::<u32>(fixed, 48)?].map(u64::from);
    let cookie = cookie[0] | cookie[1] << 32;
    let device = Device::of_index(number(fixed, 40)?);
    // In network byte order.
    let [local_port, remote_port] = [number(fixed, 4)?, number(fixed, 6)?].map(u16::from_be);
    let (local, remote) = (address(fixed, 8)?, address(fixed, 24)?);
    Some(Socket {
        local: Endpoint::Inet { address: local, port: local_port, device, v6only },
        remote: Endpoint::Inet { address: remote, port: remote_port, device: Device::Any, v6only },
        state: if is_association { State::Association(state) } else { State::Number(state) },
        recv_q: number::<u32>(fixed, 56).map(u64::from),
        send_q: number::<u32>(fixed, 60).map(u64::from),
        uid: number(fixed, 64),
        inode: Some(inode.into()),
        cookie: Some(cookie).filter(|cookie| *cookie != NO_COOKIE),
        netid: b"",
        cgroup,
        tcp,
        congestion,
    })
}

/// The address at offset `at`. IPv4 uses the first 4 of 16 bytes.
fn address(fixed: &[u8], at: usize) -> Option<IpAddr> {
    let bytes = fixed.get(at..)?;
    if fixed.first() == Some(&AF_INET) {
        bytes.first_chunk::<4>().map(|octets| IpAddr::from(*octets))
    } else {
        bytes.first_chunk::<16>().map(|octets| IpAddr::from(*octets))
    }
}
