//! Checks that must hold for any input, with proptest: random bytes, and files of the fixtures that are truncated, spliced
//! and damaged. The fuzz targets run the same checks (`fuzz/run`).

mod kernel;
mod tables;

use std::fs;
use std::path::Path;

use crate::checks;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// A change to a recorded file.
#[derive(Clone, Debug)]
enum Edit {
    /// Replaces one byte.
    Set(Index, u8),
    /// Inserts bytes.
    Insert(Index, Vec<u8>),
    /// Removes a part.
    Remove(Index, Index),
    /// Repeats a part.
    Repeat(Index, Index),
    /// Truncates the file.
    Cut(Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let place = any::<Index>;
    let odd = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        vec(any::<u8>(), 0..20),
        proptest::sample::select(vec![
            &b"\n"[..],
            b"\r\n",
            b" ",
            b"\t",
            b"\0",
            b":",
            b"\\",
            b"\"",
            b"=,",
            b"18446744073709551616",
            b"-1",
            b"\xed\xa0\x80",
            b"*",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    let edit = prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (place(), odd).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (place(), place()).prop_map(|(from, to)| Edit::Remove(from, to)),
        (place(), place()).prop_map(|(from, to)| Edit::Repeat(from, to)),
        place().prop_map(Edit::Cut),
    ];
    vec(edit, 0..8)
}

fn spoil(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let length = bytes.len();
        let at = |index: &Index| index.index(length + 1);
        let range = |from: &Index, to: &Index| {
            let (from, to) = (at(from), at(to));
            // Mostly short ranges, so that enough of the file remains.
            from..to.clamp(from, (from + 80).min(length).max(from))
        };
        match edit {
            Edit::Set(place, byte) => {
                if let Some(place) = bytes.get_mut(at(place)) {
                    *place = *byte;
                }
            }
            Edit::Insert(place, more) => drop(bytes.splice(at(place)..at(place), more.iter().copied())),
            Edit::Remove(from, to) => drop(bytes.drain(range(from, to))),
            Edit::Repeat(from, to) => {
                let part = bytes.get(range(from, to)).unwrap_or_default().to_vec();
                drop(bytes.splice(at(from)..at(from), part));
            }
            Edit::Cut(place) => bytes.truncate(at(place)),
        }
    }
    bytes
}

/// Every file below `fixtures/` whose relative path `wanted` accepts.
fn recorded(wanted: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let (mut files, mut directories) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("fixtures/ can be read") {
            let path = entry.expect("fixtures/ can be read").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.strip_prefix(&root).is_ok_and(|path| path.to_str().is_some_and(&wanted)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files.into_iter().map(|path| fs::read(path).expect("fixtures/ can be read")).collect()
}

/// Runs a check on random bytes and damaged files. With `chosen`, a byte that selects the variant of the check is put before
/// each file.
fn hold(check: checks::Check, files: Vec<Vec<u8>>, chosen: bool) {
    assert!(!files.is_empty(), "there are no such fixtures");
    let first = any::<u8>();
    let spoilt = (proptest::sample::select(files), edits(), first).prop_map(move |(file, edits, first)| {
        let mut bytes = spoil(file, &edits);
        if chosen {
            bytes.insert(0, first);
        }
        bytes
    });
    let made_up = vec(any::<u8>(), 0..2000);
    let text =
        prop_oneof![".{0,200}", r"[a-c0-9*?{}\[\]!^,.:\\$\-dhmsnu\x00]{0,40}"].prop_map(String::into_bytes);
    run(check, 400, &prop_oneof![4 => spoilt, 1 => made_up, 2 => text]);
}

/// Whole hosts: a configuration and its files.
#[test]
fn gather_of_recorded_hosts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let hosts = fs::read_dir(root).expect("fixtures/ can be read").filter_map(|entry| {
        let case = entry.expect("fixtures/ can be read").path();
        let config = fs::read(case.join("plugin.conf")).ok().filter(|_| case.join("proc/net").is_dir())?;
        let files = checks::gather::FILES.iter().map(|file| fs::read(case.join(file)).unwrap_or_default());
        Some([config].into_iter().chain(files).collect::<Vec<_>>().join(&0))
    });
    let hosts: Vec<_> = hosts.collect();
    assert!(hosts.len() > 20, "only {} hosts", hosts.len());
    for host in &hosts {
        checks::gather(host);
    }
    let spoilt = (proptest::sample::select(hosts), edits()).prop_map(|(host, edits)| spoil(host, &edits));
    run(checks::gather, 400, &spoilt);
}

/// Values that drivers return in sysfs, and some that no driver does.
#[test]
fn sysfs_of_values() {
    let values: &'static [&str] = &[
        "",
        "\n",
        "0\n",
        "1\n",
        " 1\n",
        "1 \n",
        "-1\n",
        "+1",
        "10000\n",
        "4294967295\n",
        "18446744073709551615\n",
        "18446744073709551616\n",
        "0x1003\n",
        "0x9\n",
        "0x",
        "1003\n",
        "up\n",
        "down\n\n",
        "full\n",
        "two words\n",
        "DEVTYPE=vlan\nIFINDEX=2\n",
        "00:1b:21:aa:bb:cc\n",
        "a\\\n",
        "\u{85}ä=,\n",
    ];
    let inputs = vec(proptest::sample::select(values), 16).prop_map(|values| values.join("\0").into_bytes());
    run(checks::sysfs, 400, &inputs);
}

/// Valid arguments, in any order.
#[test]
fn command_line_of_flags() {
    let parts: &'static [&str] = &[
        "--config",
        "-config",
        "--once",
        "-once=true",
        "-debug",
        "--check",
        "--poll-interval",
        "-poll_interval=10s",
        "1m",
        "0s",
        "x.toml",
        "--influx-uint-support",
        "-influx_uint_support=false",
        "--poll_interval_disabled",
        "--help",
        "-h",
        "--version",
        "--sources",
        "--sample-config",
        "--",
        "-",
        "=",
        "--once=maybe",
    ];
    let arguments =
        vec(proptest::sample::select(parts), 0..6).prop_map(|parts| parts.join("\0").into_bytes());
    run(checks::command_line, 2000, &arguments);
}

/// Lists of valid and invalid entries.
#[test]
fn selection_of_entries() {
    let list = |entries: &'static [&'static str]| {
        vec((any::<bool>(), proptest::sample::select(entries)), 0..4).prop_map(|entries| {
            let entries =
                entries.iter().map(|(not, entry)| format!("{}{entry}", if *not { "!" } else { "" }));
            entries.collect::<Vec<_>>().join(",")
        })
    };
    let ports = || list(&["1000", "1000-1300", "0-65535", "50007", "50000-50050", "7-1"]);
    let addresses = || {
        list(&[
            "10.0.0.0/8",
            "10.0.0.1",
            "0.0.0.0/0",
            "::/0",
            "[::1]",
            "fe80::/10",
            "::ffff:10.0.0.0/104",
            "127.0.0.1",
            "/run/*",
            "*.sock",
            "@*",
            "/run/{a,b}*",
            "[!/]*",
            "[",
        ])
    };
    let states =
        list(&["established", "all", "connected", "bucket", "Time-Wait", "listening", "UNCONN", "x"]);
    let inputs = (any::<bool>(), [ports(), ports()], [addresses(), addresses()], states);
    let inputs = inputs.prop_map(|(unix, [a, b], [c, d], e)| {
        [&[u8::from(unix)][..], [a, b, c, d, e].join("\0").as_bytes()].concat()
    });
    run(checks::selection, 1000, &inputs);
}

/// Runs a check on inputs of one strategy.
fn run(check: checks::Check, cases: u32, inputs: &impl Strategy<Value = Vec<u8>>) {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome = runner.run(inputs, |bytes| {
        check(&bytes);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Names, keys and values of characters that the encoder must escape or replace.
#[test]
fn line_protocol_of_unusual_texts() {
    let odd: Vec<&[u8]> = vec![
        b"\\",
        b"\"",
        b",",
        b"=",
        b" ",
        b"\n",
        b"\t",
        b"\x0b",
        b"\x0c",
        b"\r",
        b"a",
        b"b",
        b"#",
        b"\xff",
        "é".as_bytes(),
    ];
    let text = vec(proptest::sample::select(odd), 0..8).prop_map(|parts| {
        let text = parts.concat();
        let length = u8::try_from(text.len()).expect("a short text");
        [&[length][..], &text].concat()
    });
    let inputs = (any::<u8>(), vec(text, 20..50))
        .prop_map(|(counts, texts)| [&[counts][..], &texts.concat()].concat());
    run(checks::line_protocol, 4000, &inputs);
}

macro_rules! properties {
    ($($name:ident, $chosen:expr, $wanted:expr;)*) => {$(
        #[test]
        fn $name() {
            hold(checks::$name, recorded($wanted), $chosen);
        }
    )*
        /// The checks here and the fuzz targets must be the same.
        #[test]
        fn every_check_is_run() {
            let here = [$(stringify!($name)),*];
            assert_eq!(checks::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>(), here);
            for name in here {
                let target = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/fuzz_targets/{name}.rs"));
                assert!(target.exists(), "no fuzz target {name}");
            }
        }
    };
}

properties! {
    ss_table, true, |path| path.contains("/ss/") && !path.ends_with("err");
    socket_netstat, true, |path| path.contains("sockets/netstat/");
    net_netstat, false, |path| path.contains("-net/netstat/");
    proc_dev, false, |path| path.ends_with("net/dev");
    proc_snmp, true, |path| ["snmp", "snmp6", "netstat", "sockstat"].iter().any(|name| path.ends_with(&format!("net/{name}")));
    proc_sockets, true, |path| path.starts_with("proc_net/") && !path.contains('.');
    netlink, true, |path| path.starts_with("netlink/") && path.contains('-');
    destroyed, true, |path| path.starts_with("netlink/") && path.contains('-');
    net_netlink, true, |path| path.starts_with("net-netlink/") && path.ends_with("bin");
    cut_names, false, |path| path.starts_with("netstat-macos-");
    configuration, false, |path| path.ends_with("plugin.conf");
    command_line, false, |path| path.ends_with("/args");
    globs, false, |path| path.ends_with("plugin.conf");
    values, false, |path| path.ends_with("plugin.conf");
    selection, true, |path| path.starts_with("select-") && path.ends_with("plugin.conf");
    sysfs, false, |path| path.contains("/sys/") && path.ends_with("/flags");
    gather, false, |path| path.ends_with("plugin.conf");
    line_protocol, true, |path| path.ends_with("/expected.out");
}
