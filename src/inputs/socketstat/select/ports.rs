//! The options `local_ports` and `remote_ports`.

use std::ops::RangeInclusive;

use crate::number::parse_decimal;
use crate::quote::quote;

/// A set of ports, with one bit per port.
pub(in crate::inputs::socketstat) struct PortSet(Box<[u64; 1024]>);

impl Default for PortSet {
    fn default() -> Self {
        Self(Box::new([0; 1024]))
    }
}

impl std::fmt::Debug for PortSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries((0..=u16::MAX).filter(|port| self.contains(*port))).finish()
    }
}

impl PortSet {
    /// Adds a port.
    pub(in crate::inputs::socketstat) fn insert(&mut self, port: u16) {
        if let Some(word) = self.0.get_mut(usize::from(port / 64)) {
            *word |= 1 << (port % 64);
        }
    }

    /// Whether a port is in the set.
    pub(in crate::inputs::socketstat) fn contains(&self, port: u16) -> bool {
        self.0.get(usize::from(port / 64)).is_some_and(|word| word & (1 << (port % 64)) != 0)
    }

    /// Removes all ports.
    pub(in crate::inputs::socketstat) fn clear(&mut self) {
        self.0.fill(0);
    }
}

/// A list of ports.
#[derive(Debug)]
pub(super) struct Ports {
    included: PortSet,
    excluded: PortSet,
    /// Whether the list has only exclusions and matches everything else.
    rest: bool,
}

impl Ports {
    /// Parses a list such as `["443", "8000-8999", "!8080"]`; `None` if it is empty.
    pub(super) fn of_option(entries: &[String]) -> Result<Option<Self>, String> {
        let mut ports = Self { included: PortSet::default(), excluded: PortSet::default(), rest: true };
        for entry in entries {
            let exclusion = entry.strip_prefix('!');
            ports.rest &= exclusion.is_some();
            let set = if exclusion.is_some() { &mut ports.excluded } else { &mut ports.included };
            let text = exclusion.unwrap_or(entry);
            let range = range(text).ok_or_else(|| {
                format!(
                    "{} is neither a port nor a range of ports such as \"8000-8999\"; \"!\" in front of one excludes it",
                    quote(entry.as_bytes())
                )
            })?;
            range.for_each(|port| set.insert(port));
        }
        Ok(Some(ports).filter(|_| !entries.is_empty()))
    }

    /// Whether the list matches a port. No entry matches a socket without one.
    pub(super) fn take(&self, port: Option<u16>) -> bool {
        port.map_or(self.rest, |port| {
            (self.rest || self.included.contains(port)) && !self.excluded.contains(port)
        })
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |digits: &str| u16::try_from(parse_decimal(digits.as_bytes())?).ok();
    match text.split_once('-') {
        Some((first, last)) => Some(port(first)?..=port(last)?).filter(|range| !range.is_empty()),
        None => port(text).map(|port| port..=port),
    }
}
