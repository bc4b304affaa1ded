//! Lists the kernel's TCP sockets and reports closed ones, independently of the library.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt,
    socket,
};

/// The byte counters of one socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    pub acked: u64,
    pub received: u64,
    pub local_port: u16,
    pub remote_port: u16,
}

/// Sockets by their cookies.
pub type Sockets = BTreeMap<u64, Moved>;

/// Reports sockets that are closed from now on.
pub fn listen() -> Receiver<(u64, Moved)> {
    // SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY are 1 and 3.
    let socket = open(0b101);
    let (sender, receiver) = channel();
    thread::spawn(move || {
        loop {
            // A loss of messages (ENOBUFS) ends this thread, and the test fails.
            for (cookie, moved) in messages(&socket).0 {
                if moved.remote_port != 0 && sender.send((cookie, moved)).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}

/// Lists the current connections.
pub fn dump() -> Sockets {
    let socket = open(0);
    let mut sockets = Sockets::new();
    for family in [2_u8, 10] {
        let mut request = Vec::new();
        // nlmsghdr: length, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, sequence, port.
        request.extend(72_u32.to_ne_bytes());
        request.extend(20_u16.to_ne_bytes());
        request.extend(0x301_u16.to_ne_bytes());
        request.extend([0; 8]);
        // inet_diag_req_v2: family, protocol, INET_DIAG_INFO as a bit, padding, all states but LISTEN and TIME-WAIT.
        request.extend([family, 6, 1 << 1, 0]);
        request.extend((0xfff_u32 & !(1 << 10) & !(1 << 6)).to_ne_bytes());
        request.extend([0; 48]);
        sendto(socket.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty()).expect("it is sent");
        loop {
            let (some, done) = messages(&socket);
            sockets.extend(some);
            if done {
                break;
            }
        }
    }
    sockets
}

fn open(groups: u32) -> OwnedFd {
    let protocol = SockProtocol::NetlinkSockDiag;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol);
    let socket = socket.expect("a netlink socket");
    if setsockopt(&socket, RcvBufForce, &(256 << 20)).is_err() {
        setsockopt(&socket, RcvBuf, &(256 << 20)).expect("a queue");
    }
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups)).expect("it is bound");
    socket
}

/// Receives one datagram. Returns its sockets, and whether it ends a dump.
fn messages(socket: &OwnedFd) -> (Vec<(u64, Moved)>, bool) {
    let mut buffer = vec![0; 64 << 10];
    let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()).expect("the kernel answers");
    let (mut sockets, mut done, mut rest) = (Vec::new(), false, &buffer[..length]);
    while rest.len() >= 16 {
        let length = u32_at(rest, 0) as usize;
        match u16::from_ne_bytes([rest[4], rest[5]]) {
            20 => sockets.extend(one(&rest[16..length])),
            3 => done = true,
            kind => panic!("message of kind {kind}: {:?}", &rest[..length]),
        }
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
    }
    (sockets, done)
}

fn one(payload: &[u8]) -> Option<(u64, Moved)> {
    let port = |at| u16::from_be_bytes([payload[at], payload[at + 1]]);
    let (local_port, remote_port) = (port(4), port(6));
    let mut attributes = &payload[72..];
    while attributes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([attributes[0], attributes[1]]));
        if u16::from_ne_bytes([attributes[2], attributes[3]]) == 2 {
            let info = &attributes[4..length];
            let moved =
                Moved { acked: u64_at(info, 120), received: u64_at(info, 128), local_port, remote_port };
            return Some((u64_at(payload, 44), moved));
        }
        attributes = &attributes[length.next_multiple_of(4).min(attributes.len())..];
    }
    // A socket without `tcp_info`, which is in TIME-WAIT.
    None
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}
