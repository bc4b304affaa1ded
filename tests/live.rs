//! Real sockets of every kind in a network namespace: the series that the binary writes with the system's ss are equal to
//! the output of ss, as an independent parser reads it.

use std::time::Duration;

use crate::support;
use crate::support::needs::{needs, needs_sock_diag};
use crate::support::reference::{self, Row};
use crate::support::write;
use crate::support::zoo::Zoo;
use telegraf_execd_network::inputs::socketstat::socket::Protocol;

/// The line of a socket, without its timestamp.
fn line(row: &Row) -> String {
    let mut line = "socketstat".to_owned();
    for key in ["local_addr", "local_port", "proto", "remote_addr", "remote_port"] {
        if let Some(value) = row.get(key) {
            let escaped = value.replace(',', "\\,").replace('=', "\\=").replace(' ', "\\ ");
            line.extend([",", key, "=", &escaped]);
        }
    }
    let text = ["state", "netid"].iter().filter_map(|key| Some(format!("{key}=\"{}\"", row.get(*key)?)));
    let numbers = ["recv_q", "send_q"].into_iter().chain(reference::counter_names());
    let fields = text.chain(numbers.filter_map(|key| Some(format!("{key}={}i", row.get(key)?))));
    format!("{line} {}", fields.collect::<Vec<_>>().join(","))
}

/// The output of ss as sorted lines.
fn shown(protocol: Protocol) -> Vec<String> {
    let mut lines: Vec<String> =
        reference::read(protocol, &reference::run(protocol)).iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn series_equal_the_output_of_ss() {
    if !needs(&["ss"]) || !needs_sock_diag() || !support::namespace::enter() {
        return;
    }
    let mut zoo = Zoo::new();
    zoo.crowd(200);
    for (protocol, at_least) in [
        (Protocol::Tcp, 200),
        (Protocol::Udp, 5),
        (Protocol::Raw, 3),
        (Protocol::Unix, 20),
        (Protocol::Packet, 4),
    ] {
        let count = compare(protocol, "ss");
        assert!(count >= at_least, "{protocol}: {count} sockets");
        println!("{protocol}: {count} sockets equal");
    }
}

/// Compares the output of the binary with that of ss. Returns the number of sockets.
pub fn compare(protocol: Protocol, source: &str) -> usize {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config = format!(
        "[[inputs.socketstat]]\n  protocols = [\"{protocol}\"]\n  source = \"{source}\"\n  timeout = \"60s\"\n"
    );
    let config = write(dir.path(), "plugin.conf", &config);
    // Timers may change sockets (a SYN is retransmitted), so compare only if ss prints the same before and after.
    let (expected, output) = (0..50)
        .find_map(|_| {
            let before = shown(protocol);
            let mut plugin = support::plugin();
            plugin.args(["--once", "--config", &config]);
            plugin.env("PATH", std::env::var_os("PATH").expect("PATH is set"));
            let output = plugin.output().expect("the plugin runs");
            std::thread::sleep(Duration::from_millis(1));
            (before == shown(protocol)).then_some((before, output))
        })
        .unwrap_or_else(|| panic!("the {protocol} sockets changed in every try"));
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    let stdout = String::from_utf8(output.stdout).expect("line protocol is UTF-8");
    let mut ours: Vec<String> =
        stdout.lines().map(|line| line.rsplit_once(' ').expect("a timestamp").0.to_owned()).collect();
    ours.sort();
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    let (missing, extra) = (only(&expected, &ours), only(&ours, &expected));
    assert!(ours == expected, "{protocol}: only ss: {missing:#?}, only source {source}: {extra:#?}");
    ours.len()
}
