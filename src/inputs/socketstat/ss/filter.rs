//! The state filter of ss.
//!
//! Source: `scan_state` and the loop over the arguments in `main` in `misc/ss.c` of iproute2, from 3.12 on.

use crate::inputs::socketstat::select::state_names;
use crate::inputs::socketstat::socket::Protocol;
use crate::inputs::socketstat::state;

/// The arguments that make ss list the sockets of `protocol` in `states` (bit N for state N). Empty for the states that
/// ss lists by default.
pub(super) fn arguments(protocol: Protocol, states: u32) -> impl Iterator<Item = &'static str> {
    let asked = if states == state::listed(protocol) { 0 } else { states };
    // No socket is in state 0. It is only a second state, so that ss prints the column.
    let asked = if (asked & !1).is_power_of_two() { asked } else { asked & !1 };
    state_names(asked).flat_map(|name| ["state", name])
}

/// The state of every socket if `states` is a single state: ss then omits the column. `None` for raw sockets, which may
/// be in another state even then.
pub(super) fn only_state(protocol: Protocol, states: u32) -> Option<u8> {
    let is_only = states.is_power_of_two() && protocol != Protocol::Raw;
    is_only.then(|| states.trailing_zeros()).and_then(|number| number.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(protocol: Protocol, states: u32) -> String {
        arguments(protocol, states).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_default_states_need_no_filter() {
        for protocol in Protocol::ALL {
            assert_eq!(line(protocol, state::listed(protocol)), "");
        }
        assert_eq!(line(Protocol::Tcp, 1 << 1 | 1 << 8), "state established state close-wait");
        assert_eq!(line(Protocol::Tcp, 1 << 10), "state listening");
        assert_eq!(line(Protocol::Udp, 1 << 7), "state closed");
        assert_eq!(line(Protocol::Tcp, 0b1110_0000_0001), "state last-ack state listening state closing");
        assert_eq!(line(Protocol::Raw, 0b11), "state unknown state established");
    }

    #[test]
    fn a_single_state_has_no_column() {
        assert_eq!(only_state(Protocol::Udp, state::listed(Protocol::Udp)), Some(1));
        assert_eq!(only_state(Protocol::Tcp, 1 << 10), Some(10));
        assert_eq!(only_state(Protocol::Tcp, 0b11), None);
        assert_eq!(only_state(Protocol::Tcp, 0), None);
        assert_eq!(only_state(Protocol::Raw, 1 << 1), None);
    }
}
