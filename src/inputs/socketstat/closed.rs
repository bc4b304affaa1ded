//! TCP sockets that end between two gathers, with their last counters, as the kernel tells them.
//!
//! A thread takes the kernel's messages as they come: its queue holds a few hundred only. What it keeps of each is what
//! the parser of the dump needs, so that a closed socket is judged as a listed one is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

use crate::netlink::destroy::Destroyed;
use crate::netlink::message::Attributes;

/// The most that is kept between two gathers, in bytes: some 280,000 sockets with the counters of the contract.
const MOST: usize = 64 * 1024 * 1024;
/// How long the thread waits at the most before it looks again, and lets sockets gather meanwhile.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// The part of the queue that may fill during a pause.
const PART: u32 = 4;
/// How long it waits for the first message.
const IDLE: Duration = Duration::from_secs(60);
/// How long it waits before it subscribes again.
const RETRY: Duration = Duration::from_secs(10);
/// `sizeof(struct inet_diag_msg)`.
const FIXED: usize = 72;
/// `INET_DIAG_INFO`.
const INFO: u16 = 2;
/// What the thread needs of stack: it calls nothing deep.
const STACK: usize = 128 * 1024;

/// The subscription of a section.
#[derive(Debug)]
pub(super) struct Closed {
    shared: Arc<Mutex<Shared>>,
}

/// What was collected since it was last taken.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Payloads, each behind its length in two bytes.
    payloads: Vec<u8>,
    /// Sockets that were lost since the subscription: the queue was full, or there was no memory for them.
    pub(super) lost: u64,
    /// CPU time of the thread since it began, in nanoseconds.
    pub(super) cpu_ns: u64,
}

#[derive(Debug, Default)]
struct Shared {
    payloads: Vec<u8>,
    lost: u64,
    cpu_ns: u64,
    ended: bool,
}

impl Closed {
    /// Subscribes, and collects from now on. Of `tcp_info` the first `info` bytes are kept.
    ///
    /// # Errors
    /// Where the kernel refuses the subscription, or the system gives no thread.
    pub(super) fn start(info: usize) -> Result<Self, Errno> {
        let destroyed = Destroyed::subscribe()?;
        destroyed.lost()?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let collector = Collector { shared: Arc::clone(&shared), info, lost_before: 0 };
        let thread = Builder::new().name(String::from("closed")).stack_size(STACK);
        thread
            .spawn(move || collector.run(destroyed))
            .map_err(|error| error.raw_os_error().map_or(Errno::EAGAIN, Errno::from_raw))?;
        Ok(Self { shared })
    }

    /// Takes what was collected.
    pub(super) fn take(&self) -> Batch {
        let mut shared = lock(&self.shared);
        let payloads = std::mem::take(&mut shared.payloads);
        Batch { payloads, lost: shared.lost, cpu_ns: shared.cpu_ns }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        lock(&self.shared).ended = true;
    }
}

impl Batch {
    /// The payloads, as a dump's messages have them.
    pub(super) fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.payloads.as_slice();
        std::iter::from_fn(move || {
            let (length, tail) = rest.split_first_chunk::<2>()?;
            let (payload, tail) = tail.split_at_checked(u16::from_ne_bytes(*length).into())?;
            rest = tail;
            Some(payload)
        })
    }
}

/// The state is sound after every step, so a panic elsewhere does not spoil it.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Collector {
    shared: Arc<Mutex<Shared>>,
    info: usize,
    /// Lost in subscriptions that are over.
    lost_before: u64,
}

impl Collector {
    /// Collects until the section is gone. Where the subscription breaks, it subscribes again.
    fn run(mut self, mut destroyed: Destroyed) {
        while !lock(&self.shared).ended {
            if self.collect(&mut destroyed).is_ok() {
                continue;
            }
            self.lost_before += destroyed.lost().map_or(0, u64::from);
            loop {
                std::thread::sleep(RETRY);
                if lock(&self.shared).ended {
                    return;
                }
                if let Ok(again) = Destroyed::subscribe() {
                    destroyed = again;
                    break;
                }
            }
        }
    }

    /// Takes messages as they come, in batches: after each it pauses, so that a burst costs few changes of context, but
    /// never for so long that the queue could fill.
    fn collect(&mut self, destroyed: &mut Destroyed) -> Result<(), Errno> {
        destroyed.wait(IDLE)?;
        let mut last = Instant::now();
        loop {
            let messages = self.drain(destroyed)?;
            if messages == 0 {
                return Ok(());
            }
            let since = last.elapsed();
            std::thread::sleep(pause(destroyed.room(), messages, since));
            last += since;
        }
    }

    /// Takes what is queued; how many messages that were.
    fn drain(&mut self, destroyed: &mut Destroyed) -> Result<u64, Errno> {
        let mut batch = Vec::new();
        let drained = destroyed.drain(&mut |payload| keep(payload, self.info, &mut batch))?;
        let lost = u64::from(destroyed.lost()?);
        let cpu = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
        let mut shared = lock(&self.shared);
        if shared.payloads.len() + batch.len() > MOST {
            self.lost_before += drained.messages;
        } else if shared.payloads.is_empty() {
            shared.payloads = batch;
        } else {
            shared.payloads.extend_from_slice(&batch);
        }
        self.lost_before += drained.malformed;
        shared.lost = self.lost_before + lost;
        shared.cpu_ns = u64::try_from(Duration::from(cpu).as_nanos()).unwrap_or(u64::MAX);
        Ok(drained.messages)
    }
}

/// How long to wait after a batch of `messages` that took `since` to come, with a queue for `room` messages.
fn pause(room: usize, messages: u64, since: Duration) -> Duration {
    // A queue of more than 2^32 messages is none.
    let room = u32::try_from(room).unwrap_or(u32::MAX);
    let until_full = since.saturating_mul(room) / u32::try_from(messages.max(1)).unwrap_or(u32::MAX);
    (until_full / PART).min(LONGEST_PAUSE)
}

/// Keeps of a payload what the parser needs: the fixed part, and the first `info` bytes of `tcp_info`. A payload without
/// them is kept as it is, for the parser to judge.
fn keep(payload: &[u8], info: usize, kept: &mut Vec<u8>) {
    let Some((fixed, attributes)) = payload.split_at_checked(FIXED) else { return push(&[payload], kept) };
    let found = Attributes(attributes).map_while(Result::ok).find(|(kind, _)| *kind == INFO);
    let Some((_, value)) = found else { return push(&[fixed], kept) };
    let value = value.get(..info).unwrap_or(value);
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    push(&[fixed, &length.to_ne_bytes(), &INFO.to_ne_bytes(), value], kept);
}

fn push(parts: &[&[u8]], kept: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    // A datagram is far shorter.
    let Ok(length) = u16::try_from(length) else { return };
    kept.extend_from_slice(&length.to_ne_bytes());
    for part in parts {
        kept.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::inputs::socketstat::netlink::question::AF_INET;
    use crate::inputs::socketstat::netlink::rows::Rows;
    use crate::inputs::socketstat::socket::{Protocol, TcpInfo};

    #[test]
    fn a_closed_socket_is_kept_as_the_dump_would_tell_it() {
        let closed = Closed::start(160).expect("the kernel takes subscriptions");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        drop((client, listener.accept().unwrap(), listener));
        let limit = Instant::now() + Duration::from_secs(30);
        loop {
            let batch = closed.take();
            let sockets = batch.payloads().filter_map(|payload| {
                let socket = Rows::default().parse(Protocol::Tcp, AF_INET, payload)?;
                Some((
                    socket.local.port(),
                    socket.cookie.is_some(),
                    matches!(socket.tcp, TcpInfo::Raw(info) if info.len() == 160),
                ))
            });
            if let Some(found) = sockets.into_iter().find(|(local, ..)| *local == Some(port)) {
                assert_eq!(found, (Some(port), true, true));
                break;
            }
            assert!(Instant::now() < limit, "the client's end was not told");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_pause_ends_before_the_queue_is_full() {
        let second = Duration::from_secs(1);
        assert_eq!(pause(200, 15_000, second), second * 200 / 15_000 / PART);
        assert_eq!(pause(200, 1, second), LONGEST_PAUSE);
        assert_eq!(pause(200, 400, Duration::ZERO), Duration::ZERO);
        assert_eq!(pause(usize::MAX, 0, second), LONGEST_PAUSE);
    }

    #[test]
    fn malformed_payloads_are_left_to_the_parser() {
        let mut kept = Vec::new();
        keep(&[1; 10], 160, &mut kept);
        keep(&[2; 73], 160, &mut kept);
        let batch = Batch { payloads: kept, ..Batch::default() };
        let lengths: Vec<usize> = batch.payloads().map(<[u8]>::len).collect();
        assert_eq!(lengths, [10, 72]);
    }
}
