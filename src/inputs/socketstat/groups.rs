//! Groups of sockets in the place of single ones: sums, totals and percentiles, in a bounded number of lines.
//!
//! A gather is one dump per protocol, each all or nothing, and then the lines: the largest groups have one each, and the
//! others are summed up in one line per protocol, whose keys say `other`. The growth of a socket's counters since the last
//! gather goes to exactly one line, so that the growth of all lines is that of all sockets.
//!
//! Where only so many sockets may have a line each, a socket is a group of its own.

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
    /// Each socket is a group of its own.
    single: bool,
    counters: Vec<&'static Field>,
    spread_names: Vec<SpreadNames>,
    /// The most lines per gather; `None`: no bound.
    max_lines: Option<usize>,
    rank_by: RankBy,
    /// There is only one gather: what sockets have moved before counts.
    once: bool,
    /// Connections that end are counted: their column is the last of the counters.
    counts_closed: bool,
    owners: Owners,
    /// Whether a key needs the owner.
    owned: bool,
    stats: Stats,
    kinds: Vec<Kind>,
    table: Table,
    samples: Samples,
    notes: Notes,
    /// How many gathers were written.
    gathers: u64,
    said_folding: bool,
    /// In this gather there were more groups than [`table::MOST_GROUPS`].
    overflowed: bool,
    said_overflow: bool,
    secret: RandomState,
    key: Vec<u8>,
    growth: Vec<u64>,
}

/// What the groups say of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stats {
    /// Sockets in the last gather.
    pub(super) sockets: u64,
    /// Groups that are remembered.
    pub(super) groups: u64,
    /// Groups of the last gather without a line of their own.
    pub(super) folded: u64,
    /// Connections that have ended, a total.
    pub(super) closed: u64,
    /// Bytes of connections whose owner nobody knows, a total.
    pub(super) unattributed_bytes: u64,
    /// Whether connections that end are counted.
    pub(super) counts_closed: bool,
}

/// What is known of the sockets of one protocol.
#[derive(Debug)]
struct Kind {
    protocol: Protocol,
    totals: Totals,
    listening: PortSet,
    /// The owners of the sockets that listen.
    listeners: HashMap<u16, Owner>,
    /// Connections of it that end are told of.
    hears_closed: bool,
    /// In this gather there was a whole dump.
    dumped: bool,
    /// What its sockets moved before that dump is not counted.
    is_first: bool,
    /// The last gather in which its groups had lines.
    last_lines: u64,
    /// Which of the two queues a socket has had.
    queues: Queues,
}

#[derive(Clone, Copy, Debug, Default)]
struct Queues {
    recv_q: bool,
    send_q: bool,
}

/// A dump at hand. Dropped without [`Dump::commit`], it changes nothing.
pub(super) struct Dump<'a> {
    groups: &'a mut Groups,
    kind: usize,
    samples: usize,
    committed: bool,
    now: Instant,
}

impl Groups {
    /// Begins a dump of one of the section's protocols.
    pub(super) fn dump(&mut self, protocol: Protocol) -> Option<Dump<'_>> {
        let index = self.kinds.iter().position(|kind| kind.protocol == protocol)?;
        let kind = self.kinds.get_mut(index)?;
        kind.totals.begin();
        kind.listening.clear();
        kind.listeners.clear();
        let samples = self.samples.len();
        Some(Dump { groups: self, kind: index, samples, committed: false, now: Instant::now() })
    }

    /// The sockets of a protocol come from another source from now on, which tells them apart by something else.
    pub(super) fn reset(&mut self, protocol: Protocol) {
        for kind in self.kinds.iter_mut().filter(|kind| kind.protocol == protocol) {
            kind.totals.reset();
        }
    }

    /// The states of the sockets at whose ports others arrive; none where nobody asks.
    pub(super) fn listening_states(&self, protocol: Protocol) -> Option<u32> {
        // Who owns a connection that ended unseen is asked of the socket that it came to.
        let needs = |key: keys::Key| key.needs_listening() || self.counts_closed && key.needs_identity();
        let asked = protocol.has_service() && self.keys.iter().any(needs);
        asked.then_some(if protocol == Protocol::Udp { 1 << CLOSE } else { 1 << LISTEN })
    }

    /// How many bytes of `tcp_info` the counters of a connection that ended are in; `None` where such are not counted.
    pub(super) fn closed_info(&self) -> Option<usize> {
        let ends = self.counters.iter().map(|field| field.offset + 8);
        ends.max().filter(|_| self.counts_closed)
    }

    /// Counts no connections that end: the kernel does not tell.
    pub(super) fn without_closed(&mut self) {
        if std::mem::take(&mut self.counts_closed) {
            self.growth.truncate(self.counters.len());
            self.table = Table::new(self.counters.len());
            self.kinds.iter_mut().for_each(|kind| kind.totals.without_ends());
        }
    }

    /// What there is to say of the last gather.
    pub(super) const fn stats(&self) -> Stats {
        Stats { counts_closed: self.counts_closed, ..self.stats }
    }

    /// Whether a dump is to have `tcp_info`.
    pub(super) fn wants_tcp_info(&self) -> bool {
        !self.counters.is_empty() || !self.samples.fields.is_empty()
    }
}

impl Dump<'_> {
    /// Takes a socket at whose port others arrive.
    pub(super) fn listens(&mut self, socket: &Socket<'_>) {
        if let (Some(port), Some(kind)) = (socket.local.port(), self.groups.kinds.get_mut(self.kind)) {
            kind.listening.insert(port);
            if self.groups.owned {
                kind.listeners.entry(port).or_insert(owner_of(socket));
            }
        }
    }

    /// Takes a socket.
    pub(super) fn add(&mut self, socket: &Socket<'_>) {
        let Groups { keys, kinds, growth, key, single, secret, owners, owned, .. } = &mut *self.groups;
        let Some(kind) = kinds.get_mut(self.kind) else { return };
        let protocol = kind.protocol;
        let id = identity(protocol, socket, secret);
        let owner = if *owned { kind.owner(id, socket) } else { None };
        match id {
            Some(id) if !kind.totals.row(id, &socket.tcp, owner.unwrap_or_default(), growth) => return,
            Some(_) if protocol == Protocol::Tcp => {}
            // It is not known again, so it must not be counted, or it would be so at each gather.
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
        if *single && let Some(group) = table.groups.get_mut(place).filter(|group| !group.is_other) {
            group.note = notes.add(protocol, socket, sample);
        }
    }

    /// Takes a connection in a state that is not selected: it is known from now on, and counts nothing.
    pub(super) fn pass_over(&mut self, socket: &Socket<'_>) {
        let Groups { kinds, growth, owned, .. } = &mut *self.groups;
        let (Some(kind), Some(id)) = (kinds.get_mut(self.kind), socket.cookie) else { return };
        let owner = if *owned { kind.owner(Some(id), socket) } else { None };
        kind.totals.row(id, &socket.tcp, owner.unwrap_or_default(), growth);
    }

    /// Says whether connections that end are told of, as the source does.
    pub(super) fn hears_closed(&mut self, hears: bool) {
        if let Some(kind) = self.groups.kinds.get_mut(self.kind) {
            kind.hears_closed = hears && kind.protocol == Protocol::Tcp;
        }
    }

    /// Takes a connection that has ended since the last gather, behind all sockets of the dump.
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
            // It ended before the first gather, or during it.
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

    /// The place of the group whose key is at hand.
    fn place(&mut self) -> usize {
        let Groups { keys, kinds, table, key, single, .. } = &mut *self.groups;
        if !table.has_room(key) {
            return self.place_of_other();
        }
        let groups = table.groups.len();
        let place = table.place(self.kind, key);
        let Some(group) = table.groups.get_mut(place) else { return place };
        if *single && group.sums.sockets > 0 {
            // Another socket with the same tags: packet sockets have them often.
            group.namesakes += 1;
            key.extend_from_slice(&group.namesakes.to_be_bytes());
            if table.has_room(key) {
                return table.place(self.kind, key);
            }
            return self.place_of_other();
        }
        if place == groups
            && let Some(kind) = kinds.get(self.kind)
        {
            // A service may be called other, too.
            let mut other = Vec::new();
            keys.of_other(kind.protocol, &mut other);
            group.is_other = other == *key;
        }
        place
    }

    /// The place of the line for the rest of the protocol, where there are too many groups.
    fn place_of_other(&mut self) -> usize {
        self.groups.overflowed = true;
        self.groups.other(self.kind).unwrap_or(usize::MAX)
    }

    /// Ends a whole dump.
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
    /// The owner of a socket as it was first told. Of a connection that no process holds, before it is accepted or behind its
    /// close, the kernel says that it is root's: whose the port is, it is.
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

/// What tells a socket from all others of its protocol; `None` where nothing does. Without a cookie only connections of TCP
/// are told apart: by their ends and the inode number. Nothing else has counters.
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
