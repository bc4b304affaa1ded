//! A fake kernel for tests, with recorded answers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use nix::errno::Errno;

use super::channel::{Channel, Events};
use super::dump::{Dumper, SharedDumper};
use super::message::{ERROR, HEADER, number};

mod big_endian;

/// What is answered to requests of one kind: one after the other, the last one again and again.
#[derive(Clone, Default)]
pub(crate) struct Kernel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answers: HashMap<u16, VecDeque<Vec<u8>>>,
    /// The types of all requests.
    asked: Vec<u16>,
    /// The queued events.
    events: VecDeque<Result<Vec<u8>, Errno>>,
    /// The events to queue after a request of this type.
    meanwhile: HashMap<u16, VecDeque<Result<Vec<u8>, Errno>>>,
    subscribed: usize,
}

impl Kernel {
    /// Adds an answer to requests of this type.
    pub(crate) fn answers(self, kind: u16, answer: &[u8]) -> Self {
        self.0.lock().unwrap().answers.entry(kind).or_default().push_back(answer.to_vec());
        self
    }

    /// Adds an error as answer to requests of this type.
    pub(crate) fn refuses(self, kind: u16, errno: Errno) -> Self {
        self.answers(kind, &error(errno))
    }

    /// Queues an event.
    pub(crate) fn reports(&self, event: Result<Vec<u8>, Errno>) {
        self.0.lock().unwrap().events.push_back(event);
    }

    /// Queues an event when a request of this type is answered.
    pub(crate) fn reports_during(&self, kind: u16, event: Result<Vec<u8>, Errno>) {
        self.0.lock().unwrap().meanwhile.entry(kind).or_default().push_back(event);
    }

    /// The types of the requests since the last call.
    pub(crate) fn asked(&self) -> Vec<u16> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    /// The number of subscriptions to events.
    pub(crate) fn subscribed(&self) -> usize {
        self.0.lock().unwrap().subscribed
    }

    /// A dumper that uses this kernel.
    pub(crate) fn dumper(&self) -> SharedDumper {
        let kernel = self.clone();
        let open = move || Ok(Box::new(Asking { kernel: kernel.clone(), answer: None }) as Box<dyn Channel>);
        SharedDumper::new(Dumper::with_channel(Box::new(open)))
    }

    /// Subscribes to the events of this kernel.
    pub(crate) fn subscribe(&self) -> Box<super::link_table::Subscribe> {
        let kernel = self.clone();
        Box::new(move || {
            kernel.0.lock().unwrap().subscribed += 1;
            Ok(Box::new(kernel.clone()) as Box<dyn Events>)
        })
    }
}

impl Events for Kernel {
    fn queued(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        let Some(event) = self.0.lock().unwrap().events.pop_front() else { return Ok(None) };
        event.map(|datagram| Some(copy(&datagram, buffer)))
    }
}

struct Asking {
    kernel: Kernel,
    answer: Option<Vec<u8>>,
}

impl Channel for Asking {
    fn port(&self) -> u32 {
        7
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        let kind = number(request, 4).expect("a request has a kind");
        let mut state = self.kernel.0.lock().unwrap();
        state.asked.push(kind);
        let meanwhile = state.meanwhile.get_mut(&kind).and_then(VecDeque::pop_front);
        state.events.extend(meanwhile);
        let answers = state.answers.get_mut(&kind).unwrap_or_else(|| panic!("no answer to {kind}"));
        let mut answer =
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap();
        drop(state);
        // A recorded answer has the sequence number and the port of another request.
        let mut at = 0;
        while let (Some(length), Some(numbers)) =
            (number::<u32>(&answer, at), answer.get_mut(at + 8..at + 16))
        {
            numbers[..4].copy_from_slice(&request[8..12]);
            numbers[4..].copy_from_slice(&self.port().to_ne_bytes());
            at += (length as usize).max(HEADER).next_multiple_of(4);
        }
        self.answer = Some(answer);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Instant) -> Result<usize, Errno> {
        Ok(copy(&self.answer.take().ok_or(Errno::ETIME)?, buffer))
    }
}

fn copy(datagram: &[u8], buffer: &mut [u8]) -> usize {
    let length = datagram.len().min(buffer.len());
    buffer[..length].copy_from_slice(&datagram[..length]);
    datagram.len()
}

/// A message.
pub(crate) fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + payload.len()).unwrap();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// An error message.
pub(crate) fn error(errno: Errno) -> Vec<u8> {
    message(ERROR, 0, &(-(errno as i32)).to_ne_bytes())
}

/// A recorded answer, in the byte order of this machine.
pub(crate) fn recorded(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/net-netlink").join(name);
    let answer = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if cfg!(target_endian = "big") && path.extension().is_some_and(|extension| extension == "bin") {
        return big_endian::swapped(name, answer);
    }
    answer
}
