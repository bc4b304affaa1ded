//! `inputs.socketstat`: one metric a socket.

pub mod netstat;
pub mod socket;
pub mod source;
