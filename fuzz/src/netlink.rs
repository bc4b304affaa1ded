//! Netlink: whole dumps whose datagrams are the bytes.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use telegraf_execd_network::inputs::socketstat::interfaces::{Interfaces, Names};
use telegraf_execd_network::inputs::socketstat::netlink::dump::Dump;
use telegraf_execd_network::inputs::socketstat::netlink::rows::Rows;
use telegraf_execd_network::inputs::socketstat::socket::Protocol;
use telegraf_execd_network::netlink::channel::Channel;
use telegraf_execd_network::netlink::message::{Messages, number};

use super::pick;
use super::written::Written;

/// Hands out the bytes: all at once, or up to the next message's end.
struct Bytes<'a> {
    rest: &'a [u8],
    port: u32,
    at_once: bool,
}

impl Channel for Bytes<'_> {
    fn port(&self) -> u32 {
        self.port
    }

    fn send(&mut self, _: &[u8]) -> Result<(), Errno> {
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Instant) -> Result<usize, Errno> {
        if self.rest.is_empty() {
            return Err(Errno::ENOBUFS);
        }
        let length = number::<u32>(self.rest, 0).map_or(self.rest.len(), |length| length as usize);
        let length = if self.at_once { self.rest.len() } else { length.clamp(1, self.rest.len()) };
        let (datagram, rest) = self.rest.split_at(length);
        self.rest = rest;
        let kept = length.min(buffer.len());
        buffer[..kept].copy_from_slice(&datagram[..kept]);
        Ok(length)
    }
}

/// The first byte chooses the protocol and how the bytes are cut into datagrams; sequence number and port are those of the
/// first message.
pub fn netlink(data: &[u8]) {
    let Some((protocol, first, datagrams)) = pick(&Protocol::ALL, data) else { return };
    let of_first = |at| number::<u32>(datagrams, at).unwrap_or_default();
    let mut sequence = of_first(8).wrapping_sub(1);
    let mut channel = Bytes { rest: datagrams, port: of_first(12), at_once: first < 128 };
    let mut rows = Rows::new(Interfaces::new(Names::Directory("/nonexistent".into())));
    let mut buffer = [0; 8192];
    let mut written = Written::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    // Whether it ends well is not the question: what was handed over must be sound either way.
    let (Ok(_) | Err(_)) = Dump {
        channel: &mut channel,
        rows: &mut rows,
        buffer: &mut buffer,
        sequence: &mut sequence,
        deadline,
    }
    .run(protocol, !0, &mut written.sockets(protocol));
    written.check();
    let consumed = Messages(datagrams).take_while(Result::is_ok).count();
    assert!(consumed * 16 <= datagrams.len() + 3, "{consumed} messages in {} bytes", datagrams.len());
}
