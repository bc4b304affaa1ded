//! `struct packet_diag_msg`.
//!
//! Sources: `include/uapi/linux/packet_diag.h`; `packet_show_sock` in `misc/ss.c` of iproute2 6.1.

use crate::inputs::socketstat::address::parts;
use crate::inputs::socketstat::interfaces::Interfaces;
use crate::inputs::socketstat::netid::{self, push_ether_type, push_interface};
use crate::inputs::socketstat::socket::Socket;
use crate::netlink::message::{Attributes, number};

/// `sizeof(struct packet_diag_msg)`.
const FIXED: usize = 16;
/// `PACKET_DIAG_INFO`.
const INFO: u16 = 0;
/// `PACKET_DIAG_MEMINFO`.
const MEMORY: u16 = 6;

pub(super) fn parse<'a>(
    payload: &'a [u8],
    text: &'a mut Vec<u8>,
    interfaces: &mut Interfaces,
) -> Option<Socket<'a>> {
    let (fixed, attributes) = payload.split_at_checked(FIXED)?;
    let (mut interface, mut recv_q) = (0, None);
    for attribute in Attributes(attributes) {
        match attribute.ok()? {
            (INFO, value) => interface = number(value, 0)?,
            (MEMORY, value) => recv_q = number::<u32>(value, 0).map(u64::from),
            _ => {}
        }
    }
    push_ether_type(text, number(fixed, 2)?);
    let local_addr = text.len();
    push_interface(text, interface, interfaces);
    let [local_addr, local_port] = parts(text, [local_addr, text.len()]);
    Some(Socket {
        local_addr,
        local_port,
        remote_addr: b"*",
        netid: netid::packet(number::<u8>(fixed, 1)?.into()),
        recv_q,
        // A packet socket has no send queue; ss prints 0.
        send_q: Some(0),
        ..Socket::default()
    })
}
