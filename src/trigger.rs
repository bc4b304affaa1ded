//! What starts a gather: a newline on stdin, a signal, the timer; and what ends the process.
//!
//! Triggers are a flag, not a queue: however many arrive during a gather, one further gather follows.

use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
pub use signal_hook::iterator::Signals;

/// What the agent is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Gather every input.
    Gather,
    /// Stdin has ended and nothing is pending.
    End,
}

/// The signals that this process answers: those that Telegraf's `signal` setting can send, and those that
/// end it. Installing the handlers is the first thing that the process does.
///
/// # Errors
/// When the system refuses a handler.
pub fn install_signals() -> std::io::Result<Signals> {
    Signals::new([SIGUSR1, SIGUSR2, SIGHUP, SIGTERM, SIGINT])
}

/// The pending trigger and the end of stdin, shared by the threads that see them come.
#[derive(Debug, Default)]
pub struct Triggers {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pending: bool,
    ended: bool,
}

impl Triggers {
    /// Asks for a gather.
    pub fn gather(&self) {
        self.state().pending = true;
        self.changed.notify_one();
    }

    /// Says that no newline will come any more.
    pub fn end(&self) {
        self.state().ended = true;
        self.changed.notify_one();
    }

    /// Waits for the next event; the timer, if there is one, counts as a trigger.
    pub fn next(&self, mut timer: Option<&mut Timer>) -> Event {
        let mut state = self.state();
        loop {
            let left = timer.as_deref_mut().map(|timer| timer.left(Instant::now()));
            if left == Some(Duration::ZERO) {
                state.pending = true;
            }
            if std::mem::take(&mut state.pending) {
                return Event::Gather;
            }
            if state.ended {
                return Event::End;
            }
            state = match left {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns signals into triggers for as long as the process lives. `on_terminate` is called at SIGTERM and
    /// SIGINT.
    fn watch_signals(&self, mut signals: Signals, on_terminate: impl Fn()) {
        for signal in signals.forever() {
            match signal {
                SIGTERM | SIGINT => on_terminate(),
                _ => self.gather(),
            }
        }
    }

    /// Turns newlines into triggers until `stdin` ends; a last line without one is none. After that
    /// `on_hangup` is called as soon as nobody reads `stdout` any more: whoever would take the rest of the
    /// gather is gone too.
    fn watch_stdin(&self, mut stdin: impl Read + AsFd, stdout: impl AsFd, on_hangup: impl Fn()) {
        let mut chunk = [0; 4096];
        loop {
            match stdin.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => {
                    if chunk.iter().take(read).any(|&byte| byte == b'\n') {
                        self.gather();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Whoever shares stdin may have made it non-blocking.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if wait(&stdin, PollFlags::POLLIN).is_err() {
                        break;
                    }
                }
                // A stdin that cannot be read (a directory, a hung-up terminal) will not give newlines: as
                // good as ended.
                Err(_) => break,
            }
        }
        self.end();
        if wait_for_hangup(&stdout) {
            on_hangup();
        }
    }
}

/// What a watching thread needs of stack: it calls nothing deep.
const STACK: usize = 128 * 1024;

/// Watches signals in a thread of its own.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn_signals(
    triggers: &Arc<Triggers>,
    signals: Signals,
    on_terminate: impl Fn() + Send + 'static,
) -> std::io::Result<()> {
    let triggers = Arc::clone(triggers);
    let watch = move || triggers.watch_signals(signals, on_terminate);
    Builder::new().name(String::from("signals")).stack_size(STACK).spawn(watch).map(drop)
}

/// Watches stdin, and stdout for its end, in a thread of its own.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn_stdin(triggers: &Arc<Triggers>, on_hangup: impl Fn() + Send + 'static) -> std::io::Result<()> {
    let triggers = Arc::clone(triggers);
    let watch = move || triggers.watch_stdin(std::io::stdin(), std::io::stdout(), on_hangup);
    Builder::new().name(String::from("stdin")).stack_size(STACK).spawn(watch).map(drop)
}

/// Waits for events on `fd`.
fn wait(fd: impl AsFd, flags: PollFlags) -> Result<PollFlags, Errno> {
    let mut polled = [PollFd::new(fd.as_fd(), flags)];
    match poll(&mut polled, PollTimeout::NONE) {
        Ok(_) => Ok(polled.iter().filter_map(PollFd::revents).collect()),
        Err(Errno::EINTR | Errno::EAGAIN) => Ok(PollFlags::empty()),
        Err(error) => Err(error),
    }
}

/// Waits until the other end of `fd` is gone; false where the system cannot tell.
fn wait_for_hangup(fd: impl AsFd) -> bool {
    loop {
        match wait(&fd, PollFlags::empty()) {
            Ok(events) if events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP) => return true,
            Ok(events) if events.is_empty() => {}
            Ok(_) | Err(_) => return false,
        }
    }
}

/// The internal timer (`--poll-interval`).
#[derive(Debug)]
pub struct Timer {
    interval: Duration,
    next: Instant,
}

impl Timer {
    /// A timer that fires after each interval, the first time one interval from `now`.
    #[must_use]
    pub fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, next: now + interval }
    }

    /// How long until it fires; zero fires it. Ticks that were missed are one tick, and the rhythm is kept.
    fn left(&mut self, now: Instant) -> Duration {
        let left = self.next.saturating_duration_since(now);
        if left.is_zero() {
            let missed = now.saturating_duration_since(self.next);
            let behind = Duration::from_nanos(
                u64::try_from(missed.as_nanos() % self.interval.as_nanos().max(1)).unwrap_or(0),
            );
            self.next = now + self.interval.saturating_sub(behind).max(Duration::from_nanos(1));
        }
        left
    }
}

#[cfg(test)]
mod tests;
