//! Reports the closed connections of a section, on systems whose kernel reports them.

#[cfg(target_os = "linux")]
use super::closed::{Closed, connection};
use super::groups::Groups;
use super::socket::Socket;
use crate::accumulator::Accumulator;
use crate::logger::Level;

/// The subscription of a section, and its losses.
#[derive(Debug, Default)]
pub(super) struct Events {
    #[cfg(target_os = "linux")]
    closed: Option<Closed>,
    /// The total losses, by cause.
    losses: Losses,
    /// The losses that were logged already.
    said: Losses,
    /// The total CPU time of the thread that collects the messages, in nanoseconds.
    pub(super) cpu_ns: u64,
    /// Why there is no subscription, until it is logged.
    refused: Option<String>,
    /// Why the subscription failed, until it is logged.
    broken: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Losses {
    /// The kernel's queue was full.
    queue: u64,
    /// Over the limit of what is kept, or malformed.
    here: u64,
    /// The last count of the thread, which does not include what the parser rejected.
    dropped: u64,
}

impl Events {
    /// The total number of lost messages.
    pub(super) const fn lost(&self) -> u64 {
        self.losses.queue.saturating_add(self.losses.here)
    }

    /// Subscribes, if the groups count closed connections.
    #[cfg(target_os = "linux")]
    pub(super) fn start(&mut self, groups: &mut Groups) {
        let Some(info) = groups.closed_info() else { return };
        match Closed::start(info) {
            Ok(closed) => self.closed = Some(closed),
            Err(errno) => {
                self.refused = Some(format!("closed sockets are not counted: the kernel refuses: {errno}"));
                groups.without_closed();
            }
        }
    }

    /// This system does not report closed connections.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn start(&mut self, groups: &mut Groups) {
        groups.without_closed();
    }

    /// Passes the connections that were closed since the last call to `each`, but not listening sockets, which have no peer.
    #[cfg(target_os = "linux")]
    pub(super) fn take(&mut self, each: &mut dyn FnMut(&Socket<'_>)) {
        let Some(closed) = &self.closed else { return };
        let batch = closed.take();
        for payload in batch.payloads() {
            match connection(payload) {
                Some(socket) if socket.remote.port() != Some(0) => each(&socket),
                Some(_) => {}
                None => self.losses.here += 1,
            }
        }
        self.losses.queue = batch.lost;
        self.losses.here += batch.dropped - std::mem::replace(&mut self.losses.dropped, batch.dropped);
        self.cpu_ns = batch.cpu_ns;
        if let Some(errno) = batch.broken {
            self.broken =
                Some(format!("closed sockets: the subscription broke: {errno}; some were not counted"));
        }
    }

    /// Does nothing.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn take(&mut self, _: &mut dyn FnMut(&Socket<'_>)) {}

    /// Logs what has changed since the last call.
    pub(super) fn report(&mut self, accumulator: &mut Accumulator<'_>) {
        if let Some(text) = self.refused.take() {
            accumulator.say(Level::Info, &text);
        }
        if let Some(text) = self.broken.take() {
            accumulator.remark(Level::Warn, "subscription", &text);
        }
        let said = std::mem::replace(&mut self.said, self.losses);
        let lost = self.losses.queue.saturating_sub(said.queue);
        if lost > 0 {
            let text = format!("closed sockets: {lost} lost, the queue was full: raise net.core.rmem_max");
            accumulator.remark(Level::Warn, "lost in the queue", &text);
        }
        let lost = self.losses.here.saturating_sub(said.here);
        if lost > 0 {
            let text =
                format!("closed sockets: {lost} lost, more than are kept between two gathers or malformed");
            accumulator.remark(Level::Warn, "lost here", &text);
        }
    }
}
