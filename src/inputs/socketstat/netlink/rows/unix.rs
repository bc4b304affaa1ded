//! `struct unix_diag_msg`.
//!
//! Sources: `include/uapi/linux/unix_diag.h`; `unix_show_sock` in `misc/ss.c` of iproute2 6.1.

use crate::inputs::socketstat::netid;
use crate::inputs::socketstat::socket::{Endpoint, Socket, State};
use crate::netlink::message::{Attributes, number};

/// `sizeof(struct unix_diag_msg)`.
const FIXED: usize = 16;
/// `UNIX_DIAG_NAME`.
const NAME: u16 = 0;
/// `UNIX_DIAG_PEER`.
const PEER: u16 = 2;
/// `UNIX_DIAG_RQLEN`.
const QUEUES: u16 = 4;
/// `UNIX_DIAG_UID`.
const UID: u16 = 7;

pub(super) fn parse(payload: &[u8]) -> Option<Socket<'_>> {
    let (fixed, attributes) = payload.split_at_checked(FIXED)?;
    let (mut path, mut peer, mut queues, mut uid): (&[u8], _, _, _) = (b"", 0, [None; 2], None);
    for attribute in Attributes(attributes) {
        match attribute.ok()? {
            (NAME, name) => path = name,
            (PEER, value) => peer = number(value, 0)?,
            (QUEUES, value) => queues = [number::<u32>(value, 0), number::<u32>(value, 4)],
            (UID, value) => uid = number(value, 0),
            _ => {}
        }
    }
    let inode = number(fixed, 4)?;
    let cookie = [number::<u32>(fixed, 8)?, number::<u32>(fixed, 12)?].map(u64::from);
    Some(Socket {
        local: Endpoint::Unix { path, inode },
        // The kernel sends the peer's inode but not its path.
        remote: Endpoint::Unix { path: b"", inode: peer },
        state: State::Number(number(fixed, 2)?),
        netid: netid::unix(number::<u8>(fixed, 1)?.into()),
        recv_q: queues[0].map(u64::from),
        send_q: queues[1].map(u64::from),
        uid,
        inode: Some(inode.into()),
        cookie: Some(cookie[0] | cookie[1] << 32),
        ..Socket::default()
    })
}
