//! Groups of sockets instead of single ones: sums, totals and percentiles, in a limited number of lines.
//!
//! A gather is one dump per protocol, then the lines. A failed dump changes nothing. The largest groups have a line
//! each, and the others are summed up in one line per protocol, whose keys are `other`. The growth of a socket's
//! counters since the last gather is added to exactly one line, so that the growth of all lines is that of all sockets.
//!
//! With `max_series` but without `group_by`, each socket is a group of its own.

mod dump;
mod gather;
mod keys;
mod kind;
mod lines;
mod memo;
mod notes;
mod options;
mod parts;
mod rank;
mod spread;
mod table;

use std::hash::RandomState;
use std::path::Path;

use super::extra::ExtraFields;
use super::field::{CONTRACT, Field};
use super::owners::Owners;
use super::socket::Protocol;
use super::state::{CLOSE, LISTEN};
use crate::config::OptionError;
use keys::{Key, Keys};
use kind::Kind;
use lines::SpreadNames;
use memo::Memo;
use notes::Notes;
pub(super) use options::GroupOptions;
use options::{RankBy, Settings};
use spread::Samples;
use table::Table;

/// The groups of a section.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for a thing of its own")]
pub(super) struct Groups {
    keys: Keys,
    /// Whether each socket is a group of its own.
    single: bool,
    counters: Vec<&'static Field>,
    spread_names: Vec<SpreadNames>,
    /// The maximum number of lines per gather; `None` for no limit.
    max_lines: Option<usize>,
    rank_by: RankBy,
    /// Whether there is only one gather. The current values of the counters then count as growth.
    once: bool,
    /// Whether closed connections are counted, in the last column of the counters.
    counts_closed: bool,
    owners: Owners,
    /// Whether a key needs the owner.
    owned: bool,
    stats: Stats,
    kinds: Vec<Kind>,
    table: Table,
    samples: Samples,
    notes: Notes,
    /// The number of gathers that were written.
    gathers: u64,
    said_folding: bool,
    /// This gather had more groups than [`table::MOST_GROUPS`].
    overflowed: bool,
    said_overflow: bool,
    secret: RandomState,
    key: Vec<u8>,
    growth: Vec<u64>,
    memo: Memo,
}

/// Statistics about the groups, for the metric `internal_socketstat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stats {
    /// The number of sockets in the last gather.
    pub(super) sockets: u64,
    /// The number of groups in memory.
    pub(super) groups: u64,
    /// The number of groups of the last gather without a line of their own.
    pub(super) folded: u64,
    /// The total number of closed connections.
    pub(super) closed: u64,
    /// The total number of bytes of connections with an unknown owner.
    pub(super) unattributed_bytes: u64,
    /// Whether closed connections are counted.
    pub(super) counts_closed: bool,
}

impl Groups {
    /// Creates the groups; `None` for a line per socket without a limit. With `once` there is only one gather. With
    /// `closed`, closed connections are counted if the source reports them.
    ///
    /// # Errors
    /// If an option has an invalid value.
    pub(super) fn of_options(
        options: &GroupOptions,
        extra: &ExtraFields,
        protocols: &[Protocol],
        once: bool,
        closed: bool,
        sys: &Path,
    ) -> Result<Option<Self>, OptionError> {
        let Some(settings) = options.check(protocols.len())? else { return Ok(None) };
        let Settings { keys, single, max_lines, rank_by } = settings;
        let owned = keys.iter().any(Key::needs_identity);
        let has_totals = keys.have_totals();
        let (counters, gauges): (Vec<_>, Vec<_>) =
            CONTRACT.iter().chain(extra.fields.iter().copied()).partition(|field| field.is_counter());
        let counters = if has_totals { counters } else { Vec::new() };
        let counts_closed = closed && !single && !once && has_totals && protocols.contains(&Protocol::Tcp);
        let columns = counters.len() + usize::from(counts_closed);
        let kind = |protocol: &Protocol| Kind::new(*protocol, &counters, owned, counts_closed);
        Ok(Some(Self {
            keys,
            single,
            spread_names: gauges.iter().map(|field| SpreadNames::new(field)).collect(),
            max_lines,
            rank_by,
            once,
            counts_closed,
            owners: Owners::new(sys),
            owned,
            stats: Stats::default(),
            kinds: protocols.iter().map(kind).collect(),
            table: Table::new(columns),
            samples: Samples::new(gauges),
            notes: Notes::default(),
            gathers: 0,
            said_folding: false,
            overflowed: false,
            said_overflow: false,
            secret: RandomState::new(),
            key: Vec::new(),
            memo: Memo::default(),
            growth: vec![0; columns],
            counters,
        }))
    }

    /// The first key that needs the ports on which this host listens.
    pub(super) fn needs_listening(&self) -> Option<&'static str> {
        self.keys.iter().find(|key| key.needs_listening()).map(Key::name)
    }

    /// The first key that needs the owners of sockets.
    pub(super) fn needs_identity(&self) -> Option<&'static str> {
        self.keys.iter().find(|key| key.needs_identity()).map(Key::name)
    }

    /// Whether sockets are grouped, not only limited.
    pub(super) const fn is_grouping(&self) -> bool {
        !self.single
    }

    /// Records that the sockets of a protocol come from another source from now on, which identifies them differently.
    pub(super) fn reset(&mut self, protocol: Protocol) {
        for kind in self.kinds.iter_mut().filter(|kind| kind.protocol == protocol) {
            kind.totals.reset();
        }
    }

    /// The states of sockets that accept connections; `None` if those are not needed.
    pub(super) fn listening_states(&self, protocol: Protocol) -> Option<u32> {
        // A closed connection that no dump has listed gets the owner of the listening socket.
        let needs = |key: Key| key.needs_listening() || self.counts_closed && key.needs_identity();
        let asked = protocol.has_service() && self.keys.iter().any(needs);
        asked.then_some(if protocol == Protocol::Udp { 1 << CLOSE } else { 1 << LISTEN })
    }

    /// The number of bytes of `tcp_info` that the counters of a closed connection need; `None` if those are not
    /// counted.
    pub(super) fn closed_info(&self) -> Option<usize> {
        let ends = self.counters.iter().map(|field| field.offset + 8);
        ends.max().filter(|_| self.counts_closed)
    }

    /// Stops counting closed connections, since the kernel does not report them.
    pub(super) fn without_closed(&mut self) {
        if std::mem::take(&mut self.counts_closed) {
            self.growth.truncate(self.counters.len());
            self.table = Table::new(self.counters.len());
            self.kinds.iter_mut().for_each(|kind| kind.totals.without_ends());
        }
    }

    /// The statistics of the last gather.
    pub(super) const fn stats(&self) -> Stats {
        Stats { counts_closed: self.counts_closed, ..self.stats }
    }

    /// Whether a dump needs `tcp_info`.
    pub(super) fn wants_tcp_info(&self) -> bool {
        !self.counters.is_empty() || !self.samples.fields.is_empty()
    }
}

#[cfg(test)]
mod tests;
