//! The minimum cost of listing TCP sockets with their counters: receives and discards the kernel's dump.

use std::io::stdin;
use std::os::fd::AsRawFd as _;
use std::time::Instant;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
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
