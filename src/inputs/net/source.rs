//! What a source of interfaces is: the seam between the input and whatever reads the system.

use std::time::Duration;

use super::counters::Interface;

/// A gather's interfaces, errors and remarks, as a source finds them.
pub trait Sink {
    /// Takes the next interface.
    fn interface(&mut self, interface: &Interface<'_>);

    /// Whether the next is wanted at all.
    fn wants_protocols(&self) -> bool;

    /// Takes the protocol counters of the whole system, named as they are to be written.
    fn protocols(&mut self, counters: &[(String, i64)]);

    /// Something failed; what was handed over stays good.
    fn error(&mut self, text: &str);

    /// Something was left out of the table: a remark whose `key` stays the same from gather to gather.
    fn left_out(&mut self, key: &'static str, text: &str);

    /// Something is missing that many hosts do not have.
    fn absent(&mut self, key: &'static str, text: &str);
}

/// A way to list the interfaces of this host.
pub trait Source {
    /// Hands every interface to `sink`, up or not. A child that is run for it gets `timeout`.
    fn read(&mut self, timeout: Duration, sink: &mut dyn Sink);
}
