//! Places of rows by the hash of what they hold: a hash table without keys of its own.
//!
//! It takes 4 bytes per slot, 6 to 11 per row, and finding a row is one step in most cases.

/// Where rows are. Rows are never removed one by one.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, at most three quarters in use: 0, or a row's place and 1.
    slots: Vec<u32>,
    used: usize,
}

/// The fewest slots.
const FEWEST: usize = 16;
/// 2^64 divided by the golden ratio: spreads numbers that follow one another.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Index {
    /// An empty one with room for so many rows.
    pub(super) fn with_room(rows: usize) -> Self {
        let slots = (rows + rows / 2).next_power_of_two().max(FEWEST);
        Self { slots: vec![0; slots], used: 0 }
    }

    /// The place of the row with this hash that `is` the one.
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(usize) -> bool) -> Option<usize> {
        self.probe(hash).find_map(|slot| match self.slots.get(slot) {
            None | Some(0) => Some(None),
            Some(place) => Some(*place as usize - 1).filter(|place| is(*place)).map(Some),
        })?
    }

    /// Adds the row at `place`, which is not in it. `hash_of` tells the hash of any row, by its place.
    pub(super) fn insert(&mut self, place: usize, hash_of: impl Fn(usize) -> u64) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let slots = (self.slots.len() * 2).max(FEWEST);
            let old = std::mem::replace(&mut self.slots, vec![0; slots]);
            for place in old.into_iter().filter(|place| *place != 0) {
                self.put(place, hash_of(place as usize - 1));
            }
        }
        // More rows than 2^32 - 2 do not fit into any machine that has so many sockets.
        self.put(u32::try_from(place + 1).unwrap_or(u32::MAX), hash_of(place));
        self.used += 1;
    }

    /// Takes all rows out; keeps the memory unless it is far more than `rows` need.
    pub(super) fn clear(&mut self, rows: usize) {
        self.used = 0;
        if self.slots.len() > FEWEST && self.slots.len() / 8 > rows {
            self.slots = Vec::new();
        }
        self.slots.fill(0);
    }

    fn put(&mut self, place: u32, hash: u64) {
        let free = self.probe(hash).find(|slot| self.slots.get(*slot) == Some(&0));
        if let Some(slot) = free.and_then(|slot| self.slots.get_mut(slot)) {
            *slot = place;
        }
    }

    /// The slots in which a row with this hash may be, in order; none of an empty table.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let slots = self.slots.len();
        let shift = 64 - slots.trailing_zeros().min(63);
        // The highest bits: as many as a slot's number has.
        let first = usize::try_from(hash.wrapping_mul(SPREAD) >> shift).unwrap_or_default();
        (0..slots).map(move |step| (first + step) & (slots - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_again() {
        let mut index = Index::default();
        let mut rows: Vec<u64> = Vec::new();
        assert_eq!(index.find(7, |_| true), None);
        for hash in (0..1000).chain([u64::MAX, 1 << 63]).chain((1..100).map(|high| high << 48)) {
            assert_eq!(index.find(hash, |place| rows[place] == hash), None, "{hash}");
            rows.push(hash);
            index.insert(rows.len() - 1, |place| rows[place]);
        }
        for (place, hash) in rows.iter().enumerate() {
            assert_eq!(index.find(*hash, |place| rows[place] == *hash), Some(place));
        }
        assert!(index.slots.len() <= rows.len() * 3, "{} slots", index.slots.len());
        index.clear(0);
        assert_eq!(index.find(7, |_| true), None);
        assert!(index.slots.is_empty());
    }

    #[test]
    fn rows_of_one_hash_are_told_apart() {
        let mut index = Index::default();
        for place in 0..100 {
            index.insert(place, |_| 7);
        }
        for wanted in 0..100 {
            assert_eq!(index.find(7, |place| place == wanted), Some(wanted));
        }
        assert_eq!(index.find(7, |_| false), None);
    }
}
