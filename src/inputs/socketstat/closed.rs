//! Collects the kernel's messages about closed TCP sockets, which carry their last counters.
//!
//! A thread receives the messages as they arrive, since the kernel's queue holds only a few hundred. It keeps the part of
//! each message that the parser of dumps needs, so that the same code handles closed and listed sockets.

use std::thread::Builder;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

use super::netlink::question::{AF_INET, AF_INET6};
use super::netlink::rows::Rows;
use super::socket::{Protocol, Socket, TcpInfo};
use crate::netlink::destroy::{Destroyed, Drained, Waiter};
use crate::netlink::message::Attributes;
use crate::shared::Shared;

/// The limit of what is kept between two gathers, in bytes: about 280,000 sockets with the default counters.
const MOST: usize = 64 * 1024 * 1024;
/// The longest pause of the thread between two batches.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// The fraction of the queue that may fill during a pause.
const PART: u32 = 4;
/// How long the thread waits for the first message.
const IDLE: Duration = Duration::from_secs(60);
/// The delay before the thread subscribes again after an error.
const RETRY: Duration = Duration::from_secs(10);
/// `sizeof(struct inet_diag_msg)`.
const FIXED: usize = 72;
/// `INET_DIAG_INFO`.
const INFO: u16 = 2;
/// The stack size of the thread, which has no deep calls.
const STACK: usize = 128 * 1024;

/// The subscription of a section.
#[derive(Debug)]
pub(super) struct Closed<Q: Queue = Destroyed> {
    shared: Shared<State<Q>>,
}

/// The messages since the last gather.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Payloads, each preceded by its length in two bytes.
    payloads: Vec<u8>,
    /// The total number of messages that the kernel dropped because the queue was full.
    pub(super) lost: u64,
    /// The total number of messages that were dropped here: over the limit, or malformed.
    pub(super) dropped: u64,
    /// Why the subscription failed, if it has since the last gather.
    pub(super) broken: Option<Errno>,
    /// The CPU time of the thread so far, in nanoseconds.
    pub(super) cpu_ns: u64,
}

/// A queue of the kernel's messages. Tests replace it with their own.
pub(super) trait Queue: Send + 'static {
    /// Waits for messages while another thread may take them.
    type Waiter: Send;
    /// Returns a waiter for the messages of this queue.
    fn waiter(&self) -> Result<Self::Waiter, Errno>;
    /// Waits until there is a message, or `timeout` has passed.
    fn wait(waiter: &Self::Waiter, timeout: Duration) -> Result<(), Errno>;
    /// The minimum number of messages that it can hold.
    fn room(&self) -> usize;
    /// Passes the payload of each queued message to `each`, of some thousands at most.
    fn drain(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<Drained, Errno>;
    /// The number of messages that were dropped so far. It wraps at 32 bits.
    fn lost(&self) -> Result<u32, Errno>;
}

impl Queue for Destroyed {
    type Waiter = Waiter;

    fn waiter(&self) -> Result<Waiter, Errno> {
        Self::waiter(self)
    }

    fn wait(waiter: &Waiter, timeout: Duration) -> Result<(), Errno> {
        waiter.wait(timeout)
    }

    fn room(&self) -> usize {
        Self::room(self)
    }

    fn drain(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<Drained, Errno> {
        Self::drain(self, each)
    }

    fn lost(&self) -> Result<u32, Errno> {
        Self::lost(self)
    }
}

/// The state that the thread and the gathers share.
#[derive(Debug)]
struct State<Q> {
    queue: Q,
    /// How many bytes of `tcp_info` are kept.
    info: usize,
    batch: Batch,
    /// The last value of [`Queue::lost`].
    lost: u32,
    ended: bool,
}

impl Closed {
    /// Subscribes and starts the thread. The first `info` bytes of `tcp_info` are kept.
    ///
    /// # Errors
    /// If the kernel refuses the subscription or the thread cannot be started.
    pub(super) fn start(info: usize) -> Result<Self, Errno> {
        Self::with_queue(info, Destroyed::subscribe, RETRY)
    }
}

impl<Q: Queue> Closed<Q> {
    fn with_queue(
        info: usize,
        subscribe: impl Fn() -> Result<Q, Errno> + Send + 'static,
        retry: Duration,
    ) -> Result<Self, Errno> {
        let queue = subscribe()?;
        queue.lost()?;
        let waiter = queue.waiter()?;
        let shared = Shared::new(State { queue, info, batch: Batch::default(), lost: 0, ended: false });
        let closed = Self { shared: shared.clone() };
        let thread = Builder::new().name(String::from("closed")).stack_size(STACK);
        thread
            .spawn(move || run(&shared, waiter, &subscribe, retry))
            .map_err(|error| error.raw_os_error().map_or(Errno::EAGAIN, Errno::from_raw))?;
        Ok(closed)
    }

    /// Takes the collected messages, including those that are still queued.
    pub(super) fn take(&self) -> Batch {
        let mut shared = self.shared.lock();
        // The thread gets the same error. No host is so busy that this loop does not end.
        while shared.drain().is_ok_and(|messages| messages > 0) {}
        let Batch { lost, dropped, cpu_ns, .. } = shared.batch;
        std::mem::replace(&mut shared.batch, Batch { lost, dropped, cpu_ns, ..Batch::default() })
    }
}

impl<Q: Queue> Drop for Closed<Q> {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
    }
}

impl Batch {
    /// The payloads, in the form of a dump's messages.
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

/// Collects until the section is dropped. If the subscription fails, it subscribes again: at once, and then after each
/// delay of `retry`.
fn run<Q: Queue>(
    shared: &Shared<State<Q>>,
    mut waiter: Q::Waiter,
    subscribe: &impl Fn() -> Result<Q, Errno>,
    retry: Duration,
) {
    loop {
        let broken = match collect(shared, &waiter) {
            Ok(()) if shared.lock().ended => return,
            Ok(()) => continue,
            Err(errno) => errno,
        };
        shared.lock().batch.broken = Some(broken);
        waiter = loop {
            let again = subscribe().and_then(|queue| Ok((queue.waiter()?, queue)));
            let mut shared = shared.lock();
            if shared.ended {
                return;
            }
            if let Ok((waiter, queue)) = again {
                (shared.queue, shared.lost) = (queue, 0);
                break waiter;
            }
            drop(shared);
            std::thread::sleep(retry);
        };
    }
}

/// Takes messages in batches. The pause after each batch saves context switches during a burst, but is never long enough
/// for the queue to fill.
fn collect<Q: Queue>(shared: &Shared<State<Q>>, waiter: &Q::Waiter) -> Result<(), Errno> {
    Q::wait(waiter, IDLE)?;
    let mut last = Instant::now();
    loop {
        let mut guard = shared.lock();
        let messages = guard.drain()?;
        let cpu = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
        guard.batch.cpu_ns = u64::try_from(Duration::from(cpu).as_nanos()).unwrap_or(u64::MAX);
        if messages == 0 || guard.ended {
            return Ok(());
        }
        let room = guard.queue.room();
        drop(guard);
        let since = last.elapsed();
        last = Instant::now();
        std::thread::sleep(pause(room, messages, since));
    }
}

impl<Q: Queue> State<Q> {
    /// Takes the queued messages and returns their number.
    fn drain(&mut self) -> Result<u64, Errno> {
        let Self { queue, info, batch, .. } = self;
        let Batch { payloads, dropped, .. } = batch;
        let outcome = queue.drain(&mut |payload| {
            if payloads.len() < MOST {
                keep(payload, *info, payloads);
            } else {
                *dropped += 1;
            }
        });
        // After an error too: the messages before it are valid.
        let lost = self.queue.lost();
        if let Ok(lost) = lost {
            self.batch.lost += u64::from(lost.wrapping_sub(std::mem::replace(&mut self.lost, lost)));
        }
        let drained = outcome?;
        self.batch.dropped += drained.malformed;
        lost.map(|_| drained.messages + drained.malformed)
    }
}

/// The pause after a batch of `messages` that arrived within `since`, for a queue of `room` messages.
fn pause(room: usize, messages: u64, since: Duration) -> Duration {
    // No queue holds 2^32 messages.
    let room = u32::try_from(room).unwrap_or(u32::MAX);
    let until_full = since.saturating_mul(room) / u32::try_from(messages.max(1)).unwrap_or(u32::MAX);
    (until_full / PART).min(LONGEST_PAUSE)
}

/// Appends what the parser needs of a payload: the fixed part, and the first `info` bytes of `tcp_info`. A payload that is
/// too short is appended unchanged, so that the parser rejects it.
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
    // Datagrams are far shorter.
    let Ok(length) = u16::try_from(length) else { return };
    kept.extend_from_slice(&length.to_ne_bytes());
    for part in parts {
        kept.extend_from_slice(part);
    }
}

/// Parses the connection in a payload; `None` if it is malformed or lacks the counters.
pub(super) fn connection(payload: &[u8]) -> Option<Socket<'_>> {
    let family = if payload.first() == Some(&AF_INET6) { AF_INET6 } else { AF_INET };
    Rows::default().parse(Protocol::Tcp, family, payload).filter(|socket| socket.tcp != TcpInfo::Unknown)
}

/// Keeps a payload with `info` bytes of `tcp_info`, parses it, and passes the connection to `each`. Returns false if the
/// payload is malformed.
pub fn parse(payload: &[u8], info: usize, each: &mut dyn FnMut(&Socket<'_>)) -> bool {
    let mut batch = Batch::default();
    keep(payload, info, &mut batch.payloads);
    let mut whole = true;
    for payload in batch.payloads() {
        match connection(payload) {
            Some(socket) => each(&socket),
            None => whole = false,
        }
    }
    whole
}

#[cfg(test)]
mod tests;
