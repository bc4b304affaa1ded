//! Ends a child when this process is killed outright.

#[cfg(target_os = "linux")]
pub(super) use linux::Leash;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Leash;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::AsRawFd;
    use std::process::Child;

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

    use crate::command::group_of;

    /// Of `include/uapi/asm-generic/fcntl.h`; the crate libc does not have it.
    const F_SETSIG: nix::libc::c_int = 10;

    /// Ends a child's group when it is dropped, and when this process is killed outright: nobody else would then.
    ///
    /// It is a pipe that nobody writes to, with an owner: when its last writer, this process, is gone, the kernel
    /// signals the owner (`F_SETOWN`, `F_SETSIG` and `O_ASYNC` of fcntl(2)). `PR_SET_PDEATHSIG` would need code
    /// between fork and exec, and the standard library then opens a socket pair that ss lists.
    #[derive(Debug)]
    pub(in crate::command) struct Leash {
        reader: std::io::PipeReader,
        _writer: std::io::PipeWriter,
    }

    impl Leash {
        /// A leash whose reading end the next child inherits, and so keeps open.
        pub(in crate::command) fn new() -> std::io::Result<Self> {
            let (reader, writer) = std::io::pipe()?;
            fcntl(&reader, FcntlArg::F_SETFD(FdFlag::empty()))?;
            Ok(Self { reader, _writer: writer })
        }

        /// Ties the child's group to it.
        pub(in crate::command) fn tie(&self, child: &Child) -> std::io::Result<()> {
            let Some(group) = group_of(child) else { return Ok(()) };
            let reader = self.reader.as_raw_fd();
            for (command, argument) in
                [(nix::libc::F_SETOWN, -group.as_raw()), (F_SETSIG, nix::libc::SIGKILL)]
            {
                // SAFETY: fcntl(2) with an open descriptor and, for these commands, an integer.
                #[allow(unsafe_code)]
                let outcome = unsafe { nix::libc::fcntl(reader, command, argument) };
                Errno::result(outcome)?;
            }
            fcntl(&self.reader, FcntlArg::F_SETFL(OFlag::O_ASYNC))?;
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::process::Child;

    /// Elsewhere a child that is left alone ends when it next writes.
    #[derive(Debug)]
    pub(in crate::command) struct Leash;

    impl Leash {
        pub(in crate::command) fn new() -> std::io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::command) fn tie(&self, _: &Child) -> std::io::Result<()> {
            Ok(())
        }
    }
}
