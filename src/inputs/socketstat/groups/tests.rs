use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use super::dump::Dump;
use super::*;
use crate::config::Strings;
use crate::inputs::socketstat::extra::ExtraFields;
use crate::inputs::socketstat::field::{CONTRACT, FIELDS, Width};
use crate::inputs::socketstat::socket::{Device, Endpoint, Socket, State, TcpInfo};
use crate::metric::{Metric, Value};

mod ends;
mod limits;
mod property;

/// The lines of a gather: the tags of each, with its fields.
pub(super) type Written = BTreeMap<String, BTreeMap<String, u64>>;

pub(super) fn options(keys: &[&str], max_series: Option<i64>) -> GroupOptions {
    let group_by = Strings(keys.iter().map(|&key| key.to_owned()).collect());
    GroupOptions { group_by, max_series, ..GroupOptions::default() }
}

pub(super) fn groups(options: &GroupOptions, extra: &[&str]) -> Groups {
    let extra: Vec<String> = extra.iter().map(|&name| name.to_owned()).collect();
    let extra = ExtraFields::of_option(&extra, false).unwrap();
    Groups::of_options(options, &extra, &[Protocol::Tcp, Protocol::Udp], false, false, Path::new("/sys"))
        .unwrap()
        .unwrap()
}

/// A connection on a host that listens on port 443.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) cookie: u64,
    pub(super) ports: (u16, u16),
    pub(super) counters: [u64; 6],
    pub(super) rtt: u32,
    pub(super) recv_q: u64,
    pub(super) state: u8,
}

impl Connection {
    /// One that came to port 443 and moved so many bytes.
    pub(super) const fn inbound(cookie: u64, bytes: u64) -> Self {
        Self::new(cookie, (443, 50_000), bytes)
    }

    pub(super) const fn new(cookie: u64, ports: (u16, u16), bytes: u64) -> Self {
        let counters = [bytes, 0, 1, 1, 1, 1];
        Self { cookie, ports, counters, rtt: 100, recv_q: 2, state: 1 }
    }

    pub(super) fn tcp_info(&self) -> Vec<u8> {
        let mut info = vec![0; 248];
        let mut put = |field: &Field, value: u64| {
            let width = if field.width == Width::U64 { 8 } else { 4 };
            let start = if cfg!(target_endian = "big") { 8 - width } else { 0 };
            let bytes = &value.to_ne_bytes()[start..start + width];
            info[field.offset..field.offset + width].copy_from_slice(bytes);
        };
        CONTRACT.iter().zip(self.counters).for_each(|(field, value)| put(field, value));
        put(FIELDS.iter().find(|field| field.name == "rtt").unwrap(), self.rtt.into());
        info
    }

    pub(super) fn with<T>(&self, f: impl FnOnce(&Socket<'_>) -> T) -> T {
        let info = self.tcp_info();
        let end =
            |port| Endpoint::Inet { address: [10, 0, 0, 1].into(), port, device: Device::Any, v6only: false };
        f(&Socket {
            local: end(self.ports.0),
            remote: end(self.ports.1),
            state: State::Number(self.state),
            recv_q: Some(self.recv_q),
            send_q: Some(1),
            cookie: Some(self.cookie),
            tcp: TcpInfo::Raw(&info),
            ..Socket::default()
        })
    }
}

/// Hands the sockets of a dump over, without its end.
pub(super) fn rows<'a>(groups: &'a mut Groups, protocol: Protocol, sockets: &[Connection]) -> Dump<'a> {
    let mut dump = groups.dump(protocol).unwrap();
    Connection::new(0, (443, 0), 0).with(|listener| dump.listens(listener));
    for socket in sockets {
        socket.with(|socket| dump.add(socket));
    }
    dump
}

pub(super) fn write(groups: &mut Groups, now: Instant) -> (Written, Option<String>) {
    let mut lines = Written::new();
    let warning = groups.write(now, &mut |metric: &Metric<'_>| {
        assert!(metric.tags.is_sorted_by_key(|(key, _)| *key), "{metric:?}");
        let tags = metric.tags.iter().map(|(key, value)| format!("{key}={}", String::from_utf8_lossy(value)));
        let fields = metric.fields.iter().filter_map(|(name, value)| match value {
            Value::Unsigned(value) => Some(((*name).to_owned(), *value)),
            _ => None,
        });
        let before = lines.insert(tags.collect::<Vec<_>>().join(","), fields.collect());
        assert!(before.is_none(), "two lines with the same tags: {metric:?}");
    });
    (lines, warning)
}

/// One gather of TCP.
fn gather(groups: &mut Groups, sockets: &[Connection]) -> Written {
    rows(groups, Protocol::Tcp, sockets).commit();
    write(groups, Instant::now()).0
}

/// One field of each line, by its last tags.
fn field<'a>(lines: &'a Written, field: &str) -> Vec<(&'a str, Option<u64>)> {
    lines.iter().map(|(tags, fields)| (tags.as_str(), fields.get(field).copied())).collect()
}

#[test]
fn each_group_is_one_line() {
    let mut groups = groups(&options(&["direction", "service"], None), &["rtt", "retrans_total"]);
    let mut sockets =
        [Connection::inbound(1, 100), Connection::inbound(2, 50), Connection::new(3, (9, 5432), 7)];
    sockets[1].recv_q = 9;
    sockets[1].rtt = 301;
    let lines = gather(&mut groups, &sockets);
    assert_eq!(
        field(&lines, "bytes_acked"),
        [
            ("direction=inbound,proto=tcp,service=443", Some(0)),
            ("direction=outbound,proto=tcp,service=5432", Some(0))
        ]
    );
    let inbound = &lines["direction=inbound,proto=tcp,service=443"];
    let expected = [
        ("sockets", 2),
        ("recv_q", 11),
        ("send_q", 2),
        ("recv_q_max", 9),
        ("send_q_max", 1),
        ("bytes_acked", 0),
        ("bytes_received", 0),
        ("segs_out", 0),
        ("segs_in", 0),
        ("data_segs_out", 0),
        ("data_segs_in", 0),
        ("rtt_mean", 201),
        ("rtt_p50", 100),
        ("rtt_p95", 301),
        ("rtt_p99", 301),
        ("rtt_max", 301),
        ("retrans_total", 0),
    ];
    assert_eq!(*inbound, expected.map(|(name, value)| (name.to_owned(), value)).into());
    // One closes, one comes, one goes on.
    let lines = gather(&mut groups, &[Connection::inbound(2, 60), Connection::inbound(4, 5)]);
    assert_eq!(lines["direction=inbound,proto=tcp,service=443"]["bytes_acked"], 15);
    let gone = &lines["direction=outbound,proto=tcp,service=5432"];
    assert_eq!((gone["sockets"], gone["recv_q_max"], gone["bytes_acked"]), (0, 0, 0));
    assert!(!gone.contains_key("rtt_p50"));
}

#[test]
fn a_failed_dump_changes_nothing() {
    let mut groups = groups(&options(&["service"], None), &[]);
    gather(&mut groups, &[Connection::inbound(1, 100)]);
    drop(rows(&mut groups, Protocol::Tcp, &[Connection::inbound(1, 150), Connection::new(2, (1, 80), 9)]));
    assert_eq!(write(&mut groups, Instant::now()).0, Written::new());
    let lines = gather(&mut groups, &[Connection::inbound(1, 160)]);
    assert_eq!(field(&lines, "bytes_acked"), [("proto=tcp,service=443", Some(60))]);
    // A second attempt in the same gather.
    drop(rows(&mut groups, Protocol::Tcp, &[Connection::inbound(1, 170); 3]));
    let lines = gather(&mut groups, &[Connection::inbound(1, 180)]);
    assert_eq!(field(&lines, "bytes_acked"), [("proto=tcp,service=443", Some(80))]);
    assert_eq!(field(&lines, "sockets"), [("proto=tcp,service=443", Some(1))]);
}

#[test]
fn once_writes_the_current_sockets() {
    let extra = ExtraFields::default();
    let options = options(&["service"], None);
    let mut groups = Groups::of_options(&options, &extra, &[Protocol::Tcp], true, false, Path::new("/sys"))
        .unwrap()
        .unwrap();
    let lines = gather(&mut groups, &[Connection::inbound(1, 100), Connection::inbound(2, 1)]);
    assert_eq!(field(&lines, "bytes_acked"), [("proto=tcp,service=443", Some(101))]);
}

#[test]
fn with_the_state_among_the_keys_there_are_no_totals() {
    let mut groups = groups(&options(&["state"], None), &["rtt", "retrans_total"]);
    assert!(groups.wants_tcp_info());
    let lines = gather(&mut groups, &[Connection::inbound(1, 100)]);
    let names: Vec<&str> = lines["proto=tcp,state=ESTAB"].keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "recv_q",
            "recv_q_max",
            "rtt_max",
            "rtt_mean",
            "rtt_p50",
            "rtt_p95",
            "rtt_p99",
            "send_q",
            "send_q_max",
            "sockets"
        ]
    );
    assert!(!self::groups(&options(&["state"], None), &[]).wants_tcp_info());
}

#[test]
fn a_cookie_counts_once_in_a_dump() {
    for key in ["service", "state"] {
        let mut groups = groups(&options(&[key], None), &[]);
        for _ in 0..2 {
            let lines = gather(&mut groups, &[Connection::inbound(1, 100), Connection::inbound(1, 100)]);
            assert_eq!(lines.values().next().unwrap()["sockets"], 1);
        }
    }
}

#[test]
fn unknown_queues_are_not_written() {
    let mut groups = groups(&options(&["family"], None), &[]);
    let mut dump = groups.dump(Protocol::Udp).unwrap();
    dump.add(&Socket { recv_q: Some(7), ..Socket::default() });
    dump.commit();
    let (lines, _) = write(&mut groups, Instant::now());
    let fields: Vec<&str> = lines["family=,proto=udp"].keys().map(String::as_str).collect();
    assert_eq!(fields, ["recv_q", "recv_q_max", "sockets"]);
}

#[test]
fn connections_of_ss_are_identified_by_their_endpoints() {
    let mut groups = groups(&options(&["service"], None), &[]);
    let mut gather = |bytes: &[u64]| {
        let mut dump = groups.dump(Protocol::Tcp).unwrap();
        for bytes in bytes {
            let end = |port| Endpoint::Text { address: b"10.0.0.1", port };
            let counters = [Some(*bytes), None, None, None, None, None];
            let tcp = TcpInfo::Printed(&counters);
            dump.add(&Socket { local: end(b"9"), remote: end(b"80"), tcp, ..Socket::default() });
        }
        dump.commit();
        let lines = write(&mut groups, Instant::now()).0;
        let line = &lines["proto=tcp,service=80"];
        (line["sockets"], line["bytes_acked"], line["segs_in"])
    };
    assert_eq!(gather(&[5]), (1, 0, 0));
    // The kernel listed it twice.
    assert_eq!(gather(&[7, 8]), (1, 2, 0));
    assert_eq!(gather(&[8]), (1, 3, 0));
}

#[test]
fn totals_start_again_with_another_source() {
    let mut groups = groups(&options(&["service"], None), &[]);
    gather(&mut groups, &[Connection::inbound(1, 100)]);
    gather(&mut groups, &[Connection::inbound(1, 110)]);
    groups.reset(Protocol::Tcp);
    let lines = gather(&mut groups, &[Connection::inbound(77, 120)]);
    assert_eq!(field(&lines, "bytes_acked"), [("proto=tcp,service=443", Some(10))]);
    let lines = gather(&mut groups, &[Connection::inbound(77, 125), Connection::inbound(78, 1)]);
    assert_eq!(field(&lines, "bytes_acked"), [("proto=tcp,service=443", Some(16))]);
}

#[test]
fn errors_name_key_and_value() {
    let wrong = |options: GroupOptions| {
        let extra = ExtraFields::default();
        let error = Groups::of_options(
            &options,
            &extra,
            &[Protocol::Tcp, Protocol::Udp],
            false,
            false,
            Path::new("/sys"),
        )
        .unwrap_err();
        format!("{}: {}", error.key, error.message)
    };
    let service = || options(&["service"], None);
    assert_eq!(
        wrong(options(&["service"], Some(1))),
        "max_series: must be 0 (no limit) or at least 2: a line for each of the protocols"
    );
    assert!(wrong(options(&[], Some(-1))).starts_with("max_series: must be 0"));
    assert_eq!(
        wrong(GroupOptions { ipv4_prefix: Some(33), ..service() }),
        "ipv4_prefix: must be from 0 to 32, got 33"
    );
    assert_eq!(
        wrong(GroupOptions { ipv6_prefix: Some(-1), ..service() }),
        "ipv6_prefix: must be from 0 to 128, got -1"
    );
    assert_eq!(
        wrong(GroupOptions { rank_by: Some("size".to_owned()), ..service() }),
        "rank_by: unknown order \"size\"; allowed are bytes, sockets, queue"
    );
    assert!(wrong(options(&["port"], None)).starts_with("group_by: unknown key \"port\""));
    let none = Groups::of_options(
        &options(&[], None),
        &ExtraFields::default(),
        &[Protocol::Tcp],
        false,
        false,
        Path::new("/sys"),
    );
    assert!(none.unwrap().is_none());
}
