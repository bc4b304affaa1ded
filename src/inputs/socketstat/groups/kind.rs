//! The sockets of one protocol: their totals, and the ports on which this host listens.

use std::collections::HashMap;

use crate::inputs::socketstat::field::Field;
use crate::inputs::socketstat::select::PortSet;
use crate::inputs::socketstat::socket::{Protocol, Socket};
use crate::inputs::socketstat::totals::{Owner, Totals};

/// The state of one protocol.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) protocol: Protocol,
    pub(super) totals: Totals,
    pub(super) listening: PortSet,
    /// The owners of the listening sockets, by port.
    pub(super) listeners: HashMap<u16, Owner>,
    /// Whether closed connections are reported.
    pub(super) hears_closed: bool,
    /// Whether this gather had a complete dump.
    pub(super) dumped: bool,
    /// Whether that was the first dump. Values from before it are not growth.
    pub(super) is_first: bool,
    /// The last gather in which its groups had lines.
    pub(super) last_lines: u64,
    /// Which of the two queues any socket had.
    pub(super) queues: Queues,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queues {
    pub(super) recv_q: bool,
    pub(super) send_q: bool,
}

impl Kind {
    /// A protocol with these counters, whose owners are remembered if `owned`. With `closed`, closed connections count.
    pub(super) fn new(protocol: Protocol, counters: &[&'static Field], owned: bool, closed: bool) -> Self {
        // Only TCP has counters.
        let counters = counters.iter().copied().filter(|_| protocol == Protocol::Tcp);
        Self {
            protocol,
            totals: Totals::new(counters, owned, closed),
            listening: PortSet::default(),
            listeners: HashMap::new(),
            hears_closed: false,
            dumped: false,
            is_first: false,
            last_lines: 0,
            queues: Queues::default(),
        }
    }

    /// The owner of a socket as it was first reported. If no process holds the connection, because it is not accepted
    /// yet or already closed, the kernel reports root. It then belongs to the owner of the port.
    pub(super) fn owner(&mut self, id: Option<u64>, socket: &Socket<'_>) -> Option<Owner> {
        let first = id.and_then(|id| self.totals.owner(id));
        first.or_else(|| {
            if self.protocol != Protocol::Tcp || socket.inode != Some(0) {
                return Some(owner_of(socket));
            }
            let listener = self.listener(socket).unwrap_or_default();
            let owner = Owner { uid: listener.uid, cgroup: socket.cgroup.or(listener.cgroup) };
            Some(owner).filter(|owner| *owner != Owner::default())
        })
    }

    /// The owner of the socket that listens on the local port.
    pub(super) fn listener(&self, socket: &Socket<'_>) -> Option<Owner> {
        self.listeners.get(&socket.local.port()?).copied()
    }
}

pub(super) fn owner_of(socket: &Socket<'_>) -> Owner {
    Owner { uid: socket.uid, cgroup: socket.cgroup }
}
