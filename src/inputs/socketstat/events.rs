//! The connections that end between two gathers, where the kernel tells of them.

#[cfg(target_os = "linux")]
use super::closed::{Batch, Closed};
use super::groups::Groups;
#[cfg(target_os = "linux")]
use super::netlink::question::{AF_INET, AF_INET6};
#[cfg(target_os = "linux")]
use super::netlink::rows::Rows;
#[cfg(target_os = "linux")]
use super::socket::Protocol;
use super::socket::Socket;

/// What is heard of them.
#[derive(Debug, Default)]
pub(super) struct Events {
    #[cfg(target_os = "linux")]
    closed: Option<Closed>,
    /// Lost so far, a total.
    pub(super) lost: u64,
    /// CPU time of the thread that collects them, in nanoseconds, a total.
    pub(super) cpu_ns: u64,
    /// Why there are none, until it is said.
    pub(super) refused: Option<String>,
    /// More were lost since the last time that this was taken.
    pub(super) newly_lost: u64,
}

impl Events {
    /// Listens from now on, if the groups count connections that end.
    #[cfg(target_os = "linux")]
    pub(super) fn start(&mut self, groups: &mut Groups) {
        let Some(info) = groups.closed_info() else { return };
        match Closed::start(info) {
            Ok(closed) => self.closed = Some(closed),
            Err(errno) => {
                self.refused = Some(format!("the kernel does not tell of sockets that end: {errno}"));
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
        let batch: Batch = closed.take();
        let mut lost = batch.lost;
        for payload in batch.payloads() {
            let family = if payload.first() == Some(&AF_INET6) { AF_INET6 } else { AF_INET };
            match Rows::default().parse(Protocol::Tcp, family, payload) {
                Some(socket) if socket.remote.port() != Some(0) => each(&socket),
                Some(_) => {}
                None => lost += 1,
            }
        }
        self.newly_lost += lost.saturating_sub(self.lost);
        self.lost = self.lost.max(lost);
        self.cpu_ns = batch.cpu_ns;
    }

    /// There are none.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn take(&mut self, _: &mut dyn FnMut(&Socket<'_>)) {}
}
