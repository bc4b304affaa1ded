//! Kills a child's process group when this process is killed.

#[cfg(target_os = "linux")]
pub(super) use linux::KillOnExit;
#[cfg(not(target_os = "linux"))]
pub(super) use other::KillOnExit;

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{PipeReader, PipeWriter, Result, pipe};
    use std::os::fd::AsRawFd;
    use std::process::Child;

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
    use nix::libc;

    use super::super::group;

    /// From `include/uapi/asm-generic/fcntl.h`. Not defined by the libc crate.
    const F_SETSIG: libc::c_int = 10;

    /// Kills a child's process group when it is dropped or this process ends in any way.
    ///
    /// This is a pipe whose only writer is this process, which never writes. When the last writer closes it, the kernel
    /// sends the signal of `F_SETSIG` to the owner of the reading end (`F_SETOWN` and `O_ASYNC`, see fcntl(2)). The
    /// kernel stores the process group itself and not its id, so a reused id is not hit. `PR_SET_PDEATHSIG` would need
    /// code between fork and exec, for which the standard library opens a socket pair, which ss lists.
    ///
    /// If this process is killed between the start of a child and [`KillOnExit::watch`], some microseconds later, the
    /// child is not killed. It ends at its next write to the closed pipe, unless it hangs.
    #[derive(Debug)]
    pub(in crate::command) struct KillOnExit {
        reader: PipeReader,
        _writer: PipeWriter,
    }

    impl KillOnExit {
        /// Opens the pipe. The next child inherits the reading end, which keeps it open.
        pub(in crate::command) fn new() -> Result<Self> {
            let (reader, writer) = pipe()?;
            fcntl(&reader, FcntlArg::F_SETFD(FdFlag::empty()))?;
            Ok(Self { reader, _writer: writer })
        }

        /// Sets the process group to kill.
        pub(in crate::command) fn watch(&self, child: &Child) -> Result<()> {
            let Some(group) = group::id(child) else { return Ok(()) };
            let reader = self.reader.as_raw_fd();
            for (command, argument) in [(libc::F_SETOWN, -group.as_raw()), (F_SETSIG, libc::SIGKILL)] {
                // SAFETY: the descriptor is open, and these commands of fcntl(2) take an integer.
                #[allow(unsafe_code)]
                let outcome = unsafe { libc::fcntl(reader, command, argument) };
                Errno::result(outcome)?;
            }
            fcntl(&self.reader, FcntlArg::F_SETFL(OFlag::O_ASYNC))?;
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::io::Result;
    use std::process::Child;

    /// Does nothing. On other systems, an orphaned child ends at its next write to the closed pipe.
    #[derive(Debug)]
    pub(in crate::command) struct KillOnExit;

    impl KillOnExit {
        pub(in crate::command) fn new() -> Result<Self> {
            Ok(Self)
        }

        pub(in crate::command) fn watch(&self, _: &Child) -> Result<()> {
            Ok(())
        }
    }
}
