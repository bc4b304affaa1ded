//! `struct unix_diag_msg`.
//!
//! Sources: `include/uapi/linux/unix_diag.h`; `unix_show_sock` in `misc/ss.c` of iproute2 6.1.

use crate::inputs::socketstat::address::{parts, push_inode};
use crate::inputs::socketstat::netid;
use crate::inputs::socketstat::socket::Socket;
use crate::inputs::socketstat::state;
use crate::netlink::message::{Attributes, number};

/// `sizeof(struct unix_diag_msg)`.
const FIXED: usize = 16;
/// `UNIX_DIAG_NAME`.
const NAME: u16 = 0;
/// `UNIX_DIAG_PEER`.
const PEER: u16 = 2;
/// `UNIX_DIAG_RQLEN`.
const QUEUES: u16 = 4;

pub(super) fn parse<'a>(payload: &'a [u8], text: &'a mut Vec<u8>) -> Option<Socket<'a>> {
    let (fixed, attributes) = payload.split_at_checked(FIXED)?;
    let (mut path, mut peer, mut queues): (&[u8], _, _) = (b"*", 0, [None; 2]);
    for attribute in Attributes(attributes) {
        match attribute.ok()? {
            (NAME, name) => path = name,
            (PEER, value) => peer = number(value, 0)?,
            (QUEUES, value) => queues = [number::<u32>(value, 0), number::<u32>(value, 4)],
            _ => {}
        }
    }
    push_path(text, path);
    let local_addr = text.len();
    push_inode(text, number(fixed, 4)?);
    let local_port = text.len();
    push_inode(text, peer);
    let [local_addr, local_port, remote_port] = parts(text, [local_addr, local_port, text.len()]);
    Some(Socket {
        local_addr,
        local_port,
        // The kernel tells the peer's inode, not its path.
        remote_addr: b"*",
        remote_port,
        state: state::name(number(fixed, 2)?),
        netid: netid::unix(number::<u8>(fixed, 1)?.into()),
        recv_q: queues[0].map(u64::from),
        send_q: queues[1].map(u64::from),
        ..Socket::default()
    })
}

/// A path ends at its NUL. An abstract name begins with one: each NUL of it is printed as `@`.
fn push_path(text: &mut Vec<u8>, path: &[u8]) {
    if path.first() == Some(&0) {
        text.extend(path.iter().map(|byte| if *byte == 0 { b'@' } else { *byte }));
    } else {
        text.extend(path.iter().take_while(|byte| **byte != 0));
    }
}
