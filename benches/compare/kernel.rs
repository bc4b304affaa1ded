//! The minimum cost of listing TCP sockets with their counters, and of events about closed ones: receives and
//! discards the kernel's messages.

use std::io::{Read as _, stdin};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt,
    socket,
};
use telegraf_execd_network::inputs::socketstat::netlink::question::{families, request};
use telegraf_execd_network::inputs::socketstat::socket::Protocol;
use telegraf_execd_network::inputs::socketstat::source::Query;
use telegraf_execd_network::inputs::socketstat::state;
use telegraf_execd_network::netlink::message::DONE;

use crate::Result;

/// The length of `NLMSG_DONE` with its errno.
const LAST: usize = 20;

/// At each newline on stdin, dumps the sockets that ss lists and writes a newline.
pub fn dump(tcp_info: bool) -> Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag)?;
    let protocol = Protocol::Tcp;
    let (states, deadline) = (state::listed(protocol), Instant::now());
    let query = Query { protocol, states, tcp_info, congestion: false, deadline };
    let mut buffer = vec![0; 64 * 1024];
    for trigger in stdin().lines() {
        trigger?;
        for family in families(protocol) {
            let request = request(&query, *family).finish(1);
            sendto(socket.as_raw_fd(), &request, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
            loop {
                let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
                if is_last(&buffer[..length]) {
                    break;
                }
            }
        }
        println!();
    }
    Ok(())
}

/// Whether a datagram ends with the message that ends a dump. No other message is as short.
fn is_last(datagram: &[u8]) -> bool {
    let last = &datagram[datagram.len().saturating_sub(LAST)..];
    last.len() == LAST && last[..4] == 20_u32.to_ne_bytes() && last[4..6] == DONE.to_ne_bytes()
}

/// `1 << (SKNLGRP_INET_TCP_DESTROY - 1) | 1 << (SKNLGRP_INET6_TCP_DESTROY - 1)`.
const DESTROYED: u32 = 1 << 0 | 1 << 2;
/// The size of the queue that the plugin requests.
const QUEUE: usize = 32 * 1024 * 1024;
/// The pause between two batches in milliseconds, the same as in the plugin if the queue is large.
const PAUSE: u8 = 20;

/// Receives events about closed TCP sockets in batches. Writes the number of events at each newline on stdin. A loss
/// is an error.
pub fn receive() -> Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag)?;
    setsockopt(&socket, RcvBufForce, &QUEUE).or_else(|_| setsockopt(&socket, RcvBuf, &QUEUE))?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, DESTROYED))?;
    let (mut buffer, mut received) = (vec![0; 8 * 1024], 0_u64);
    loop {
        loop {
            match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(_) => received += 1,
                Err(Errno::EAGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        let stdin = stdin();
        if poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], PAUSE)? > 0 {
            if stdin.lock().read(&mut [0])? == 0 {
                return Ok(());
            }
            println!("received={received}");
        }
    }
}
