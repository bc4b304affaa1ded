//! TCP sockets that end between two gathers, with their last counters, as the kernel tells them.
//!
//! A thread takes the kernel's messages as they come: its queue holds a few hundred only. What it keeps of each is what
//! the parser of the dump needs, so that a closed socket is judged as a listed one is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};

use super::netlink::question::{AF_INET, AF_INET6};
use super::netlink::rows::Rows;
use super::socket::{Protocol, Socket, TcpInfo};
use crate::netlink::destroy::{Destroyed, Drained, Waiter};
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
pub(super) struct Closed<Q: Queue = Destroyed> {
    shared: Arc<Mutex<Shared<Q>>>,
}

/// What was collected since it was last taken.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Payloads, each behind its length in two bytes.
    payloads: Vec<u8>,
    /// Sockets that were lost because the queue was full, a total.
    pub(super) lost: u64,
    /// Those for which there was no memory here, or whose messages were malformed, a total.
    pub(super) dropped: u64,
    /// Why the subscription broke, where it did since the last time.
    pub(super) broken: Option<Errno>,
    /// CPU time of the thread since it began, in nanoseconds.
    pub(super) cpu_ns: u64,
}

/// What the kernel's messages come through; the tests put queues of their own in its place.
pub(super) trait Queue: Send + 'static {
    /// Waits for messages, while others take them.
    type Waiter: Send;
    /// What waits for its messages.
    fn waiter(&self) -> Result<Self::Waiter, Errno>;
    /// Waits until there is a message, or `timeout` has passed.
    fn wait(waiter: &Self::Waiter, timeout: Duration) -> Result<(), Errno>;
    /// How many messages it holds at least.
    fn room(&self) -> usize;
    /// Hands the payloads of what is queued to `each`, but of no more than some thousands.
    fn drain(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<Drained, Errno>;
    /// How many messages it had no room for so far, in 32 bits.
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

/// What the thread and the gathers have in common.
#[derive(Debug)]
struct Shared<Q> {
    queue: Q,
    /// Of `tcp_info` so many bytes are kept.
    info: usize,
    batch: Batch,
    /// What the queue last said of losses.
    lost: u32,
    ended: bool,
}

impl Closed {
    /// Subscribes, and collects from now on. Of `tcp_info` the first `info` bytes are kept.
    ///
    /// # Errors
    /// Where the kernel refuses the subscription, or the system gives no thread.
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
        let shared =
            Arc::new(Mutex::new(Shared { queue, info, batch: Batch::default(), lost: 0, ended: false }));
        let closed = Self { shared: Arc::clone(&shared) };
        let thread = Builder::new().name(String::from("closed")).stack_size(STACK);
        thread
            .spawn(move || run(&shared, waiter, &subscribe, retry))
            .map_err(|error| error.raw_os_error().map_or(Errno::EAGAIN, Errno::from_raw))?;
        Ok(closed)
    }

    /// Takes what was collected, and what is queued now.
    pub(super) fn take(&self) -> Batch {
        let mut shared = lock(&self.shared);
        // An error comes up in the thread, too. No host is so busy that this does not end.
        while shared.drain().is_ok_and(|messages| messages > 0) {}
        let Batch { lost, dropped, cpu_ns, .. } = shared.batch;
        std::mem::replace(&mut shared.batch, Batch { lost, dropped, cpu_ns, ..Batch::default() })
    }
}

impl<Q: Queue> Drop for Closed<Q> {
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
fn lock<Q>(shared: &Mutex<Shared<Q>>) -> MutexGuard<'_, Shared<Q>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Collects until the section is gone. Where the subscription breaks, it subscribes again: at once, and then from time to
/// time.
fn run<Q: Queue>(
    shared: &Mutex<Shared<Q>>,
    mut waiter: Q::Waiter,
    subscribe: &impl Fn() -> Result<Q, Errno>,
    retry: Duration,
) {
    loop {
        let broken = match collect(shared, &waiter) {
            Ok(()) if lock(shared).ended => return,
            Ok(()) => continue,
            Err(errno) => errno,
        };
        lock(shared).batch.broken = Some(broken);
        waiter = loop {
            let again = subscribe().and_then(|queue| Ok((queue.waiter()?, queue)));
            let mut shared = lock(shared);
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

/// Takes messages as they come, in batches: after each it pauses, so that a burst costs few changes of context, but never for
/// so long that the queue could fill.
fn collect<Q: Queue>(shared: &Mutex<Shared<Q>>, waiter: &Q::Waiter) -> Result<(), Errno> {
    Q::wait(waiter, IDLE)?;
    let mut last = Instant::now();
    loop {
        let mut guard = lock(shared);
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

impl<Q: Queue> Shared<Q> {
    /// Takes what is queued; how many messages that were.
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
        // Also where the queue broke: what came before that is good.
        let lost = self.queue.lost();
        if let Ok(lost) = lost {
            self.batch.lost += u64::from(lost.wrapping_sub(std::mem::replace(&mut self.lost, lost)));
        }
        let drained = outcome?;
        self.batch.dropped += drained.malformed;
        lost.map(|_| drained.messages + drained.malformed)
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

/// The connection in a payload; `None` where that is malformed, or lacks the counters.
pub(super) fn connection(payload: &[u8]) -> Option<Socket<'_>> {
    let family = if payload.first() == Some(&AF_INET6) { AF_INET6 } else { AF_INET };
    Rows::default().parse(Protocol::Tcp, family, payload).filter(|socket| socket.tcp != TcpInfo::Unknown)
}

/// Hands the connection of a payload to `each`, as it is once it was kept with `info` bytes of `tcp_info`. False where the
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
