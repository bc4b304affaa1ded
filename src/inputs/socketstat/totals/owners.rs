//! The owners of sockets, each kept once: a host has far fewer of them than sockets.

use super::Owner;
use crate::inputs::socketstat::index::Index;

/// Each owner in 12 bytes: the user id, and the halves of the cgroup's number. The kernel uses neither of the values that
/// stand for none.
#[derive(Debug, Default)]
pub(super) struct Owners {
    packed: Vec<[u32; 3]>,
    index: Index,
    /// The last place that was looked up. Sockets of one owner are often listed in succession.
    last: u32,
}

const NO_UID: u32 = u32::MAX;
/// How many owners are kept even if no socket has them any more.
const FEW: usize = 1024;

impl Owners {
    /// The place of an owner.
    pub(super) fn place(&mut self, owner: Owner) -> u32 {
        let owner = pack(owner);
        let Self { packed, index, last } = self;
        if packed.get(*last as usize) == Some(&owner) {
            return *last;
        }
        let found = index.find(hash(owner), |place| packed.get(place) == Some(&owner));
        let place = found.unwrap_or_else(|| {
            packed.push(owner);
            let place = packed.len() - 1;
            index.insert(place, |place| packed.get(place).map_or(0, |owner| hash(*owner)));
            place
        });
        // Each has a socket, of which there are fewer.
        *last = u32::try_from(place).unwrap_or(u32::MAX);
        *last
    }

    /// The owner at a place; `None` if it is unknown.
    pub(super) fn at(&self, place: u32) -> Option<Owner> {
        let [uid, low, high] = *self.packed.get(place as usize)?;
        let cgroup = u64::from(low) | u64::from(high) << 32;
        let owner = Owner {
            uid: Some(uid).filter(|uid| *uid != NO_UID),
            cgroup: Some(cgroup).filter(|cgroup| *cgroup != 0),
        };
        Some(owner).filter(|owner| *owner != Owner::default())
    }

    /// If there are far more owners than sockets, drops those that are not in `places`, and updates `places`.
    pub(super) fn forget_all_but(&mut self, places: &mut [u32]) {
        if self.packed.len() <= places.len() + FEW {
            return;
        }
        let before = std::mem::take(self);
        for place in places {
            let owner = before.at(*place).unwrap_or_default();
            *place = self.place(owner);
        }
    }
}

fn pack(owner: Owner) -> [u32; 3] {
    let bytes = owner.cgroup.unwrap_or(0).to_le_bytes();
    let (halves, _) = bytes.as_chunks();
    let half = |at: usize| halves.get(at).copied().map_or(0, u32::from_le_bytes);
    [owner.uid.unwrap_or(NO_UID), half(0), half(1)]
}

fn hash([uid, low, high]: [u32; 3]) -> u64 {
    (u64::from(uid) << 32 | u64::from(uid)) ^ (u64::from(high) << 32 | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_one_place() {
        let mut owners = Owners::default();
        let owner = |uid, cgroup| Owner { uid, cgroup };
        let all = [
            owner(Some(0), None),
            owner(None, Some(u64::MAX)),
            owner(Some(1000), Some(1 << 32 | 7)),
            owner(Some(1000), Some(7)),
        ];
        for _ in 0..2 {
            let places = all.map(|owner| owners.place(owner));
            assert_eq!(places, [0, 1, 2, 3]);
            assert_eq!(places.map(|place| owners.at(place)), all.map(Some));
        }
        let unknown = owners.place(Owner::default());
        assert_eq!((owners.at(unknown), owners.at(9)), (None, None));
    }

    #[test]
    fn owners_without_sockets_are_forgotten() {
        let mut owners = Owners::default();
        let owner = |number| Owner { uid: Some(number), cgroup: Some(u64::from(number) + 1) };
        let mut places: Vec<u32> = (0..10_000).map(|number| owners.place(owner(number))).collect();
        owners.forget_all_but(&mut places);
        assert_eq!(places.iter().max(), Some(&9999), "each has a socket");
        let mut places = [places[7000], places[3], places[7000]];
        owners.forget_all_but(&mut places);
        assert_eq!(places, [0, 1, 0]);
        assert_eq!(places.map(|place| owners.at(place)), [7000, 3, 7000].map(owner).map(Some));
        assert_eq!(owners.packed.len(), 2);
    }
}
