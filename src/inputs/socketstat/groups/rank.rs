//! Selects the groups that have a line of their own if there are too many.

use std::cmp::Ordering;

/// A candidate for a line of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// The place of the group in the table.
    pub(super) place: usize,
    /// The place of its protocol in the section.
    pub(super) kind: usize,
    /// The size by which it is ranked.
    pub(super) size: u64,
    /// Whether it had a line in the last gather.
    pub(super) had_line: bool,
    /// Whether it has sockets or growth, which must appear in some line.
    pub(super) is_alive: bool,
}

/// Moves the candidates that get a line to the front, and returns their number. Sets in `others` which protocols need a
/// line `other`. These lines count towards `lines` too.
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

/// The largest first. The size of a group that had a line is multiplied by 1.5, so that two groups of similar size do
/// not alternate: it loses its line only to a group that is larger by half.
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

    /// The places of the groups that get a line, for these sizes, if the groups at `before` had one before.
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
        // The smallest group with a line is compared with the largest without.
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
        // The line `other` of one protocol replaces a group of the other protocol.
        let mut candidates = [candidate(0, 0, 9, true), candidate(1, 0, 8, true), candidate(2, 1, 7, true)];
        assert_eq!(choose(&mut candidates, 2, &mut others, by_place), 0);
        assert_eq!(others, [true, true]);
    }
}
