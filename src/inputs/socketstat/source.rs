//! What a source of sockets is: what it can do, what it is asked, and what it answers.

use std::time::Instant;

use super::socket::{Protocol, Socket};
use crate::inputs::source::{Diagnostic, SourceError};

/// What a source can do.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for a thing of its own")]
pub struct Capabilities {
    /// The protocols that it lists.
    pub protocols: &'static [Protocol],
    /// Whether it has the kernel's `tcp_info`, for the fields beyond those that ss prints.
    pub tcp_info: bool,
    /// Whether it has cookie, user id and cgroup of a socket.
    pub identity: bool,
    /// Whether it lists listening and unconnected sockets beside the others.
    pub listening: bool,
    /// Whether it hears of sockets that end between two gathers.
    pub events: bool,
    /// Whether it reads another network's tables where `HOST_PROC` names them.
    pub other_network: bool,
}

/// A question to a source.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// The kind of sockets.
    pub protocol: Protocol,
    /// The states that are asked for: bit N for state N.
    pub states: u32,
    /// Whether `tcp_info` is wanted: it is half of what a dump costs.
    pub tcp_info: bool,
    /// Whether the name of the congestion control is wanted.
    pub congestion: bool,
    /// When to give up.
    pub deadline: Instant,
}

/// A way to list the sockets of this host.
pub trait Source {
    /// Hands every socket that the query asks for to `each`.
    ///
    /// # Errors
    /// When the list is not whole, by the deadline at the latest. What was handed over is then to be dropped.
    fn dump(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&Socket<'_>),
    ) -> Result<Vec<Diagnostic>, SourceError>;
}
