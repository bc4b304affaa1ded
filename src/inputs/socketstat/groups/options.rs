//! The options of groups, checked.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::keys::{Key, Keys};
use super::lines::SpreadNames;
use super::notes::Notes;
use super::spread::Samples;
use super::table::Table;
use super::{Groups, Kind, Queues};
use crate::config::{OptionError, Strings};
use crate::inputs::socketstat::extra::ExtraFields;
use crate::inputs::socketstat::field::CONTRACT;
use crate::inputs::socketstat::owners::Owners;
use crate::inputs::socketstat::select::PortSet;
use crate::inputs::socketstat::socket::Protocol;
use crate::inputs::socketstat::totals::Totals;
use crate::quote::quote;

/// The most lines of a section with `group_by` that does not say otherwise.
const MAX_SERIES: u64 = 1000;

/// The options as they stand in the file.
#[derive(Debug, Default)]
pub(in crate::inputs::socketstat) struct GroupOptions {
    pub(in crate::inputs::socketstat) group_by: Strings,
    pub(in crate::inputs::socketstat) port_names: BTreeMap<String, String>,
    pub(in crate::inputs::socketstat) ipv4_prefix: Option<i64>,
    pub(in crate::inputs::socketstat) ipv6_prefix: Option<i64>,
    pub(in crate::inputs::socketstat) max_series: Option<i64>,
    pub(in crate::inputs::socketstat) rank_by: Option<String>,
}

/// What makes a group larger than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RankBy {
    /// The bytes that its sockets have moved since the last gather.
    Bytes,
    /// How many sockets it has.
    Sockets,
    /// The bytes in their queues.
    Queue,
}

impl Groups {
    /// The groups that the options ask for; `None` for a line per socket without a bound. With `once` there is only one
    /// gather. `closed`: connections that end are to be counted, where that can be done.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub(in crate::inputs::socketstat) fn of_options(
        options: &GroupOptions,
        extra: &ExtraFields,
        protocols: &[Protocol],
        once: bool,
        closed: bool,
        sys: &Path,
    ) -> Result<Option<Self>, OptionError> {
        let single = options.group_by.0.is_empty();
        let ipv4 = prefix("ipv4_prefix", options.ipv4_prefix, 32)?;
        let ipv6 = prefix("ipv6_prefix", options.ipv6_prefix, 128)?;
        let keys = Keys::of_option(&options.group_by.0)
            .map_err(|message| fault("group_by", message))?
            .with_prefixes(ipv4, ipv6)
            .with_port_names(&options.port_names)
            .map_err(|message| fault("port_names", message))?;
        let rank_by = rank_by(options.rank_by.as_deref())?;
        let max_lines = max_lines(options.max_series, single, protocols.len())?;
        if single && max_lines.is_none() {
            return Ok(None);
        }
        let keys = if single { Keys::of_sockets() } else { keys };
        // The state of a socket changes: what it has moved belongs to no state.
        let owned = keys.iter().any(Key::needs_identity);
        let has_totals = !keys.iter().any(|key| key == Key::State);
        let (counters, gauges): (Vec<_>, Vec<_>) =
            CONTRACT.iter().chain(extra.fields.iter().copied()).partition(|field| field.is_counter());
        let counters = if has_totals { counters } else { Vec::new() };
        let counts_closed = closed && !single && !once && has_totals && protocols.contains(&Protocol::Tcp);
        let columns = counters.len() + usize::from(counts_closed);
        let kind = |protocol: &Protocol| Kind {
            protocol: *protocol,
            // Only TCP counts.
            totals: Totals::new(
                counters.iter().copied().filter(|_| *protocol == Protocol::Tcp),
                owned,
                counts_closed,
            ),
            listeners: HashMap::new(),
            listening: PortSet::default(),
            hears_closed: false,
            dumped: false,
            is_first: false,
            last_lines: 0,
            queues: Queues::default(),
        };
        Ok(Some(Self {
            keys,
            single,
            spread_names: gauges.iter().map(|field| SpreadNames::new(field)).collect(),
            max_lines,
            rank_by: rank_by.unwrap_or(if has_totals { RankBy::Bytes } else { RankBy::Sockets }),
            once,
            counts_closed,
            owners: Owners::new(sys),
            owned,
            stats: super::Stats::default(),
            kinds: protocols.iter().map(kind).collect(),
            table: Table::new(columns),
            samples: Samples::new(gauges),
            notes: Notes::default(),
            gathers: 0,
            said_folding: false,
            overflowed: false,
            said_overflow: false,
            secret: std::hash::RandomState::new(),
            key: Vec::new(),
            growth: vec![0; columns],
            counters,
        }))
    }

    /// The first key that can only be told with the ports that this host listens on.
    pub(in crate::inputs::socketstat) fn needs_listening(&self) -> Option<&'static str> {
        self.keys.iter().find(|key| key.needs_listening()).map(Key::name)
    }

    /// The first key that can only be told with the identity of sockets.
    pub(in crate::inputs::socketstat) fn needs_identity(&self) -> Option<&'static str> {
        self.keys.iter().find(|key| key.needs_identity()).map(Key::name)
    }

    /// Whether sockets are grouped, and not only bounded.
    pub(in crate::inputs::socketstat) const fn is_grouping(&self) -> bool {
        !self.single
    }
}

fn fault(key: &str, message: String) -> OptionError {
    OptionError { key: key.to_owned(), message }
}

fn prefix(key: &str, bits: Option<i64>, most: u32) -> Result<Option<u32>, OptionError> {
    let Some(bits) = bits else { return Ok(None) };
    let allowed = u32::try_from(bits).ok().filter(|bits| *bits <= most);
    allowed.map(Some).ok_or_else(|| fault(key, format!("must be from 0 to {most}, got {bits}")))
}

fn rank_by(name: Option<&str>) -> Result<Option<RankBy>, OptionError> {
    match name {
        None => Ok(None),
        Some("bytes") => Ok(Some(RankBy::Bytes)),
        Some("sockets") => Ok(Some(RankBy::Sockets)),
        Some("queue") => Ok(Some(RankBy::Queue)),
        Some(other) => {
            let message =
                format!("unknown order {}; allowed are bytes, sockets, queue", quote(other.as_bytes()));
            Err(fault("rank_by", message))
        }
    }
}

/// The bound of `max_series`; `None`: there is none.
fn max_lines(option: Option<i64>, single: bool, protocols: usize) -> Result<Option<usize>, OptionError> {
    let default = if single { 0 } else { MAX_SERIES };
    let number = option.map_or(Ok(default), u64::try_from);
    let number = number.ok().and_then(|number| usize::try_from(number).ok());
    match number {
        Some(0) => Ok(None),
        Some(number) if number >= protocols => Ok(Some(number)),
        _ => {
            let message =
                format!("must be 0 (no bound) or at least {protocols}: a line for each of the protocols");
            Err(fault("max_series", message))
        }
    }
}
