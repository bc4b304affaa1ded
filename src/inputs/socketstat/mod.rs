//! `inputs.socketstat`: one metric a socket.

pub mod socket;
pub mod source;
