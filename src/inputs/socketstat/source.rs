//! What a source of sockets is: the seam between the input and whatever reads the system.

use std::time::Instant;

use thiserror::Error;

use super::socket::{Protocol, Socket};
use crate::program::RunError;

/// Receives the sockets of one dump.
pub trait Sink {
    /// Takes the next socket, as it is read.
    fn socket(&mut self, socket: &Socket<'_>);

    /// Drops every socket taken so far in this dump: the source starts it again from the beginning.
    ///
    /// Only netlink does: the kernel says at a dump's end that the tables changed under it.
    fn restart(&mut self);
}

/// Why one protocol gave no metrics. The text is one line and quotes what came from outside.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The source does not work on this host now (not installed, not permitted, not mounted).
    #[error("{0}")]
    Unavailable(String),
    /// This run failed; the next may work.
    #[error("{0}")]
    Failed(String),
}

impl From<RunError> for SourceError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Missing(failure) => Self::Unavailable(failure.to_string()),
            RunError::Failed(failure) => Self::Failed(failure.to_string()),
        }
    }
}

/// Something to say about a dump that succeeded. `key` stays the same from gather to gather.
#[derive(Debug, PartialEq, Eq)]
pub enum Note {
    /// To be said once, at the first gather (`I!`): for instance a protocol that the kernel lacks.
    Info {
        /// What the message is about, without counts.
        key: &'static str,
        /// The message.
        text: String,
    },
    /// Rows that were left out and the like (`W!`, repeats thinned).
    Warning {
        /// What the message is about, without counts.
        key: &'static str,
        /// The message.
        text: String,
    },
}

/// A way to list the sockets of this host.
pub trait Source {
    /// Hands every socket of `protocol` that ss would list without `-a` to `sink`.
    ///
    /// # Errors
    /// When the dump is not whole, by `deadline` at the latest. What was handed over is then dropped by the caller.
    fn dump(
        &mut self,
        protocol: Protocol,
        deadline: Instant,
        sink: &mut dyn Sink,
    ) -> Result<Vec<Note>, SourceError>;
}
