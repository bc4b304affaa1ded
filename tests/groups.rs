//! Selection, groups and extra fields on real sockets: the same through every source, and equal to what ss prints.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::support::needs::{needs, needs_sock_diag};
use crate::support::zoo::Zoo;
use crate::support::{self, write};
use telegraf_execd_network::inputs::socketstat::field::{FIELDS, Field};

/// The fields of a line, by name.
type Fields = BTreeMap<String, String>;
/// The lines of a gather, each as its tags and its fields; sockets may share tags.
type Lines = Vec<(String, Fields)>;

/// One gather of a section with these options, sorted.
fn gather(options: &str) -> Lines {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config = format!("[[inputs.socketstat]]\n  timeout = \"60s\"\n  internal = false\n{options}\n");
    let config = write(dir.path(), "plugin.conf", &config);
    let mut plugin = support::plugin();
    plugin.args(["--once", "--config", &config]);
    plugin.env("PATH", std::env::var_os("PATH").expect("PATH is set"));
    let output = plugin.output().expect("the plugin runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !stderr.contains("E! "), "{options}: {stderr}");
    let stdout = String::from_utf8(output.stdout).expect("line protocol is UTF-8");
    let mut lines: Lines = stdout.lines().map(parse).collect();
    lines.sort();
    lines
}

/// A line of which no tag or field has an escaped comma.
fn parse(line: &str) -> (String, Fields) {
    let mut parts = line.rsplitn(3, ' ');
    let (_, fields, tags) = (parts.next(), parts.next(), parts.next());
    let fields = fields.expect("fields").split(',').map(|field| field.split_once('=').expect("a field"));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.trim_end_matches('i').to_owned()));
    (tags.expect("tags").to_owned(), fields.collect())
}

/// What every source has of a line: /proc/net has no counters, no device, does not say whether a socket takes IPv6 only, of
/// unix sockets it has only the path, and of listening ones not how many connections may wait.
fn in_the_tables(lines: Lines) -> Lines {
    let counters = || support::reference::counter_names();
    let mut common: Lines = lines
        .into_iter()
        .map(|(tags, mut fields)| {
            let tags = tags.split(',').filter_map(|tag| {
                let Some((name, value)) = tag.split_once('=') else { return Some(tag.to_owned()) };
                let is_unix = tags.contains("proto=unix");
                let dropped = is_unix && name.starts_with("remote");
                let device = value.split_once('%').filter(|_| name == "local_addr" && !is_unix);
                let value = device.map_or(value, |(address, _)| address);
                (!dropped).then(|| format!("{name}={}", if value == "[::]" { "*" } else { value }))
            });
            let tags: Vec<String> = tags.collect();
            fields.retain(|name, _| !counters().any(|counter| counter == name));
            if tags.iter().any(|tag| tag == "proto=unix") {
                fields.retain(|name, _| !name.contains("_q"));
            }
            let listens = fields.get("state").is_some_and(|state| state == "\"LISTEN\"");
            if listens || tags.iter().any(|tag| tag == "state=LISTEN") {
                fields.retain(|name, _| !name.starts_with("send_q"));
            }
            (tags.join(","), fields)
        })
        .collect();
    common.sort();
    common
}

/// Compares until a moment when no timer runs between two gathers, or for a while.
fn compare(options: &str, sources: [&str; 2], common: impl Fn(Lines) -> Lines) -> usize {
    let from = |source| common(gather(&format!("  source = \"{source}\"\n{options}")));
    for _ in 0..30 {
        let [one, other] = sources.map(from);
        if one == other {
            return one.len();
        }
        sleep(Duration::from_millis(50));
    }
    let [one, other] = sources.map(from);
    let only = |these: &Lines, those: &Lines| -> Lines {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    let (first, second) = (only(&one, &other), only(&other, &one));
    assert_eq!(one.len(), other.len(), "{options}: {sources:?} alone: {first:#?}, {second:#?}");
    assert!(one == other, "{options}: {sources:?} alone: {first:#?}, {second:#?}");
    one.len()
}

/// Options, and whether ss and /proc/net have what they need.
const CASES: &[(&str, bool, bool)] = &[
    ("protocols = [\"tcp\"]\nstates = [\"established\"]", true, true),
    ("protocols = [\"tcp\"]\nstates = [\"CLOSE-WAIT\", \"listening\", \"time-wait\"]", true, true),
    ("protocols = [\"tcp\", \"udp\"]\nstates = [\"all\"]", true, true),
    ("protocols = [\"tcp\", \"udp\", \"raw\"]\nstates = [\"!established\", \"!syn-sent\"]", true, true),
    ("protocols = [\"udp\", \"raw\"]\nstates = [\"unconnected\"]", true, true),
    ("protocols = [\"raw\"]\nstates = [\"established\"]", true, true),
    ("protocols = [\"packet\"]\nstates = [\"established\"]", true, true),
    ("protocols = [\"packet\"]\nstates = [\"closed\"]", true, false),
    ("protocols = [\"tcp\", \"udp\"]\nlocal_addrs = [\"::/0\"]", true, true),
    ("protocols = [\"tcp\", \"udp\", \"raw\"]\nremote_addrs = [\"127.0.0.0/8\", \"!127.0.0.2\"]", true, true),
    ("protocols = [\"tcp\"]\nlocal_ports = [\"1-50000\"]\nremote_ports = [\"!1-20000\"]", true, true),
    ("protocols = [\"unix\"]\nlocal_addrs = [\"*.sock\", \"@*\"]", true, true),
    ("protocols = [\"tcp\", \"udp\", \"raw\", \"unix\", \"packet\"]\ngroup_by = [\"family\"]", true, false),
    ("protocols = [\"tcp\", \"udp\"]\ngroup_by = [\"family\", \"local_addr\", \"remote_addr\"]", true, true),
    (
        "protocols = [\"tcp\", \"udp\"]\ngroup_by = [\"remote_addr\"]\nipv4_prefix = 8\nipv6_prefix = 16",
        true,
        true,
    ),
    ("protocols = [\"tcp\", \"udp\"]\nstates = [\"all\"]\ngroup_by = [\"state\"]", true, true),
    ("protocols = [\"tcp\", \"udp\", \"raw\"]\ngroup_by = [\"device\", \"local_addr\"]", true, false),
    ("protocols = [\"tcp\", \"udp\"]\ngroup_by = [\"direction\", \"service\"]", false, true),
    ("protocols = [\"tcp\"]\nstates = [\"all\"]\ngroup_by = [\"direction\", \"state\"]", false, true),
    (
        "protocols = [\"tcp\", \"udp\"]\ngroup_by = [\"local_port\"]\nmax_series = 7\nrank_by = \"sockets\"",
        true,
        true,
    ),
    ("protocols = [\"tcp\", \"udp\"]\nmax_series = 9\nrank_by = \"queue\"", true, false),
];

#[test]
fn every_source_selects_and_groups_alike() {
    if !needs(&["ss"]) || !needs_sock_diag() || !support::namespace::enter() {
        return;
    }
    let mut zoo = Zoo::new();
    zoo.crowd(2_000);
    zoo.crowd(1_000);
    for (options, ss, procfs) in CASES {
        if *ss {
            let lines = compare(options, ["netlink", "ss"], |lines| lines);
            println!("{lines:5} lines equal, netlink and ss: {options:?}");
        }
        if *procfs {
            let lines = compare(options, ["netlink", "procfs"], in_the_tables);
            println!("{lines:5} lines equal, netlink and procfs: {options:?}");
        }
    }
}

/// The numbers of a group of all TCP sockets are the sums over the sockets.
#[test]
fn a_group_is_the_sum_of_its_sockets() {
    if !needs_sock_diag() || !support::namespace::enter() {
        return;
    }
    let mut zoo = Zoo::new();
    zoo.crowd(500);
    let options =
        "protocols = [\"tcp\"]\nsource = \"netlink\"\nextra_fields = [\"rtt\", \"cwnd\", \"retrans_total\"]";
    let number =
        |fields: &Fields, name: &str| fields.get(name).map(|value| value.parse::<u64>().expect("a number"));
    let (sockets, group) = (0..30)
        .find_map(|_| {
            let before = gather(options);
            let group = gather(&format!("{options}\ngroup_by = [\"proto\"]"));
            sleep(Duration::from_millis(1));
            (before == gather(options)).then_some((before, group))
        })
        .expect("the sockets stand still");
    let [(tags, group)] = &group[..] else { panic!("one group: {group:#?}") };
    assert_eq!(tags, "socketstat,proto=tcp");
    assert_eq!(number(group, "sockets"), Some(sockets.len() as u64));
    let all = |name| sockets.iter().filter_map(|(_, fields)| number(fields, name)).collect::<Vec<u64>>();
    for name in support::reference::counter_names().chain(["recv_q", "send_q", "retrans_total"]) {
        assert_eq!(number(group, name), Some(all(name).iter().sum()), "{name}");
    }
    for name in ["recv_q", "send_q", "rtt", "cwnd"] {
        assert_eq!(number(group, &format!("{name}_max")), all(name).into_iter().max(), "{name}");
    }
    let mut rtt = all("rtt");
    rtt.sort_unstable();
    assert_eq!(number(group, "rtt_p95"), Some(rtt[(rtt.len() * 95).div_ceil(100) - 1]));
    assert!(rtt.len() > 500 && !group.contains_key("rtt"), "{group:?}");
}

/// How ss prints a field.
#[derive(Clone, Copy)]
enum Printed {
    /// `name:5`
    Whole,
    /// `name:0.123`, in thousands of our unit.
    Thousands,
    /// `name:1/2`, of which this is one.
    Half(usize),
    /// Half of it, in thousands of our unit.
    HalfThousands(usize),
    /// Not exactly: rounded, or the time since something, which goes on.
    Inexactly,
}

fn printed(field: &Field) -> Printed {
    match field.name {
        "rtt" => Printed::HalfThousands(0),
        "rttvar" => Printed::HalfThousands(1),
        "retrans" => Printed::Half(0),
        "retrans_total" => Printed::Half(1),
        "min_rtt" | "rto" | "ato" | "rcv_rtt" => Printed::Thousands,
        "busy_time" | "rwnd_limited" | "sndbuf_limited" | "last_data_sent" | "last_data_recv"
        | "last_ack_recv" | "pacing_rate" | "max_pacing_rate" | "delivery_rate" => Printed::Inexactly,
        _ => Printed::Whole,
    }
}

/// The value of a field in the words of `ss -tinO`; `None` where ss does not print it, or not exactly.
fn value(field: &Field, words: &[&str]) -> Option<u64> {
    let text = words.iter().find_map(|word| word.strip_prefix(field.ss)?.strip_prefix(':'))?;
    let part = |at| text.split('/').nth(at);
    let thousands = |text: &str| {
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        format!("{whole}{rest:0<3}").parse().ok()
    };
    match printed(field) {
        Printed::Whole => text.parse().ok(),
        Printed::Thousands => thousands(text),
        Printed::Half(at) => part(at)?.parse().ok(),
        Printed::HalfThousands(at) => thousands(part(at)?),
        Printed::Inexactly => None,
    }
}

/// Each socket that `ss -tinO` lists: its ends, and the words behind them.
fn ss() -> Vec<(String, Vec<String>)> {
    let output = Command::new("ss").args(["-tinO"]).output().expect("ss runs");
    let text = String::from_utf8(output.stdout).expect("ss prints UTF-8");
    let rows = text.lines().skip(1).map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ends = words.get(3..5).expect("two ends").join(" ");
        (ends, words.iter().skip(5).map(|word| (*word).to_owned()).collect())
    });
    rows.collect()
}

/// Each socket that the plugin lists with all fields, by its ends as ss prints them.
fn ours() -> BTreeMap<String, Fields> {
    let lines = gather("protocols = [\"tcp\"]\nsource = \"netlink\"\nextra_fields = [\"*\"]");
    let ends = |tags: &str| {
        let tags: BTreeMap<&str, &str> = tags.split(',').filter_map(|tag| tag.split_once('=')).collect();
        let end =
            |side: &str| format!("{}:{}", tags[&*format!("{side}_addr")], tags[&*format!("{side}_port")]);
        format!("{} {}", end("local"), end("remote"))
    };
    lines.into_iter().map(|(tags, fields)| (ends(&tags), fields)).collect()
}

/// Fields that ss prints of some of the sockets in any case.
const ALWAYS_PRINTED: &[&str] = &[
    "rtt",
    "rttvar",
    "min_rtt",
    "rto",
    "ato",
    "cwnd",
    "mss",
    "advmss",
    "rcv_mss",
    "pmtu",
    "rcv_space",
    "rcv_ssthresh",
    "unacked",
    "retrans",
    "lost",
    "notsent",
    "backoff",
    "bytes_sent",
    "retrans_total",
    "delivered",
    "bytes_acked",
    "bytes_received",
    "segs_out",
    "segs_in",
    "data_segs_out",
    "data_segs_in",
    "snd_wnd",
];

#[test]
fn extra_fields_are_what_ss_prints() {
    if !needs(&["ss"]) || !needs_sock_diag() || !support::namespace::enter() {
        return;
    }
    let mut zoo = Zoo::new();
    zoo.crowd(100);
    // Timers run meanwhile: compare sockets of which ss prints the same before and after, but for the times since.
    let is_steady = |word: &&String| {
        !["last", "busy", "rwnd_limited", "sndbuf_limited"].iter().any(|name| word.starts_with(name))
    };
    let mut compared: BTreeSet<&str> = BTreeSet::new();
    let mut sockets = 0;
    for _ in 0..5 {
        let (before, ours, after) = (ss(), ours(), ss());
        for (ends, words) in before {
            let steady: Vec<&str> = words.iter().filter(is_steady).map(String::as_str).collect();
            let still = after.iter().any(|(later, words)| {
                *later == ends
                    && words.iter().filter(is_steady).map(String::as_str).eq(steady.iter().copied())
            });
            let Some(fields) = ours.get(&ends).filter(|_| still) else { continue };
            sockets += 1;
            for field in FIELDS.iter().filter(|field| !field.ss.is_empty()) {
                let Some(value) = value(field, &steady) else { continue };
                let told = fields.get(field.name).map(|value| value.parse::<u64>().expect("a number"));
                assert_eq!(told, Some(value), "{} of {ends}: {steady:?}", field.name);
                compared.insert(field.name);
            }
            let congestion = fields.get("congestion").map(|name| name.trim_matches('"'));
            // What is left of a connection in FIN-WAIT-2 has none.
            assert!(
                congestion.map_or(steady.is_empty(), |name| steady.contains(&name)),
                "{fields:?} {steady:?}"
            );
        }
    }
    println!("{sockets} sockets equal in {compared:?}");
    assert!(sockets > 100, "only {sockets} sockets stood still");
    for name in ALWAYS_PRINTED {
        assert!(compared.contains(name), "no socket on which ss prints {name}: {compared:?}");
    }
}
