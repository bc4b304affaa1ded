//! The option `group_by`, and the key of the group that a socket belongs to.
//!
//! The key of a group consists of the values of its tags, in the order of their names, each followed by a NUL. So keys
//! compare like tags, and ports with the same name are one group.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use crate::inputs::socketstat::owners::Owners;
use crate::inputs::socketstat::print::{push_address, push_host, push_port, push_service, push_v6};
use crate::inputs::socketstat::select::PortSet;
use crate::inputs::socketstat::socket::{Endpoint, Protocol, Socket, unmapped};
use crate::inputs::socketstat::totals::Owner;
use crate::number::{parse_decimal, push_decimal};
use crate::quote::quote;

/// The value of every tag but `proto` in the line for groups without a line of their own.
const OTHER: &[u8] = b"other";
/// The owner of a connection that was closed before any dump listed it, unless this host listens on its port.
const UNKNOWN: &[u8] = b"unknown";
/// The end of a tag's value in a key.
pub(super) const END: u8 = 0;

/// One tag of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::inputs::socketstat) enum Key {
    Cgroup,
    Device,
    Direction,
    Family,
    LocalAddr,
    LocalPort,
    Proto,
    RemoteAddr,
    RemotePort,
    Service,
    State,
    Unit,
    User,
}

impl Key {
    /// Every key, in the order of the tags' names.
    pub(super) const ALL: [Self; 13] = [
        Self::Cgroup,
        Self::Device,
        Self::Direction,
        Self::Family,
        Self::LocalAddr,
        Self::LocalPort,
        Self::Proto,
        Self::RemoteAddr,
        Self::RemotePort,
        Self::Service,
        Self::State,
        Self::Unit,
        Self::User,
    ];

    /// The name in `group_by`, and of the tag.
    pub(in crate::inputs::socketstat) const fn name(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Device => "device",
            Self::Direction => "direction",
            Self::Family => "family",
            Self::LocalAddr => "local_addr",
            Self::LocalPort => "local_port",
            Self::Proto => "proto",
            Self::RemoteAddr => "remote_addr",
            Self::RemotePort => "remote_port",
            Self::Service => "service",
            Self::State => "state",
            Self::Unit => "unit",
            Self::User => "user",
        }
    }

    /// Whether it needs the ports on which this host listens.
    pub(in crate::inputs::socketstat) const fn needs_listening(self) -> bool {
        matches!(self, Self::Direction | Self::Service)
    }
}

impl Key {
    /// Whether it needs the owner of a socket.
    pub(in crate::inputs::socketstat) const fn needs_identity(self) -> bool {
        matches!(self, Self::Cgroup | Self::Unit | Self::User)
    }
}

/// What is known about a socket besides its row.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// The ports on which this host listens.
    pub(super) listening: &'a PortSet,
    /// The owner; `None` if it is unknown.
    pub(super) owner: Option<Owner>,
    pub(super) now: Instant,
}

/// The tags of groups, and the options for their values.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// In the order of their names, with `proto`.
    tags: Vec<Key>,
    port_names: BTreeMap<u16, String>,
    ipv4_prefix: Option<u32>,
    ipv6_prefix: Option<u32>,
}

impl Keys {
    /// Parses a list of tags.
    ///
    /// # Errors
    /// If a name is not a key.
    pub(super) fn of_option(names: &[String]) -> Result<Self, String> {
        let mut keys = vec![Key::Proto];
        for name in names {
            let key = Key::ALL.into_iter().find(|key| key.name() == name).ok_or_else(|| {
                let allowed = Key::ALL.map(Key::name).join(", ");
                format!("unknown key {}; allowed are {allowed}", quote(name.as_bytes()))
            })?;
            keys.push(key);
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(Self { tags: keys, ..Self::default() })
    }

    /// The tags of a line per socket.
    pub(super) fn of_sockets() -> Self {
        let tags = vec![Key::LocalAddr, Key::LocalPort, Key::Proto, Key::RemoteAddr, Key::RemotePort];
        Self { tags, ..Self::default() }
    }

    /// Sets the names of ports.
    ///
    /// # Errors
    /// If a key is not a port, or a name is not a valid tag value.
    pub(super) fn with_port_names(mut self, names: &BTreeMap<String, String>) -> Result<Self, String> {
        for (port, name) in names {
            let number = parse_decimal(port.as_bytes()).and_then(|port| u16::try_from(port).ok());
            let number = number.ok_or_else(|| format!("{} is not a port", quote(port.as_bytes())))?;
            if name.is_empty() || name.contains(char::is_control) {
                return Err(format!("the name {} of port {number} cannot be a tag", quote(name.as_bytes())));
            }
            self.port_names.insert(number, name.clone());
        }
        Ok(self)
    }

    /// Sets the prefix lengths, in bits, to which IPv4 and IPv6 addresses are reduced.
    pub(super) fn with_prefixes(self, ipv4: Option<u32>, ipv6: Option<u32>) -> Self {
        Self {
            ipv4_prefix: ipv4.filter(|prefix| *prefix < 32),
            ipv6_prefix: ipv6.filter(|prefix| *prefix < 128),
            ..self
        }
    }

    /// Whether groups have totals. The state of a socket changes, so its growth does not belong to one state.
    pub(super) fn have_totals(&self) -> bool {
        !self.iter().any(|key| key == Key::State)
    }

    /// The keys, in the order of the tags' names.
    pub(super) fn iter(&self) -> impl Iterator<Item = Key> {
        self.tags.iter().copied()
    }

    /// Writes the key of a socket's group.
    pub(super) fn of_socket(
        &self,
        protocol: Protocol,
        socket: &Socket<'_>,
        known: &Known<'_>,
        owners: &mut Owners,
        text: &mut Vec<u8>,
    ) {
        let listening = known.listening;
        text.clear();
        for key in &self.tags {
            let start = text.len();
            match key {
                Key::Proto => text.extend_from_slice(protocol.name().as_bytes()),
                Key::State => text.extend_from_slice(socket.state.name()),
                Key::Device => text.extend_from_slice(&device(protocol, &socket.local)),
                Key::Family => text.extend_from_slice(family(protocol, &socket.local)),
                Key::Direction => text.extend_from_slice(match is_inbound(protocol, socket, listening) {
                    Some(true) => b"inbound",
                    Some(false) => b"outbound",
                    None => b"",
                }),
                Key::Service => match is_inbound(protocol, socket, listening) {
                    Some(true) => self.push_port(protocol, &socket.local, text),
                    Some(false) => self.push_port(protocol, &socket.remote, text),
                    None => {}
                },
                Key::User | Key::Cgroup | Key::Unit => match known.owner {
                    None => text.extend_from_slice(UNKNOWN),
                    Some(owner) => text.extend_from_slice(
                        match key {
                            Key::User => owners.user(owner.uid, known.now),
                            Key::Cgroup => owners.cgroup(owner.cgroup, known.now),
                            _ => owners.unit(owner.cgroup, known.now),
                        }
                        .as_bytes(),
                    ),
                },
                Key::LocalAddr => self.push_address(protocol, &socket.local, text),
                Key::RemoteAddr => self.push_address(protocol, &socket.remote, text),
                Key::LocalPort => self.push_port(protocol, &socket.local, text),
                Key::RemotePort => self.push_port(protocol, &socket.remote, text),
            }
            end(text, start);
        }
    }

    /// Writes the tags of a line per socket, as ss prints them.
    pub(super) fn of_line(protocol: Protocol, socket: &Socket<'_>, text: &mut Vec<u8>) {
        text.clear();
        let mut part = |write: &mut dyn FnMut(&mut Vec<u8>)| {
            let start = text.len();
            write(text);
            end(text, start);
        };
        part(&mut |text| push_host(text, &socket.local));
        part(&mut |text| push_service(text, &socket.local));
        part(&mut |text| text.extend_from_slice(protocol.name().as_bytes()));
        part(&mut |text| push_host(text, &socket.remote));
        part(&mut |text| push_service(text, &socket.remote));
    }

    /// Writes the key of the line `other`.
    pub(super) fn of_other(&self, protocol: Protocol, text: &mut Vec<u8>) {
        text.clear();
        for key in &self.tags {
            text.extend_from_slice(if *key == Key::Proto { protocol.name().as_bytes() } else { OTHER });
            text.push(END);
        }
    }

    /// Writes an address or its network, or the path of a unix socket.
    fn push_address(&self, protocol: Protocol, end: &Endpoint<'_>, text: &mut Vec<u8>) {
        let Some(address) = address(protocol, end) else { return push_host(text, end) };
        let (network, prefix) = self.network(address);
        match (network, prefix) {
            (_, None) => push_address(text, network, false),
            (IpAddr::V4(_), Some(_)) => push_address(text, network, true),
            (IpAddr::V6(v6), Some(_)) => push_v6(text, v6),
        }
        if let Some(prefix) = prefix {
            text.push(b'/');
            push_decimal(text, u64::from(prefix));
        }
    }

    /// The network of an address and its prefix length, or the whole address.
    pub(super) fn network(&self, address: IpAddr) -> (IpAddr, Option<u32>) {
        match unmapped(address) {
            address if address.is_unspecified() => (address, None),
            IpAddr::V4(v4) => {
                let mask = |prefix| u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                let prefix = self.ipv4_prefix;
                (IpAddr::from((u32::from(v4) & prefix.map_or(u32::MAX, mask)).to_be_bytes()), prefix)
            }
            IpAddr::V6(v6) => {
                let mask = |prefix| u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                let prefix = self.ipv6_prefix;
                (IpAddr::from((u128::from(v6) & prefix.map_or(u128::MAX, mask)).to_be_bytes()), prefix)
            }
        }
    }

    /// Writes the name or number of a port, the inode number of a unix socket, or the device of a packet socket.
    fn push_port(&self, protocol: Protocol, end: &Endpoint<'_>, text: &mut Vec<u8>) {
        match end.port().filter(|_| protocol.has_ports()) {
            None => push_service(text, end),
            Some(port) => match self.port_names.get(&port) {
                Some(name) => text.extend_from_slice(name.as_bytes()),
                None => push_port(text, port),
            },
        }
    }
}

/// Ends the value that begins at `start`. Replaces NULs, since text from outside may contain them.
fn end(text: &mut Vec<u8>, start: usize) {
    for byte in text.iter_mut().skip(start).filter(|byte| **byte == END) {
        *byte = b'@';
    }
    text.push(END);
}

/// The address of an end; an IPv4-mapped one is converted to IPv4. `None` for unix and packet sockets, whose text may
/// look like an address.
fn address(protocol: Protocol, end: &Endpoint<'_>) -> Option<IpAddr> {
    end.address().filter(|_| protocol.has_ports()).map(unmapped)
}

/// The device that the socket is bound to, if any.
fn device<'a>(protocol: Protocol, end: &Endpoint<'a>) -> Cow<'a, [u8]> {
    match (protocol, *end) {
        (Protocol::Unix, _) | (Protocol::Packet, Endpoint::Text { port: b"*", .. }) => Cow::default(),
        (Protocol::Packet, Endpoint::Text { port, .. }) => Cow::Borrowed(port),
        _ => end.device().unwrap_or_default(),
    }
}

fn family(protocol: Protocol, end: &Endpoint<'_>) -> &'static [u8] {
    match address(protocol, end) {
        Some(IpAddr::V4(_)) => b"ipv4",
        Some(IpAddr::V6(_)) => b"ipv6",
        None => b"",
    }
}

/// Whether the connection was opened by the other end, to a port on which this host listens.
pub(super) fn is_inbound(protocol: Protocol, socket: &Socket<'_>, listening: &PortSet) -> Option<bool> {
    socket.local.port().filter(|_| protocol.has_service()).map(|port| listening.contains(port))
}

#[cfg(test)]
mod tests;
