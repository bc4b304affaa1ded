//! The TCP counters and measurements of a socket: one table for every source and for the documentation.
//!
//! Sources: `struct tcp_info` in `include/uapi/linux/tcp.h` (offsets; the kernel only appends), `tcp_get_info` in
//! `net/ipv4/tcp.c` (units), `tcp_stats_print` in `misc/ss.c` of iproute2 (names in ss).

use crate::netlink::message::number;

/// The TCP counters and measurements of one socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TcpInfo<'a> {
    /// Not known.
    #[default]
    Unknown,
    /// The kernel's `struct tcp_info`. Its length depends on the kernel's version.
    Raw(&'a [u8]),
    /// The counters that ss printed, in the order of [`CONTRACT`]. ss omits those that are 0.
    Printed(&'a [Option<u64>; PRINTED]),
}

/// The number of counters that are written without `extra_fields`: the first ones of the table.
pub const PRINTED: usize = 6;

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name of the metric's field.
    pub name: &'static str,
    /// The name in the output of `ss -tinO`; empty if ss does not print it.
    pub ss: &'static str,
    /// The offset in `tcp_info`, in bytes.
    pub(crate) offset: usize,
    /// The width in `tcp_info`.
    pub(crate) width: Width,
    /// Whether it is a counter or a gauge.
    pub(crate) kind: Kind,
    /// The unit.
    pub unit: &'static str,
    /// The first kernel version that has it.
    pub since: &'static str,
}

/// The width of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// `__u8`.
    U8,
    /// `__u16`.
    U16,
    /// `__u32`.
    U32,
    /// `__u64`.
    U64,
}

/// The kind of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows during a connection.
    Counter,
    /// May grow and shrink.
    Gauge,
    /// Like [`Kind::Gauge`], but this value means no limit and is omitted.
    Limit(u64),
}

const fn field(name: &'static str, ss: &'static str, offset: usize, width: Width, kind: Kind) -> Field {
    Field { name, ss, offset, width, kind, unit: "", since: "" }
}

impl Field {
    const fn with(self, unit: &'static str, since: &'static str) -> Self {
        Self { unit, since, ..self }
    }

    /// Whether it only grows during a connection.
    #[must_use]
    pub const fn is_counter(&self) -> bool {
        matches!(self.kind, Kind::Counter)
    }

    /// Reads the field from a `struct tcp_info`. `None` if the structure is too short, or if the value means no limit.
    #[must_use]
    pub(crate) fn read(&self, info: &[u8]) -> Option<u64> {
        let value = match self.width {
            Width::U8 => number::<u8>(info, self.offset)?.into(),
            Width::U16 => number::<u16>(info, self.offset)?.into(),
            Width::U32 => number::<u32>(info, self.offset)?.into(),
            Width::U64 => number::<u64>(info, self.offset)?,
        };
        (self.kind != Kind::Limit(value)).then_some(value)
    }
}

/// The counters of [`CONTRACT`] as ss prints them: those that are 0 are omitted.
#[must_use]
pub(crate) fn printed(info: &TcpInfo<'_>) -> [Option<u64>; PRINTED] {
    match info {
        TcpInfo::Unknown => [None; PRINTED],
        TcpInfo::Printed(counters) => **counters,
        TcpInfo::Raw(info) => {
            let mut counters = [None; PRINTED];
            for (counter, field) in counters.iter_mut().zip(CONTRACT) {
                *counter = field.read(info).filter(|count| *count != 0);
            }
            counters
        }
    }
}

/// The counters that are written without `extra_fields`.
pub const CONTRACT: &[Field; PRINTED] = match FIELDS.first_chunk() {
    Some(fields) => fields,
    None => unreachable!(),
};

use Kind::{Counter, Gauge, Limit};
use Width::{U8, U16, U32, U64};

/// Every field.
pub const FIELDS: &[Field] = &[
    field("bytes_acked", "bytes_acked", 120, U64, Counter).with("bytes", "4.1"),
    field("bytes_received", "bytes_received", 128, U64, Counter).with("bytes", "4.1"),
    field("segs_out", "segs_out", 136, U32, Counter).with("segments", "4.2"),
    field("segs_in", "segs_in", 140, U32, Counter).with("segments", "4.2"),
    field("data_segs_out", "data_segs_out", 156, U32, Counter).with("segments", "4.6"),
    field("data_segs_in", "data_segs_in", 152, U32, Counter).with("segments", "4.6"),
    field("rtt", "rtt", 68, U32, Gauge).with("microseconds", "2.6.2"),
    field("rttvar", "rtt", 72, U32, Gauge).with("microseconds", "2.6.2"),
    field("min_rtt", "minrtt", 148, U32, Limit(u32::MAX as u64)).with("microseconds", "4.6"),
    field("rto", "rto", 8, U32, Gauge).with("microseconds", "2.4"),
    field("ato", "ato", 12, U32, Gauge).with("microseconds", "2.4"),
    field("rcv_rtt", "rcv_rtt", 92, U32, Gauge).with("microseconds", "2.6.8"),
    field("cwnd", "cwnd", 80, U32, Gauge).with("segments", "2.4"),
    field("ssthresh", "ssthresh", 76, U32, Limit(0x7fff_ffff)).with("segments", "2.4"),
    field("unacked", "unacked", 24, U32, Gauge).with("segments", "2.4"),
    field("sacked", "sacked", 28, U32, Gauge).with("segments", "2.4"),
    field("lost", "lost", 32, U32, Gauge).with("segments", "2.4"),
    field("retrans", "retrans", 36, U32, Gauge).with("segments", "2.4"),
    field("reordering", "reordering", 88, U32, Gauge).with("segments", "2.4"),
    field("mss", "mss", 16, U32, Gauge).with("bytes", "2.4"),
    field("advmss", "advmss", 84, U32, Gauge).with("bytes", "2.4"),
    field("rcv_mss", "rcvmss", 20, U32, Gauge).with("bytes", "2.4"),
    field("pmtu", "pmtu", 60, U32, Gauge).with("bytes", "2.4"),
    field("rcv_space", "rcv_space", 96, U32, Gauge).with("bytes", "2.6.8"),
    field("rcv_ssthresh", "rcv_ssthresh", 64, U32, Gauge).with("bytes", "2.4"),
    field("snd_wnd", "snd_wnd", 228, U32, Gauge).with("bytes", "5.4"),
    field("rcv_wnd", "rcv_wnd", 232, U32, Gauge).with("bytes", "6.2"),
    field("notsent", "notsent", 144, U32, Gauge).with("bytes", "4.6"),
    field("backoff", "backoff", 4, U8, Gauge).with("doublings", "2.4"),
    field("last_data_sent", "lastsnd", 44, U32, Gauge).with("milliseconds", "2.4"),
    field("last_data_recv", "lastrcv", 52, U32, Gauge).with("milliseconds", "2.4"),
    field("last_ack_recv", "lastack", 56, U32, Gauge).with("milliseconds", "2.4"),
    field("pacing_rate", "pacing_rate", 104, U64, Limit(u64::MAX)).with("bytes per second", "3.15"),
    field("max_pacing_rate", "pacing_rate", 112, U64, Limit(u64::MAX)).with("bytes per second", "3.15"),
    field("delivery_rate", "delivery_rate", 160, U64, Limit(u64::MAX)).with("bytes per second", "4.9"),
    field("retrans_total", "retrans", 100, U32, Counter).with("segments", "2.6.13"),
    field("bytes_sent", "bytes_sent", 200, U64, Counter).with("bytes", "4.19"),
    field("bytes_retrans", "bytes_retrans", 208, U64, Counter).with("bytes", "4.19"),
    field("delivered", "delivered", 192, U32, Counter).with("segments", "4.18"),
    field("delivered_ce", "delivered_ce", 196, U32, Counter).with("segments", "4.18"),
    field("dsack_dups", "dsack_dups", 216, U32, Counter).with("blocks", "4.19"),
    field("reord_seen", "reord_seen", 220, U32, Counter).with("events", "4.19"),
    field("busy_time", "busy", 168, U64, Counter).with("microseconds", "4.10"),
    field("rwnd_limited", "rwnd_limited", 176, U64, Counter).with("microseconds", "4.10"),
    field("sndbuf_limited", "sndbuf_limited", 184, U64, Counter).with("microseconds", "4.10"),
    field("rcv_ooopack", "rcv_ooopack", 224, U32, Counter).with("segments", "5.4"),
    field("total_rto", "", 240, U16, Counter).with("timeouts", "6.7"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_tcp_info_lacks_the_later_fields() {
        let info = [1; 124];
        assert_eq!(printed(&TcpInfo::Raw(&info)), [None; PRINTED]);
        let info = [1; 128];
        assert_eq!(printed(&TcpInfo::Raw(&info))[0], Some(0x0101_0101_0101_0101));
    }

    #[test]
    fn no_limit_is_omitted() {
        let ssthresh = FIELDS.iter().find(|field| field.name == "ssthresh").unwrap();
        let mut info = [0; 232];
        info[76..80].copy_from_slice(&0x7fff_ffff_u32.to_ne_bytes());
        assert_eq!(ssthresh.read(&info), None);
        info[76] = 9;
        info[77..80].fill(0);
        assert!(ssthresh.read(&info).is_some());
    }

    #[test]
    fn names_are_unique() {
        for (at, field) in FIELDS.iter().enumerate() {
            assert!(FIELDS.iter().skip(at + 1).all(|other| other.name != field.name), "{}", field.name);
        }
    }
}
