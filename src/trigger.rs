//! What starts a gather: a newline on stdin, a signal, the timer; and what ends the process.
//!
//! Triggers are a flag, not a queue: however many arrive during a gather, one further gather follows.

use std::io::{ErrorKind, PipeReader, Read};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

/// What the agent is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Gather every input.
    Gather,
    /// Stdin has ended and nothing is pending.
    End,
}

/// The signals that this process answers: those that Telegraf's `signal` setting can send, and those that
/// end it.
///
/// They arrive through a pipe. The socket pair that is usual for this would be one of the sockets that
/// `inputs.socketstat` lists.
#[derive(Debug)]
pub struct Signals {
    pipe: PipeReader,
    terminate: Arc<AtomicBool>,
}

impl Signals {
    /// Installs the handlers: the first thing that the process does.
    ///
    /// # Errors
    /// When the system refuses one.
    pub fn install() -> std::io::Result<Self> {
        let (pipe, write) = std::io::pipe()?;
        let terminate = Arc::new(AtomicBool::new(false));
        for signal in [SIGUSR1, SIGUSR2, SIGHUP] {
            signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
        }
        for signal in [SIGTERM, SIGINT] {
            // The flag is set first: handlers run in the order in which they were registered.
            signal_hook::flag::register(signal, Arc::clone(&terminate))?;
            signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
        }
        // Whoever started the process may have held signals back until it was ready; now it is.
        let mut answered = SigSet::empty();
        for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT] {
            answered.add(signal);
        }
        answered.thread_unblock()?;
        Ok(Self { pipe, terminate })
    }

    /// Waits for the next signals; true if one of them is to end the process.
    fn wait(&mut self) -> std::io::Result<bool> {
        loop {
            match self.pipe.read(&mut [0; 256]) {
                Ok(_) => return Ok(self.terminate.load(Ordering::SeqCst)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
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
            if std::mem::take(&mut state.pending) {
                return Event::Gather;
            }
            // Before the timer: one that is faster than the gathers would never let the process end.
            if state.ended {
                return Event::End;
            }
            let left = timer.as_deref_mut().map(|timer| timer.left(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => return Event::Gather,
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
        while let Ok(terminate) = signals.wait() {
            if terminate {
                on_terminate();
            }
            self.gather();
        }
    }

    /// Turns newlines into triggers until `stdin` ends; a last line without one is none. As soon as nobody
    /// reads `stdout` any more `on_hangup` is called, in the middle of a gather too.
    fn watch_stdin(&self, mut stdin: impl Read + AsFd, stdout: impl AsFd, on_hangup: impl Fn()) {
        let mut open = true;
        let mut chunk = [0; 4096];
        while let Ok(ready) = wait_for(open.then_some(&stdin), &stdout) {
            if ready.hangup {
                on_hangup();
                return;
            }
            if !ready.input {
                continue;
            }
            match stdin.read(&mut chunk) {
                Ok(read) if read > 0 => {
                    if chunk.iter().take(read).any(|&byte| byte == b'\n') {
                        self.gather();
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                // A stdin that cannot be read (a directory, a hung-up terminal) will not give newlines: as
                // good as ended.
                Ok(_) | Err(_) => {
                    open = false;
                    self.end();
                }
            }
        }
        self.end();
    }
}

/// What poll(2) found.
struct Ready {
    /// Stdin has bytes, or has ended.
    input: bool,
    /// The other end of stdout is gone.
    hangup: bool,
}

fn wait_for(stdin: Option<&impl AsFd>, stdout: &impl AsFd) -> Result<Ready, Errno> {
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    let mut polled = vec![PollFd::new(stdout.as_fd(), PollFlags::empty())];
    polled.extend(stdin.map(|stdin| PollFd::new(stdin.as_fd(), PollFlags::POLLIN)));
    match poll(&mut polled, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
        Err(error) => return Err(error),
    }
    let events = |at: usize| polled.get(at).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
    Ok(Ready { input: !events(1).is_empty(), hangup: events(0).intersects(gone) })
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
