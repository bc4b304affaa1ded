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

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use super::field::Field;
use super::select::PortSet;
use super::socket::{Endpoint, Protocol, Socket, TcpInfo};
use super::state::{CLOSE, LISTEN};
use super::totals::Totals;
use keys::Keys;
use lines::SpreadNames;
use notes::Notes;
pub(super) use options::GroupOptions;
use options::RankBy;
use spread::Samples;
use table::{Sums, Table};

/// The groups of a section.
#[derive(Debug)]
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
    kinds: Vec<Kind>,
    table: Table,
    samples: Samples,
    notes: Notes,
    /// How many gathers were written.
    gathers: u64,
    said_folding: bool,
    secret: RandomState,
    key: Vec<u8>,
    growth: Vec<u64>,
}

/// What is known of the sockets of one protocol.
#[derive(Debug)]
struct Kind {
    protocol: Protocol,
    totals: Totals,
    listening: PortSet,
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
}

impl Groups {
    /// Begins a dump of one of the section's protocols.
    pub(super) fn dump(&mut self, protocol: Protocol) -> Option<Dump<'_>> {
        let index = self.kinds.iter().position(|kind| kind.protocol == protocol)?;
        let kind = self.kinds.get_mut(index)?;
        kind.totals.begin();
        kind.listening.clear();
        let samples = self.samples.len();
        Some(Dump { groups: self, kind: index, samples, committed: false })
    }

    /// The sockets of a protocol come from another source from now on, which tells them apart by something else.
    pub(super) fn reset(&mut self, protocol: Protocol) {
        for kind in self.kinds.iter_mut().filter(|kind| kind.protocol == protocol) {
            kind.totals.reset();
        }
    }

    /// The states of the sockets at whose ports others arrive; none where nobody asks.
    pub(super) fn listening_states(&self, protocol: Protocol) -> Option<u32> {
        let asked = protocol.has_service() && self.keys.iter().any(keys::Key::needs_listening);
        asked.then_some(if protocol == Protocol::Udp { 1 << CLOSE } else { 1 << LISTEN })
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
        }
    }

    /// Takes a socket.
    pub(super) fn add(&mut self, socket: &Socket<'_>) {
        let Groups { keys, kinds, growth, key, single, secret, .. } = &mut *self.groups;
        let Some(kind) = kinds.get_mut(self.kind) else { return };
        let protocol = kind.protocol;
        match identity(protocol, socket, secret) {
            Some(id) if !kind.totals.row(id, &socket.tcp, growth) => return,
            Some(_) if protocol == Protocol::Tcp => {}
            // It is not known again, so it must not be counted, or it would be so at each gather.
            _ => growth.fill(0),
        }
        kind.queues.recv_q |= socket.recv_q.is_some();
        kind.queues.send_q |= socket.send_q.is_some();
        if *single {
            Keys::of_line(protocol, socket, key);
        } else {
            keys.of_socket(protocol, socket, &kind.listening, key);
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

    /// The place of the group whose key is at hand.
    fn place(&mut self) -> usize {
        let Groups { keys, kinds, table, key, single, .. } = &mut *self.groups;
        let groups = table.groups.len();
        let place = table.place(self.kind, key);
        let Some(group) = table.groups.get_mut(place) else { return place };
        if *single && group.sums.sockets > 0 {
            // Another socket with the same tags: packet sockets have them often.
            group.namesakes += 1;
            key.extend_from_slice(&group.namesakes.to_be_bytes());
            return table.place(self.kind, key);
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
