//! Netlink, for both inputs: the channel to the kernel, messages, requests, dumps, and message families other than
//! sockets. Does not depend on any input.

#[cfg(target_os = "linux")]
pub mod channel;
#[cfg(target_os = "linux")]
pub(crate) mod destroy;
#[cfg(target_os = "linux")]
pub mod dump;
#[cfg(target_os = "linux")]
pub mod ethtool;
#[cfg(target_os = "linux")]
pub mod genl;
#[cfg(target_os = "linux")]
pub mod link_table;
#[cfg(target_os = "linux")]
pub mod links;
pub mod message;
#[cfg(target_os = "linux")]
pub mod request;
#[cfg(target_os = "linux")]
#[cfg(target_os = "linux")]
pub mod stats;
#[cfg(all(test, target_os = "linux"))]
pub(crate) mod testing;
