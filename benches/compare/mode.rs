//! What happens between gathers of interfaces.

use std::thread;
use std::time::Duration;

use crate::{Result, load};

/// What comes before a gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The gather of another contender.
    Busy,
    /// A pause of one second, after which the caches are cold.
    Paused,
    /// A pause of one second, and a change of one interface.
    Changed,
    /// The start of the process.
    Fresh,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [Self::Busy, Self::Paused, Self::Changed, Self::Fresh];

    /// Prepares the next gather. With [`Mode::Changed`], each turn changes a different one of the `size` interfaces.
    pub fn prepare(self, turn: u32, size: usize) -> Result<()> {
        if matches!(self, Self::Paused | Self::Changed) {
            thread::sleep(Duration::from_secs(1));
        }
        if self == Self::Changed {
            load::change(usize::try_from(turn)? % size, turn)?;
        }
        Ok(())
    }

    /// The number of gathers of each contender in a round, where `busy` is that of [`Mode::Busy`].
    pub const fn turns(self, busy: u32) -> u32 {
        match self {
            Self::Busy => busy,
            Self::Paused | Self::Changed => 5,
            Self::Fresh => 10,
        }
    }
}
