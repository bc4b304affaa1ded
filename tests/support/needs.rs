//! Checks what a test needs. If something is missing, the test is skipped.

use std::path::PathBuf;

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::skipped;

/// Whether programs are on PATH. Reports a skipped test if not.
pub fn needs(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| find(program).is_none());
    if let Some(program) = missing {
        skipped(&format!("needs {program} on PATH"));
    }
    missing.is_none()
}

/// The path of a program on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Whether a log line is about a host without netlink, for instance in a sandbox. It may appear in any test.
pub fn is_about_this_host(line: &str) -> bool {
    line.starts_with("I! [inputs.socketstat] ss: cannot use netlink, ")
}

/// Whether this process can use `NETLINK_SOCK_DIAG`. Reports a skipped test if not.
pub fn needs_sock_diag() -> bool {
    sock_diag().map_err(|why| skipped(&why)).is_ok()
}

/// Why this process cannot use `NETLINK_SOCK_DIAG`.
pub fn sock_diag() -> Result<(), String> {
    let (kind, flags) = (SockType::Raw, SockFlag::SOCK_CLOEXEC);
    let opened = socket(AddressFamily::Netlink, kind, flags, SockProtocol::NetlinkSockDiag);
    opened.map(drop).map_err(|error| format!("needs NETLINK_SOCK_DIAG: {error}"))
}
