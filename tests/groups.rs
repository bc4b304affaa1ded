//! Selection, groups and extra fields with real sockets: equal for every source, and equal to the output of ss.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use nix::unistd::{Uid, fchown};

use crate::support::needs::{needs, needs_sock_diag};
use crate::support::once::{Fields, Lines, gather};
use crate::support::tcp_info::compare_with_ss;
use crate::support::zoo::Zoo;
use crate::support::{self, skipped};

/// Reduces the lines to what every source has. The tables in /proc/net do not have counters, devices, the backlog of
/// listening sockets, or whether a socket is IPv6-only. For unix sockets they only have the path.
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

/// Compares two sources until they are equal, for a limited time: a timer may fire between two gathers.
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
    assert_eq!(one.len(), other.len(), "{options}: only in one of {sources:?}: {first:#?}, {second:#?}");
    assert!(one == other, "{options}: only in one of {sources:?}: {first:#?}, {second:#?}");
    one.len()
}

/// Options, and whether ss and /proc/net provide what they need.
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
fn every_source_selects_and_groups_the_same() {
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

/// The values of a group of all TCP sockets are the sums over its sockets.
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
        .expect("no socket changes");
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

/// The kernel reports users of sockets for every protocol. A user without a name is shown by its number.
#[test]
fn sockets_of_every_protocol_are_grouped_by_user() {
    if !needs_sock_diag() || !support::namespace::enter() {
        return;
    }
    let (nobody, nameless) = (65_534, 54_321);
    let packet = || {
        let all = SockProtocol::EthAll;
        socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, all).expect("a packet socket")
    };
    let mut sockets: Vec<OwnedFd> = Vec::new();
    for uid in [nobody, nameless] {
        let (one, other) = UnixStream::pair().expect("unix sockets");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
        udp.connect("127.0.0.1:9").expect("a peer");
        let (listener, made) = (TcpListener::bind("127.0.0.1:0").expect("a TCP socket"), sockets.len());
        let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        let (server, _) = listener.accept().expect("the other end");
        sockets.extend([one.into(), other.into(), udp.into(), client.into(), server.into(), packet()]);
        for socket in &sockets[made..] {
            // The user of a socket is the owner of its inode.
            if fchown(socket, Some(Uid::from_raw(uid)), None).is_err() {
                return skipped("needs root for sockets of other users");
            }
        }
    }
    let options = "  protocols = [\"tcp\", \"udp\", \"unix\", \"packet\"]\n  source = \"netlink\"\n  states = [\"all\"]\n";
    let groups = gather(&format!("{options}  group_by = [\"user\"]\n"));
    let count = |proto: &str, user: &str| {
        let tags = format!("socketstat,proto={proto},user={user}");
        groups.iter().find(|(of, _)| *of == tags).map(|(_, fields)| fields["sockets"].clone())
    };
    let single = gather(&format!("{options}  extra_tags = [\"user\"]\n"));
    for user in ["nobody", "54321"] {
        for (proto, expected) in [("tcp", 2), ("udp", 1), ("unix", 2), ("packet", 1)] {
            assert_eq!(count(proto, user), Some(expected.to_string()), "{proto} of {user}: {groups:#?}");
            let tags = [format!(",proto={proto},"), format!(",user={user}")];
            let lines = single.iter().filter(|(of, _)| tags.iter().all(|tag| of.contains(tag)));
            assert_eq!(lines.count(), expected, "{proto} of {user}: {single:#?}");
        }
    }
}

/// Fields that ss prints for at least one of the sockets on every kernel.
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
fn extra_fields_equal_the_output_of_ss() {
    if !needs(&["ss"]) || !needs_sock_diag() || !support::namespace::enter() {
        return;
    }
    let mut zoo = Zoo::new();
    zoo.crowd(100);
    let mut compared = BTreeSet::new();
    let mut sockets = 0;
    // The first SYN is retransmitted after one second.
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut rounds = 0;
    while rounds < 5
        || !ALWAYS_PRINTED.iter().all(|name| compared.contains(name)) && Instant::now() < deadline
    {
        rounds += 1;
        sleep(Duration::from_millis(100));
        sockets += compare_with_ss(&mut compared);
    }
    println!("{sockets} sockets equal in {compared:?}");
    assert!(sockets > 100, "only {sockets} sockets did not change");
    for name in ALWAYS_PRINTED {
        assert!(compared.contains(name), "ss printed {name} for no socket: {compared:?}");
    }
}
