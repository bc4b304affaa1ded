//! The running child: started, waited for, killed with its group, and reaped.

use std::io::Result as IoResult;
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};

use super::kill_on_exit::KillOnExit;
use super::pipes::{OnOutput, Pipes};
use super::{Command, CommandError, Ended, Stderr, group_of};

/// How long a killed child may take to go away before the run ends without it.
const REAP: Duration = Duration::from_secs(1);
/// How long the process waits for a killed child when it ends itself. The kernel hands the child to init anyway.
const REAP_AT_EXIT: Duration = Duration::from_millis(50);

/// The children of this process. At most one runs at a time, so that it can be ended before the process ends.
#[derive(Debug, Default)]
pub struct Children(Mutex<Slot>);

#[derive(Debug, Default)]
struct Slot {
    /// The child that runs. Taken out before its process id becomes free: a signal to that id could hit a process
    /// that has been started since.
    running: Option<Child>,
    /// Killed children that have not gone away yet, for instance because the kernel waits for a disk.
    stuck: Vec<Child>,
    /// Set when the process is about to exit.
    closing: bool,
}

impl Children {
    /// Runs a command to its end, or until `deadline`. `on_output` gets stdout as it arrives; an error from it ends the
    /// run, and so does more output than `limit` bytes. No process of the child's group survives the run.
    ///
    /// After [`Children::close`] it does not return, since the process is about to exit.
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

    /// Kills the running child with its group, because nobody wants more of its output. The run fails.
    pub(crate) fn kill(&self) {
        self.slot().kill();
    }

    /// Kills the running child with its group, and lets no other one start.
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

    /// A panic elsewhere does not matter: the state is consistent after every step.
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

    /// Waits until the child has ended, kills what is left of its group, and reaps the child, in this order: as long as
    /// the child is not reaped, nobody else can get the number of its group.
    fn wait_for_exit(&self, deadline: Instant) -> Result<ExitStatus, CommandError> {
        let timed_out = || CommandError::TimedOut { stderr: Stderr::default() };
        let mut pause = Duration::from_micros(50);
        loop {
            let mut slot = self.slot();
            // There is no child left once close() has killed it.
            let mut child = slot.running.take().ok_or_else(timed_out)?;
            if has_exited(&mut child).map_err(CommandError::Wait)? {
                kill_group(&child);
                return child.wait().map_err(CommandError::Wait);
            }
            slot.running = Some(child);
            drop(slot);
            let left = deadline.checked_duration_since(Instant::now()).ok_or_else(timed_out)?;
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }

    /// Ends the child, if it still runs.
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
    /// Kills the running child with its group; true if there is none any more.
    fn kill(&mut self) -> bool {
        let Some(child) = &mut self.running else { return true };
        kill_group(child);
        let gone = !matches!(child.try_wait(), Ok(None));
        if gone {
            self.running = None;
        }
        gone
    }
}

/// Only to be called as long as the child is not reaped.
fn kill_group(child: &Child) {
    if let Some(group) = group_of(child) {
        // ESRCH means that nothing is left of the group; EPERM, on macOS, that only a zombie is.
        let (Ok(()) | Err(_)) = killpg(group, Signal::SIGKILL);
    }
}

/// Whether the child has ended; it stays a zombie, and its number taken.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn has_exited(child: &mut Child) -> IoResult<bool> {
    use nix::errno::Errno;
    use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

    let pid = group_of(child).ok_or(Errno::ESRCH)?;
    match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
        Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The same where nix does not have waitid(2). This reaps the child, so its number is free for the moment until its
/// group is killed.
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn has_exited(child: &mut Child) -> IoResult<bool> {
    child.try_wait().map(|status| status.is_some())
}
