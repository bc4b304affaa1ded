//! Starts a child, waits for it, kills it with its group, and reaps it.

use std::ffi::OsStr;
use std::io::Result as IoResult;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;

use super::error::{CommandError, Ended, Stderr};
use super::group;
use super::kill_on_exit::KillOnExit;
use super::pipes::{OnOutput, Pipes};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command<'a> {
    /// The program's absolute path.
    pub(crate) program: &'a Path,
    pub(crate) args: &'a [&'a str],
    /// The child's `PATH`. Together with `LC_ALL=C` it is the child's whole environment.
    pub(crate) path: &'a OsStr,
}

/// How long to wait for a killed child to end before the run ends without it.
const REAP: Duration = Duration::from_secs(1);
/// How long to wait for a killed child when this process exits. After that, init reaps it.
const REAP_AT_EXIT: Duration = Duration::from_millis(50);

/// The children of this process. At most one runs at a time, and is killed before this process exits.
#[derive(Debug, Default)]
pub struct Children(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    /// The running child. Taken out before it is reaped: after that, a signal to its process id could hit another
    /// process.
    running: Option<Child>,
    /// Killed children that have not ended yet, for instance because the kernel waits for a disk.
    stuck: Vec<Child>,
    /// Set when the process is about to exit.
    closing: bool,
}

impl Children {
    /// Runs a command to its end, or until `deadline`. Passes stdout to `on_output` as it arrives. An error from
    /// `on_output` ends the run, and so does output of more than `limit` bytes. No process of the child's group
    /// survives the run.
    ///
    /// Does not return after [`Children::close`], since the process is about to exit.
    pub(crate) fn run(
        &self,
        command: &Command<'_>,
        deadline: Instant,
        limit: u64,
        on_output: &mut OnOutput<'_>,
    ) -> Result<(), CommandError> {
        let mut pipes = self.start(command).inspect_err(|_| self.end())?;
        let outcome = pipes.read_all(deadline, limit, on_output).and_then(|()| self.wait_for_exit(deadline));
        self.end();
        drop(Self::stop_if_closing(self.slot()));
        let stderr = pipes.into_stderr();
        match outcome {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(CommandError::Status { status: Ended(status), stderr }),
            Err(CommandError::TimedOut { .. }) => Err(CommandError::TimedOut { stderr }),
            Err(error) => Err(error),
        }
    }

    /// Kills the running child with its group. Its run fails.
    pub(crate) fn kill(&self) {
        self.slot().kill();
    }

    /// Kills the running child with its group, and prevents any other from starting.
    pub fn close(&self) {
        let mut slot = self.slot();
        slot.closing = true;
        let begin = Instant::now();
        while !slot.kill() && begin.elapsed() < REAP_AT_EXIT {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// If the process is about to exit, releases the lock and parks this thread for ever.
    fn stop_if_closing(slot: MutexGuard<'_, Slot>) -> MutexGuard<'_, Slot> {
        if !slot.closing {
            return slot;
        }
        drop(slot);
        loop {
            std::thread::park();
        }
    }

    /// The state is consistent after every step, so a poisoned lock does no harm.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, command: &Command<'_>) -> Result<Pipes, CommandError> {
        let mut slot = self.slot();
        slot.stuck.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let mut slot = Self::stop_if_closing(slot);
        let mut builder = std::process::Command::new(command.program);
        builder
            .args(command.args)
            .env_clear()
            .env("PATH", command.path)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let kill_on_exit = KillOnExit::new().map_err(CommandError::Start)?;
        let mut child = builder.spawn().map_err(CommandError::Start)?;
        let watched = kill_on_exit.watch(&child);
        let pipes = watched.and_then(|()| Pipes::new(&mut child, kill_on_exit));
        slot.running = Some(child);
        pipes.map_err(CommandError::Start)
    }

    /// Waits until the child has ended, kills what is left of its group, and reaps the child, in this order: until the
    /// child is reaped, no other process can get the id of its group.
    fn wait_for_exit(&self, deadline: Instant) -> Result<ExitStatus, CommandError> {
        let timed_out = || CommandError::TimedOut { stderr: Stderr::default() };
        let mut pause = Duration::from_micros(50);
        loop {
            let mut slot = self.slot();
            // There is no child if close() has killed it.
            let mut child = slot.running.take().ok_or_else(timed_out)?;
            if has_exited(&child).map_err(CommandError::Wait)? {
                group::kill(&child);
                return child.wait().map_err(CommandError::Wait);
            }
            slot.running = Some(child);
            drop(slot);
            let left = deadline.checked_duration_since(Instant::now()).ok_or_else(timed_out)?;
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }

    /// Kills the child, if it is still running.
    fn end(&self) {
        let begin = Instant::now();
        loop {
            let mut slot = self.slot();
            if slot.kill() {
                return;
            }
            if begin.elapsed() > REAP {
                let child = slot.running.take();
                slot.stuck.extend(child);
                return;
            }
            drop(slot);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Slot {
    /// Kills the running child with its group. Returns whether it has ended.
    fn kill(&mut self) -> bool {
        let Some(child) = &mut self.running else { return true };
        group::kill(child);
        let gone = !matches!(child.try_wait(), Ok(None));
        if gone {
            self.running = None;
        }
        gone
    }
}

/// Whether the child has ended. It stays a zombie, so that its process id remains in use.
pub(super) fn has_exited(child: &Child) -> IoResult<bool> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: waitid(2) with a valid pointer. All fields of the structure may be zero, and it is filled in or left
    // alone.
    #[allow(unsafe_code)]
    let (outcome, info) = unsafe {
        let outcome = libc::waitid(libc::P_PID, child.id() as libc::id_t, info.as_mut_ptr(), flags);
        (outcome, info.assume_init())
    };
    match Errno::result(outcome) {
        // macOS reports a stopped child too, even without WSTOPPED.
        Ok(_) => Ok(info.si_signo == libc::SIGCHLD
            && !matches!(info.si_code, libc::CLD_STOPPED | libc::CLD_TRAPPED | libc::CLD_CONTINUED)),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
