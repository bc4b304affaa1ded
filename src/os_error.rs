//! The text of an error of the system.

use std::io::Error;

use nix::errno::Errno;

/// The error in words. Where file descriptors are lacking it says how to have more of them.
pub(crate) fn text(error: &Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE) => String::from("too many open files: raise ulimit -n (LimitNOFILE of systemd)"),
        Some(Errno::ENFILE) => {
            String::from("too many open files in the whole system: raise ulimit -n and fs.file-max")
        }
        _ => error.to_string(),
    }
}
