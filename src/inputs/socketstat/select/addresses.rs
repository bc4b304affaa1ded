//! The options `local_addrs` and `remote_addrs`.

use std::net::IpAddr;

use crate::filter::glob::Globs;
use crate::inputs::socketstat::print::push_host;
use crate::inputs::socketstat::socket::{Endpoint, Protocol, unmapped};
use crate::quote::quote;

/// The addresses of a list, and the paths of unix sockets.
#[derive(Debug)]
pub(super) struct Addresses {
    included: Entries,
    excluded: Entries,
    /// The list has nothing but exclusions: it takes the rest.
    rest: bool,
}

#[derive(Debug)]
struct Entries {
    networks: Vec<Network>,
    paths: Option<Globs>,
}

/// A network: the addresses of one family whose first bits are these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    is_v4: bool,
    bits: u128,
    mask: u128,
}

impl Addresses {
    /// The addresses of a list such as `["10.0.0.0/8", "!10.1.0.0/16"]`; `None` for an empty one. What is no address is
    /// a glob on the path of a unix socket, where the section has such (`paths`).
    pub(super) fn of_option(entries: &[String], paths: bool) -> Result<Option<Self>, String> {
        let (excluded, included): (Vec<&str>, Vec<&str>) =
            entries.iter().map(String::as_str).partition(|entry| entry.starts_with('!'));
        let addresses = Self {
            rest: included.is_empty(),
            included: Entries::new(&included, paths)?,
            excluded: Entries::new(&excluded, paths)?,
        };
        Ok(Some(addresses).filter(|_| !entries.is_empty()))
    }

    /// Whether the list takes a socket with this end. One without an address or path matches no entry.
    pub(super) fn take(&self, protocol: Protocol, end: &Endpoint<'_>, text: &mut Vec<u8>) -> bool {
        if protocol == Protocol::Unix {
            text.clear();
            push_host(text, end);
            let path = String::from_utf8_lossy(text);
            let has = |entries: &Entries| entries.paths.as_ref().is_some_and(|paths| paths.matches(&path));
            return (self.rest || has(&self.included)) && !has(&self.excluded);
        }
        // The text of a packet socket may look like an address.
        let Some(address) = end.address().filter(|_| protocol.has_ports()) else { return self.rest };
        let address = Network::of(address);
        let has = |entries: &Entries| entries.networks.iter().any(|network| network.contains(address));
        (self.rest || has(&self.included)) && !has(&self.excluded)
    }
}

impl Entries {
    fn new(entries: &[&str], paths: bool) -> Result<Self, String> {
        let (mut networks, mut globs) = (Vec::new(), Vec::new());
        for entry in entries {
            let text = entry.strip_prefix('!').unwrap_or(entry);
            match network(text) {
                Some(network) => networks.push(network),
                None if paths => globs.push(text.to_owned()),
                None => {
                    let allowed = "is neither an address nor a network such as \"10.0.0.0/8\"";
                    return Err(format!("{} {allowed}", quote(entry.as_bytes())));
                }
            }
        }
        Ok(Self { networks, paths: Globs::compile(&globs, "").map_err(|error| error.to_string())? })
    }
}

impl Network {
    /// The network of one address. A v4-mapped address is its v4 address.
    fn of(address: IpAddr) -> Self {
        let (is_v4, bits) = match unmapped(address) {
            IpAddr::V4(v4) => (true, u32::from(v4).into()),
            IpAddr::V6(v6) => (false, u128::from(v6)),
        };
        Self { is_v4, bits, mask: u128::MAX }
    }

    const fn contains(&self, address: Self) -> bool {
        self.is_v4 == address.is_v4 && (address.bits ^ self.bits) & self.mask == 0
    }
}

/// `10.0.0.0/8`, `2001:db8::/32`, or one address, which may stand in brackets as ss prints it.
fn network(text: &str) -> Option<Network> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address = address.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(address);
    let address: IpAddr = address.parse().ok()?;
    let network = Network::of(address);
    let Some(length) = length else { return Some(network) };
    let length = u32::try_from(crate::number::parse_decimal(length.as_bytes())?).ok()?;
    // The first 96 bits of a mapped address say only that it is one.
    let width = if address.is_ipv4() { 32 } else { 128 };
    let hidden = width - Some(length).filter(|length| *length <= width)?;
    if network.is_v4 && hidden > 32 {
        return None;
    }
    Some(Network { mask: u128::MAX.checked_shl(hidden).unwrap_or(0), ..network })
}
