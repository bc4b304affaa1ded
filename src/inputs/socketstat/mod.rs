//! `inputs.socketstat`: one metric a socket.

pub mod address;
pub mod interfaces;
pub mod netid;
#[cfg(target_os = "linux")]
pub mod netlink;
pub mod netstat;
pub mod procfs;
pub mod socket;
pub mod source;
pub mod state;
