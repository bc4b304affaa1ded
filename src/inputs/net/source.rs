//! What a source of interfaces is: what it can do, what it is asked, and what it answers.

use std::time::Instant;

use super::counters::Interface;
use crate::inputs::source::{Diagnostic, SourceError};

/// What a source can do.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// Whether /sys describes the same interfaces.
    pub sysfs: bool,
    /// Whether it reads another network's tables where `HOST_PROC` names them.
    pub other_network: bool,
}

/// A question to a source.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Whether the protocol counters of the whole system are wanted.
    pub protocols: bool,
    /// When to give up.
    pub deadline: Instant,
}

/// What a source finds.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// An interface, up or not.
    Interface(&'a Interface<'a>),
    /// The protocol counters of the whole system, named as they are to be written.
    Protocols(&'a [(String, i64)]),
}

/// A way to list the interfaces of this host.
pub trait Source {
    /// Hands what the query asks for to `each`.
    ///
    /// # Errors
    /// When a table cannot be read. What was handed over stays good.
    fn read(&mut self, query: &Query, each: &mut dyn FnMut(Row<'_>)) -> Result<Vec<Diagnostic>, SourceError>;
}
