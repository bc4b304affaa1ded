//! Remembers the counters of each connection between gathers, and calculates by how much they have grown.
//!
//! A connection is identified by its cookie, or else by a hash of its addresses, ports and inode number. A dump changes
//! nothing before it is committed: after a failed dump, the next one finds the growth of both.
//!
//! Under churn the kernel lists some sockets twice and misses others. So a socket is counted once per dump, and the
//! values of a socket that was missed are kept for two gathers.
//!
//! If the kernel reports closed connections, a connection is forgotten when it is reported. Until then it may be missing
//! from many dumps: the kernel does not list a connection that was reset but not yet closed by its process.

use counter::Counter;
use owners::Owners;

use super::field::Field;
use super::index::Index;
use super::socket::TcpInfo;

/// For how many gathers the values of a socket that is no longer listed are kept.
pub(super) const KEPT: u8 = 2;
/// Added to the number of missed dumps of a connection without counters: it is reported as closed soon, or has been.
const ENDING: u8 = 128;
/// Replaces the number of missed dumps of a connection that was reported as closed.
const CLOSED: u8 = u8::MAX;
/// How many sockets are kept for longer, until they are reported as closed. A lost report never arrives.
const MOST_AWAITED: usize = 65_536;

/// The counters of the sockets of one protocol.
#[derive(Debug)]
pub(super) struct Totals {
    counters: Vec<Counter>,
    /// The number of words for the counters of a socket.
    words: usize,
    /// The sockets of the last complete dump.
    known: Sockets,
    /// The index of `known`, built at the first socket that is not in the expected order.
    known_index: Option<Index>,
    /// The place in `known` of the expected next socket, since the kernel lists sockets in the same order each time. A
    /// look-up in the index, which is not in a cache, takes as long as everything else that is done for a socket.
    expected: usize,
    /// The sockets of the current dump.
    next: Sockets,
    /// The index of those in `next` that are not in `known`.
    new_index: Index,
    /// The index of `next`, built at the first closed connection after a complete dump.
    next_index: Option<Index>,
    /// No dump was complete yet, so that the counters of sockets are not growth.
    first: bool,
    /// The owners of all sockets; `None` if they are not needed.
    owners: Option<Owners>,
    /// Whether the kernel reports closed connections.
    ends: bool,
}

/// The owner of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: Option<u32>,
    pub(super) cgroup: Option<u64>,
}

/// What is known of a closed connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was reported before.
    Repeated,
    /// No dump had its owner, or owners are not needed.
    Unseen,
    /// A dump had its owner.
    Seen(Owner),
}

/// Sockets with the values of their counters: a row of each vector is one socket. 42 bytes per socket with the counters
/// of the contract, and 4 for the owner if it is needed. One of the indices takes 6 to 11 more.
#[derive(Debug, Default)]
struct Sockets {
    ids: Vec<u64>,
    marks: Vec<Mark>,
    /// The places of their owners; empty if those are not needed.
    owners: Vec<u32>,
    /// The counters; the same number of words for each socket.
    words: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// Whether the current dump listed it.
    seen: bool,
    /// The number of dumps that have missed it.
    missed: u8,
}

impl Totals {
    /// Creates totals of `fields`, of which the first are `field::CONTRACT`. Without fields, sockets are only
    /// distinguished.
    pub(super) fn new(fields: impl Iterator<Item = &'static Field>, owned: bool, ends: bool) -> Self {
        let mut words = 0;
        let counters = fields.map(|field| {
            let counter = Counter::new(field, words);
            words += counter.words();
            counter
        });
        Self {
            counters: counters.collect(),
            words,
            known: Sockets::default(),
            known_index: None,
            expected: 0,
            next: Sockets::default(),
            new_index: Index::default(),
            next_index: None,
            first: true,
            owners: owned.then(Owners::default),
            ends,
        }
    }

    /// Records that the kernel does not report closed connections.
    pub(super) const fn without_ends(&mut self) {
        self.ends = false;
    }

    /// Whether no dump was complete yet, so that [`Totals::row`] returns values from before the first gather.
    pub(super) const fn is_first(&self) -> bool {
        self.first
    }

    /// For each counter, whether any socket had it so far.
    pub(super) fn told(&self) -> impl Iterator<Item = bool> {
        self.counters.iter().map(Counter::is_told)
    }

    /// Begins a dump.
    pub(super) fn begin(&mut self) {
        self.next.clear(self.known.ids.len());
        self.next.reserve(&self.known);
        if let Some(owners) = &mut self.owners {
            owners.forget_all_but(&mut self.known.owners);
        }
        self.new_index.clear(0);
        self.next_index = None;
        self.expected = 0;
        self.known.marks.iter_mut().for_each(|mark| mark.seen = false);
    }

    /// Adds a socket of the current dump, and writes the growth of its counters to `growth`. That is their whole value
    /// if the socket is new or a counter has decreased. Returns false if the dump has listed the socket before.
    pub(super) fn row(&mut self, id: u64, tcp: &TcpInfo<'_>, owner: Owner, growth: &mut [u64]) -> bool {
        let known = self.known(id);
        let is_new = match known.and_then(|place| self.known.marks.get_mut(place)) {
            Some(mark) => !std::mem::replace(&mut mark.seen, true),
            None => self.add_new(id),
        };
        if !is_new {
            return false;
        }
        if let Some(owners) = &mut self.owners {
            self.next.owners.push(owners.place(owner));
        }
        if self.words == 0 {
            // Without counters, only record that the socket was listed.
            self.next.push(id, Mark::default());
            return true;
        }
        let before = known.and_then(|place| self.known.values(place, self.words));
        let mark = known.and_then(|place| self.known.marks.get(place));
        let mut missed = if mark.is_some_and(|mark| mark.missed == CLOSED) { CLOSED } else { 0 };
        let start = self.next.words.len();
        if *tcp == TcpInfo::Unknown {
            // A connection in TIME-WAIT no longer has counters.
            growth.fill(0);
            // Its values from before the first gather are not growth, and it was reported as closed then.
            missed = if self.first { CLOSED } else { missed.max(ENDING) };
            match before {
                Some(before) => self.next.words.extend_from_slice(before),
                None => self.next.words.resize(start + self.words, 0),
            }
        } else {
            counter::read(&mut self.counters, tcp, growth);
            for (counter, value) in self.counters.iter().zip(&*growth) {
                counter.push(*value, &mut self.next.words);
            }
            if let Some(before) = before {
                if self.next.words.get(start..) == Some(before) {
                    // Most connections are idle.
                    growth.fill(0);
                } else {
                    counter::subtract(&self.counters, before, growth);
                }
            }
        }
        self.next.push(id, Mark { seen: false, missed });
        true
    }

    /// The first known owner of a socket. A connection that was closed by its process no longer has an owner.
    pub(super) fn owner(&mut self, id: u64) -> Option<Owner> {
        let place = self.known(id)?;
        self.owners.as_ref()?.at(*self.known.owners.get(place)?)
    }

    /// Handles a closed connection, after a complete dump. Writes the growth of its counters to `growth`, or their whole
    /// values if the connection is new.
    pub(super) fn closed(&mut self, id: u64, tcp: &TcpInfo<'_>, growth: &mut [u64]) -> Ended {
        self.carry_over();
        let Self { counters, words, next, next_index, owners, .. } = self;
        counter::read(counters, tcp, growth);
        let index = next_index.get_or_insert_with(|| next.index());
        let Some(place) = index.find(id, |place| next.is_at(place, id)) else { return Ended::Unseen };
        let mark = next.marks.get_mut(place);
        if mark.is_some_and(|mark| std::mem::replace(&mut mark.missed, CLOSED) == CLOSED) {
            return Ended::Repeated;
        }
        if let Some(before) = next.values(place, *words) {
            counter::subtract(counters, before, growth);
        }
        let owner = next.owners.get(place).and_then(|owner| owners.as_ref()?.at(*owner));
        owner.map_or(Ended::Unseen, Ended::Seen)
    }

    /// The place of a socket of the last complete dump.
    fn known(&mut self, id: u64) -> Option<usize> {
        let Self { known, known_index, expected, .. } = self;
        // It may also be the previous socket, if that is requested again.
        let place = if known.is_at(*expected, id) {
            *expected
        } else if expected.checked_sub(1).is_some_and(|last| known.is_at(last, id)) {
            *expected - 1
        } else {
            known_index.get_or_insert_with(|| known.index()).find(id, |place| known.is_at(place, id))?
        };
        *expected = place + 1;
        Some(place)
    }

    /// Adds a new socket. Returns false if the dump has listed it before.
    fn add_new(&mut self, id: u64) -> bool {
        let Self { next, new_index, .. } = self;
        if new_index.find(id, |place| next.is_at(place, id)).is_some() {
            return false;
        }
        let place = next.ids.len();
        new_index.insert(place, |row| if row == place { id } else { next.id(row) });
        true
    }

    /// Adds the known sockets that a complete dump has missed.
    fn carry_over(&mut self) {
        let Self { known, next, words, ends, .. } = self;
        let mut awaited = 0;
        for (place, (id, mark)) in known.ids.iter().zip(&mut known.marks).enumerate() {
            // Without counters there is nothing to keep.
            if std::mem::replace(&mut mark.seen, true) || *words == 0 {
                continue;
            }
            // Those that have been missed for the longest time come last.
            let is_awaited = *ends && mark.missed == KEPT && awaited < MOST_AWAITED;
            awaited += usize::from(is_awaited);
            let is_kept = is_awaited || mark.missed & !ENDING < KEPT;
            if let Some(values) = values(&known.words, place, *words).filter(|_| is_kept) {
                next.words.extend_from_slice(values);
                next.owners.extend(known.owners.get(place));
                next.push(*id, Mark { seen: false, missed: mark.missed + u8::from(!is_awaited) });
            }
        }
    }

    /// Ends a complete dump, whose sockets become the known ones.
    pub(super) fn commit(&mut self) {
        self.carry_over();
        std::mem::swap(&mut self.known, &mut self.next);
        self.known_index = self.next_index.take();
        self.first = false;
    }

    /// Forgets all sockets: the next dump is from another source, which identifies them differently.
    pub(super) fn reset(&mut self) {
        self.known.clear(0);
        self.known_index = None;
        self.first = true;
    }
}

impl Sockets {
    fn id(&self, place: usize) -> u64 {
        self.ids.get(place).copied().unwrap_or_default()
    }

    fn is_at(&self, place: usize, id: u64) -> bool {
        self.ids.get(place) == Some(&id)
    }

    fn index(&self) -> Index {
        let mut index = Index::with_room(self.ids.len());
        (0..self.ids.len()).for_each(|place| index.insert(place, |row| self.id(row)));
        index
    }

    fn values(&self, place: usize, words: usize) -> Option<&[u32]> {
        values(&self.words, place, words)
    }

    /// Adds a socket. Its values must have been added before.
    fn push(&mut self, id: u64, mark: Mark) {
        self.ids.push(id);
        self.marks.push(mark);
    }

    /// Reserves room for some more sockets than `known` has: what grows piece by piece leaves holes in the heap.
    fn reserve(&mut self, known: &Self) {
        let room = |used: usize| used + used / 8;
        self.ids.reserve(room(known.ids.len()));
        self.marks.reserve(room(known.marks.len()));
        self.words.reserve(room(known.words.len()));
        self.owners.reserve(room(known.owners.len()));
    }

    /// Removes all sockets. Keeps the memory unless it is far more than `rows` need.
    fn clear(&mut self, rows: usize) {
        if self.ids.capacity() / 8 > rows {
            *self = Self::default();
        }
        self.ids.clear();
        self.marks.clear();
        self.words.clear();
        self.owners.clear();
    }
}

/// The values of the socket at `place`.
fn values(all: &[u32], place: usize, words: usize) -> Option<&[u32]> {
    all.get(place.checked_mul(words)?..)?.get(..words)
}

mod counter;
mod owners;
#[cfg(test)]
mod tests;
