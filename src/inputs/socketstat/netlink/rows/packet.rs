//! `struct packet_diag_msg`.
//!
//! Sources: `include/uapi/linux/packet_diag.h`; `packet_show_sock` in `misc/ss.c` of iproute2 6.1.

use crate::inputs::socketstat::netid;
use crate::inputs::socketstat::socket::{Device, Endpoint, Socket, State};
use crate::inputs::socketstat::state::CLOSE;
use crate::netlink::message::{Attributes, number};

/// `sizeof(struct packet_diag_msg)`.
const FIXED: usize = 16;
/// `PACKET_DIAG_INFO`.
const INFO: u16 = 0;
/// `PACKET_DIAG_UID`.
const UID: u16 = 5;
/// `PACKET_DIAG_MEMINFO`.
const MEMORY: u16 = 6;

pub(super) fn parse(payload: &[u8]) -> Option<Socket<'_>> {
    let (fixed, attributes) = payload.split_at_checked(FIXED)?;
    let (mut device, mut recv_q, mut uid) = (0, None, None);
    for attribute in Attributes(attributes) {
        match attribute.ok()? {
            (INFO, value) => device = number(value, 0)?,
            (UID, value) => uid = number(value, 0),
            (MEMORY, value) => recv_q = number::<u32>(value, 0).map(u64::from),
            _ => {}
        }
    }
    let cookie = [number::<u32>(fixed, 8)?, number::<u32>(fixed, 12)?].map(u64::from);
    Some(Socket {
        local: Endpoint::Packet { protocol: number(fixed, 2)?, device: Device::of_index(device) },
        remote: Endpoint::Text { address: b"*", port: b"" },
        state: State::Number(CLOSE),
        netid: netid::packet(number::<u8>(fixed, 1)?.into()),
        recv_q,
        // A packet socket has no send queue; ss prints 0.
        send_q: Some(0),
        uid,
        inode: number::<u32>(fixed, 4).map(u64::from),
        cookie: Some(cookie[0] | cookie[1] << 32),
        ..Socket::default()
    })
}
