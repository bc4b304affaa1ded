//! The process group of a child, which is the leader of the group.

use std::process::Child;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The id of the group, which is that of the child.
pub(super) fn id(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().map(Pid::from_raw)
}

/// Kills all processes of the group. The child must not have been reaped yet.
pub(super) fn kill(child: &Child) {
    if let Some(group) = id(child) {
        // ESRCH means that nothing is left of the group; EPERM, on macOS, that only a zombie is.
        let (Ok(()) | Err(_)) = killpg(group, Signal::SIGKILL);
    }
}
