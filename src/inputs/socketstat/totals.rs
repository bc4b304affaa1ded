//! What is known of each connection between two gathers, and by how much its counters grew since.
//!
//! A connection is known again by its cookie, else by a hash of its addresses, ports and inode number. A dump changes
//! nothing before it is committed: one that fails leaves what was known, and the next one finds the growth of both.
//!
//! Under churn the kernel lists some sockets twice and misses others. So a socket counts once per dump, and what is known
//! of one that was missed is kept for two gathers.
//!
//! The kernel also tells of each connection that ends, with its last counters: what is known of it is then growth no more.

use super::field::{Field, Width};
use super::index::Index;
use super::socket::TcpInfo;

/// For how many gathers the values of a socket are kept that is not listed any more.
pub(super) const KEPT: u8 = 2;
/// Stands in the place of the missed dumps of a socket that has ended.
const CLOSED: u8 = u8::MAX;

/// What is known of the sockets of one protocol.
#[derive(Debug)]
pub(super) struct Totals {
    counters: Vec<Counter>,
    /// How many words the counters of a socket take.
    words: usize,
    /// As of the last whole dump.
    known: Sockets,
    /// As of the dump at hand.
    next: Sockets,
    /// No dump was whole yet: what sockets have moved so far is not growth.
    first: bool,
    /// Whether owners are remembered.
    owned: bool,
}

/// A counter that is followed.
#[derive(Clone, Copy, Debug)]
struct Counter {
    field: &'static Field,
    /// Where its value is among the words of a socket: one of them, or two.
    word: usize,
    /// Whether a socket had it.
    told: bool,
}

/// Who owns a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: Option<u32>,
    pub(super) cgroup: Option<u64>,
}

/// A connection that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was told before.
    Repeated,
    /// No dump told its owner, or nobody asks for owners.
    Unseen,
    /// A dump told its owner.
    Seen(Owner),
}

/// Sockets with the values of their counters: a row of each vector is one socket. 42 bytes per socket with the counters
/// of the contract, 24 for the owner where it is asked for, and 6 to 11 in the index.
#[derive(Debug, Default)]
struct Sockets {
    ids: Vec<u64>,
    marks: Vec<Mark>,
    /// Empty where nobody asks.
    owners: Vec<Owner>,
    /// As many words for each.
    words: Vec<u32>,
    index: Index,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// The dump at hand listed it.
    seen: bool,
    /// How many dumps have missed it.
    missed: u8,
}

impl Totals {
    /// Follows `fields`; where there are none, sockets are only told apart. The counters of the contract come first.
    pub(super) fn new(fields: impl Iterator<Item = &'static Field>, owned: bool) -> Self {
        let mut words = 0;
        let counters = fields.map(|field| {
            let counter = Counter { field, word: words, told: false };
            words += counter.words();
            counter
        });
        let counters = counters.collect();
        Self { counters, words, known: Sockets::default(), next: Sockets::default(), first: true, owned }
    }

    /// Whether no dump was whole yet, so that [`Totals::row`] tells what sockets have moved before.
    pub(super) const fn is_first(&self) -> bool {
        self.first
    }

    /// For each counter whether a socket had it so far.
    pub(super) fn told(&self) -> impl Iterator<Item = bool> {
        self.counters.iter().map(|counter| counter.told)
    }

    /// Begins a dump.
    pub(super) fn begin(&mut self) {
        let rows = self.known.ids.len().max(self.next.ids.len());
        self.next.clear(rows);
        self.known.marks.iter_mut().for_each(|mark| mark.seen = false);
    }

    /// Takes a socket of the dump at hand, and writes the growth of its counters to `growth`: all of their values where
    /// it was not known, or where one of them went back. False where the dump has listed it before.
    pub(super) fn row(&mut self, id: u64, tcp: &TcpInfo<'_>, owner: Owner, growth: &mut [u64]) -> bool {
        let known = self.known.find(id);
        let repeated = match known.and_then(|place| self.known.marks.get_mut(place)) {
            Some(mark) => std::mem::replace(&mut mark.seen, true),
            None => self.next.find(id).is_some(),
        };
        if repeated {
            return false;
        }
        let before = known.and_then(|place| self.known.values(place, self.words));
        if self.owned {
            self.next.owners.push(owner);
        }
        let start = self.next.words.len();
        if *tcp == TcpInfo::Unknown {
            // A connection in TIME-WAIT has no counters any more.
            growth.fill(0);
            match before {
                Some(before) => self.next.words.extend_from_slice(before),
                None => self.next.words.resize(start + self.words, 0),
            }
        } else {
            for (place, (counter, growth)) in self.counters.iter_mut().zip(&mut *growth).enumerate() {
                *growth = counter.read(place, tcp);
                counter.push(*growth, &mut self.next.words);
            }
            let now = self.next.words.get(start..).unwrap_or_default();
            let went_back =
                |before: &&[u32]| self.counters.iter().any(|counter| counter.went_back(before, now));
            if let Some(before) = before.filter(|before| !went_back(before)) {
                for (counter, growth) in self.counters.iter().zip(growth) {
                    *growth = counter.growth(before, now);
                }
            }
        }
        self.next.push(id, Mark::default());
        true
    }

    /// The owner of a socket as it was first told: a connection that its process has closed has none any more.
    pub(super) fn owner(&self, id: u64) -> Option<Owner> {
        self.known.owners.get(self.known.find(id)?).copied().filter(|_| self.owned)
    }

    /// Takes a connection that has ended, behind the dump at hand: writes by how much its counters grew since they were last
    /// known, or all of their values.
    pub(super) fn closed(&mut self, id: u64, tcp: &TcpInfo<'_>, growth: &mut [u64]) -> Ended {
        let Self { counters, words, known, next, owned, .. } = self;
        let mut now = Vec::new();
        for (place, (counter, growth)) in counters.iter_mut().zip(&mut *growth).enumerate() {
            *growth = counter.read(place, tcp);
            counter.push(*growth, &mut now);
        }
        // What the dump at hand says is later than what was known before.
        let (sockets, place) = match (next.find(id), known.find(id)) {
            (Some(place), _) => (next, place),
            (None, Some(place)) => (known, place),
            (None, None) => return Ended::Unseen,
        };
        let mark = sockets.marks.get_mut(place);
        if mark.is_some_and(|mark| std::mem::replace(&mut mark.missed, CLOSED) == CLOSED) {
            return Ended::Repeated;
        }
        let owner = sockets.owners.get(place).copied().filter(|_| *owned);
        if let Some(before) = sockets.values(place, *words)
            && !counters.iter().any(|counter| counter.went_back(before, &now))
        {
            for (counter, growth) in counters.iter().zip(growth) {
                *growth = counter.growth(before, &now);
            }
        }
        owner.map_or(Ended::Unseen, Ended::Seen)
    }

    /// Ends a whole dump: what it listed is what is known from now on.
    pub(super) fn commit(&mut self) {
        self.first = false;
        let Self { known, next, words, .. } = self;
        if *words == 0 {
            // There is nothing to know from one gather to the next.
            return;
        }
        for (place, (id, mark)) in known.ids.iter().zip(&known.marks).enumerate() {
            if !mark.seen
                && mark.missed < KEPT
                && let Some(values) = known.values(place, *words)
            {
                next.words.extend_from_slice(values);
                next.owners.extend(known.owners.get(place));
                next.push(*id, Mark { seen: false, missed: mark.missed + 1 });
            }
        }
        std::mem::swap(known, next);
    }

    /// Forgets all sockets: the next dump is of another source, which tells them apart by something else.
    pub(super) fn reset(&mut self) {
        self.known.clear(0);
        self.first = true;
    }
}

impl Sockets {
    fn find(&self, id: u64) -> Option<usize> {
        self.index.find(id, |place| self.ids.get(place) == Some(&id))
    }

    fn values(&self, place: usize, words: usize) -> Option<&[u32]> {
        self.words.get(place.checked_mul(words)?..)?.get(..words)
    }

    /// Adds a socket whose values were added before.
    fn push(&mut self, id: u64, mark: Mark) {
        let Self { ids, marks, index, .. } = self;
        marks.push(mark);
        ids.push(id);
        index.insert(ids.len() - 1, |place| ids.get(place).copied().unwrap_or_default());
    }

    /// Takes all out; keeps the memory unless it is far more than `rows` need.
    fn clear(&mut self, rows: usize) {
        if self.ids.capacity() / 8 > rows {
            *self = Self::default();
        }
        self.ids.clear();
        self.marks.clear();
        self.words.clear();
        self.owners.clear();
        self.index.clear(rows);
    }
}

impl Counter {
    const fn words(&self) -> usize {
        if matches!(self.field.width, Width::U64) { 2 } else { 1 }
    }

    /// The greatest value; the next one is 0.
    const fn most(&self) -> u64 {
        match self.field.width {
            Width::U8 => u8::MAX as u64,
            Width::U16 => u16::MAX as u64,
            Width::U32 => u32::MAX as u64,
            Width::U64 => u64::MAX,
        }
    }

    /// The value of a socket; 0 where the source prints none. `place` is the counter's place among all.
    fn read(&mut self, place: usize, tcp: &TcpInfo<'_>) -> u64 {
        let value = match tcp {
            TcpInfo::Unknown => None,
            TcpInfo::Raw(info) => self.field.read(info),
            TcpInfo::Printed(values) => values.get(place).map(|value| value.unwrap_or(0)),
        };
        self.told |= value.is_some();
        value.unwrap_or(0).min(self.most())
    }

    fn push(&self, value: u64, words: &mut Vec<u32>) {
        // The lower half first.
        let bytes = value.to_le_bytes();
        let (halves, _) = bytes.as_chunks();
        words.extend(halves.iter().map(|half| u32::from_le_bytes(*half)).take(self.words()));
    }

    /// By how much it grew from `before` to `now`, with its beginning anew behind its greatest value.
    fn growth(&self, before: &[u32], now: &[u32]) -> u64 {
        let value = |words: &[u32]| {
            let word = |at| words.get(at).copied().map_or(0, u64::from);
            if self.words() == 2 { word(self.word) | word(self.word + 1) << 32 } else { word(self.word) }
        };
        value(now).wrapping_sub(value(before)) & self.most()
    }

    fn went_back(&self, before: &[u32], now: &[u32]) -> bool {
        self.growth(before, now) > self.most() / 2
    }
}

#[cfg(test)]
mod tests;
