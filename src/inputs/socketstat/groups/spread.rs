//! Summarizes the gauges of many sockets: mean, percentiles, maximum.

use crate::inputs::socketstat::field::Field;

/// The value for a gauge that a socket does not have. It is not a valid value: for gauges of 64 bits, it means no
/// limit.
const NONE: u64 = u64::MAX;

/// The gauges of the sockets of a gather.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) fields: Vec<&'static Field>,
    /// The group of each socket.
    groups: Vec<usize>,
    /// The gauges of each socket, one socket after the other.
    values: Vec<u64>,
}

/// The summary of one gauge of some sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spread {
    pub(super) mean: u64,
    pub(super) p50: u64,
    pub(super) p95: u64,
    pub(super) p99: u64,
    pub(super) max: u64,
}

impl Samples {
    pub(super) const fn new(fields: Vec<&'static Field>) -> Self {
        Self { fields, groups: Vec::new(), values: Vec::new() }
    }

    /// The number of sockets.
    pub(super) const fn len(&self) -> usize {
        self.groups.len()
    }

    /// Adds the gauges of a socket of a group from its `tcp_info`, and returns their place.
    pub(super) fn add(&mut self, group: usize, info: &[u8]) -> Option<usize> {
        if self.fields.is_empty() {
            return None;
        }
        self.groups.push(group);
        self.values.extend(self.fields.iter().map(|field| field.read(info).unwrap_or(NONE)));
        Some(self.groups.len() - 1)
    }

    /// Removes all but the first `sockets` sockets.
    pub(super) fn truncate(&mut self, sockets: usize) {
        self.groups.truncate(sockets);
        self.values.truncate(sockets * self.fields.len());
    }

    /// The gauges of one socket.
    pub(super) fn of_socket(&self, socket: usize) -> impl Iterator<Item = (&'static Field, u64)> {
        let values = self.values.chunks_exact(self.fields.len().max(1)).nth(socket).unwrap_or_default();
        self.fields.iter().copied().zip(values.iter().copied()).filter(|(_, value)| *value != NONE)
    }

    /// The summary of each gauge for each of `lines` lines. `line_of` has the line of each group, if it has one. The
    /// gauges of one line are adjacent.
    pub(super) fn spreads(&self, line_of: &[Option<usize>], lines: usize) -> Vec<Option<Spread>> {
        let line = |group: &usize| line_of.get(*group).copied().flatten();
        // The starts of the sockets of each line, sorted by line, and the end of the last one.
        let mut starts = vec![0; lines + 1];
        for line in self.groups.iter().filter_map(line) {
            if let Some(count) = starts.get_mut(line + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let gauges = self.fields.len();
        let mut spreads = vec![None; lines * gauges];
        let mut sorted = vec![0; sum];
        for gauge in 0..gauges {
            let mut next = starts.clone();
            for (group, values) in self.groups.iter().zip(self.values.chunks_exact(gauges)) {
                if let Some((place, value)) =
                    line(group).and_then(|line| next.get_mut(line)).zip(values.get(gauge))
                {
                    if let Some(sorted) = sorted.get_mut(*place) {
                        *sorted = *value;
                    }
                    *place += 1;
                }
            }
            for (line, bounds) in starts.windows(2).enumerate() {
                let &[start, end] = bounds else { continue };
                let values = sorted.get_mut(start..end).unwrap_or_default();
                if let Some(spread) = spreads.get_mut(line * gauges + gauge) {
                    *spread = Spread::of(values);
                }
            }
        }
        spreads
    }
}

impl Spread {
    /// Summarizes values, and sorts them. `None` if there are none.
    fn of(values: &mut [u64]) -> Option<Self> {
        values.sort_unstable();
        let count = values.partition_point(|value| *value != NONE);
        let values = values.get(..count)?;
        let number = count as u128;
        let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
        // Rounded half up.
        let mean = (2 * sum + number).checked_div(2 * number)?;
        // The nearest rank: value number ceil(percent / 100 * count).
        let percentile =
            |percent: usize| values.get((percent * count).div_ceil(100).checked_sub(1)?).copied();
        Some(Self {
            mean: u64::try_from(mean).unwrap_or(u64::MAX),
            p50: percentile(50)?,
            p95: percentile(95)?,
            p99: percentile(99)?,
            max: *values.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::socketstat::field::FIELDS;

    fn spread(values: &[u64]) -> Option<[u64; 5]> {
        Spread::of(&mut values.to_vec()).map(|Spread { mean, p50, p95, p99, max }| [mean, p50, p95, p99, max])
    }

    #[test]
    fn percentiles_are_the_nearest_rank_and_the_mean_is_rounded_half_up() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[NONE, NONE]), None);
        assert_eq!(spread(&[7]), Some([7; 5]));
        assert_eq!(spread(&[2, NONE, 1]), Some([2, 1, 2, 2, 2]));
        assert_eq!(spread(&[1, 1, 2]), Some([1, 1, 2, 2, 2]));
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(spread(&hundred), Some([51, 50, 95, 99, 100]));
        let hundred_and_one: Vec<u64> = (1..=101).collect();
        assert_eq!(spread(&hundred_and_one), Some([51, 51, 96, 100, 101]));
        assert_eq!(spread(&[NONE - 1; 3]), Some([NONE - 1; 5]));
    }

    #[test]
    fn sockets_are_assigned_to_lines() {
        let field = |name| FIELDS.iter().find(|field| field.name == name).unwrap();
        let mut samples = Samples::new(vec![field("rtt"), field("min_rtt")]);
        let mut add = |group, rtt: u32, min_rtt: u32| {
            let mut info = [0; 240];
            info[68..72].copy_from_slice(&rtt.to_ne_bytes());
            info[148..152].copy_from_slice(&min_rtt.to_ne_bytes());
            samples.add(group, &info).unwrap();
        };
        add(0, 10, 1);
        add(1, 20, u32::MAX);
        add(2, 30, 2);
        add(0, 11, 3);
        add(3, 99, 9);
        // Groups 0 and 2 are one line, group 3 is in none.
        let spreads = samples.spreads(&[Some(1), Some(0), Some(1), None], 2);
        let numbers = |spread: &Option<Spread>| spread.map(|spread| (spread.mean, spread.max));
        let spreads: Vec<_> = spreads.iter().map(numbers).collect();
        assert_eq!(spreads, [Some((20, 20)), None, Some((17, 30)), Some((2, 3))]);
        assert_eq!(
            samples.of_socket(1).map(|(field, value)| (field.name, value)).collect::<Vec<_>>(),
            [("rtt", 20)]
        );
        samples.truncate(1);
        assert_eq!(samples.len(), 1);
        assert_eq!(samples.spreads(&[Some(0)], 1).len(), 2);
    }
}
