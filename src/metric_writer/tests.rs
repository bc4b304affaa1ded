use super::*;
use crate::config;
use crate::metric::Value;

const KNOWN: &[config::Known] = &[config::Known { name: "net", options: || &[] }];
const TAGS: &[(&str, &[u8])] = &[("local_addr", b"10.0.0.1"), ("proto", b"tcp"), ("remote_port", b"")];
const FIELDS: &[(&str, Value<'_>)] = &[("state", Value::Text(b"ESTAB")), ("recv_q", Value::Unsigned(7))];
const METRIC: Metric<'_> = Metric { name: "socketstat", tags: TAGS, fields: FIELDS };

/// The lines of these metrics, gathered at `nanoseconds` since 1970, with Telegraf's options as a section has them.
fn written(options: &str, nanoseconds: u64, metrics: &[Metric<'_>]) -> String {
    let text = format!("[[inputs.net]]\n{options}");
    let sections = config::parse("f.conf", &text, KNOWN, &|_| None).expect("the options are sound");
    let global = &sections.first().expect("a section").global;
    let writer = MetricWriter::new(global, Unsigned::Clamped, UNIX_EPOCH + Duration::from_nanos(nanoseconds));
    let mut out = Vec::new();
    for metric in metrics {
        writer.write(&mut out, metric);
    }
    String::from_utf8(out).expect("UTF-8")
}

/// The line of [`METRIC`] without its time.
fn line(options: &str) -> String {
    let text = written(options, 0, &[METRIC]);
    text.strip_suffix(" 0\n").unwrap_or(&text).to_owned()
}

#[test]
fn a_metric_is_one_line() {
    assert_eq!(line(""), "socketstat,local_addr=10.0.0.1,proto=tcp state=\"ESTAB\",recv_q=7i");
    let net = Metric { name: "net", tags: &[], fields: FIELDS };
    let text = written("", 1_700_000_000_123_456_789, &[METRIC, net]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.ends_with(" 1700000000123456789")), "{text}");
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
fn the_filter_sees_the_metric_as_gathered() {
    // Neither the new name nor an added tag counts.
    assert_ne!(line("namepass = ['socketstat']\nname_override = 'o'"), "");
    assert_eq!(line("namepass = ['o']\nname_override = 'o'"), "");
    assert_ne!(line("namedrop = ['p_*']\nname_prefix = 'p_'"), "");
    assert_eq!(line("tagpass = {dc = ['x']}\ntags = {dc = 'x'}"), "");
    assert_ne!(line("tagdrop = {dc = ['x']}\ntags = {dc = 'x'}"), "");
    assert_ne!(line("tagpass = {proto = ['tcp']}\ntagexclude = ['proto']"), "");
}

#[test]
fn tags_are_added_sorted_and_replace_no_existing_tag() {
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
fn tags_and_fields_are_filtered_last() {
    // Added tags are filtered too.
    assert_eq!(
        line("tags = {a = '1', b = '2'}\ntaginclude = ['a']"),
        "socketstat,a=1 state=\"ESTAB\",recv_q=7i"
    );
    assert_eq!(line("tagexclude = ['*']\nfieldexclude = ['state']"), "socketstat recv_q=7i");
    assert_eq!(line("tagexclude = ['*']\nfieldinclude = ['state']"), "socketstat state=\"ESTAB\"");
}

#[test]
fn tags_of_the_section_can_bypass_the_filter() {
    let added = |options: &str| {
        let line = line(&format!("tags = {{a = '1', proto = 'x', remote_port = '80', z = ''}}\n{options}"));
        line.split_once(' ').expect("fields").0.to_owned()
    };
    let whole = "socketstat,a=1,local_addr=10.0.0.1,proto=tcp,remote_port=80";
    assert_eq!(added("taginclude = ['local_addr']"), "socketstat,local_addr=10.0.0.1");
    assert_eq!(added("always_include_local_tags = true"), whole);
    assert_eq!(added("always_include_local_tags = true\ntagexclude = ['a', 'remote_port']"), whole);
    // Telegraf adds the section's tag when the metric's own is gone.
    assert_eq!(
        added("always_include_local_tags = true\ntaginclude = ['local_addr']"),
        "socketstat,a=1,local_addr=10.0.0.1,proto=x,remote_port=80"
    );
    assert_eq!(
        added("always_include_local_tags = true\ntagexclude = ['*']"),
        "socketstat,a=1,proto=x,remote_port=80"
    );
    assert_eq!(line("always_include_local_tags = true\nfieldexclude = ['*']\ntags = {a = '1'}"), "");
}

#[cfg(debug_assertions)]
#[test]
fn unsorted_tags_fail_an_assertion() {
    for tags in [&[("b", b"1" as &[u8]), ("a", b"2")], &[("a", b"1"), ("a", b"2")]] {
        let metric = Metric { name: "net", tags, fields: FIELDS };
        let panic = std::panic::catch_unwind(|| written("", 0, &[metric])).expect_err("a debug assertion");
        let message = panic.downcast_ref::<String>().expect("a message");
        assert!(message.starts_with("tags that are not sorted by key: "), "{message}");
    }
}

#[test]
fn a_metric_without_fields_is_not_written() {
    assert_eq!(line("fieldexclude = ['*']"), "");
    let empty = Metric { name: "net", tags: TAGS, fields: &[] };
    let text = written("", 0, &[empty, Metric { name: "net", tags: &[], fields: FIELDS }]);
    assert_eq!(text, "net state=\"ESTAB\",recv_q=7i 0\n", "nothing is left of the first");
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
        let text = written(&options, 1_700_000_000_500_000_000, &[METRIC]);
        assert_eq!(text.trim_end().rsplit(' ').next(), Some(expected), "{precision}");
    }
}
