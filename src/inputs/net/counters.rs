//! The counters of one network interface.

/// The names of the counters that are always written, in the order of the fields.
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

/// The counters of an interface of Linux. `drop_in` is a sum: see `dropped`.
#[must_use]
pub(super) fn of_statistics(get: impl Fn(Statistic) -> Option<u64>, drop_in: Option<u64>) -> Counters {
    [
        get(Statistic::TX_BYTES),
        get(Statistic::RX_BYTES),
        get(Statistic::TX_PACKETS),
        get(Statistic::RX_PACKETS),
        get(Statistic::RX_ERRORS),
        get(Statistic::TX_ERRORS),
        drop_in,
        get(Statistic::TX_DROPPED),
    ]
}

/// What `/proc/net/dev` shows as dropped: also those packets that the device had no room for. It runs over as there.
///
/// Source: `dev_seq_printf_stats` in the kernel's `net/core/net-procfs.c`.
#[cfg(target_os = "linux")]
#[must_use]
pub(super) fn dropped(get: impl Fn(Statistic) -> Option<u64>) -> Option<u64> {
    Some(get(Statistic::RX_DROPPED)?.wrapping_add(get(Statistic::RX_MISSED_ERRORS)?))
}

/// A counter of the kernel's `struct rtnl_link_stats64`, by its place there.
///
/// Source: `include/uapi/linux/if_link.h`, which explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistic(pub usize);

impl Statistic {
    pub(super) const RX_PACKETS: Self = Self(0);
    pub(super) const TX_PACKETS: Self = Self(1);
    pub(super) const RX_BYTES: Self = Self(2);
    pub(super) const TX_BYTES: Self = Self(3);
    pub(super) const RX_ERRORS: Self = Self(4);
    pub(super) const TX_ERRORS: Self = Self(5);
    #[cfg(target_os = "linux")]
    pub(super) const RX_DROPPED: Self = Self(6);
    pub(super) const TX_DROPPED: Self = Self(7);
    pub(super) const MULTICAST: Self = Self(8);
    pub(super) const COLLISIONS: Self = Self(9);
    pub(super) const RX_FIFO_ERRORS: Self = Self(14);
    #[cfg(target_os = "linux")]
    pub(super) const RX_MISSED_ERRORS: Self = Self(15);
    pub(super) const TX_FIFO_ERRORS: Self = Self(18);
    pub(super) const RX_COMPRESSED: Self = Self(21);
    pub(super) const TX_COMPRESSED: Self = Self(22);

    /// The kernel's name of it.
    #[must_use]
    pub fn name(self) -> &'static str {
        STATISTICS.get(self.0).copied().unwrap_or_default()
    }
}

/// The kernel's names of the counters of `struct rtnl_link_stats64`, in its order.
pub const STATISTICS: [&str; 25] = [
    "rx_packets",
    "tx_packets",
    "rx_bytes",
    "tx_bytes",
    "rx_errors",
    "tx_errors",
    "rx_dropped",
    "tx_dropped",
    "multicast",
    "collisions",
    "rx_length_errors",
    "rx_over_errors",
    "rx_crc_errors",
    "rx_frame_errors",
    "rx_fifo_errors",
    "rx_missed_errors",
    "tx_aborted_errors",
    "tx_carrier_errors",
    "tx_fifo_errors",
    "tx_heartbeat_errors",
    "tx_window_errors",
    "rx_compressed",
    "tx_compressed",
    "rx_nohandler",
    "rx_otherhost_dropped",
];
