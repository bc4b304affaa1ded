//! What TCP counts and measures for each socket: one table for every source and for the documentation.
//!
//! Sources: `struct tcp_info` in `include/uapi/linux/tcp.h` (offsets; the kernel only ever appends), `tcp_get_info` in
//! `net/ipv4/tcp.c` (units), `tcp_stats_print` in `misc/ss.c` of iproute2 (ss's names).

use crate::netlink::message::number;

/// What TCP counts and measures for one socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TcpInfo<'a> {
    /// Nothing is known.
    #[default]
    Unknown,
    /// The kernel's `struct tcp_info`: older kernels have a shorter one, newer ones a longer one.
    Raw(&'a [u8]),
    /// Counters as ss prints them, in the order of [`CONTRACT`]: it prints none that is 0.
    Printed([Option<u64>; PRINTED]),
}

/// How many fields ss prints for each socket: the first ones of [`FIELDS`].
pub const PRINTED: usize = 6;

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name of the metric's field.
    pub name: &'static str,
    /// What ss calls it (`ss -tinO`); empty where it does not print it.
    pub ss: &'static str,
    /// Where it is in `tcp_info`.
    pub offset: usize,
    /// Its width in `tcp_info`.
    pub width: Width,
    /// Whether it only grows during a connection.
    pub kind: Kind,
    /// Its unit.
    pub unit: &'static str,
    /// The first kernel that tells it.
    pub since: &'static str,
}

/// The width of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// `__u8`.
    U8,
    /// `__u16`.
    U16,
    /// `__u32`.
    U32,
    /// `__u64`.
    U64,
}

/// What a field's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It grows during a connection.
    Counter,
    /// It is measured anew each time.
    Gauge,
    /// As [`Kind::Gauge`]; this value stands for no limit, and is no value.
    Limit(u64),
}

const fn field(name: &'static str, ss: &'static str, offset: usize, width: Width, kind: Kind) -> Field {
    Field { name, ss, offset, width, kind, unit: "", since: "" }
}

impl Field {
    const fn told(self, unit: &'static str, since: &'static str) -> Self {
        Self { unit, since, ..self }
    }

    /// Whether it only grows during a connection.
    #[must_use]
    pub const fn is_counter(&self) -> bool {
        matches!(self.kind, Kind::Counter)
    }

    /// The field's value in `struct tcp_info`; `None` where the structure ends before it, or where it says that there is
    /// no limit.
    #[must_use]
    pub fn read(&self, info: &[u8]) -> Option<u64> {
        let value = match self.width {
            Width::U8 => number::<u8>(info, self.offset)?.into(),
            Width::U16 => number::<u16>(info, self.offset)?.into(),
            Width::U32 => number::<u32>(info, self.offset)?.into(),
            Width::U64 => number::<u64>(info, self.offset)?,
        };
        (self.kind != Kind::Limit(value)).then_some(value)
    }
}

/// The counters of the contract, in the order of the fields, as ss prints them: without those that are 0.
#[must_use]
pub fn printed(info: &TcpInfo<'_>) -> [Option<u64>; PRINTED] {
    match info {
        TcpInfo::Unknown => [None; PRINTED],
        TcpInfo::Printed(counters) => *counters,
        TcpInfo::Raw(info) => {
            let mut counters = [None; PRINTED];
            for (counter, field) in counters.iter_mut().zip(CONTRACT) {
                *counter = field.read(info).filter(|count| *count != 0);
            }
            counters
        }
    }
}

/// The counters that the contract names.
pub const CONTRACT: &[Field; PRINTED] = match FIELDS.first_chunk() {
    Some(fields) => fields,
    None => unreachable!(),
};

use Kind::{Counter, Gauge, Limit};
use Width::{U8, U16, U32, U64};

/// Every field.
pub const FIELDS: &[Field] = &[
    field("bytes_acked", "bytes_acked", 120, U64, Counter).told("bytes", "4.1"),
    field("bytes_received", "bytes_received", 128, U64, Counter).told("bytes", "4.1"),
    field("segs_out", "segs_out", 136, U32, Counter).told("segments", "4.2"),
    field("segs_in", "segs_in", 140, U32, Counter).told("segments", "4.2"),
    field("data_segs_out", "data_segs_out", 156, U32, Counter).told("segments", "4.6"),
    field("data_segs_in", "data_segs_in", 152, U32, Counter).told("segments", "4.6"),
    field("rtt", "rtt", 68, U32, Gauge).told("microseconds", "2.6.2"),
    field("rttvar", "rtt", 72, U32, Gauge).told("microseconds", "2.6.2"),
    field("min_rtt", "minrtt", 148, U32, Limit(u32::MAX as u64)).told("microseconds", "4.6"),
    field("rto", "rto", 8, U32, Gauge).told("microseconds", "2.4"),
    field("ato", "ato", 12, U32, Gauge).told("microseconds", "2.4"),
    field("rcv_rtt", "rcv_rtt", 92, U32, Gauge).told("microseconds", "2.6.8"),
    field("cwnd", "cwnd", 80, U32, Gauge).told("segments", "2.4"),
    field("ssthresh", "ssthresh", 76, U32, Limit(0x7fff_ffff)).told("segments", "2.4"),
    field("unacked", "unacked", 24, U32, Gauge).told("segments", "2.4"),
    field("sacked", "sacked", 28, U32, Gauge).told("segments", "2.4"),
    field("lost", "lost", 32, U32, Gauge).told("segments", "2.4"),
    field("retrans", "retrans", 36, U32, Gauge).told("segments", "2.4"),
    field("reordering", "reordering", 88, U32, Gauge).told("segments", "2.4"),
    field("mss", "mss", 16, U32, Gauge).told("bytes", "2.4"),
    field("advmss", "advmss", 84, U32, Gauge).told("bytes", "2.4"),
    field("rcv_mss", "rcvmss", 20, U32, Gauge).told("bytes", "2.4"),
    field("pmtu", "pmtu", 60, U32, Gauge).told("bytes", "2.4"),
    field("rcv_space", "rcv_space", 96, U32, Gauge).told("bytes", "2.6.8"),
    field("rcv_ssthresh", "rcv_ssthresh", 64, U32, Gauge).told("bytes", "2.4"),
    field("snd_wnd", "snd_wnd", 228, U32, Gauge).told("bytes", "5.4"),
    field("rcv_wnd", "rcv_wnd", 232, U32, Gauge).told("bytes", "6.2"),
    field("notsent", "notsent", 144, U32, Gauge).told("bytes", "4.6"),
    field("backoff", "backoff", 4, U8, Gauge).told("doublings", "2.4"),
    field("last_data_sent", "lastsnd", 44, U32, Gauge).told("milliseconds", "2.4"),
    field("last_data_recv", "lastrcv", 52, U32, Gauge).told("milliseconds", "2.4"),
    field("last_ack_recv", "lastack", 56, U32, Gauge).told("milliseconds", "2.4"),
    field("pacing_rate", "pacing_rate", 104, U64, Limit(u64::MAX)).told("bytes a second", "3.15"),
    field("max_pacing_rate", "pacing_rate", 112, U64, Limit(u64::MAX)).told("bytes a second", "3.15"),
    field("delivery_rate", "delivery_rate", 160, U64, Limit(u64::MAX)).told("bytes a second", "4.9"),
    field("retrans_total", "retrans", 100, U32, Counter).told("segments", "2.6.13"),
    field("bytes_sent", "bytes_sent", 200, U64, Counter).told("bytes", "4.19"),
    field("bytes_retrans", "bytes_retrans", 208, U64, Counter).told("bytes", "4.19"),
    field("delivered", "delivered", 192, U32, Counter).told("segments", "4.18"),
    field("delivered_ce", "delivered_ce", 196, U32, Counter).told("segments", "4.18"),
    field("dsack_dups", "dsack_dups", 216, U32, Counter).told("blocks", "4.19"),
    field("reord_seen", "reord_seen", 220, U32, Counter).told("events", "4.19"),
    field("busy_time", "busy", 168, U64, Counter).told("microseconds", "4.10"),
    field("rwnd_limited", "rwnd_limited", 176, U64, Counter).told("microseconds", "4.10"),
    field("sndbuf_limited", "sndbuf_limited", 184, U64, Counter).told("microseconds", "4.10"),
    field("rcv_ooopack", "rcv_ooopack", 224, U32, Counter).told("segments", "5.4"),
    field("total_rto", "", 240, U16, Counter).told("timeouts", "6.7"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_tcp_info_has_no_later_fields() {
        let info = [1; 124];
        assert_eq!(printed(&TcpInfo::Raw(&info)), [None; PRINTED]);
        let info = [1; 128];
        assert_eq!(printed(&TcpInfo::Raw(&info))[0], Some(0x0101_0101_0101_0101));
    }

    #[test]
    fn no_limit_is_no_value() {
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
