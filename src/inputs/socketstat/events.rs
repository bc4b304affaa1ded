//! The connections that end between two gathers, where the kernel tells of them.

#[cfg(target_os = "linux")]
use super::closed::{Closed, connection};
use super::groups::Groups;
use super::socket::Socket;
use crate::accumulator::Accumulator;
use crate::logger::Level;

/// What is heard of them.
#[derive(Debug, Default)]
pub(super) struct Events {
    #[cfg(target_os = "linux")]
    closed: Option<Closed>,
    /// What is lost and why, a total each.
    losses: Losses,
    /// The same when it was last said.
    said: Losses,
    /// CPU time of the thread that collects them, in nanoseconds, a total.
    pub(super) cpu_ns: u64,
    /// Why there are none, until it is said.
    refused: Option<String>,
    /// Why the subscription broke, until it is said.
    broken: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Losses {
    /// The kernel's queue was full.
    queue: u64,
    /// There was no memory for them, or they were malformed.
    here: u64,
    /// As the thread counts the same, without what this side found malformed.
    dropped: u64,
}

impl Events {
    /// How many were lost so far.
    pub(super) const fn lost(&self) -> u64 {
        self.losses.queue.saturating_add(self.losses.here)
    }

    /// Listens from now on, if the groups count connections that end.
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

    /// This system does not tell of them.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn start(&mut self, groups: &mut Groups) {
        groups.without_closed();
    }

    /// Hands on the connections that have ended since the last time. A socket without a peer was none.
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

    /// There are none.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn take(&mut self, _: &mut dyn FnMut(&Socket<'_>)) {}

    /// Says what there is to say since the last time.
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
