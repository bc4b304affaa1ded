//! The signals that start a gather, and those that end the process.

use std::io::{ErrorKind, PipeReader, Read, Result, pipe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::write;

use super::Triggers;

/// The signals that the process handles, and whether they end it. Telegraf's setting `signal` may be any of the first.
const HANDLED: [(Signal, bool); 5] = [
    (Signal::SIGUSR1, false),
    (Signal::SIGUSR2, false),
    (Signal::SIGHUP, false),
    (Signal::SIGTERM, true),
    (Signal::SIGINT, true),
];

/// The handlers, and the pipe through which they report.
///
/// It is a pipe and not the usual socket pair because `inputs.socketstat` would list that. All handlers share it.
#[derive(Debug)]
pub struct Signals {
    pipe: PipeReader,
    terminate: Arc<AtomicBool>,
}

impl Signals {
    /// Installs the handlers. To be called first of all: a signal without a handler ends the process.
    ///
    /// # Errors
    /// If the process has too many open descriptors for the pipe.
    pub fn install() -> Result<Self> {
        let (reader, writer) = pipe()?;
        // A handler must not wait: when the pipe is full, the reader is going to wake up anyway.
        fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let (writer, terminate) = (Arc::new(writer), Arc::new(AtomicBool::new(false)));
        let mut blocked = SigSet::empty();
        for (signal, ends) in HANDLED {
            let (writer, terminate) = (Arc::clone(&writer), Arc::clone(&terminate));
            let handler = move || {
                if ends {
                    terminate.store(true, Ordering::SeqCst);
                }
                let (Ok(_) | Err(_)) = write(&*writer, b"!");
            };
            // SAFETY: the handler only stores to an atomic and calls write(2), which are both async-signal-safe; the
            // crate restores errno.
            #[allow(unsafe_code)]
            unsafe { signal_hook::low_level::register(signal as i32, handler) }?;
            blocked.add(signal);
        }
        // These have a handler that does nothing. If SIGCHLD is ignored, which is inherited from the parent, the status
        // of a child is lost. By default SIGXFSZ ends the process, while with a handler the write fails. Signals with a
        // handler are reset to the default in a child, which ignored ones are not.
        for signal in [Signal::SIGCHLD, Signal::SIGXFSZ] {
            signal_hook::flag::register(signal as i32, Arc::default())?;
        }
        // The parent may have blocked signals until this process is ready for them.
        blocked.thread_unblock()?;
        Ok(Self { pipe: reader, terminate })
    }

    /// Waits for the next signals; true if one of them ends the process.
    fn wait(&mut self) -> Result<bool> {
        loop {
            match self.pipe.read(&mut [0; 256]) {
                Ok(_) => return Ok(self.terminate.load(Ordering::SeqCst)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Triggers {
    /// Turns signals into triggers as long as the process lives. Calls `on_terminate` at SIGTERM and SIGINT.
    pub(super) fn watch_signals(&self, mut signals: Signals, on_terminate: impl Fn()) {
        while let Ok(terminate) = signals.wait() {
            if terminate {
                on_terminate();
            }
            self.gather();
        }
    }
}
