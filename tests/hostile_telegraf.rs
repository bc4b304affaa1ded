//! Hostile names and values, through the real Telegraf: each metric arrives as one metric with the right content.
//!
//! This checks the encoder against Telegraf's parser. Telegraf's own output shows what it has parsed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::checks::influx;
use crate::checks::influx::Metric;
use crate::support::execd::{command, dir, fixture};
use crate::support::telegraf::{Telegraf, complaints, telegraf_in_own_network};
use crate::support::{fake, wait_until};

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
fn each_hostile_name_is_one_metric() {
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
