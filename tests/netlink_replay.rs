//! The netlink source with recorded answers of a kernel: complete, truncated and damaged.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::support;
use crate::support::big_endian;
use crate::support::reference::{self, Row};
use crate::support::zoo::Zoo;
use nix::errno::Errno;
use nix::sys::socket::SockProtocol;
use proptest::prelude::*;
use telegraf_execd_network::inputs::socketstat::interfaces::Names;
use telegraf_execd_network::inputs::socketstat::netlink::Netlink;
use telegraf_execd_network::inputs::socketstat::socket::Protocol;
use telegraf_execd_network::inputs::source::{Diagnostic, SourceError};
use telegraf_execd_network::netlink::channel::{Channel, KernelChannel};
use telegraf_execd_network::netlink::dump::{Dumper, SharedDumper};

/// The protocols that the recorded kernel lists.
const LISTED: [Protocol; 4] = [Protocol::Tcp, Protocol::Udp, Protocol::Unix, Protocol::Packet];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/netlink")
}

/// Answers each request with the next recorded stream.
struct Recorded {
    port: u32,
    streams: VecDeque<Vec<u8>>,
    answer: Option<Vec<u8>>,
}

impl Channel for Recorded {
    fn port(&self) -> u32 {
        self.port
    }

    fn send(&mut self, _: &[u8]) -> Result<(), Errno> {
        self.answer = self.streams.pop_front();
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Instant) -> Result<usize, Errno> {
        let answer = self.answer.take().ok_or(Errno::ETIME)?;
        let length = answer.len().min(buffer.len());
        buffer[..length].copy_from_slice(&answer[..length]);
        Ok(answer.len())
    }
}

/// The recorded stream in the byte order of this machine.
fn recording(protocol: Protocol) -> Vec<Vec<u8>> {
    let streams = (1..3).filter_map(|n| fs::read(fixtures().join(format!("{protocol}-{n}.bin"))).ok());
    if cfg!(target_endian = "big") {
        return streams.map(|stream| big_endian::messages(protocol, stream)).collect();
    }
    streams.collect()
}

fn replay(protocol: Protocol, streams: &[Vec<u8>]) -> Result<(Vec<Row>, Vec<Diagnostic>), SourceError> {
    let whole = recording(protocol);
    let port = u32::from_ne_bytes(*whole[0][12..].first_chunk().unwrap());
    let streams: VecDeque<Vec<u8>> = streams.to_vec().into();
    let open = move || {
        let streams = streams.clone();
        Ok(Box::new(Recorded { port, streams, answer: None }) as Box<dyn Channel>)
    };
    let dumper = SharedDumper::new(Dumper::with_channel(Box::new(open)));
    reference::dump(&mut Netlink::new(dumper, Names::Directory(fixtures().join("class_net"))), protocol)
}

#[test]
fn recorded_answers_equal_the_recorded_output_of_ss() {
    for protocol in LISTED {
        let (rows, notes) = replay(protocol, &recording(protocol)).unwrap();
        let printed = fs::read_to_string(fixtures().join(format!("{protocol}.ss"))).unwrap();
        assert_eq!(rows, reference::read(protocol, &printed));
        assert!(rows.len() > 4, "{protocol}");
        assert_eq!(notes, []);
    }
}

#[test]
fn a_protocol_that_the_kernel_does_not_list_is_unsupported() {
    for protocol in [Protocol::Raw, Protocol::Dccp, Protocol::Sctp] {
        let outcome = replay(protocol, &recording(protocol));
        assert!(matches!(outcome, Err(SourceError::Unsupported(_))), "{outcome:?}");
    }
}

#[test]
fn a_truncated_recording_is_an_error() {
    for protocol in LISTED {
        let streams = recording(protocol);
        let last = streams.last().unwrap();
        for length in 0..last.len() {
            let mut streams = streams.clone();
            streams.last_mut().unwrap().truncate(length);
            // In a stream that ends between two messages, the end of the dump is missing. The dump then times out.
            assert!(replay(protocol, &streams).is_err(), "{protocol} truncated at {length}");
        }
    }
}

#[test]
fn wrong_lengths_never_read_past_the_end() {
    for protocol in LISTED {
        let streams = recording(protocol);
        let whole = replay(protocol, &streams).unwrap().0.len();
        // The first messages have every kind of attribute.
        for at in (0..streams[0].len().min(1000) - 2).step_by(2) {
            for lie in [0_u16, 3, 17, 0xffff] {
                let mut streams = streams.clone();
                streams[0][at..at + 2].copy_from_slice(&lie.to_ne_bytes());
                if let Ok((rows, _)) = replay(protocol, &streams) {
                    assert!(rows.len() <= whole, "{protocol}: more rows than sockets with {lie} at {at}");
                }
            }
        }
    }
}

/// Later kernels may add attributes of any length, before and after the known ones.
#[test]
fn unknown_attributes_change_nothing() {
    let unknown: Vec<u8> = [0_usize, 1, 5, 300]
        .iter()
        .flat_map(|length| {
            let mut attribute = u16::try_from(4 + length).unwrap().to_ne_bytes().to_vec();
            attribute.extend(0x3ff0_u16.to_ne_bytes());
            attribute.resize((4 + length).next_multiple_of(4), 0xa5);
            attribute
        })
        .collect();
    for protocol in LISTED {
        let fixed = if matches!(protocol, Protocol::Unix | Protocol::Packet) { 16 + 16 } else { 16 + 72 };
        let streams = recording(protocol);
        let later = streams.iter().map(|stream| {
            let (mut rest, mut later) = (stream.as_slice(), Vec::new());
            while !rest.is_empty() {
                let length = u32::from_ne_bytes(*rest.first_chunk().unwrap()) as usize;
                let (message, tail) = rest.split_at(length.next_multiple_of(4).min(rest.len()));
                rest = tail;
                // A shorter message is the end of the dump.
                let (head, attributes) = message.split_at(fixed.min(message.len()));
                let between = if head.len() < fixed { &[][..] } else { &unknown };
                let message = [head, between, attributes, between].concat();
                later.extend(u32::try_from(message.len()).unwrap().to_ne_bytes());
                later.extend(&message[4..]);
            }
            later
        });
        let later: Vec<Vec<u8>> = later.collect();
        assert_eq!(replay(protocol, &later).unwrap(), replay(protocol, &streams).unwrap(), "{protocol}");
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(garbage: Vec<u8>, changes: Vec<(prop::sample::Index, u8)>) {
        for protocol in LISTED {
            // Garbage does not end a dump by chance, since it lacks the right port and sequence number.
            prop_assert!(replay(protocol, std::slice::from_ref(&garbage)).is_err());
            let mut streams = recording(protocol);
            for (at, byte) in &changes {
                let at = at.index(streams[0].len());
                streams[0][at] = *byte;
            }
            if let Ok((_, notes)) = replay(protocol, &streams) {
                prop_assert!(notes.len() <= 3);
            }
        }
    }
}

/// The answers of the kernel, by request.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

struct Recorder(KernelChannel, Heard);

impl Channel for Recorder {
    fn port(&self) -> u32 {
        self.0.port()
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        self.1.lock().unwrap().push(Vec::new());
        self.0.send(request)
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, Errno> {
        let length = self.0.receive(buffer, deadline)?;
        self.1.lock().unwrap().last_mut().unwrap().extend_from_slice(&buffer[..length]);
        Ok(length)
    }
}

#[test]
#[ignore = "rewrites fixtures/netlink"]
fn record() {
    if !support::namespace::enter() {
        return;
    }
    let _zoo = Zoo::new();
    for interface in &nix::net::if_::if_nameindex().unwrap() {
        let directory = fixtures().join("class_net").join(interface.name().to_str().unwrap());
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("ifindex"), format!("{}\n", interface.index())).unwrap();
    }
    for protocol in Protocol::ALL {
        loop {
            let heard = Heard::default();
            let shared = heard.clone();
            let open = move || {
                let channel =
                    Recorder(KernelChannel::open(SockProtocol::NetlinkSockDiag, 0, 0)?, shared.clone());
                Ok(Box::new(channel) as Box<dyn Channel>)
            };
            let dumper = SharedDumper::new(Dumper::with_channel(Box::new(open)));
            let rows = reference::dump(&mut Netlink::new(dumper, Names::Own), protocol);
            let rows = rows.map(|(rows, _)| rows).unwrap_or_default();
            let printed = reference::run(protocol);
            if LISTED.contains(&protocol) && rows != reference::read(protocol, &printed) {
                continue;
            }
            if LISTED.contains(&protocol) {
                fs::write(fixtures().join(format!("{protocol}.ss")), printed).unwrap();
            }
            for (n, stream) in (1..).zip(heard.lock().unwrap().iter()) {
                fs::write(fixtures().join(format!("{protocol}-{n}.bin")), stream).unwrap();
            }
            break;
        }
    }
}
