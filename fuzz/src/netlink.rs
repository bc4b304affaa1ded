//! Checks netlink with dumps and events made from the input.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use telegraf_execd_network::inputs::net::counters::{COUNTERS, Counters};
use telegraf_execd_network::inputs::socketstat::closed;
use telegraf_execd_network::inputs::socketstat::interfaces::Names;
use telegraf_execd_network::inputs::socketstat::netlink::Netlink;
use telegraf_execd_network::inputs::socketstat::socket::{Protocol, TcpInfo};
use telegraf_execd_network::inputs::socketstat::source::{Query, Source};
use telegraf_execd_network::netlink::channel::{Channel, Events};
use telegraf_execd_network::netlink::dump::{Dumper, SharedDumper};
use telegraf_execd_network::netlink::link_table::LinkTable;
use telegraf_execd_network::netlink::links::{self, Link};
use telegraf_execd_network::netlink::message::{Messages, number};
use telegraf_execd_network::netlink::stats::{self, Statistics};
use telegraf_execd_network::netlink::{ethtool, genl};

use super::pick;
use super::written::Written;

/// Returns the input as datagrams: all at once, or one per message.
#[derive(Clone)]
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

impl Events for Bytes {
    fn queued(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        if self.rest.is_empty() { Ok(None) } else { self.receive(buffer, Instant::now()).map(Some) }
    }
}

/// A channel that answers with the input, all at once or one message at a time. The port is that of the first message.
fn bytes(datagrams: &[u8], sequence: u32, at_once: bool) -> Bytes {
    let port = number::<u32>(datagrams, 12).unwrap_or_default();
    let mut rest = datagrams.to_vec();
    let mut at = 0;
    while let Some(length) = number::<u32>(&rest, at) {
        if let Some(place) = rest.get_mut(at + 8..at + 12) {
            place.copy_from_slice(&sequence.to_ne_bytes());
        }
        at += (length as usize).max(16).next_multiple_of(4);
    }
    Bytes { rest, port, at_once }
}

/// A channel that answers each request with the same bytes.
#[derive(Clone)]
struct Answers {
    bytes: Vec<u8>,
    answer: Bytes,
}

impl Channel for Answers {
    fn port(&self) -> u32 {
        self.answer.port
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        let sequence = number(request, 8).unwrap_or_default();
        self.answer = bytes(&self.bytes, sequence, self.answer.at_once);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, Errno> {
        self.answer.receive(buffer, deadline)
    }
}

/// A kernel that answers each request with these bytes.
pub fn answering(datagrams: &[u8]) -> SharedDumper {
    let channel =
        Answers { bytes: datagrams.to_vec(), answer: bytes(datagrams, 0, datagrams.len().is_multiple_of(2)) };
    SharedDumper::new(Dumper::with_channel(Box::new(move || {
        Ok(Box::new(channel.clone()) as Box<dyn Channel>)
    })))
}

/// The devices of a kernel that answers each request with these bytes, and then sends them as events.
pub fn answered_links(datagrams: &[u8]) -> LinkTable {
    let events = bytes(datagrams, 0, true);
    let subscribe = move || Ok(Box::new(events.clone()) as Box<dyn Events>);
    LinkTable::with_events(answering(datagrams), Box::new(subscribe))
}

fn dumper(bytes: Bytes) -> SharedDumper {
    SharedDumper::new(Dumper::with_channel(Box::new(move || Ok(Box::new(bytes.clone()) as Box<dyn Channel>))))
}

/// Sockets: the first byte selects the protocol and how the bytes are split into datagrams.
pub fn netlink(data: &[u8]) {
    let Some((protocol, first, datagrams)) = pick(&Protocol::ALL, data) else { return };
    // The first request has sequence number 1, the request for the second family 2.
    let dumper = dumper(bytes(datagrams, 1 + u32::from(first % 2), first < 128));
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

/// Network devices: the first byte selects the request and how the bytes are split into datagrams.
pub fn net_netlink(data: &[u8]) {
    let Some((question, first, datagrams)) = pick(&[0, 1, 2, 3, 4, 5], data) else { return };
    let bytes = bytes(datagrams, 1, first < 128);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut written = Written::default();
    let mut link = |link: &Link| {
        assert!(!link.name.is_empty(), "a device without a name");
        written.interface(&link.name, &Counters::default());
        written.interface(&link.name, &[Some(link.flags.into()); COUNTERS.len()]);
    };
    let count = |all: Statistics<'_>| assert!(all.get(8 * 1024).is_none(), "more than an attribute holds");
    let (Ok(_) | Err(_)) = match question {
        0 => links::list(&dumper(bytes), deadline, &mut |_, device| link(&device)),
        1 => stats::list(&dumper(bytes), deadline, &mut |_, all| count(all)),
        2 => links::list_statistics(&dumper(bytes), deadline, &mut |_, all| count(all)),
        3 => {
            let family = number(datagrams, 4).unwrap_or_default();
            ethtool::list(&dumper(bytes), family, deadline, &mut |_, _| {}).map(|()| false)
        }
        4 => genl::family(&dumper(bytes), ethtool::FAMILY, deadline).map(|_| false),
        _ => {
            // The list ends with the first end of a dump. The events are the same messages.
            let events = bytes.clone();
            let subscribe = move || Ok(Box::new(events.clone()) as Box<dyn Events>);
            let mut table = LinkTable::with_events(dumper(bytes), Box::new(subscribe));
            let outcome = table.refresh(deadline).map(|()| table.update().is_some());
            table.links().for_each(link);
            outcome
        }
    };
    written.check();
}

/// The kernel's messages about closed TCP sockets: the first byte selects how much of `tcp_info` is kept.
pub fn destroyed(data: &[u8]) {
    let Some((info, _, datagram)) = pick(&[0, 4, 136, 160, 248, 1000], data) else { return };
    let mut written = Written::default();
    for message in Messages(datagram).map_while(Result::ok) {
        let mut sockets = 0;
        let whole = closed::parse(message.payload, info, &mut |socket| {
            sockets += 1;
            if let TcpInfo::Raw(kept) = socket.tcp {
                assert!(kept.len() <= info, "{} of {info} bytes", kept.len());
            }
            written.socket(Protocol::Tcp, socket);
        });
        assert_eq!(sockets, u32::from(whole), "one payload is one socket or none");
    }
    written.check();
}
