//! Selects sockets by state, port and address.
//!
//! The states are part of the query, so that a source has less to list. Ports and addresses are compared here, so that
//! the result is the same for every source.

mod addresses;
mod ports;
mod states;

use super::socket::{Endpoint, Protocol, Socket};
use super::state::{self, CLOSE};
use crate::config::{OptionError, Strings};
use addresses::Addresses;
pub(super) use ports::PortSet;
use ports::Ports;
pub(super) use states::names as state_names;

/// The options of a selection, as they stand in the file.
#[derive(Debug, Default)]
pub(super) struct SelectionOptions {
    pub(super) states: Strings,
    pub(super) local_ports: Strings,
    pub(super) remote_ports: Strings,
    pub(super) local_addrs: Strings,
    pub(super) remote_addrs: Strings,
}

/// The sockets to gather.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Bit N for state N; `None` for those that ss lists without `-a`.
    states: Option<u32>,
    local: Ends,
    remote: Ends,
    text: Vec<u8>,
}

/// The conditions for one end of a socket.
#[derive(Debug, Default)]
struct Ends {
    ports: Option<Ports>,
    addresses: Option<Addresses>,
}

impl Selection {
    /// Checks the options of a section that gathers `protocols`.
    ///
    /// # Errors
    /// If an entry is malformed.
    pub(super) fn new(options: &SelectionOptions, protocols: &[Protocol]) -> Result<Self, OptionError> {
        let fault = |key: &str| {
            let key = key.to_owned();
            move |message| OptionError { key, message }
        };
        let paths = protocols.contains(&Protocol::Unix);
        let ends = |ports_key, ports: &Strings, addresses_key, addresses: &Strings| {
            Ok(Ends {
                ports: Ports::of_option(&ports.0).map_err(fault(ports_key))?,
                addresses: Addresses::of_option(&addresses.0, paths).map_err(fault(addresses_key))?,
            })
        };
        Ok(Self {
            states: states::of_option(&options.states.0).map_err(fault("states"))?,
            local: ends("local_ports", &options.local_ports, "local_addrs", &options.local_addrs)?,
            remote: ends("remote_ports", &options.remote_ports, "remote_addrs", &options.remote_addrs)?,
            text: Vec::new(),
        })
    }

    /// The states to query: bit N for state N.
    ///
    /// With a single state, ss omits the column. For TCP the state is then known. But the kernel lists raw sockets and
    /// SCTP associations in other states too, so bit 0, a state that does not occur, makes ss print the column.
    pub(super) fn states(&self, protocol: Protocol) -> u32 {
        let Some(states) = self.states else { return state::listed(protocol) };
        let listed_anyway = match protocol {
            Protocol::Raw => true,
            Protocol::Sctp => states & !(1 << CLOSE | 1 << state::LISTEN) != 0,
            _ => false,
        };
        if listed_anyway { states | 1 } else { states & !1 }
    }

    /// Whether a socket is selected.
    pub(super) fn takes(&mut self, protocol: Protocol, socket: &Socket<'_>) -> bool {
        self.states.is_none_or(|states| in_states(states, protocol, socket))
            && self.takes_ends(protocol, socket)
    }

    /// Like [`Selection::takes`], without the state, for a socket that is closed.
    pub(super) fn takes_ends(&mut self, protocol: Protocol, socket: &Socket<'_>) -> bool {
        let Self { local, remote, text, .. } = self;
        local.take(protocol, &socket.local, text) && remote.take(protocol, &socket.remote, text)
    }
}

/// Whether the socket is in one of `states`. True for SCTP associations, which have states of their own: the kernel has
/// compared them.
fn in_states(states: u32, protocol: Protocol, socket: &Socket<'_>) -> bool {
    let number = match protocol {
        Protocol::Sctp => None,
        Protocol::Packet => Some(CLOSE),
        _ => socket.state.number(),
    };
    number.is_none_or(|number| states.checked_shr(number.into()).is_some_and(|states| states & 1 != 0))
}

impl Ends {
    fn take(&self, protocol: Protocol, end: &Endpoint<'_>, text: &mut Vec<u8>) -> bool {
        self.ports.as_ref().is_none_or(|ports| {
            let port = end.port().filter(|_| protocol.has_ports());
            ports.take(port)
        }) && self.addresses.as_ref().is_none_or(|addresses| addresses.take(protocol, end, text))
    }
}

#[cfg(test)]
mod tests;
