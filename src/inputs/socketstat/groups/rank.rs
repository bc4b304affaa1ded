//! Which groups have a line of their own where there is no room for all.

use std::cmp::Ordering;

/// A group that wants a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Its place in the table.
    pub(super) place: usize,
    /// The place of its protocol in the section.
    pub(super) kind: usize,
    /// How large it is.
    pub(super) size: u64,
    /// It had a line before.
    pub(super) had_line: bool,
    /// It has something that is lost without a line: sockets or growth.
    pub(super) is_alive: bool,
}

/// Moves the candidates that get a line to the front, and returns how many these are. `others` says for each protocol
/// whether it needs a line for the rest; these are set, and count among the `lines` too.
pub(super) fn choose(
    candidates: &mut [Candidate],
    lines: usize,
    others: &mut [bool],
    by_tags: impl Fn(&Candidate, &Candidate) -> Ordering,
) -> usize {
    loop {
        let needed = others.iter().filter(|needed| **needed).count();
        let room = lines.saturating_sub(needed);
        if candidates.len() <= room {
            return candidates.len();
        }
        candidates.select_nth_unstable_by(room, |a, b| order(a, b).then_with(|| by_tags(a, b)));
        for folded in candidates.get(room..).unwrap_or_default().iter().filter(|candidate| candidate.is_alive)
        {
            if let Some(needed) = others.get_mut(folded.kind) {
                *needed = true;
            }
        }
        if others.iter().filter(|needed| **needed).count() == needed {
            return room;
        }
    }
}

/// The largest first. One that had a line counts for half as much again, so that two of a size do not take turns; it gives
/// way to one that is larger by half.
fn order(a: &Candidate, b: &Candidate) -> Ordering {
    let weight = |candidate: &Candidate| u128::from(candidate.size) * if candidate.had_line { 3 } else { 2 };
    weight(b).cmp(&weight(a)).then_with(|| {
        let newcomer_first = a.had_line.cmp(&b.had_line);
        if a.size == 0 { newcomer_first.reverse() } else { newcomer_first }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places that get a line, of groups with these sizes of which some had one before.
    fn chosen(groups: &[(u64, bool)], lines: usize) -> Vec<usize> {
        let candidate =
            |(place, &(size, had_line))| Candidate { place, kind: 0, size, had_line, is_alive: true };
        let mut candidates: Vec<Candidate> = groups.iter().enumerate().map(candidate).collect();
        let kept = choose(&mut candidates, lines, &mut [false], |a, b| a.place.cmp(&b.place));
        let mut places: Vec<usize> = candidates[..kept].iter().map(|candidate| candidate.place).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn all_groups_are_written_if_they_fit() {
        assert_eq!(chosen(&[(1, false), (0, true)], 2), [0, 1]);
        assert_eq!(chosen(&[], 1), [0; 0]);
    }

    #[test]
    fn the_largest_groups_and_one_line_for_the_rest() {
        assert_eq!(chosen(&[(1, false), (5, false), (3, false)], 2), [1]);
        assert_eq!(chosen(&[(1, false), (5, false), (3, false), (5, false)], 3), [1, 3]);
        assert_eq!(chosen(&[(1, false), (5, false)], 1), [0; 0]);
    }

    #[test]
    fn equal_groups_are_in_the_order_of_their_tags() {
        assert_eq!(chosen(&[(7, false); 5], 3), [0, 1]);
        assert_eq!(chosen(&[(0, false); 5], 3), [0, 1]);
    }

    #[test]
    fn a_group_loses_its_line_only_to_one_larger_by_half() {
        assert_eq!(chosen(&[(149, false), (100, true), (1, false)], 2), [1]);
        assert_eq!(chosen(&[(150, false), (100, true), (1, false)], 2), [0]);
        assert_eq!(chosen(&[(0, false), (0, true), (0, false)], 2), [1]);
        assert_eq!(chosen(&[(1, false), (0, true), (0, false)], 2), [0]);
        // The smallest with a line meets the largest without.
        assert_eq!(chosen(&[(10, true), (20, true), (14, false), (16, false)], 3), [1, 3]);
        let most = u64::MAX;
        assert_eq!(chosen(&[(most, false), (most - 1, true), (0, true)], 2), [1]);
    }

    #[test]
    fn a_protocol_has_a_line_for_the_rest_only_if_groups_were_folded() {
        let candidate =
            |place, kind, size, is_alive| Candidate { place, kind, size, had_line: false, is_alive };
        let by_place = |a: &Candidate, b: &Candidate| a.place.cmp(&b.place);
        let mut others = [false, false];
        let mut candidates = [candidate(0, 0, 9, true), candidate(1, 1, 8, true), candidate(2, 1, 0, false)];
        assert_eq!(choose(&mut candidates, 2, &mut others, by_place), 2);
        assert_eq!(others, [false, false]);
        // The line for the rest of one protocol takes the place of a group of the other.
        let mut candidates = [candidate(0, 0, 9, true), candidate(1, 0, 8, true), candidate(2, 1, 7, true)];
        assert_eq!(choose(&mut candidates, 2, &mut others, by_place), 0);
        assert_eq!(others, [true, true]);
    }
}
