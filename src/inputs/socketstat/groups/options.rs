//! The options of groups, checked.

use std::collections::BTreeMap;

use super::keys::Keys;
use crate::config::{OptionError, Strings};
use crate::quote::quote;

/// The default of `max_series` with `group_by`.
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

/// By what groups are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RankBy {
    /// By the bytes sent and received since the last gather.
    Bytes,
    /// By the number of sockets.
    Sockets,
    /// By the bytes in the queues.
    Queue,
}

/// The options, checked.
pub(super) struct Settings {
    pub(super) keys: Keys,
    /// Whether each socket is a group of its own.
    pub(super) single: bool,
    /// The maximum number of lines per gather; `None` for no limit.
    pub(super) max_lines: Option<usize>,
    pub(super) rank_by: RankBy,
}

impl GroupOptions {
    /// Checks the options; `None` for a line per socket without a limit.
    ///
    /// # Errors
    /// If an option has an invalid value.
    pub(super) fn check(&self, protocols: usize) -> Result<Option<Settings>, OptionError> {
        let single = self.group_by.0.is_empty();
        let ipv4 = prefix("ipv4_prefix", self.ipv4_prefix, 32)?;
        let ipv6 = prefix("ipv6_prefix", self.ipv6_prefix, 128)?;
        let keys = Keys::of_option(&self.group_by.0)
            .map_err(|message| fault("group_by", message))?
            .with_prefixes(ipv4, ipv6)
            .with_port_names(&self.port_names)
            .map_err(|message| fault("port_names", message))?;
        let rank_by = rank_by(self.rank_by.as_deref())?;
        let max_lines = max_lines(self.max_series, single, protocols)?;
        if single && max_lines.is_none() {
            return Ok(None);
        }
        let keys = if single { Keys::of_sockets() } else { keys };
        let rank_by = rank_by.unwrap_or(if keys.have_totals() { RankBy::Bytes } else { RankBy::Sockets });
        Ok(Some(Settings { keys, single, max_lines, rank_by }))
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

/// The limit of `max_series`; `None` for no limit.
fn max_lines(option: Option<i64>, single: bool, protocols: usize) -> Result<Option<usize>, OptionError> {
    let default = if single { 0 } else { MAX_SERIES };
    let number = option.map_or(Ok(default), u64::try_from);
    let number = number.ok().and_then(|number| usize::try_from(number).ok());
    match number {
        Some(0) => Ok(None),
        Some(number) if number >= protocols => Ok(Some(number)),
        _ => {
            let message =
                format!("must be 0 (no limit) or at least {protocols}: a line for each of the protocols");
            Err(fault("max_series", message))
        }
    }
}
