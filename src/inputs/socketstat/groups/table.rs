//! The groups of a section, with their sums and totals.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::time::Instant;

use super::super::index::Index;

/// The maximum number of groups per section. The sockets of any others are summed up.
pub(super) const MOST_GROUPS: usize = 200_000;

/// Groups by key. Keys contain text that any peer can choose, so they are hashed with a random seed.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) groups: Vec<Group>,
    /// The number of counters per group.
    counters: usize,
    /// The growth and totals of each group, one group after the other.
    growth: Vec<u64>,
    totals: Vec<u64>,
    keys: Vec<u8>,
    index: Index,
    secret: RandomState,
}

/// One group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    key: Range<usize>,
    hash: u64,
    /// The place of its protocol in the section.
    pub(super) kind: usize,
    /// Whether it is the line `other`.
    pub(super) is_other: bool,
    /// Whether it was added in this gather.
    pub(super) is_new: bool,
    /// The last gather in which it had a line of its own.
    pub(super) last_line: Option<u64>,
    /// The time since when it has had no sockets.
    pub(super) empty_since: Option<Instant>,
    /// For how many dumps it has had no sockets.
    pub(super) empty_for: u8,
    /// The sums of this gather.
    pub(super) sums: Sums,
    /// The number of other sockets in this gather with the same tags.
    pub(super) namesakes: u32,
    /// The place of the strings and gauges of a single socket.
    pub(super) note: usize,
}

/// The sums over the sockets of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) sockets: u64,
    pub(super) recv_q: u64,
    pub(super) send_q: u64,
    pub(super) recv_q_max: u64,
    pub(super) send_q_max: u64,
}

/// The bytes in the growth of counters: the first two are bytes acknowledged and received.
pub(super) fn bytes(growth: &[u64]) -> u64 {
    growth.iter().take(2).fold(0, |sum: u64, bytes| sum.saturating_add(*bytes))
}

impl Sums {
    /// The sums of one socket.
    pub(super) fn of_socket(recv_q: u64, send_q: u64) -> Self {
        Self { sockets: 1, recv_q, send_q, recv_q_max: recv_q, send_q_max: send_q }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.sockets = self.sockets.saturating_add(other.sockets);
        self.recv_q = self.recv_q.saturating_add(other.recv_q);
        self.send_q = self.send_q.saturating_add(other.send_q);
        self.recv_q_max = self.recv_q_max.max(other.recv_q_max);
        self.send_q_max = self.send_q_max.max(other.send_q_max);
    }
}

impl Table {
    /// Creates a table of groups with `counters` counters.
    pub(super) fn new(counters: usize) -> Self {
        Self { counters, ..Self::default() }
    }

    /// The place of the group with this key. Adds the group if it does not exist.
    pub(super) fn place(&mut self, kind: usize, key: &[u8]) -> usize {
        let hash = self.secret.hash_one(key);
        self.find(hash, key).unwrap_or_else(|| self.push(kind, key, hash))
    }

    /// The same, but `None` if the group does not exist and there are [`MOST_GROUPS`] already.
    pub(super) fn place_within_limit(&mut self, kind: usize, key: &[u8]) -> Option<usize> {
        let hash = self.secret.hash_one(key);
        let found = self.find(hash, key);
        found.or_else(|| (self.groups.len() < MOST_GROUPS).then(|| self.push(kind, key, hash)))
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.index.find(hash, |place| self.groups.get(place).is_some_and(|group| self.key(group) == key))
    }

    /// Adds a group.
    fn push(&mut self, kind: usize, key: &[u8], hash: u64) -> usize {
        let place = self.groups.len();
        let start = self.keys.len();
        self.keys.extend_from_slice(key);
        self.groups.push(Group {
            key: start..self.keys.len(),
            hash,
            kind,
            is_other: false,
            is_new: true,
            last_line: None,
            empty_since: None,
            empty_for: 0,
            sums: Sums::default(),
            namesakes: 0,
            note: 0,
        });
        self.growth.resize(self.growth.len() + self.counters, 0);
        self.totals.resize(self.totals.len() + self.counters, 0);
        self.insert(place);
        place
    }

    /// The key of a group.
    pub(super) fn key(&self, group: &Group) -> &[u8] {
        self.keys.get(group.key.clone()).unwrap_or_default()
    }

    /// The growth of a group's counters in this gather.
    pub(super) fn growth(&self, place: usize) -> &[u64] {
        self.growth.get(self.row(place)).unwrap_or_default()
    }

    /// The totals of a group's counters.
    pub(super) fn totals(&self, place: usize) -> &[u64] {
        self.totals.get(self.row(place)).unwrap_or_default()
    }

    /// Whether a group has sockets in this gather, or growth.
    pub(super) fn is_alive(&self, place: usize) -> bool {
        self.groups.get(place).is_some_and(|group| group.sums.sockets > 0)
            || self.growth(place).iter().any(|growth| *growth > 0)
    }

    /// Adds a socket to a group.
    pub(super) fn add(&mut self, place: usize, sums: Sums, growth: &[u64]) {
        if let Some(group) = self.groups.get_mut(place) {
            group.sums.add(sums);
        }
        let row = self.row(place);
        for (sum, growth) in self.growth.get_mut(row).unwrap_or_default().iter_mut().zip(growth) {
            *sum = sum.saturating_add(*growth);
        }
    }

    /// Adds the sockets of group `of` to those of group `to`.
    pub(super) fn merge(&mut self, of: usize, to: usize) {
        let growth: Vec<u64> = self.growth(of).to_vec();
        let sums = self.groups.get(of).map(|group| group.sums).unwrap_or_default();
        self.add(to, sums, &growth);
    }

    /// Adds the growth of a group to its totals.
    pub(super) fn count(&mut self, place: usize) {
        let row = self.row(place);
        let growth = self.growth.get(row.clone()).unwrap_or_default();
        for (total, growth) in self.totals.get_mut(row).unwrap_or_default().iter_mut().zip(growth) {
            *total = total.saturating_add(*growth);
        }
    }

    /// Clears the sums and the growth of the groups for which `is_theirs` returns true.
    pub(super) fn clear(&mut self, is_theirs: impl Fn(&Group) -> bool) {
        for place in 0..self.groups.len() {
            let row = self.row(place);
            let Some(group) = self.groups.get_mut(place).filter(|group| is_theirs(group)) else { continue };
            group.sums = Sums::default();
            group.namesakes = 0;
            if let Some(growth) = self.growth.get_mut(row) {
                growth.fill(0);
            }
        }
    }

    /// Drops the groups for which `keep` is false.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        if keep.iter().all(|keep| *keep) {
            return;
        }
        let mut kept = Self::new(self.counters);
        for (place, group) in self.groups.iter().enumerate() {
            if keep.get(place) == Some(&true) {
                let start = kept.keys.len();
                kept.keys.extend_from_slice(self.key(group));
                kept.growth.extend_from_slice(self.growth(place));
                kept.totals.extend_from_slice(self.totals(place));
                kept.groups.push(Group { key: start..kept.keys.len(), ..group.clone() });
                kept.insert(kept.groups.len() - 1);
            }
        }
        kept.secret = self.secret.clone();
        *self = kept;
    }

    fn insert(&mut self, place: usize) {
        let groups = &self.groups;
        self.index.insert(place, |place| groups.get(place).map_or(0, |group| group.hash));
    }

    const fn row(&self, place: usize) -> Range<usize> {
        place * self.counters..(place + 1) * self.counters
    }
}
