//! Groups of sockets instead of single ones: sums, totals and percentiles, in a limited number of lines.
//!
//! A gather is one dump per protocol, then the lines. A failed dump changes nothing. The largest groups have a line
//! each, and the others are summed up in one line per protocol, whose keys are `other`. The growth of a socket's
//! counters since the last gather is added to exactly one line, so that the growth of all lines is that of all sockets.
//!
//! With `max_series` but without `group_by`, each socket is a group of its own.

mod gather;
mod keys;
mod lines;
mod notes;
mod options;
mod rank;
mod spread;
mod table;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::time::Instant;

use super::field::Field;
use super::owners::Owners;
use super::select::PortSet;
use super::socket::{Endpoint, Protocol, Socket, TcpInfo};
use super::state::{CLOSE, LISTEN};
use super::totals::{Ended, Owner, Totals};
use keys::{Keys, Known};
use lines::SpreadNames;
use notes::Notes;
pub(super) use options::GroupOptions;
use options::RankBy;
use spread::Samples;
use table::{Sums, Table};

/// The groups of a section.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for a thing of its own")]
pub(super) struct Groups {
    keys: Keys,
    /// Whether each socket is a group of its own.
    single: bool,
    counters: Vec<&'static Field>,
    spread_names: Vec<SpreadNames>,
    /// The maximum number of lines per gather; `None` for no limit.
    max_lines: Option<usize>,
    rank_by: RankBy,
    /// Whether there is only one gather. The current values of the counters then count as growth.
    once: bool,
    /// Whether closed connections are counted, in the last column of the counters.
    counts_closed: bool,
    owners: Owners,
    /// Whether a key needs the owner.
    owned: bool,
    stats: Stats,
    kinds: Vec<Kind>,
    table: Table,
    samples: Samples,
    notes: Notes,
    /// The number of gathers that were written.
    gathers: u64,
    said_folding: bool,
    secret: RandomState,
    key: Vec<u8>,
    growth: Vec<u64>,
}

/// Statistics about the groups, for the metric `internal_socketstat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stats {
    /// The number of sockets in the last gather.
    pub(super) sockets: u64,
    /// The number of groups in memory.
    pub(super) groups: u64,
    /// The number of groups of the last gather without a line of their own.
    pub(super) folded: u64,
    /// The total number of closed connections.
    pub(super) closed: u64,
    /// The total number of bytes of connections with an unknown owner.
    pub(super) unattributed_bytes: u64,
    /// Whether closed connections are counted.
    pub(super) counts_closed: bool,
}

/// The state of one protocol.
#[derive(Debug)]
struct Kind {
    protocol: Protocol,
    totals: Totals,
    listening: PortSet,
    /// The owners of the listening sockets, by port.
    listeners: HashMap<u16, Owner>,
    /// Whether closed connections are reported.
    hears_closed: bool,
    /// Whether this gather had a complete dump.
    dumped: bool,
    /// Whether that was the first dump. Values from before it are not growth.
    is_first: bool,
    /// The last gather in which its groups had lines.
    last_lines: u64,
    /// Which of the two queues any socket had.
    queues: Queues,
}

#[derive(Clone, Copy, Debug, Default)]
struct Queues {
    recv_q: bool,
    send_q: bool,
}

/// A dump in progress. If it is dropped without [`Dump::commit`], it changes nothing.
pub(super) struct Dump<'a> {
    groups: &'a mut Groups,
    kind: usize,
    samples: usize,
    committed: bool,
    now: Instant,
}

impl Groups {
    /// Starts a dump of one of the section's protocols.
    pub(super) fn dump(&mut self, protocol: Protocol) -> Option<Dump<'_>> {
        let index = self.kinds.iter().position(|kind| kind.protocol == protocol)?;
        let kind = self.kinds.get_mut(index)?;
        kind.totals.begin();
        kind.listening.clear();
        kind.listeners.clear();
        let samples = self.samples.len();
        Some(Dump { groups: self, kind: index, samples, committed: false, now: Instant::now() })
    }

    /// Records that the sockets of a protocol come from another source from now on, which identifies them differently.
    pub(super) fn reset(&mut self, protocol: Protocol) {
        for kind in self.kinds.iter_mut().filter(|kind| kind.protocol == protocol) {
            kind.totals.reset();
        }
    }

    /// The states of sockets that accept connections; `None` if those are not needed.
    pub(super) fn listening_states(&self, protocol: Protocol) -> Option<u32> {
        // A closed connection that no dump has listed gets the owner of the listening socket.
        let needs = |key: keys::Key| key.needs_listening() || self.counts_closed && key.needs_identity();
        let asked = protocol.has_service() && self.keys.iter().any(needs);
        asked.then_some(if protocol == Protocol::Udp { 1 << CLOSE } else { 1 << LISTEN })
    }

    /// The number of bytes of `tcp_info` that the counters of a closed connection need; `None` if those are not
    /// counted.
    pub(super) fn closed_info(&self) -> Option<usize> {
        let ends = self.counters.iter().map(|field| field.offset + 8);
        ends.max().filter(|_| self.counts_closed)
    }

    /// Stops counting closed connections, since the kernel does not report them.
    pub(super) fn without_closed(&mut self) {
        if std::mem::take(&mut self.counts_closed) {
            self.growth.truncate(self.counters.len());
            self.table = Table::new(self.counters.len());
            self.kinds.iter_mut().for_each(|kind| kind.totals.without_ends());
        }
    }

    /// The statistics of the last gather.
    pub(super) const fn stats(&self) -> Stats {
        Stats { counts_closed: self.counts_closed, ..self.stats }
    }

    /// Whether a dump needs `tcp_info`.
    pub(super) fn wants_tcp_info(&self) -> bool {
        !self.counters.is_empty() || !self.samples.fields.is_empty()
    }
}

impl Dump<'_> {
    /// Adds a listening socket.
    pub(super) fn listens(&mut self, socket: &Socket<'_>) {
        if let (Some(port), Some(kind)) = (socket.local.port(), self.groups.kinds.get_mut(self.kind)) {
            kind.listening.insert(port);
            if self.groups.owned {
                kind.listeners.entry(port).or_insert(owner_of(socket));
            }
        }
    }

    /// Adds a socket.
    pub(super) fn add(&mut self, socket: &Socket<'_>) {
        let Groups { keys, kinds, growth, key, single, secret, owners, owned, .. } = &mut *self.groups;
        let Some(kind) = kinds.get_mut(self.kind) else { return };
        let protocol = kind.protocol;
        let id = identity(protocol, socket, secret);
        let owner = if *owned { kind.owner(id, socket) } else { None };
        match id {
            Some(id) if !kind.totals.row(id, &socket.tcp, owner.unwrap_or_default(), growth) => return,
            Some(_) if protocol == Protocol::Tcp => {}
            // The socket cannot be identified later, so its counters would be growth at each gather.
            _ => growth.fill(0),
        }
        kind.queues.recv_q |= socket.recv_q.is_some();
        kind.queues.send_q |= socket.send_q.is_some();
        if *single {
            Keys::of_line(protocol, socket, key);
        } else {
            let known = Known { listening: &kind.listening, owner, now: self.now };
            keys.of_socket(protocol, socket, &known, owners, key);
        }
        let place = self.place();
        let Groups { table, samples, growth, notes, single, .. } = &mut *self.groups;
        table.add(place, Sums::of_socket(socket.recv_q.unwrap_or(0), socket.send_q.unwrap_or(0)), growth);
        let sample = match &socket.tcp {
            TcpInfo::Raw(info) => samples.add(place, info),
            _ => None,
        };
        if *single && let Some(group) = table.groups.get_mut(place) {
            group.note = notes.add(protocol, socket, sample);
        }
    }

    /// Adds a connection in a state that is not selected. Its counters are remembered but not counted.
    pub(super) fn pass_over(&mut self, socket: &Socket<'_>) {
        let Groups { kinds, growth, owned, .. } = &mut *self.groups;
        let (Some(kind), Some(id)) = (kinds.get_mut(self.kind), socket.cookie) else { return };
        let owner = if *owned { kind.owner(Some(id), socket) } else { None };
        kind.totals.row(id, &socket.tcp, owner.unwrap_or_default(), growth);
    }

    /// Records whether closed connections are reported.
    pub(super) fn hears_closed(&mut self, hears: bool) {
        if let Some(kind) = self.groups.kinds.get_mut(self.kind) {
            kind.hears_closed = hears && kind.protocol == Protocol::Tcp;
        }
    }

    /// Adds a connection that was closed since the last gather. Called after all sockets of the dump were added.
    pub(super) fn closed(&mut self, socket: &Socket<'_>) {
        let Groups { keys, kinds, growth, key, owners, owned, stats, counters, .. } = &mut *self.groups;
        let Some(kind) = kinds.get_mut(self.kind) else { return };
        let Some(id) = socket.cookie else { return };
        let remembered = match kind.totals.closed(id, &socket.tcp, growth) {
            Ended::Repeated => return,
            Ended::Unseen => None,
            Ended::Seen(owner) => Some(owner),
        };
        if kind.totals.is_first() {
            // It was closed before or during the first gather.
            return;
        }
        stats.closed += 1;
        let owner = remembered.or_else(|| kind.listener(socket));
        if *owned && owner.is_none() {
            // The first two counters: bytes acknowledged and received.
            let bytes = growth.iter().take(2).fold(0, |sum: u64, bytes| sum.saturating_add(*bytes));
            stats.unattributed_bytes = stats.unattributed_bytes.saturating_add(bytes);
        }
        let known = Known { listening: &kind.listening, owner, now: self.now };
        keys.of_socket(kind.protocol, socket, &known, owners, key);
        let column = counters.len();
        if let Some(closed) = growth.get_mut(column) {
            *closed = 1;
        }
        let place = self.place();
        let Groups { table, growth, .. } = &mut *self.groups;
        table.add(place, Sums::default(), growth);
        if let Some(closed) = growth.get_mut(column) {
            *closed = 0;
        }
    }

    /// The place of the group for the current key.
    fn place(&mut self) -> usize {
        let Groups { keys, kinds, table, key, single, .. } = &mut *self.groups;
        let groups = table.groups.len();
        let place = table.place(self.kind, key);
        let Some(group) = table.groups.get_mut(place) else { return place };
        if *single && group.sums.sockets > 0 {
            // Another socket with the same tags, which is frequent with packet sockets.
            group.namesakes += 1;
            key.extend_from_slice(&group.namesakes.to_be_bytes());
            return table.place(self.kind, key);
        }
        if place == groups
            && let Some(kind) = kinds.get(self.kind)
        {
            // A service may also be named other.
            let mut other = Vec::new();
            keys.of_other(kind.protocol, &mut other);
            group.is_other = other == *key;
        }
        place
    }

    /// Ends a complete dump.
    pub(super) fn commit(mut self) {
        let once = self.groups.once;
        if let Some(kind) = self.groups.kinds.get_mut(self.kind) {
            kind.is_first = kind.totals.is_first() && !once;
            kind.totals.commit();
            kind.dumped = true;
            self.committed = true;
        }
    }
}

impl Drop for Dump<'_> {
    fn drop(&mut self) {
        if !self.committed {
            let kind = self.kind;
            self.groups.table.clear(|group| group.kind == kind);
            self.groups.samples.truncate(self.samples);
        }
    }
}

impl Kind {
    /// The owner of a socket as it was first reported. If no process holds the connection, because it is not accepted
    /// yet or already closed, the kernel reports root. It then belongs to the owner of the port.
    fn owner(&mut self, id: Option<u64>, socket: &Socket<'_>) -> Option<Owner> {
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
    fn listener(&self, socket: &Socket<'_>) -> Option<Owner> {
        self.listeners.get(&socket.local.port()?).copied()
    }
}

fn owner_of(socket: &Socket<'_>) -> Owner {
    Owner { uid: socket.uid, cgroup: socket.cgroup }
}

/// Identifies a socket among those of its protocol; `None` if that is impossible. Without a cookie, only TCP
/// connections are identified, by their ends and the inode number, since no other sockets have counters.
fn identity(protocol: Protocol, socket: &Socket<'_>, secret: &RandomState) -> Option<u64> {
    if socket.cookie.is_some() {
        return socket.cookie;
    }
    let is_connected = protocol == Protocol::Tcp && socket.remote.port().is_some_and(|port| port != 0);
    if !is_connected || socket.tcp == TcpInfo::Unknown {
        return None;
    }
    let mut hasher = secret.build_hasher();
    for end in [&socket.local, &socket.remote] {
        match end {
            Endpoint::Inet { address, port, .. } => (address, port).hash(&mut hasher),
            Endpoint::Text { address, port } => (address, port).hash(&mut hasher),
            _ => {}
        }
    }
    socket.inode.hash(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests;
