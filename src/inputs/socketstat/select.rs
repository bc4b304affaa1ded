//! Which sockets of a section are gathered: by state, port and address.
//!
//! The states are asked of the source, which then has less to list; ports and addresses are judged here, on the typed
//! socket, so that every source gives the same sockets.

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

/// Which sockets are gathered.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Bit N for state N; `None`: what ss lists without `-a`.
    states: Option<u32>,
    local: Ends,
    remote: Ends,
    text: Vec<u8>,
}

/// What is asked of one end of a socket.
#[derive(Debug, Default)]
struct Ends {
    ports: Option<Ports>,
    addresses: Option<Addresses>,
}

impl Selection {
    /// Checks the options of a section that gathers `protocols`.
    ///
    /// # Errors
    /// The first entry that is malformed.
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

    /// The states to ask a source for: bit N for state N.
    ///
    /// ss prints no state where a single one is asked for. That loses nothing for TCP. But the kernel lists raw sockets
    /// and SCTP associations in other states too: bit 0, in which there are none, makes ss print the state.
    pub(super) fn states(&self, protocol: Protocol) -> u32 {
        let Some(states) = self.states else { return state::listed(protocol) };
        let listed_anyway = match protocol {
            Protocol::Raw => true,
            Protocol::Sctp => states & !(1 << CLOSE | 1 << state::LISTEN) != 0,
            _ => false,
        };
        if listed_anyway { states | 1 } else { states & !1 }
    }

    /// Whether a socket that a source listed is one of them.
    pub(super) fn takes(&mut self, protocol: Protocol, socket: &Socket<'_>) -> bool {
        self.states.is_none_or(|states| in_states(states, protocol, socket))
            && self.takes_ends(protocol, socket)
    }

    /// Whether a socket is one of them as far as its ends tell, as of one that is closed.
    pub(super) fn takes_ends(&mut self, protocol: Protocol, socket: &Socket<'_>) -> bool {
        let Self { local, remote, text, .. } = self;
        local.take(protocol, &socket.local, text) && remote.take(protocol, &socket.remote, text)
    }
}

/// Whether the socket is in one of `states`. The kernel judges SCTP, whose associations have states of their own.
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
