//! Remembers the groups of the last sockets of a dump, so that the same tags are not written and looked up again for
//! each socket.

use super::parts::Parts;

/// Each slot holds the last group whose parts belong there.
#[derive(Debug)]
pub(super) struct Memo(Vec<Option<(Parts, usize)>>);

/// The number of slots, a power of two. A host has a few dozen services.
const SLOTS: usize = 256;
/// 2^64 divided by the golden ratio, which is odd: multiplication spreads consecutive numbers.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Default for Memo {
    fn default() -> Self {
        Self(vec![None; SLOTS])
    }
}

impl Memo {
    /// Forgets all groups. Needed for each dump: groups move, and the names of owners change.
    pub(super) fn clear(&mut self) {
        self.0.fill(None);
    }

    /// The place of the group of a socket.
    pub(super) fn find(&self, parts: &Parts) -> Option<usize> {
        let (known, place) = self.0.get(slot(parts))?.as_ref()?;
        // Faster than `==`, which is a call of memcmp.
        let differences = known.iter().zip(parts).fold(0, |bits, (known, part)| bits | (known ^ part));
        (differences == 0).then_some(*place)
    }

    /// Remembers the place of the group of a socket.
    pub(super) fn insert(&mut self, parts: Parts, place: usize) {
        if let Some(slot) = self.0.get_mut(slot(&parts)) {
            *slot = Some((parts, place));
        }
    }
}

fn slot(parts: &Parts) -> usize {
    // Each part has a multiplier of its own.
    let multipliers = (0..).map(|place| SPREAD.rotate_left(place * 8) | 1);
    let terms = parts.iter().zip(multipliers).map(|(part, multiplier)| part.wrapping_mul(multiplier));
    let sum = terms.fold(0_u64, u64::wrapping_add);
    let hash = (sum ^ sum >> 32).wrapping_mul(SPREAD);
    usize::try_from(hash >> (64 - SLOTS.trailing_zeros())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_the_last_group() {
        let mut memo = Memo::default();
        for part in 0..1000 {
            let parts = [part, 0, 0, 0, 0, 0, 0, part];
            assert_eq!(memo.find(&parts), None);
            memo.insert(parts, 7);
            assert_eq!(memo.find(&parts), Some(7));
            memo.insert(parts, 8);
            assert_eq!(memo.find(&parts), Some(8));
        }
        let full = memo.0.iter().filter(|slot| slot.is_some()).count();
        assert!(full > SLOTS / 2, "{full} of {SLOTS} slots are used for 1000 groups");
        memo.clear();
        assert_eq!(memo.find(&[999, 0, 0, 0, 0, 0, 0, 999]), None);
    }
}
