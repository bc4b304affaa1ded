//! Netlink, as both inputs speak it on Linux: the socket, and the messages in its datagrams.

pub mod channel;
pub mod message;
