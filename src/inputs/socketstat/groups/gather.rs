//! Ends a gather: decides which groups have a line, adds up their totals, and drops old groups.

use std::time::{Duration, Instant};

use super::Groups;
use super::kind::Kind;
use super::lines::Lines;
use super::options::RankBy;
use super::rank::{self, Candidate};
use super::table::{self, Group, MOST_GROUPS};
use crate::inputs::socketstat::totals;
use crate::metric::Metric;

/// How long a group without sockets is kept.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// How many groups are kept per line of the limit.
const REMEMBERED_PER_LINE: usize = 4;

impl Groups {
    /// Ends a gather: passes the metrics of all complete dumps to `add`. Returns a warning if there are more groups
    /// than lines for the first time.
    pub(in crate::inputs::socketstat) fn write(
        &mut self,
        now: Instant,
        add: &mut dyn FnMut(&Metric<'_>),
    ) -> Option<String> {
        self.gathers += 1;
        let (kept, folded) = self.choose();
        let groups = self.table.groups.iter().filter(|group| !group.is_other);
        self.stats.sockets = groups.map(|group| group.sums.sockets).sum();
        self.stats.groups = (kept.len() + folded.len()) as u64;
        self.stats.folded = folded.len() as u64;
        self.count(&kept, &folded);
        self.write_lines(&kept, &folded, add);
        self.forget(now);
        if std::mem::take(&mut self.overflowed) && !std::mem::replace(&mut self.said_overflow, true) {
            return Some(format!(
                "more than {MOST_GROUPS} groups: the others are summed up in lines tagged other"
            ));
        }
        let max = self.max_lines.filter(|_| !folded.is_empty() && !self.said_folding)?;
        self.said_folding = true;
        let (all, what) = (kept.len() + folded.len(), if self.single { "sockets" } else { "groups" });
        Some(format!(
            "max_series = {max}: {} of {all} {what} are summed up in lines tagged other",
            folded.len()
        ))
    }

    /// The places of the groups with a line of their own, and of the others.
    fn choose(&self) -> (Vec<usize>, Vec<usize>) {
        let mut candidates = Vec::new();
        let mut others = vec![false; self.kinds.len()];
        for (place, group) in self.table.groups.iter().enumerate() {
            match (self.kinds.get(group.kind).filter(|kind| kind.dumped), others.get_mut(group.kind)) {
                (Some(_), Some(needed)) if group.is_other => *needed = true,
                (Some(kind), _) if !self.single || group.sums.sockets > 0 => {
                    candidates.push(self.candidate(place, group, kind));
                }
                _ => {}
            }
        }
        let tags =
            |candidate: &Candidate| self.table.groups.get(candidate.place).map(|group| self.table.key(group));
        let kept = match self.max_lines {
            None => candidates.len(),
            Some(max) => rank::choose(&mut candidates, max, &mut others, |a, b| tags(a).cmp(&tags(b))),
        };
        let mut places = candidates.iter().map(|candidate| candidate.place);
        (places.by_ref().take(kept).collect(), places.collect())
    }

    fn candidate(&self, place: usize, group: &Group, kind: &Kind) -> Candidate {
        let growth = self.table.growth(place);
        let size = match self.rank_by {
            RankBy::Bytes => table::bytes(growth),
            RankBy::Sockets => group.sums.sockets,
            RankBy::Queue => group.sums.recv_q.saturating_add(group.sums.send_q),
        };
        let is_alive = group.sums.sockets > 0 || growth.iter().any(|growth| *growth > 0);
        Candidate {
            place,
            kind: group.kind,
            size,
            had_line: group.last_line == Some(kind.last_lines),
            is_alive,
        }
    }

    /// Adds the growth of each group to its own total, or to that of the line `other`.
    fn count(&mut self, kept: &[usize], folded: &[usize]) {
        for kind in self.kinds.iter_mut().filter(|kind| kind.dumped) {
            kind.last_lines = self.gathers;
        }
        for place in kept {
            let Some(group) = self.table.groups.get_mut(*place) else { continue };
            group.last_line = Some(self.gathers);
            // The totals of a single socket start with the current values of its counters.
            let begins = self.single && group.is_new;
            if begins || self.kinds.get(group.kind).is_some_and(|kind| !kind.is_first) {
                self.table.count(*place);
            }
        }
        for place in folded {
            let kind = self.table.groups.get(*place).map(|group| group.kind);
            if let Some(other) =
                kind.filter(|_| self.table.is_alive(*place)).and_then(|kind| self.other(kind))
            {
                self.table.merge(*place, other);
            }
        }
        for place in 0..self.table.groups.len() {
            let other = self.table.groups.get(place).filter(|group| group.is_other);
            let kind = other.and_then(|group| self.kinds.get(group.kind));
            if kind.is_some_and(|kind| kind.dumped && !kind.is_first) {
                self.table.count(place);
            }
        }
    }

    /// The group of the line `other` of a protocol.
    pub(super) fn other(&mut self, kind: usize) -> Option<usize> {
        self.keys.of_other(self.kinds.get(kind)?.protocol, &mut self.key);
        let place = self.table.place(kind, &self.key);
        self.table.groups.get_mut(place)?.is_other = true;
        Some(place)
    }

    fn write_lines(&mut self, kept: &[usize], folded: &[usize], add: &mut dyn FnMut(&Metric<'_>)) {
        let Self { table, kinds, counters, samples, spread_names, notes, .. } = &*self;
        let dumped = |group: &Group| kinds.get(group.kind).is_some_and(|kind| kind.dumped);
        let others = table.groups.iter().enumerate().filter(|(_, group)| group.is_other && dumped(group));
        let lines: Vec<usize> = kept.iter().copied().chain(others.map(|(place, _)| place)).collect();
        let mut line_of = vec![None; table.groups.len()];
        let mut other_of = vec![None; kinds.len()];
        for (line, place) in lines.iter().enumerate() {
            let group = table.groups.get(*place);
            let other = group.filter(|group| group.is_other).and_then(|group| other_of.get_mut(group.kind));
            for line_of in line_of.get_mut(*place).into_iter().chain(other) {
                *line_of = Some(line);
            }
        }
        for place in folded {
            if let (Some(group), Some(line_of)) = (table.groups.get(*place), line_of.get_mut(*place)) {
                *line_of = other_of.get(group.kind).copied().flatten();
            }
        }
        let spreads = samples.spreads(&line_of, lines.len());
        let gauges = samples.fields.len();
        let writer = Lines { table, kinds, counters, samples, spread_names, notes };
        let mut fields = Vec::new();
        for (line, place) in lines.iter().enumerate() {
            let Some(group) = table.groups.get(*place) else { continue };
            fields.clear();
            if self.single && !group.is_other {
                writer.of_socket(*place, group, &mut fields);
            } else {
                let spreads = spreads.get(line * gauges..(line + 1) * gauges).unwrap_or_default();
                writer.of_group(*place, group, spreads, &mut fields);
            }
            writer.write(self.keys.iter(), group, &fields, add);
        }
    }

    /// Resets the groups for the next gather, and drops those that are not kept.
    fn forget(&mut self, now: Instant) {
        let Self { table, kinds, overflowed, .. } = self;
        let mut keep = Vec::with_capacity(table.groups.len());
        for group in &mut table.groups {
            let dumped = kinds.get(group.kind).is_some_and(|kind| kind.dumped);
            let is_empty = group.sums.sockets == 0;
            if dumped {
                group.empty_since = group.empty_since.filter(|_| is_empty).or(is_empty.then_some(now));
                group.empty_for = if is_empty { group.empty_for.saturating_add(1) } else { 0 };
            }
            let expired = if self.single {
                // As long as its counters are known, it may only have been missed by a dump.
                group.empty_for > totals::KEPT
            } else {
                group.empty_since.is_some_and(|since| now.duration_since(since) >= REMEMBERED)
            };
            keep.push(if group.is_other {
                !expired || !self.counters.is_empty()
            } else {
                // If there is no room, groups without sockets make room.
                !expired && (!is_empty || group.last_line.is_some() && !*overflowed)
            });
        }
        self.table.retain(&self.bounded(keep));
        self.table.clear(|_| true);
        for group in &mut self.table.groups {
            group.is_new = false;
        }
        for kind in &mut self.kinds {
            kind.dumped = false;
        }
        self.samples.truncate(0);
        self.notes.clear();
    }

    /// Reduces the groups to keep to the maximum number. Groups with sockets are preferred, then those that had a line
    /// most recently.
    fn bounded(&self, mut keep: Vec<bool>) -> Vec<bool> {
        let groups = self.table.groups.iter().zip(&keep).enumerate();
        let kept = groups.filter(|(_, (group, keep))| **keep && !group.is_other);
        let mut kept: Vec<_> =
            kept.map(|(place, (group, _))| (group.sums.sockets > 0, group.last_line, place)).collect();
        let most = self.max_lines.map_or(usize::MAX, |max| max.saturating_mul(REMEMBERED_PER_LINE));
        if kept.len() > most {
            kept.select_nth_unstable_by(most, |a, b| b.cmp(a));
            for (.., place) in kept.into_iter().skip(most) {
                if let Some(keep) = keep.get_mut(place) {
                    *keep = false;
                }
            }
        }
        keep
    }
}
