//! How the gathers of interfaces follow each other.

use std::thread;
use std::time::Duration;

use crate::{Result, load};

/// What comes before a gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The gather of another contender.
    Busy,
    /// A second, after which much is no longer in a cache.
    Paused,
    /// A second, and a change of one interface.
    Changed,
    /// The start of the process.
    Fresh,
}

impl Mode {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Busy, Self::Paused, Self::Changed, Self::Fresh];

    /// Does it. Each time another of the `size` interfaces changes.
    pub fn prepare(self, turn: u32, size: usize) -> Result<()> {
        if matches!(self, Self::Paused | Self::Changed) {
            thread::sleep(Duration::from_secs(1));
        }
        if self == Self::Changed {
            load::change(usize::try_from(turn)? % size, turn)?;
        }
        Ok(())
    }

    /// How often each contender gathers in a round, where `busy` are often enough one after the other.
    pub const fn turns(self, busy: u32) -> u32 {
        match self {
            Self::Busy => busy,
            Self::Paused | Self::Changed => 5,
            Self::Fresh => 10,
        }
    }
}
