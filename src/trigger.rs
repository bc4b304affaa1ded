//! What starts a gather (a newline on stdin, a signal, the timer) and what ends the process.
//!
//! Triggers are coalesced: however many arrive during a gather, one more gather follows.

mod signals;
mod stdin;
mod timer;

use std::io::Result;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

pub use signals::Signals;
pub use timer::Timer;

/// The stack of a watching thread, in bytes.
const STACK: usize = 128 * 1024;

/// What the agent has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Gather every input.
    Gather,
    /// Stop: stdin has ended, and no gather is pending.
    End,
}

/// The pending gather and the end of stdin, shared with the threads that watch for them.
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
    /// Requests a gather.
    fn gather(&self) {
        self.state().pending = true;
        self.changed.notify_one();
    }

    /// Records that stdin has ended.
    fn end(&self) {
        self.state().ended = true;
        self.changed.notify_one();
    }

    /// Waits for the next event. The timer, if there is one, is a trigger too.
    pub fn next(&self, mut timer: Option<&mut Timer>) -> Event {
        let mut state = self.state();
        loop {
            if std::mem::take(&mut state.pending) {
                return Event::Gather;
            }
            // Checked before the timer: the process has to end even if the timer is faster than the gathers.
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
}

/// Starts a thread that turns signals into triggers and calls `on_terminate` at SIGTERM and SIGINT.
///
/// # Errors
/// When the system does not start a thread.
pub fn spawn_signals(
    triggers: &Arc<Triggers>,
    signals: Signals,
    on_terminate: impl Fn() + Send + 'static,
) -> Result<()> {
    let triggers = Arc::clone(triggers);
    spawn("signals", move || triggers.watch_signals(signals, on_terminate))
}

/// Starts a thread that turns newlines on stdin into triggers and calls `on_hangup` when nobody reads stdout any more.
///
/// # Errors
/// When the system does not start a thread.
pub fn spawn_stdin(triggers: &Arc<Triggers>, on_hangup: impl Fn() + Send + 'static) -> Result<()> {
    let triggers = Arc::clone(triggers);
    spawn("stdin", move || triggers.watch_stdin(&std::io::stdin(), &std::io::stdout(), on_hangup))
}

fn spawn(name: &str, watch: impl FnOnce() + Send + 'static) -> Result<()> {
    Builder::new().name(name.to_owned()).stack_size(STACK).spawn(watch).map(drop)
}

#[cfg(test)]
mod tests;
