use proptest::prelude::*;

use super::*;

/// A recorded file of a case.
fn recorded(case: &str, file: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("fixtures").join(case).join("proc/net").join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The kernels whose files are recorded.
const KERNELS: [&str; 3] = ["net-kernel-2.6", "net-kernel-4-icmpmsg", "net-kernel-6.18"];

fn read(file: &str, text: &[u8]) -> (Vec<(String, i64)>, u64) {
    let file = FILES.into_iter().find(|known| known.name == file).expect("a known file");
    let (mut table, mut counters) = (ProtocolTable::new(file), ProtocolCounters::default());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        table.line(Some(line.trim_ascii_end()), &mut counters);
    }
    (counters.counters, table.finish())
}

fn protocols(text: &[u8]) -> (Vec<(String, i64)>, u64) {
    read("snmp", text)
}

fn owned(counters: &[(&str, i64)]) -> Vec<(String, i64)> {
    counters.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn each_form_has_its_names() {
    let text = "TcpExt: ListenDrops TCPTimeouts\nTcpExt: 1 2\nIpExt: InOctets\nIpExt: 3\n";
    let expected = owned(&[("tcpext_listendrops", 1), ("tcpext_tcptimeouts", 2), ("ipext_inoctets", 3)]);
    assert_eq!(read("netstat", text.as_bytes()), (expected, 0));
    let text =
        "Ip6InReceives                   \t12\nIcmp6OutType133 \t4\nUdpLite6InErrors\t18446744073709551615\n";
    let expected = owned(&[("ip6_inreceives", 12), ("icmp6_outtype133", 4), ("udplite6_inerrors", i64::MAX)]);
    assert_eq!(read("snmp6", text.as_bytes()), (expected, 0));
    let text = "sockets: used 39\nTCP: inuse 6 orphan 0 tw 4 alloc 6 mem 205\nFRAG: inuse 0 memory 0\n";
    let expected = owned(&[
        ("sockstat_sockets_used", 39),
        ("sockstat_tcp_inuse", 6),
        ("sockstat_tcp_orphan", 0),
        ("sockstat_tcp_tw", 4),
        ("sockstat_tcp_alloc", 6),
        ("sockstat_tcp_mem", 205),
        ("sockstat_frag_inuse", 0),
        ("sockstat_frag_memory", 0),
    ]);
    assert_eq!(read("sockstat", text.as_bytes()), (expected, 0));
    let expected = owned(&[("sockstat6_tcp6_inuse", 1)]);
    assert_eq!(read("sockstat6", b"TCP6: inuse 1\n"), (expected, 0));
}

#[test]
fn a_malformed_line_of_each_form_is_lost_alone() {
    for (file, good, bad) in [
        ("snmp6", "Ip6A 1", &["Ip6A", "Ip6A x", "Ip6A 1 2", "IpA 1", "Ip6 1", "Ip6A,b 1", "6 1"][..]),
        ("sockstat", "TCP: a 1", &["TCP a 1", "TCP: a", "TCP: a x", "TCP: a 1 b", ": a 1", "T P: a 1"]),
    ] {
        let expected = read(file, good.as_bytes());
        for bad in bad {
            let found = read(file, format!("{bad}\n\n{good}\n").as_bytes());
            assert_eq!(found, (expected.0.clone(), 1), "{bad}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_costs_its_own_counters() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("sockstat"), "TCP: inuse 1\n").expect("written");
    std::fs::create_dir(directory.path().join("netstat")).expect("made");
    std::fs::write(directory.path().join("snmp"), "Tcp: A\nTcp: 1\nTcp: A\n").expect("written");
    let (all, diagnostics) = ProtocolCounters::read(directory.path(), &FILES);
    assert_eq!(all.counters(), owned(&[("tcp_a", 1), ("sockstat_tcp_inuse", 1)]));
    let said: Vec<_> = diagnostics.iter().map(|diagnostic| (diagnostic.key, diagnostic.level)).collect();
    assert_eq!(said, ["snmp", "snmp6", "netstat", "sockstat6"].map(|file| (file, Level::Debug)));
    assert!(diagnostics[0].text.contains("skipped 1 malformed"), "{diagnostics:?}");
    assert!(diagnostics[1].text.starts_with("no protocol statistics: "), "{diagnostics:?}");
}

#[test]
fn every_protocol_counter_of_each_kernel_comes_through() {
    for kernel in KERNELS {
        let text = recorded(kernel, "snmp");
        let (counters, skipped) = protocols(&text);
        let words = |line: &str| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>();
        let text = String::from_utf8(text).expect("UTF-8");
        let lines: Vec<&str> = text.lines().collect();
        let mut expected = Vec::new();
        for pair in lines.chunks(2) {
            let [names, values] = pair else { panic!("{kernel}: half a pair") };
            let protocol = names.split(':').next().unwrap_or_default();
            for (name, value) in words(names).into_iter().zip(words(values)) {
                let value: i64 = value.parse().expect("a number");
                expected.push((format!("{protocol}_{name}").to_lowercase(), value));
            }
        }
        assert_eq!((counters, skipped), (expected, 0), "{kernel}");
    }
}

#[test]
fn protocol_counters_are_signed() {
    let text = "Tcp: MaxConn InSegs OutSegs\nTcp: -1 9223372036854775807 18446744073709551615\n";
    let expected = [("tcp_maxconn", -1), ("tcp_insegs", i64::MAX), ("tcp_outsegs", i64::MAX)];
    let expected = expected.map(|(name, value)| (name.to_owned(), value)).to_vec();
    assert_eq!(protocols(text.as_bytes()), (expected, 0));
}

#[test]
fn a_pair_of_lines_that_do_not_fit_is_lost_alone() {
    let udp = [(String::from("udp_a"), 1)];
    for bad in [
        "Tcp: A B\nTcp: 1\n",
        "Tcp: A\nTcp: 1 2\n",
        "Tcp: A\nTcp: x\n",
        "Tcp: A\nTcp: 99999999999999999999\n",
        "Tcp: A\n",
        "Tcp: A\nIp: 1\n",
        "garbage\n",
        ": A\n: 1\n",
    ] {
        let (counters, skipped) = protocols(format!("{bad}Udp: A\nUdp: 1\n").as_bytes());
        assert_eq!(counters, udp, "{bad}");
        assert!(skipped > 0, "{bad}");
    }
    let (counters, skipped) = protocols(b"Udp: A A\nUdp: 1 2\nudp: a\nudp: 3\n");
    assert_eq!((counters.as_slice(), skipped), (udp.as_slice(), 2), "the first of a name counts");
}

#[test]
fn protocol_counters_are_bounded() {
    let many = MOST + 10;
    let names: Vec<String> = (0..many).map(|number| format!("n{number}")).collect();
    let text = format!("X: {}\nX: {}\n", names.join(" "), vec!["1"; many].join(" "));
    let (counters, skipped) = protocols(text.as_bytes());
    assert_eq!((counters.len(), skipped), (MOST, 10));
    let mut table = ProtocolTable::new(FILES[0]);
    table.line(None, &mut ProtocolCounters::default());
    assert_eq!(table.finish(), 1);
}

#[test]
fn protocol_counters_cut_at_any_byte_are_whole_lines() {
    for kernel in KERNELS {
        let text = recorded(kernel, "snmp");
        let (whole, _) = protocols(&text);
        for end in 0..text.len() {
            let (found, _) = protocols(text.get(..end).unwrap_or_default());
            // The very last number may have lost digits, which cannot be told.
            let sure = found.split_last().map_or(&[][..], |(_, sure)| sure);
            assert!(whole.starts_with(sure), "{kernel} cut at {end}");
        }
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(text in prop::collection::vec(prop_oneof![4 => prop::sample::select(b"016 :\n-TcpI_".to_vec()), 1 => any::<u8>()], 0..200)) {
        for file in FILES {
            let (counters, _) = read(file.name, &text);
            prop_assert!(counters.iter().all(|(name, _)| name.contains('_')));
        }
    }
}
