use std::os::fd::OwnedFd;

use super::*;
use crate::config;
use crate::metric::Value;

const KNOWN: &[config::Known] = &[config::Known { name: "net", options: &[] }];
const TAGS: &[(&str, &[u8])] = &[("local_addr", b"10.0.0.1"), ("proto", b"tcp"), ("remote_port", b"")];
const FIELDS: &[(&str, Value<'_>)] = &[("state", Value::Text(b"ESTAB")), ("recv_q", Value::Unsigned(7))];
const METRIC: Metric<'_> = Metric { name: "socketstat", tags: TAGS, fields: FIELDS };

/// Telegraf's options, as a section says them.
fn global(options: &str) -> Global {
    let text = format!("[[inputs.net]]\n{options}");
    let mut sections = config::parse("f.conf", &text, KNOWN, &|_| None).expect("the options are sound");
    sections.remove(0).global
}

fn output(file: &str) -> Output {
    let file = std::fs::OpenOptions::new().write(true).open(file).expect("it can be written");
    Output::new(OwnedFd::from(file))
}

/// What `gather` adds at `nanoseconds` since 1970, and whether it failed.
fn gathered(options: &str, nanoseconds: u64, gather: impl FnOnce(&mut Accumulator<'_>)) -> (String, bool) {
    let (global, mut log) = (global(options), Logger::new("inputs.net", Level::Error));
    let mut output = output("/dev/null");
    let now = UNIX_EPOCH + Duration::from_nanos(nanoseconds);
    let mut accumulator = Accumulator::new(&global, &mut log, &mut output, Unsigned::Clamped, now);
    gather(&mut accumulator);
    let failed = accumulator.finish();
    (String::from_utf8(output.buffer().clone()).expect("UTF-8"), failed)
}

/// The line of [`METRIC`] without its time.
fn line(options: &str) -> String {
    let (text, _) = gathered(options, 0, |accumulator| accumulator.add(&METRIC));
    text.strip_suffix(" 0\n").unwrap_or(&text).to_owned()
}

#[test]
fn a_metric_is_one_line() {
    assert_eq!(line(""), "socketstat,local_addr=10.0.0.1,proto=tcp state=\"ESTAB\",recv_q=7i");
    let (text, failed) = gathered("", 1_700_000_000_123_456_789, |accumulator| {
        accumulator.add(&METRIC);
        accumulator.add(&Metric { name: "net", tags: &[], fields: FIELDS });
    });
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.ends_with(" 1700000000123456789")), "one time a gather: {text}");
    assert!(!failed);
}

#[test]
fn names_are_changed_in_telegrafs_order() {
    let name = |options| line(options).split(',').next().expect("a name").to_owned();
    assert_eq!(name("name_override = 'o'"), "o");
    assert_eq!(name("name_prefix = 'p_'\nname_suffix = '_s'"), "p_socketstat_s");
    assert_eq!(name("name_prefix = 'p_'\nname_suffix = '_s'\nname_override = 'o'"), "p_o_s");
    assert_eq!(name("name_override = ''"), "socketstat");
    assert!(line("name_prefix = 'a b,'").starts_with("a\\ b\\,socketstat,local_addr="));
}

#[test]
fn the_metric_is_judged_as_it_was_gathered() {
    // Neither the new name nor an added tag counts.
    assert_ne!(line("namepass = ['socketstat']\nname_override = 'o'"), "");
    assert_eq!(line("namepass = ['o']\nname_override = 'o'"), "");
    assert_ne!(line("namedrop = ['p_*']\nname_prefix = 'p_'"), "");
    assert_eq!(line("tagpass = {dc = ['x']}\ntags = {dc = 'x'}"), "");
    assert_ne!(line("tagdrop = {dc = ['x']}\ntags = {dc = 'x'}"), "");
    assert_ne!(line("tagpass = {proto = ['tcp']}\ntagexclude = ['proto']"), "");
}

#[test]
fn tags_are_added_in_order_and_never_over_one_that_is_there() {
    assert_eq!(
        line("tags = {z = '9', a = '1', m = '5', proto = 'x'}"),
        "socketstat,a=1,local_addr=10.0.0.1,m=5,proto=tcp,z=9 state=\"ESTAB\",recv_q=7i"
    );
    assert!(
        line("tags = {remote_port = '80'}")
            .starts_with("socketstat,local_addr=10.0.0.1,proto=tcp,remote_port=80 ")
    );
    assert!(line("tags = {a = ''}").starts_with("socketstat,local_addr="));
    assert!(line("tags = {'b c' = 'd=e'}").starts_with("socketstat,b\\ c=d\\=e,local_addr="));
}

#[test]
fn filters_of_tags_and_fields_come_last() {
    // Added tags are filtered too.
    assert_eq!(
        line("tags = {a = '1', b = '2'}\ntaginclude = ['a']"),
        "socketstat,a=1 state=\"ESTAB\",recv_q=7i"
    );
    assert_eq!(line("tagexclude = ['*']\nfieldexclude = ['state']"), "socketstat recv_q=7i");
    assert_eq!(line("tagexclude = ['*']\nfieldinclude = ['state']"), "socketstat state=\"ESTAB\"");
}

#[test]
fn a_metric_without_fields_is_not_written() {
    assert_eq!(line("fieldexclude = ['*']"), "");
    let (text, _) = gathered("", 0, |accumulator| {
        accumulator.add(&Metric { name: "net", tags: TAGS, fields: &[] });
        accumulator.add(&Metric { name: "net", tags: &[], fields: FIELDS });
    });
    assert_eq!(text, "net state=\"ESTAB\",recv_q=7i 0\n", "nothing is left of the first");
}

#[test]
fn metrics_are_dropped_back_to_a_mark() {
    let (text, _) = gathered("", 0, |accumulator| {
        accumulator.add(&Metric { name: "a", tags: &[], fields: FIELDS });
        let mark = accumulator.mark();
        accumulator.add(&METRIC);
        accumulator.rollback(mark);
        accumulator.add(&Metric { name: "b", tags: &[], fields: FIELDS });
    });
    assert_eq!(text, "a state=\"ESTAB\",recv_q=7i 0\nb state=\"ESTAB\",recv_q=7i 0\n");
}

#[test]
fn errors_are_remembered_and_remarks_are_not() {
    assert!(gathered("", 0, |accumulator| accumulator.error("lost")).1);
    let (_, failed) = gathered("", 0, |accumulator| {
        accumulator.remark(Level::Warn, "key", "text");
        accumulator.say(Level::Info, "text");
    });
    assert!(!failed);
}

#[test]
fn a_disk_that_is_full_is_an_error_of_the_gather() {
    let (global, mut log) = (global(""), Logger::new("inputs.net", Level::Error));
    let mut output = output("/dev/full");
    let mut accumulator = Accumulator::new(&global, &mut log, &mut output, Unsigned::Native, UNIX_EPOCH);
    accumulator.add(&METRIC);
    assert!(accumulator.flush().is_ok(), "it may pass: the next gather is tried");
    assert!(accumulator.finish());
    assert!(output.buffer().is_empty(), "nothing is kept");
}

#[test]
fn a_reader_that_is_gone_ends_the_gather() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let (global, mut log) = (global(""), Logger::new("inputs.net", Level::Error));
    let mut output = Output::new(OwnedFd::from(writer));
    let mut accumulator = Accumulator::new(&global, &mut log, &mut output, Unsigned::Native, UNIX_EPOCH);
    accumulator.add(&METRIC);
    assert!(matches!(accumulator.flush(), Err(OutputError::Closed)));
}

/// From Go 1.26: `time.Unix(0, TIME).Round(PRECISION)`, as nanoseconds since 1970.
const ROUNDED: &[(i64, u64, i128)] = &[
    (0, 7, -3),
    (0, 999, 405),
    (1, 2, 2),
    (1, 3, 0),
    (1, 5, 0),
    (-1, 10, 0),
    (1_600_000_000_123_456_789, 3, 1_600_000_000_123_456_788),
    (1_600_000_000_123_456_789, 7, 1_600_000_000_123_456_789),
    (1_600_000_000_123_456_789, 999, 1_600_000_000_123_457_223),
    (1_600_000_000_123_456_789, 1_000, 1_600_000_000_123_457_000),
    (1_600_000_000_123_456_789, 1_500_000, 1_600_000_000_123_500_000),
    (1_600_000_000_123_456_789, 1_000_000_000, 1_600_000_000_000_000_000),
    (1_600_000_000_123_456_789, 7_000_000_000, 1_599_999_999_000_000_000),
    (1_600_000_000_123_456_789, 604_800_000_000_000, 1_600_041_600_000_000_000),
    (1_600_000_000_123_456_789, 3_333_333_333_333, 1_599_999_866_660_293_107),
    (1_700_000_000_499_999_999, 1_000_000_000, 1_700_000_000_000_000_000),
    (1_700_000_000_500_000_000, 0, 1_700_000_000_500_000_000),
    (1_700_000_000_500_000_000, 1, 1_700_000_000_500_000_000),
    (1_700_000_000_500_000_000, 1_000_000_000, 1_700_000_001_000_000_000),
    (1_700_000_000_500_000_000, 60_000_000_000, 1_699_999_980_000_000_000),
    (1_700_000_000_500_000_000, 3_600_000_000_000, 1_699_999_200_000_000_000),
    (1_700_000_000_500_000_000, 2_592_000_000_000_000, 1_700_179_200_000_000_000),
    (1_700_000_000_500_000_000, 9_223_372_036_854_775_807, 2_428_007_457_983_430_649),
    (1_700_000_000_500_000_000, 9_223_372_036_854_775_806, 2_428_007_457_983_430_642),
    (1_700_000_000_500_000_001, 1_000_000_000, 1_700_000_001_000_000_000),
    (2, 3, 3),
    (2, 5, 0),
    (3, 5, 5),
    (4, 7, 4),
    (-1_500_000_000, 1_000_000_000, -1_000_000_000),
    (9_223_372_036_854_775_807, 3, 9_223_372_036_854_775_806),
    (9_223_372_036_854_775_807, 1_000_000_000, 9_223_372_037_000_000_000),
    (-62_135_596_800, 5, -62_135_596_800),
];

#[test]
fn times_are_rounded_as_go_rounds_them() {
    for &(time, precision, expected) in ROUNDED {
        let distance = Duration::from_nanos(time.unsigned_abs());
        let now = if time < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance };
        assert_eq!(rounded(now, Duration::from_nanos(precision)), expected, "{time} to {precision}");
    }
}

#[test]
fn the_time_of_a_gather_is_rounded() {
    for (precision, expected) in [
        ("''", "1700000000500000000"),
        ("'1ns'", "1700000000500000000"),
        ("'1ms'", "1700000000500000000"),
        ("'1s'", "1700000001000000000"),
        ("60", "1699999980000000000"),
    ] {
        let options = format!("precision = {precision}");
        let (text, _) = gathered(&options, 1_700_000_000_500_000_000, |accumulator| accumulator.add(&METRIC));
        assert_eq!(text.trim_end().rsplit(' ').next(), Some(expected), "{precision}");
    }
}
