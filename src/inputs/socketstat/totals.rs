//! What is known of each connection between two gathers, and by how much its counters grew since.
//!
//! A connection is known again by its cookie, else by a hash of its addresses, ports and inode number. A dump changes
//! nothing before it is committed: one that fails leaves what was known, and the next one finds the growth of both.
//!
//! Under churn the kernel lists some sockets twice and misses others. So a socket counts once per dump, and what is known
//! of one that was missed is kept for two gathers.
//!
//! Where the kernel tells of each connection that ends, with its last counters, that is the end of what is known of it. Until
//! then it may be in no dump for long: the kernel lists no connection that was reset and that its process has not closed
//! yet.

use super::field::{Field, Width};
use super::index::Index;
use super::socket::TcpInfo;

/// For how many gathers the values of a socket are kept that is not listed any more.
pub(super) const KEPT: u8 = 2;
/// Added to the missed dumps of a connection that has no counters any more: its end is told about now, or was.
const ENDING: u8 = 128;
/// Stands in the place of the missed dumps of a connection whose end was told.
const CLOSED: u8 = u8::MAX;
/// How many sockets are kept for longer, until the kernel tells of their ends. An end that was lost never comes.
const MOST_AWAITED: usize = 65_536;

/// What is known of the sockets of one protocol.
#[derive(Debug)]
pub(super) struct Totals {
    counters: Vec<Counter>,
    /// How many words the counters of a socket take.
    words: usize,
    /// As of the last whole dump.
    known: Sockets,
    /// Where each of them is; built for the first one that does not come in order.
    known_index: Option<Index>,
    /// The place of the one that should come next. The kernel lists sockets in the same order each time; a look into the
    /// index, which is in no cache then, costs as much as all else that is done for a socket.
    expected: usize,
    /// As of the dump at hand.
    next: Sockets,
    /// Where those of them are that are not known.
    new_index: Index,
    /// Where all of them are; built for the first connection that has ended, when the dump is whole.
    next_index: Option<Index>,
    /// No dump was whole yet: what sockets have moved so far is not growth.
    first: bool,
    /// Whether owners are remembered.
    owned: bool,
    /// Whether the kernel tells of connections that end.
    ends: bool,
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
/// of the contract, and 12 for the owner where it is asked for. One of the indices takes 6 to 11 more.
#[derive(Debug, Default)]
struct Sockets {
    ids: Vec<u64>,
    marks: Vec<Mark>,
    /// Empty where nobody asks.
    owners: Vec<PackedOwner>,
    /// As many words for each.
    words: Vec<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// The dump at hand listed it.
    seen: bool,
    /// How many dumps have missed it.
    missed: u8,
}

/// An owner in 12 bytes: the user id, and the halves of the cgroup's number. The kernel uses neither of the values that stand
/// for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PackedOwner([u32; 3]);

impl PackedOwner {
    const NO_UID: u32 = u32::MAX;

    fn new(owner: Owner) -> Self {
        let bytes = owner.cgroup.unwrap_or(0).to_le_bytes();
        let (halves, _) = bytes.as_chunks();
        let half = |at: usize| halves.get(at).copied().map_or(0, u32::from_le_bytes);
        Self([owner.uid.unwrap_or(Self::NO_UID), half(0), half(1)])
    }

    /// `None` where nothing of it is known.
    fn unpack(self) -> Option<Owner> {
        let Self([uid, low, high]) = self;
        let cgroup = u64::from(low) | u64::from(high) << 32;
        let owner = Owner {
            uid: Some(uid).filter(|uid| *uid != Self::NO_UID),
            cgroup: Some(cgroup).filter(|cgroup| *cgroup != 0),
        };
        Some(owner).filter(|owner| *owner != Owner::default())
    }
}

impl Totals {
    /// Follows `fields`; where there are none, sockets are only told apart. The counters of the contract come first.
    pub(super) fn new(fields: impl Iterator<Item = &'static Field>, owned: bool, ends: bool) -> Self {
        let mut words = 0;
        let counters = fields.map(|field| {
            let counter = Counter { field, word: words, told: false };
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
            owned,
            ends,
        }
    }

    /// The kernel does not tell of connections that end.
    pub(super) const fn without_ends(&mut self) {
        self.ends = false;
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
        self.next.clear(self.known.ids.len());
        self.new_index.clear(0);
        self.next_index = None;
        self.expected = 0;
        self.known.marks.iter_mut().for_each(|mark| mark.seen = false);
    }

    /// Takes a socket of the dump at hand, and writes the growth of its counters to `growth`: all of their values where
    /// it was not known, or where one of them went back. False where the dump has listed it before.
    pub(super) fn row(&mut self, id: u64, tcp: &TcpInfo<'_>, owner: Owner, growth: &mut [u64]) -> bool {
        let known = self.known(id);
        let is_new = match known.and_then(|place| self.known.marks.get_mut(place)) {
            Some(mark) => !std::mem::replace(&mut mark.seen, true),
            None => self.add_new(id),
        };
        if !is_new {
            return false;
        }
        if self.owned {
            self.next.owners.push(PackedOwner::new(owner));
        }
        if self.words == 0 {
            // Without counters it is only noted that it was listed.
            self.next.push(id, Mark::default());
            return true;
        }
        let before = known.and_then(|place| self.known.values(place, self.words));
        let mark = known.and_then(|place| self.known.marks.get(place));
        let mut missed = if mark.is_some_and(|mark| mark.missed == CLOSED) { CLOSED } else { 0 };
        let start = self.next.words.len();
        if *tcp == TcpInfo::Unknown {
            // A connection in TIME-WAIT has no counters any more.
            growth.fill(0);
            // What it moved before the first gather is not ours, and was told then.
            missed = if self.first { CLOSED } else { missed.max(ENDING) };
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
        self.next.push(id, Mark { seen: false, missed });
        true
    }

    /// The owner of a socket as it was first told: a connection that its process has closed has none any more.
    pub(super) fn owner(&mut self, id: u64) -> Option<Owner> {
        let place = self.known(id)?;
        self.known.owners.get(place)?.unpack()
    }

    /// Takes a connection that has ended, behind a whole dump: writes by how much its counters grew since they were last
    /// known, or all of their values.
    pub(super) fn closed(&mut self, id: u64, tcp: &TcpInfo<'_>, growth: &mut [u64]) -> Ended {
        self.carry_over();
        let Self { counters, words, next, next_index, .. } = self;
        let mut now = Vec::new();
        for (place, (counter, growth)) in counters.iter_mut().zip(&mut *growth).enumerate() {
            *growth = counter.read(place, tcp);
            counter.push(*growth, &mut now);
        }
        let index = next_index.get_or_insert_with(|| next.index());
        let Some(place) = index.find(id, |place| next.is_at(place, id)) else { return Ended::Unseen };
        let mark = next.marks.get_mut(place);
        if mark.is_some_and(|mark| std::mem::replace(&mut mark.missed, CLOSED) == CLOSED) {
            return Ended::Repeated;
        }
        if let Some(before) = next.values(place, *words)
            && !counters.iter().any(|counter| counter.went_back(before, &now))
        {
            for (counter, growth) in counters.iter().zip(growth) {
                *growth = counter.growth(before, &now);
            }
        }
        let owner = next.owners.get(place).copied().and_then(PackedOwner::unpack);
        owner.map_or(Ended::Unseen, Ended::Seen)
    }

    /// The place of a socket of the last whole dump.
    fn known(&mut self, id: u64) -> Option<usize> {
        let Self { known, known_index, expected, .. } = self;
        // It may be the one that was asked for last, too.
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

    /// Notes a socket that is not known. False where the dump has listed it before.
    fn add_new(&mut self, id: u64) -> bool {
        let Self { next, new_index, .. } = self;
        if new_index.find(id, |place| next.is_at(place, id)).is_some() {
            return false;
        }
        let place = next.ids.len();
        new_index.insert(place, |row| if row == place { id } else { next.id(row) });
        true
    }

    /// Adds to a whole dump what is known of sockets that it has missed.
    fn carry_over(&mut self) {
        let Self { known, next, words, ends, .. } = self;
        let mut awaited = 0;
        for (place, (id, mark)) in known.ids.iter().zip(&mut known.marks).enumerate() {
            // Without counters there is nothing to keep.
            if std::mem::replace(&mut mark.seen, true) || *words == 0 {
                continue;
            }
            // Those that were missed for the longest come last.
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

    /// Ends a whole dump: what it listed is what is known from now on.
    pub(super) fn commit(&mut self) {
        self.carry_over();
        std::mem::swap(&mut self.known, &mut self.next);
        self.known_index = self.next_index.take();
        self.first = false;
    }

    /// Forgets all sockets: the next dump is of another source, which tells them apart by something else.
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

    /// Adds a socket whose values were added before.
    fn push(&mut self, id: u64, mark: Mark) {
        self.ids.push(id);
        self.marks.push(mark);
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
    }
}

/// The values of the socket at `place`, of so many words.
fn values(all: &[u32], place: usize, words: usize) -> Option<&[u32]> {
    all.get(place.checked_mul(words)?..)?.get(..words)
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
