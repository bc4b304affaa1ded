//! What a source of interfaces is: what it can do, what it is asked, and what it answers.

use std::time::Instant;

use super::counters::Counters;
use super::extra::{ExtraField, ExtraTag};
use crate::inputs::source::{Diagnostic, SourceError};

/// What a source can do.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// Whether it knows the kind of an interface.
    pub kinds: bool,
    /// Whether the protocol statistics of the same system are in /proc.
    pub protocols: bool,
    /// Whether it reads another network's tables where `HOST_PROC` names them.
    pub other_network: bool,
}

/// A question to a source.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Whether interfaces that are down are of no interest, so that it has to be known which are.
    pub only_up: bool,
    /// Whether their aliases are asked for.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "netstat has none"))]
    pub aliases: bool,
    /// When to give up.
    pub deadline: Instant,
}

/// Whether an interface counts when none is named: up and no loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// A loopback (`IFF_LOOPBACK`).
    pub loopback: bool,
}

impl Status {
    /// Of an interface that is there no more.
    pub(super) const GONE: Self = Self { up: false, loopback: false };

    /// From the flags of netdevice(7).
    #[cfg(target_os = "linux")]
    #[must_use]
    pub const fn of_flags(flags: u32) -> Self {
        const IFF_UP: u32 = 0x1;
        const IFF_LOOPBACK: u32 = 0x8;
        Self { up: flags & IFF_UP != 0, loopback: flags & IFF_LOOPBACK != 0 }
    }
}

/// The value of an extra field.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "netstat has none"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extra {
    /// A counter or size.
    Number(u64),
    /// A word of the kernel's.
    Text(Vec<u8>),
}

/// An interface, as its source knows it. What is not asked for is not read.
pub trait Interface {
    /// Its name.
    fn name(&self) -> &[u8];

    /// Its counters.
    fn counters(&self) -> Counters;

    /// Its status; `None` where the source does not know it.
    fn status(&self) -> Option<Status>;

    /// Its speed in Mbit/s, -1 where it is not known.
    fn speed(&self) -> i64;

    /// One of the fields that are not written unless they are asked for; `None` where the source does not know it.
    fn field(&self, field: ExtraField) -> Option<Extra>;

    /// One of the tags that are not written unless they are asked for; empty where there is none.
    fn tag(&self, tag: ExtraTag) -> Vec<u8>;
}

/// A way to list the interfaces of this host.
pub trait Source {
    /// Hands every interface to `each`.
    ///
    /// # Errors
    /// When a table cannot be read. What was handed over stays good.
    fn read(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&dyn Interface),
    ) -> Result<Vec<Diagnostic>, SourceError>;
}
