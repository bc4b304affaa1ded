//! The interface of a socket source: its capabilities, the query, and the answer.

use std::time::Instant;

use super::socket::{Protocol, Socket};
use crate::inputs::source::{Diagnostic, SourceError};

/// What a source supports.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(crate) struct Capabilities {
    /// The protocols.
    pub(crate) protocols: &'static [Protocol],
    /// Whether it returns the kernel's `tcp_info`, which `extra_fields` needs.
    pub(crate) tcp_info: bool,
    /// Whether it returns the cookie, user id and cgroup of a socket.
    pub(crate) identity: bool,
    /// Whether it lists listening and unconnected sockets together with the others.
    pub(crate) listening: bool,
    /// Whether it reports sockets that close between two gathers.
    pub(crate) events: bool,
    /// Whether it can list the sockets of another network namespace through `HOST_PROC`.
    pub(crate) other_network: bool,
}

/// Which sockets a source lists, and what of them.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// The protocol.
    pub protocol: Protocol,
    /// The states: bit N for state N.
    pub states: u32,
    /// Whether to include `tcp_info`, which takes half the time of a dump.
    pub tcp_info: bool,
    /// Whether to include the name of the congestion control algorithm.
    pub congestion: bool,
    /// When to give up.
    pub deadline: Instant,
}

/// A way to list the sockets of this host.
pub trait Source {
    /// Passes every socket that matches the query to `each`.
    ///
    /// # Errors
    /// When the list is not complete, at the deadline at the latest. The caller must then drop the sockets received.
    fn dump(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&Socket<'_>),
    ) -> Result<Vec<Diagnostic>, SourceError>;
}
