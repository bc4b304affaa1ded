use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::host::Host;
use crate::inputs::net::extra::{TAGS, fields_of_option};
use crate::inputs::net::lines::Lines;
use crate::line_protocol::{self, Unsigned};
use crate::netlink::link_table::SharedLinks;
use crate::netlink::message::{HEADER, INTERRUPTED};
use crate::netlink::request::Request;
use crate::netlink::testing::{Kernel, error, message, recorded};

const GET_LINK: u16 = 18;
const GET_STATS: u16 = 94;
const CONTROLLER: u16 = 0x10;
const ETHTOOL: u16 = 21;

/// Adds the recorded answers to those that `kernel` already has.
fn recorded_kernel(kernel: Kernel) -> Kernel {
    kernel
        .answers(GET_LINK, &recorded("links-with-stats.bin"))
        .answers(GET_STATS, &recorded("stats.bin"))
        .answers(CONTROLLER, &recorded("family.bin"))
        .answers(ETHTOOL, &recorded("linkmodes.bin"))
}

/// A source that uses this kernel, and `sys` as /sys.
fn source(kernel: &Kernel, sys: &std::path::Path) -> Netlink {
    let host = Host::from_environment(|name| (name == "HOST_SYS").then(|| sys.as_os_str().to_owned()));
    let table = LinkTable::with_events(kernel.dumper(), kernel.subscribe());
    Netlink::new(Environment {
        route: kernel.dumper(),
        generic: kernel.dumper(),
        links: SharedLinks::new(table),
        host: Arc::new(host),
        ..Environment::of_process()
    })
}

/// The interfaces, each as one map of its tags and fields, and the messages.
type Gathered = (Vec<BTreeMap<String, String>>, Vec<String>);

fn gather(source: &mut Netlink) -> Result<Gathered, SourceError> {
    let all = String::from("*");
    let fields = fields_of_option(std::slice::from_ref(&all)).expect("a glob");
    let globs = crate::filter::glob::Globs::compile(&[all], "").expect("a glob");
    let lines = Lines::new(globs, None, fields, TAGS.to_vec());
    let query = Query { aliases: false, ..lines.query(Instant::now() + Duration::from_secs(60)) };
    let mut interfaces = Vec::new();
    let diagnostics = source.read(&query, &mut |interface| {
        lines.write(interface, &mut |metric| {
            let mut values = BTreeMap::new();
            for (key, value) in metric.tags.iter().filter(|(_, value)| !value.is_empty()) {
                let mut tag = Vec::new();
                line_protocol::key(&mut tag, value);
                values.insert((*key).to_owned(), String::from_utf8(tag).expect("UTF-8"));
            }
            for (key, value) in metric.fields {
                let mut field = Vec::new();
                line_protocol::field(&mut field, b"", *value, Unsigned::Clamped);
                values.insert((*key).to_owned(), String::from_utf8(field[1..].to_vec()).expect("UTF-8"));
            }
            interfaces.push(values);
        });
    })?;
    Ok((interfaces, diagnostics.into_iter().map(|diagnostic| diagnostic.text).collect()))
}

fn of(gathered: &Gathered, name: &str, key: &str) -> Option<String> {
    gathered.0.iter().find(|values| values["interface"] == name).and_then(|values| values.get(key).cloned())
}

fn none() -> std::path::PathBuf {
    "/nonexistent".into()
}

/// The keys and values of a line of line protocol, in which every comma in a tag is escaped.
fn values_of(line: &str) -> BTreeMap<String, String> {
    let (mut values, mut current, mut escaped) = (BTreeMap::new(), String::new(), false);
    for c in line.chars().chain([',']) {
        if (c == ',' || c == ' ') && !escaped {
            if let Some((key, value)) = current.split_once('=') {
                values.insert(key.to_owned(), value.to_owned());
            }
            current.clear();
        } else {
            current.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    values
}

#[test]
fn recorded_answers_equal_the_procfs_output_of_the_same_time() {
    let kernel = recorded_kernel(Kernel::default());
    let (interfaces, said) = gather(&mut source(&kernel, &none())).expect("it answers");
    assert_eq!(said, [""; 0]);
    let procfs = String::from_utf8(recorded("procfs.out")).expect("UTF-8");
    let expected: Vec<_> = procfs.lines().map(values_of).collect();
    assert_eq!((interfaces.len(), expected.len()), (13, 13));
    for of_procfs in expected {
        let ours =
            interfaces.iter().find(|ours| ours["interface"] == of_procfs["interface"]).expect("it is there");
        // sysfs has no file for this counter, and not every kind.
        let more: BTreeSet<&str> =
            ours.keys().filter(|key| !of_procfs.contains_key(*key)).map(String::as_str).collect();
        assert!(more.iter().all(|key| ["rx_otherhost_dropped", "kind"].contains(key)), "{more:?}");
        for (key, value) in &of_procfs {
            assert_eq!(ours.get(key), Some(value), "{key} of {}", of_procfs["interface"]);
        }
    }
}

#[test]
fn only_counters_and_speeds_are_requested_again() {
    let kernel = recorded_kernel(Kernel::default());
    let mut source = source(&kernel, &none());
    gather(&mut source).expect("it answers");
    assert_eq!(kernel.asked(), [GET_LINK, GET_STATS, CONTROLLER, ETHTOOL]);
    gather(&mut source).expect("it answers");
    assert_eq!(kernel.asked(), [GET_STATS, ETHTOOL]);
}

#[test]
fn the_counters_of_an_old_kernel_come_from_rtm_getlink() {
    let old = recorded_kernel(Kernel::default().refuses(GET_STATS, Errno::EOPNOTSUPP));
    let mut old_source = source(&old, &none());
    let (interfaces, said) = gather(&mut old_source).expect("it answers");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("before 4.7"), "{said:?}");
    let new = gather(&mut source(&recorded_kernel(Kernel::default()), &none())).expect("it answers");
    assert_eq!(interfaces, new.0);
    old.asked();
    let again = gather(&mut old_source).expect("it answers");
    assert_eq!((again.0, again.1), (interfaces, vec![]), "it is logged once");
    assert_eq!(old.asked(), [GET_LINK, ETHTOOL]);
}

/// A directory like /sys, in which v0 has a speed.
fn sys(speed: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("class/net/v0");
    std::fs::create_dir_all(&directory).expect("it can be made");
    std::fs::write(directory.join("speed"), speed).expect("it can be written");
    std::fs::write(directory.join("duplex"), "half\n").expect("it can be written");
    root
}

#[test]
fn the_speeds_of_an_old_kernel_come_from_sysfs() {
    for errno in [Errno::ENOENT, Errno::EOPNOTSUPP] {
        let kernel = recorded_kernel(Kernel::default().refuses(CONTROLLER, errno));
        let sys = sys("2500\n");
        let mut source = source(&kernel, sys.path());
        let gathered = gather(&mut source).expect("it answers");
        assert!(gathered.1.len() == 1 && gathered.1[0].contains("before 5.6"), "{:?}", gathered.1);
        assert_eq!(of(&gathered, "v0", "speed").as_deref(), Some("2500i"));
        assert_eq!(of(&gathered, "v0", "duplex").as_deref(), Some("\"half\""));
        assert_eq!(of(&gathered, "v1", "speed").as_deref(), Some("-1i"));
        kernel.asked();
        assert_eq!(gather(&mut source).expect("it answers").1, [""; 0], "it is logged once");
        assert_eq!(kernel.asked(), [GET_STATS], "and requested once");
    }
}

#[test]
fn speeds_missing_because_of_a_failing_driver_come_from_sysfs() {
    // Nothing of any device, as where the first one fails.
    let failed = error(Errno::ENODEV);
    let kernel = recorded_kernel(Kernel::default().answers(ETHTOOL, &failed));
    let sys = sys("2500\n");
    let mut source = source(&kernel, sys.path());
    let gathered = gather(&mut source).expect("it answers");
    assert!(gathered.1[0].contains("ENODEV"), "{:?}", gathered.1);
    assert_eq!(of(&gathered, "v0", "speed").as_deref(), Some("2500i"));
    let next = gather(&mut source).expect("it answers");
    assert_eq!(of(&next, "v0", "speed").as_deref(), Some("10000i"), "the driver works again");
}

fn link(kind: u16, index: i32, flags: u32, name: &str) -> Vec<u8> {
    let request = Request::one(0).push(&[0; 4]).push(&index.to_ne_bytes()).push(&flags.to_ne_bytes());
    let request = request.push(&[0; 4]).attribute(3, name.as_bytes());
    message(kind, 0, &request.finish(0)[HEADER..])
}

fn counters(devices: &[(i32, u64)], flags: u16) -> Vec<u8> {
    let device = |(index, bytes): &(i32, u64)| {
        let all: Vec<u8> = (0..25).flat_map(|_| bytes.to_ne_bytes()).collect();
        let request = Request::one(0).push(&[0; 4]).push(&index.to_ne_bytes()).push(&[0; 4]);
        message(92, 0, &request.attribute(1, &all).finish(0)[HEADER..])
    };
    let mut answer: Vec<u8> = devices.iter().flat_map(device).collect();
    answer.extend(done(flags));
    answer
}

fn done(flags: u16) -> Vec<u8> {
    message(3, flags, &[0; 4])
}

/// A kernel with two devices, without ethtool.
fn small() -> Kernel {
    let links = [link(16, 2, 1, "eth0"), link(16, 3, 1, "eth1"), done(0)].concat();
    Kernel::default().answers(GET_LINK, &links).refuses(CONTROLLER, Errno::ENOENT)
}

/// The names and sent bytes of the gathered interfaces.
fn rows(kernel: &Kernel) -> Result<Vec<(String, String)>, SourceError> {
    rows_of(&mut source(kernel, &none()))
}

fn rows_of(source: &mut Netlink) -> Result<Vec<(String, String)>, SourceError> {
    let (interfaces, _) = gather(source)?;
    let row = |values: &BTreeMap<String, String>| (values["interface"].clone(), values["bytes_sent"].clone());
    Ok(interfaces.iter().map(row).collect())
}

fn owned(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(name, bytes)| ((*name).to_owned(), (*bytes).to_owned())).collect()
}

#[test]
fn a_device_renamed_during_the_gather_has_its_new_name() {
    let kernel = small().answers(GET_STATS, &counters(&[(2, 20), (3, 30)], 0));
    kernel.reports_during(GET_STATS, Ok(link(16, 2, 1, "wan0")));
    assert_eq!(rows(&kernel).expect("it answers"), owned(&[("wan0", "20i"), ("eth1", "30i")]));
}

#[test]
fn two_devices_that_swap_names_during_the_gather_keep_their_counters() {
    let kernel = small().answers(GET_STATS, &counters(&[(2, 20), (3, 30)], 0));
    let renamed = [link(16, 2, 1, "tmp"), link(16, 3, 1, "eth0"), link(16, 2, 1, "eth1")].concat();
    kernel.reports_during(GET_STATS, Ok(renamed));
    assert_eq!(rows(&kernel).expect("it answers"), owned(&[("eth1", "20i"), ("eth0", "30i")]));
}

#[test]
fn a_device_removed_during_the_gather_is_skipped() {
    let kernel = small().answers(GET_STATS, &counters(&[(2, 20), (3, 30)], 0));
    kernel.reports_during(GET_STATS, Ok(link(17, 2, 1, "eth0")));
    assert_eq!(rows(&kernel).expect("it answers"), owned(&[("eth1", "30i")]));
    assert_eq!(kernel.asked().iter().filter(|kind| **kind == GET_STATS).count(), 1);
}

#[test]
fn a_device_created_during_the_gather_is_written_by_the_next() {
    let kernel = small().answers(GET_STATS, &counters(&[(2, 20)], 0));
    kernel.reports_during(GET_STATS, Ok(link(16, 4, 1, "new0")));
    assert_eq!(rows(&kernel).expect("it answers"), owned(&[("eth0", "20i")]));
}

#[test]
fn counters_are_requested_again_if_an_index_was_reused() {
    let kernel = small()
        .answers(GET_STATS, &counters(&[(2, 20), (3, 30)], 0))
        .answers(GET_STATS, &counters(&[(2, 1), (3, 31)], 0));
    kernel.reports_during(GET_STATS, Ok([link(17, 2, 1, "eth0"), link(16, 2, 1, "other")].concat()));
    assert_eq!(rows(&kernel).expect("it answers"), owned(&[("other", "1i"), ("eth1", "31i")]));
}

#[test]
fn an_index_that_is_reused_all_the_time_is_skipped() {
    let kernel = small().answers(GET_STATS, &counters(&[(2, 20), (3, 30)], 0));
    for _ in 0..ATTEMPTS {
        kernel.reports_during(GET_STATS, Ok([link(17, 2, 1, "eth0"), link(16, 2, 1, "other")].concat()));
    }
    assert_eq!(rows(&kernel).expect("it answers"), owned(&[("eth1", "30i")]));
    assert_eq!(kernel.asked().iter().filter(|kind| **kind == GET_STATS).count(), ATTEMPTS as usize);
}

#[test]
fn everything_is_requested_again_after_lost_notifications() {
    let moved = [link(16, 2, 1, "moved"), link(16, 3, 1, "eth1"), done(0)].concat();
    let kernel = small()
        .answers(GET_LINK, &moved)
        .answers(GET_STATS, &counters(&[(2, 20), (3, 30)], 0))
        .answers(GET_STATS, &counters(&[(2, 2), (3, 33)], 0));
    kernel.reports_during(GET_STATS, Err(Errno::ENOBUFS));
    assert_eq!(rows(&kernel).expect("it answers"), owned(&[("moved", "2i"), ("eth1", "33i")]));
}

#[test]
fn notifications_lost_all_the_time_are_an_error() {
    let kernel = small().answers(GET_STATS, &counters(&[(2, 20), (3, 30)], 0));
    for _ in 0..ATTEMPTS {
        kernel.reports_during(GET_STATS, Err(Errno::ENOBUFS));
    }
    let mut source = source(&kernel, &none());
    assert!(matches!(rows_of(&mut source), Err(SourceError::Failed(_))));
    assert_eq!(rows_of(&mut source).expect("the next gather works").len(), 2);
}

#[test]
fn interrupted_counters_are_requested_again() {
    let kernel = small()
        .answers(GET_STATS, &counters(&[(2, 20)], INTERRUPTED))
        .answers(GET_STATS, &counters(&[(2, 20), (3, 30)], 0));
    assert_eq!(rows(&kernel).expect("it answers"), owned(&[("eth0", "20i"), ("eth1", "30i")]));
}

#[test]
fn the_sum_of_drops_wraps_as_in_proc() {
    let kernel = small().answers(GET_STATS, &counters(&[(2, u64::MAX)], 0));
    let gathered = gather(&mut source(&kernel, &none())).expect("it answers");
    assert_eq!(of(&gathered, "eth0", "drop_in").as_deref(), Some("9223372036854775807i"), "clamped");
    assert_eq!(of(&gathered, "eth0", "drop_out").as_deref(), Some("9223372036854775807i"));
    let sum = counters::dropped(|_| Some(u64::MAX));
    assert_eq!(sum, Some(u64::MAX - 1));
}

#[test]
fn a_refusal_of_the_kernel_makes_the_source_unavailable() {
    for errno in [Errno::EPERM, Errno::EAFNOSUPPORT] {
        let kernel = Kernel::default().refuses(GET_LINK, errno);
        let Err(SourceError::Unavailable(cause)) = rows(&kernel) else { panic!("{errno}") };
        assert!(cause.to_string().starts_with("netlink: cannot list the interfaces: "), "{cause}");
    }
    let kernel = Kernel::default().answers(GET_LINK, &[]);
    assert!(matches!(rows(&kernel), Err(SourceError::Failed(_))));
}
