//! Adds the sockets of one dump to the groups.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::time::Instant;

use super::Groups;
use super::keys::{Keys, Known};
use super::kind::owner_of;
use super::parts;
use super::table::{self, Sums};
use crate::inputs::socketstat::socket::{Endpoint, Protocol, Socket, TcpInfo};
use crate::inputs::socketstat::totals::{Ended, Owner};

/// A dump in progress. If it is dropped without [`Dump::commit`], it changes nothing.
pub(in crate::inputs::socketstat) struct Dump<'a> {
    groups: &'a mut Groups,
    kind: usize,
    samples: usize,
    committed: bool,
    now: Instant,
}

impl Groups {
    /// Starts a dump of one of the section's protocols.
    pub(in crate::inputs::socketstat) fn dump(&mut self, protocol: Protocol) -> Option<Dump<'_>> {
        let index = self.kinds.iter().position(|kind| kind.protocol == protocol)?;
        let kind = self.kinds.get_mut(index)?;
        kind.totals.begin();
        kind.listening.clear();
        kind.listeners.clear();
        self.memo.clear();
        let samples = self.samples.len();
        Some(Dump { groups: self, kind: index, samples, committed: false, now: Instant::now() })
    }
}

impl Dump<'_> {
    /// Adds a listening socket.
    pub(in crate::inputs::socketstat) fn listens(&mut self, socket: &Socket<'_>) {
        if let (Some(port), Some(kind)) = (socket.local.port(), self.groups.kinds.get_mut(self.kind)) {
            kind.listening.insert(port);
            if self.groups.owned {
                kind.listeners.entry(port).or_insert(owner_of(socket));
            }
        }
    }

    /// Adds a socket.
    pub(in crate::inputs::socketstat) fn add(&mut self, socket: &Socket<'_>) {
        let Groups { kinds, growth, secret, owned, .. } = &mut *self.groups;
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
        let place = self.place_of(socket, owner);
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

    /// Adds a connection in a state that is not selected. Its counters are remembered but not counted.
    pub(in crate::inputs::socketstat) fn pass_over(&mut self, socket: &Socket<'_>) {
        let Groups { kinds, growth, owned, .. } = &mut *self.groups;
        let (Some(kind), Some(id)) = (kinds.get_mut(self.kind), socket.cookie) else { return };
        let owner = if *owned { kind.owner(Some(id), socket) } else { None };
        kind.totals.row(id, &socket.tcp, owner.unwrap_or_default(), growth);
    }

    /// Records whether closed connections are reported.
    pub(in crate::inputs::socketstat) fn hears_closed(&mut self, hears: bool) {
        if let Some(kind) = self.groups.kinds.get_mut(self.kind) {
            kind.hears_closed = hears && kind.protocol == Protocol::Tcp;
        }
    }

    /// Adds a connection that was closed since the last gather. Called after all sockets of the dump were added.
    pub(in crate::inputs::socketstat) fn closed(&mut self, socket: &Socket<'_>) {
        let Groups { kinds, growth, owned, stats, counters, .. } = &mut *self.groups;
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
            stats.unattributed_bytes = stats.unattributed_bytes.saturating_add(table::bytes(growth));
        }
        let column = counters.len();
        if let Some(closed) = growth.get_mut(column) {
            *closed = 1;
        }
        let place = self.place_of(socket, owner);
        let Groups { table, growth, .. } = &mut *self.groups;
        table.add(place, Sums::default(), growth);
        if let Some(closed) = growth.get_mut(column) {
            *closed = 0;
        }
    }

    /// The place of the group of a socket.
    fn place_of(&mut self, socket: &Socket<'_>, owner: Option<Owner>) -> usize {
        let Groups { keys, kinds, key, single, owners, memo, .. } = &mut *self.groups;
        let Some(kind) = kinds.get(self.kind) else { return usize::MAX };
        if *single {
            Keys::of_line(kind.protocol, socket, key);
            return self.place();
        }
        let known = Known { listening: &kind.listening, owner, now: self.now };
        let parts = parts::of_socket(keys, kind.protocol, socket, &known);
        if let Some(place) = parts.and_then(|parts| memo.find(&parts)) {
            return place;
        }
        keys.of_socket(kind.protocol, socket, &known, owners, key);
        let place = self.place();
        if let Some(parts) = parts {
            self.groups.memo.insert(parts, place);
        }
        place
    }

    /// The place of the group for the current key.
    fn place(&mut self) -> usize {
        let Groups { keys, kinds, table, key, single, .. } = &mut *self.groups;
        let groups = table.groups.len();
        let Some(place) = table.place_within_limit(self.kind, key) else { return self.place_of_other() };
        let Some(group) = table.groups.get_mut(place) else { return place };
        if *single && group.sums.sockets > 0 {
            // Another socket with the same tags, which is frequent with packet sockets.
            group.namesakes += 1;
            key.extend_from_slice(&group.namesakes.to_be_bytes());
            let place = table.place_within_limit(self.kind, key);
            return place.unwrap_or_else(|| self.place_of_other());
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

    /// The place of the line `other` of the protocol, for a socket whose group has no room.
    fn place_of_other(&mut self) -> usize {
        self.groups.overflowed = true;
        self.groups.other(self.kind).unwrap_or(usize::MAX)
    }

    /// Ends a complete dump.
    pub(in crate::inputs::socketstat) fn commit(mut self) {
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
