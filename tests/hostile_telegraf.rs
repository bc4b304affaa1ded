//! Hostile names and values, through the real Telegraf: each metric arrives as one metric with the right content.
//!
//! This checks the encoder against Telegraf's parser. Telegraf's own output shows what it has parsed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::checks::influx;
use crate::checks::influx::{Metric, Value};
use crate::support::execd::{command, dir, fixture};
use crate::support::telegraf::{Telegraf, complaints, telegraf_in_own_network};
use crate::support::{fake, wait_until};
use telegraf_execd_network::line_protocol::{self, Unsigned};
use telegraf_execd_network::metric;

/// Unix sockets and interfaces with odd names, and tags that no file name can have.
const CONFIG: &str = r#"
[[inputs.socketstat]]
  protocols = ["unix"]
  source = "ss"
  timeout = "60s"
  [inputs.socketstat.tags]
    newline = "two\nlines,with=all \"that\""
    empty = ""
    backslashes = "\\\\"
    "key with, =\"" = "\\\" \\, \\= \\"
    unicode = "wè\u2028\u0085\U0001F4E1"
[[inputs.net]]
  interfaces = ["*"]
"#;
/// Paths, as arguments of printf(1): characters that line protocol escapes, a backslash at the end and before escaped
/// characters, a vertical tab, invalid UTF-8, a lone surrogate, NUL.
const PATHS: &[&str] = &[
    "/plain",
    "/with space, comma=equals",
    "/ends in \\\\",
    "/a\\\\,b\\\\ c\\\\=d\\\\\"e",
    "/tab\\tvertical\\013form\\014feed",
    "/\\377\\376",
    "/lone\\355\\240\\200surrogate",
    "/\"quoted\"",
    "#comment",
    "@abstract\\000",
];

/// Makes a fake ss and a /proc with odd names. Returns the path of the latter.
fn hostile_host(dir: &Path) -> PathBuf {
    let rows: String =
        (10..).zip(PATHS).map(|(inode, path)| format!("u_str 0 0 {path} {inode} * 0\\n")).collect();
    let header = "Netid Recv-Q Send-Q Local Address:Port Peer Address:Port\\n";
    fake(dir, "ss", &format!("printf '{header}{rows}'\n"));
    let dev = fs::read_to_string(fixture("net-kernel-6.18").join("proc/net/dev")).expect("a recorded file");
    let mut dev: Vec<u8> = dev.split_inclusive('\n').take(2).flat_map(str::bytes).collect();
    for name in [&b"eth0"[..], b"eth0:1", b"a,b=c", b"end\\", b"\xff", b"\"", b"x\x0by", b"#"] {
        dev.extend_from_slice(name);
        dev.extend_from_slice(b": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
    }
    fs::create_dir_all(dir.join("proc/net")).expect("a directory");
    fs::write(dir.join("proc/net/dev"), dev).expect("it can be written");
    dir.join("proc")
}

#[test]
fn hostile_names_arrive_as_one_metric_each() {
    let Some(telegraf) = telegraf_in_own_network() else { return };
    let dir = dir();
    let proc = hostile_host(dir.path());
    let once =
        command(dir.path(), CONFIG).arg("--once").env("HOST_PROC", &proc).output().expect("the plugin runs");
    assert_eq!(String::from_utf8_lossy(&once.stderr), "");
    let expected = without_time(influx::read(&once.stdout).expect("line protocol"));
    assert_eq!(expected.len(), PATHS.len() + 8, "{expected:#?}");
    let tag = |metric: &Metric, key: &str| -> String {
        metric.tags.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let mut paths: Vec<_> =
        expected.iter().map(|metric| tag(metric, "local_addr")).filter(|path| !path.is_empty()).collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "#comment",
            "/\"quoted\"",
            "/a\\,b\\ c\\=d\\\"e",
            "/ends in ",
            "/lone\u{FFFD}\u{FFFD}\u{FFFD}surrogate",
            "/plain",
            "/tab\\tvertical\\vform\\ffeed",
            "/with space, comma=equals",
            "/\u{FFFD}\u{FFFD}",
            "@abstract\0",
        ]
    );
    let of_section: Vec<_> = ["newline", "empty", "backslashes", "key with, =\"", "unicode"]
        .iter()
        .map(|key| expected.iter().find(|metric| metric.name == "socketstat").map(|metric| tag(metric, key)))
        .map(Option::unwrap_or_default)
        .collect();
    assert_eq!(
        of_section,
        ["two\\nlines,with=all \"that\"", "", "", "\\\" \\, \\= ", "wè\u{2028}\u{85}\u{1F4E1}"]
    );

    let environment = format!(
        "  signal = \"STDIN\"\n  environment = [\"PATH={}\", \"HOST_PROC={}\", \"HOST_SYS=/nonexistent\"]\n",
        dir.path().display(),
        proc.display()
    );
    let telegraf = Telegraf::start(&telegraf, dir, CONFIG, &environment, "");
    wait_until("two gathers arrive", || telegraf.metrics().len() >= 2 * expected.len());
    let arrived = telegraf.metrics();
    let log = telegraf.stop(&[]);
    assert!(complaints(&log).is_empty(), "{log}");
    let arrived: String = arrived.iter().take(expected.len()).flat_map(|line| [line, "\n"]).collect();
    let arrived = without_time(influx::read(arrived.as_bytes()).expect("line protocol"));
    // Telegraf parses backslash and quote correctly, but its own serializer loses the difference in a tag with a separator.
    let unquoted = |metrics: &[Metric]| format!("{metrics:#?}").replace(r#"\\\""#, r#"\""#);
    assert_eq!(unquoted(&arrived), unquoted(&expected));
}

/// The metrics, sorted and with the same timestamp.
fn without_time(mut metrics: Vec<Metric>) -> Vec<Metric> {
    for metric in &mut metrics {
        metric.time = 0;
        metric.tags.sort();
        metric.fields.sort_by(|one, other| one.0.cmp(&other.0));
    }
    metrics.sort_by_key(|metric| format!("{metric:?}"));
    metrics
}

/// A point to encode. Field values are numbers or strings: this plugin has no floats and no booleans.
type Point<'a> = (&'a str, Vec<(&'a str, &'a str)>, Vec<(&'a str, metric::Value<'a>)>, i64);

/// The encode cases of <https://github.com/influxdata/line-protocol-corpus>, rewritten, with every name, key, tag,
/// string, integer and timestamp. Floats and booleans are replaced with integers.
fn corpus() -> Vec<Point<'static>> {
    let number = metric::Value::Signed;
    let text = |text: &'static str| metric::Value::Text(text.as_bytes());
    let mut points = Vec::new();
    let tags = [
        vec![],
        vec![("foo", "bar")],
        vec![("A FOO", "bar"), ("APPLE", "orange"), ("host", "serverA"), ("region", "uswest")],
    ];
    let fields = [
        vec![("a", number(42))],
        vec![("a", number(42)), ("b", text("things"))],
        vec![
            ("int64", number(i64::MAX)),
            ("string", text("String field that has a decent length, probably some log message or something")),
            ("uint32", number(4_294_967_295)),
        ],
    ];
    let times = [
        0,
        -34_526_000_000_000,
        -6_795_364_578_871_345_152,
        231_845_000_000_000,
        1_603_976_386_427_072_239,
        1_603_976_386_427_250_217,
    ];
    for time in times {
        for tags in &tags {
            points.extend(fields.iter().map(|fields| ("test", tags.clone(), fields.clone(), time)));
        }
    }
    for time in
        [-1, i64::MIN + 2, 0, 1_000_000_000, 946_730_096_789_012_345, 1_257_894_000_000_000_000, i64::MAX - 1]
    {
        points.push(("cpu", vec![], vec![("value", number(1))], time));
    }
    points.extend(odd_names());
    points.extend(odd_texts());
    points
}

/// The cases with a character to escape in a name, key or tag.
fn odd_names() -> Vec<Point<'static>> {
    let number = metric::Value::Signed;
    let mut points = Vec::new();
    let east = ("region", "east");
    for (name, tags, key) in [
        ("cpu load", vec![east], "value"),
        ("cpu,main", vec![("regions", "east")], "value"),
        ("cpu=load", vec![east], "value"),
        ("foo,bar", vec![], "value"),
        ("cpu", vec![], "\\a"),
        ("cpu main", vec![("tag bar", "value")], "name bar"),
        ("cpu,main", vec![("tag,bar", "value")], "name,bar"),
        ("cpu=main", vec![("tag=bar", "value=foo")], "name=bar"),
        ("cpu=load", vec![("equals=foo", "tag=value")], "value"),
        ("cpu", vec![("regions", "east")], "value ms"),
        ("cpu", vec![("regions", "east")], "value,ms"),
        ("\"cpu\"", vec![("host", "serverA"), ("region", "us-east")], "value"),
        ("cpu", vec![("\"host\"", "\"serverA\""), ("region", "us-east")], "value"),
        ("baz", vec![("mytag", "\"a")], "x"),
        ("baz", vec![("mytag", "a")], "z"),
        ("cpu", vec![("something", "")], "value"),
    ] {
        points.push((name, tags, vec![(key, number(1))], 1_441_103_862_125));
    }
    for key in [" ", "reg\\=ion", "region zone", "region,zone"] {
        points.push(("cpu", vec![(key, "east")], vec![("value", number(1))], 0));
    }
    for value in ["\\ east", "\\,,=east", "eas\\ t", "eas\\t", "east west", "east,west", "east\\ "] {
        points.push(("cpu", vec![("regions", value)], vec![("value", number(1))], 0));
    }
    points
}

/// The cases with a character to escape in a string.
fn odd_texts() -> Vec<Point<'static>> {
    let number = metric::Value::Signed;
    let text = |text: &'static str| metric::Value::Text(text.as_bytes());
    let mut points = Vec::new();
    for value in [
        "1970-01-01 00:00:00 +0000 UTC",
        "1",
        "1,0",
        "abcdefg",
        "backslash \\ then quote \" .",
        "one double quote \" .",
        "quote \" then backslash \\ .",
        "test\"",
        "test\\",
        "test\\\"",
        "string val",
        "foo \" bar",
        "foo bar",
        "foo,bar",
        "foo=bar",
        "foo\\",
        "foo\\,bar",
        "foo\nbar",
        "wè",
        "{Hello\"{,}\" World}",
        "{Hello\"{\\,}\" World}",
    ] {
        let fields = vec![("s", text(value)), ("value", number(6_632_243)), ("z", text("bar"))];
        points.push(("t", vec![("host", "serverA"), ("region", "us-east")], fields, 1_000_000_000));
    }
    points
}

#[test]
fn telegraf_understands_the_encoder() {
    let Some(telegraf) = telegraf_in_own_network() else { return };
    let (mut lines, mut expected) = (Vec::new(), Vec::new());
    for (name, tags, fields, time) in corpus() {
        line_protocol::measurement(&mut lines, name.as_bytes());
        for (key, value) in &tags {
            line_protocol::tag(&mut lines, key.as_bytes(), value.as_bytes());
        }
        for ((key, value), separator) in fields.iter().zip(b" ".iter().chain(std::iter::repeat(&b','))) {
            lines.push(*separator);
            line_protocol::field(&mut lines, key.as_bytes(), *value, Unsigned::Native);
        }
        line_protocol::timestamp(&mut lines, time.into());
        let value = |value: &metric::Value<'_>| match value {
            metric::Value::Signed(number) => Value::Signed(*number),
            metric::Value::Unsigned(number) => Value::Unsigned(*number),
            // A line break would be valid, but the encoder escapes it.
            metric::Value::Text(text) => Value::Text(String::from_utf8_lossy(text).replace('\n', "\\n")),
        };
        let tags = tags.iter().filter(|(_, value)| !value.is_empty());
        expected.push(Metric {
            name: name.to_owned(),
            tags: tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            fields: fields.iter().map(|(key, field)| ((*key).to_owned(), value(field))).collect(),
            time,
        });
    }
    let dir = dir();
    let file = dir.path().join("lines");
    fs::write(&file, lines).expect("it can be written");
    // Prints the lines once, at the first newline, and then waits.
    let script = format!("read -r line; /bin/cat '{}'; /bin/cat > /dev/null", file.display());
    let section = format!(
        "[[inputs.execd]]\n  command = [\"/bin/sh\", \"-c\", \"{script}\"]\n  signal = \"STDIN\"\n  data_format = \"influx\"\n"
    );
    let telegraf = Telegraf::with_inputs(&telegraf, dir, &section);
    wait_until("every metric arrives", || telegraf.metrics().len() >= expected.len());
    let arrived: String = telegraf.metrics().iter().flat_map(|line| [line, "\n"]).collect();
    let log = telegraf.stop(&[]);
    assert!(complaints(&log).is_empty(), "{log}");
    let sorted = |mut metrics: Vec<Metric>| {
        metrics.sort_by_key(|metric| format!("{metric:?}"));
        metrics
    };
    let arrived = sorted(influx::read(arrived.as_bytes()).expect("line protocol"));
    let expected = sorted(expected);
    for (arrived, expected) in arrived.iter().zip(&expected) {
        assert_eq!(arrived, expected);
    }
    assert_eq!(arrived.len(), expected.len());
    println!("{} points", expected.len());
}
