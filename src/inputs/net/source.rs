//! The interface to a source of network interfaces: its capabilities, the query, and the rows that it returns.

use std::time::Instant;

use super::counters::Counters;
use super::extra::{ExtraField, ExtraTag};
use crate::inputs::source::{Diagnostic, SourceError};

/// The capabilities of a source.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// Whether it knows the kind of an interface.
    pub kinds: bool,
    /// Whether the protocol statistics of the same system are in /proc.
    pub protocols: bool,
    /// Whether it can read the tables of another network namespace, given by `HOST_PROC`.
    pub other_network: bool,
}

/// What a source has to read.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Whether only interfaces that are up are written, so that their status is needed.
    pub only_up: bool,
    /// Whether the aliases are needed.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "netstat has none"))]
    pub aliases: bool,
    /// Whether counters other than those that are always written are needed.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "netstat has few"))]
    pub statistics: bool,
    /// When to give up.
    pub deadline: Instant,
}

/// The status of an interface. Without the option `interfaces`, those that are up and not loopback are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Loopback (`IFF_LOOPBACK`).
    pub loopback: bool,
}

impl Status {
    /// The status of an interface that no longer exists.
    pub(super) const GONE: Self = Self { up: false, loopback: false };

    /// Takes the status from the flags of netdevice(7).
    #[cfg(target_os = "linux")]
    #[must_use]
    pub const fn from_flags(flags: u32) -> Self {
        const IFF_UP: u32 = 0x1;
        const IFF_LOOPBACK: u32 = 0x8;
        Self { up: flags & IFF_UP != 0, loopback: flags & IFF_LOOPBACK != 0 }
    }
}

/// The value of an extra field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extra {
    /// A counter or a size.
    Number(u64),
    /// A word, as the kernel prints it.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "netstat has none"))]
    Text(Vec<u8>),
}

/// One interface. Some methods read a file, so that only what is written is read.
pub trait Interface {
    /// The name.
    fn name(&self) -> &[u8];

    /// The counters that are always written.
    fn counters(&self) -> Counters;

    /// The status; `None` if it is unknown.
    fn status(&self) -> Option<Status>;

    /// The speed in Mbit/s; -1 if it is unknown.
    fn speed(&self) -> i64;

    /// A field of the option `extra_fields`; `None` if it is unknown.
    fn field(&self, field: ExtraField) -> Option<Extra>;

    /// A tag of the option `extra_tags`; empty if the interface has none.
    fn tag(&self, tag: ExtraTag) -> Vec<u8>;
}

/// A way to list the interfaces of this host.
pub trait Source {
    /// Passes every interface to `each`.
    ///
    /// # Errors
    /// If a table cannot be read. Interfaces passed to `each` before that are valid.
    fn read(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&dyn Interface),
    ) -> Result<Vec<Diagnostic>, SourceError>;
}
