//! Which states ss is asked for.
//!
//! Source: `scan_state` and the loop over the arguments in `main` in `misc/ss.c` of iproute2, from 3.12 on.

use crate::inputs::socketstat::select::state_names;
use crate::inputs::socketstat::socket::Protocol;
use crate::inputs::socketstat::state;

/// The arguments that make ss list the sockets of `protocol` in `states` (bit N for state N); none for the states that
/// it lists anyway.
pub(super) fn arguments(protocol: Protocol, states: u32) -> impl Iterator<Item = &'static str> {
    let asked = if states == state::listed(protocol) { 0 } else { states };
    // In state 0 there are no sockets: it is asked for only where a second state has a purpose.
    let asked = if (asked & !1).is_power_of_two() { asked } else { asked & !1 };
    state_names(asked).flat_map(|name| ["state", name])
}

/// The state of every socket where only one is asked for: ss then leaves the column out. Raw sockets may be in another one
/// even so.
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
    fn a_filter_only_where_other_states_are_wanted() {
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
    fn a_single_state_is_not_printed() {
        assert_eq!(only_state(Protocol::Udp, state::listed(Protocol::Udp)), Some(1));
        assert_eq!(only_state(Protocol::Tcp, 1 << 10), Some(10));
        assert_eq!(only_state(Protocol::Tcp, 0b11), None);
        assert_eq!(only_state(Protocol::Tcp, 0), None);
        assert_eq!(only_state(Protocol::Raw, 1 << 1), None);
    }
}
