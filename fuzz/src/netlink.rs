//! Checks netlink with dumps made from the input.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use telegraf_execd_network::inputs::socketstat::interfaces::Names;
use telegraf_execd_network::inputs::socketstat::netlink::Netlink;
use telegraf_execd_network::inputs::socketstat::socket::Protocol;
use telegraf_execd_network::inputs::socketstat::source::{Query, Source};
use telegraf_execd_network::netlink::channel::Channel;
use telegraf_execd_network::netlink::dump::{Dumper, SharedDumper};
use telegraf_execd_network::netlink::message::{Messages, number};

use super::pick;
use super::written::Written;

/// Returns the input as datagrams: all at once, or one per message.
struct Bytes {
    rest: Vec<u8>,
    port: u32,
    at_once: bool,
}

impl Channel for Bytes {
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
        let length = number::<u32>(&self.rest, 0).map_or(self.rest.len(), |length| length as usize);
        let length = if self.at_once { self.rest.len() } else { length.clamp(1, self.rest.len()) };
        let kept = length.min(buffer.len());
        buffer[..kept].copy_from_slice(&self.rest[..kept]);
        self.rest.drain(..length);
        Ok(length)
    }
}

/// The first byte selects the protocol and how the input is split into datagrams. The port is that of the first message,
/// and the sequence number is one that is used for a request.
pub fn netlink(data: &[u8]) {
    let Some((protocol, first, datagrams)) = pick(&Protocol::ALL, data) else { return };
    let of_first = |at| number::<u32>(datagrams, at).unwrap_or_default();
    let port = of_first(12);
    // The first request has sequence number 1, the request for the second family 2.
    let mut rest = datagrams.to_vec();
    let mut at = 0;
    while let Some(length) = number::<u32>(&rest, at) {
        if let Some(sequence) = rest.get_mut(at + 8..at + 12) {
            sequence.copy_from_slice(&(1 + u32::from(first % 2)).to_ne_bytes());
        }
        at += (length as usize).max(16).next_multiple_of(4);
    }
    let open =
        move || Ok(Box::new(Bytes { rest: rest.clone(), port, at_once: first < 128 }) as Box<dyn Channel>);
    let dumper = SharedDumper::new(Dumper::with_channel(Box::new(open)));
    let mut source = Netlink::new(dumper, Names::Directory("/nonexistent".into()));
    let mut written = Written::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    let query = Query { protocol, states: !0, tcp_info: true, congestion: true, deadline };
    // The dump may fail. The sockets must be valid in any case.
    let (Ok(_) | Err(_)) = source.dump(&query, &mut |socket| written.socket(protocol, socket));
    written.check();
    let consumed = Messages(datagrams).take_while(Result::is_ok).count();
    assert!(consumed * 16 <= datagrams.len() + 3, "{consumed} messages in {} bytes", datagrams.len());
}
