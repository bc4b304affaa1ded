//! The option `states`.
//!
//! Source: `scan_state` in `misc/ss.c` of iproute2 6.1.

use crate::inputs::socketstat::state::{
    self, CLOSE, CLOSING, ESTABLISHED, LISTEN, SYN_RECV, SYN_SENT, TIME_WAIT,
};
use crate::quote::quote;

/// All states that ss knows.
const ALL: u32 = 0xfff;
const NOT_CONNECTED: u32 = 1 << CLOSE | 1 << LISTEN;
const BUCKET: u32 = 1 << SYN_RECV | 1 << TIME_WAIT;

/// Parses a list of states: bit N for state N; `None` if it is empty. An entry with `!` removes its states. A list with
/// only such entries means all other states, like `exclude` of ss.
pub(super) fn of_option(entries: &[String]) -> Result<Option<u32>, String> {
    let (mut included, mut excluded, mut only_exclusions) = (0, 0, true);
    for entry in entries {
        let exclusion = entry.strip_prefix('!');
        only_exclusions &= exclusion.is_some();
        let mask = if exclusion.is_some() { &mut excluded } else { &mut included };
        let name = exclusion.unwrap_or(entry);
        *mask |= mask_of(name).ok_or_else(|| {
            format!(
                "unknown state {}; allowed are {} and the groups all, connected, synchronized, bucket, big",
                quote(entry.as_bytes()),
                names(ALL & !1).collect::<Vec<_>>().join(", ")
            )
        })?;
    }
    if entries.is_empty() {
        return Ok(None);
    }
    match if only_exclusions { ALL } else { included } & !excluded & !1 {
        0 => Err(String::from("no state is left")),
        states => Ok(Some(states)),
    }
}

/// The names of the states of a mask in the filter of ss.
pub(in crate::inputs::socketstat) fn names(states: u32) -> impl Iterator<Item = &'static str> {
    (0..=CLOSING).filter(move |number| states & (1 << number) != 0).map(filter_name)
}

/// The states with this name in the filter or the output of ss, ignoring case.
fn mask_of(name: &str) -> Option<u32> {
    match name.to_ascii_lowercase().as_str() {
        "all" => Some(ALL),
        "connected" => Some(ALL & !NOT_CONNECTED),
        "synchronized" => Some(ALL & !NOT_CONNECTED & !(1 << SYN_SENT)),
        "bucket" => Some(BUCKET),
        "big" => Some(ALL & !BUCKET),
        "close" | "unconnected" => Some(1 << CLOSE),
        "syn-rcv" => Some(1 << SYN_RECV),
        name => (ESTABLISHED..=CLOSING)
            .find(|&number| {
                filter_name(number) == name || state::name(number).eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|number| 1 << number),
    }
}

/// The name of a state in the filter of ss.
const fn filter_name(number: u8) -> &'static str {
    match number {
        ESTABLISHED => "established",
        SYN_SENT => "syn-sent",
        SYN_RECV => "syn-recv",
        4 => "fin-wait-1",
        5 => "fin-wait-2",
        TIME_WAIT => "time-wait",
        CLOSE => "closed",
        8 => "close-wait",
        9 => "last-ack",
        LISTEN => "listening",
        CLOSING => "closing",
        _ => "unknown",
    }
}
