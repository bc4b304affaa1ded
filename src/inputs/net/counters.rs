//! The counters of one network interface, as every source of `inputs.net` reports them.

/// The names of the counters, in the order of the fields.
pub const COUNTERS: [&str; 8] =
    ["bytes_sent", "bytes_recv", "packets_sent", "packets_recv", "err_in", "err_out", "drop_in", "drop_out"];

/// A counter, by its place in [`COUNTERS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Bytes sent.
    BytesSent,
    /// Bytes received.
    BytesRecv,
    /// Packets sent.
    PacketsSent,
    /// Packets received.
    PacketsRecv,
    /// Errors of input.
    ErrIn,
    /// Errors of output.
    ErrOut,
    /// Packets received and dropped.
    DropIn,
    /// Packets to be sent and dropped.
    DropOut,
}

impl Counter {
    /// The place in [`COUNTERS`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The value of each of [`COUNTERS`], since the interface came to be. What the source does not know is `None`: it is
/// left out, never 0.
pub type Counters = [Option<u64>; COUNTERS.len()];

/// One interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its counters.
    pub counters: Counters,
    /// Whether it is up, where the source knows.
    pub up: Option<bool>,
}
