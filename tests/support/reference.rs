//! Parses the output of `ss -in --PROTO` of iproute2 6.x without the library: the reference for tests with real sockets.
//!
//! Only knows the columns that ss 6.x prints for each protocol.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use telegraf_execd_network::inputs::socketstat::field::CONTRACT;
use telegraf_execd_network::inputs::socketstat::lines::Lines;
use telegraf_execd_network::inputs::socketstat::socket::{Protocol, Socket};
use telegraf_execd_network::inputs::socketstat::source::{Query, Source};
use telegraf_execd_network::inputs::socketstat::state;
use telegraf_execd_network::inputs::source::{Diagnostic, SourceError};
use telegraf_execd_network::metric::Value;

/// The tags and fields of a socket, by name.
pub type Row = BTreeMap<String, String>;

/// Converts a socket of a source.
fn row(protocol: Protocol, socket: &Socket<'_>) -> Row {
    let mut row = Row::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Lines::default().write(protocol, socket, &mut |metric| {
        for (key, value) in metric.tags.iter().filter(|(_, value)| !value.is_empty()) {
            row.insert((*key).to_owned(), text(value));
        }
        for (key, value) in metric.fields {
            let value = match value {
                Value::Unsigned(number) => number.to_string(),
                Value::Signed(number) => number.to_string(),
                Value::Text(bytes) => text(bytes),
            };
            row.insert((*key).to_owned(), value);
        }
    });
    row
}

/// Dumps the sockets that ss lists without `-a` from a source, sorted, with the diagnostics.
pub fn dump(source: &mut dyn Source, protocol: Protocol) -> Result<(Vec<Row>, Vec<Diagnostic>), SourceError> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let query =
        Query { protocol, states: state::listed(protocol), tcp_info: true, congestion: false, deadline };
    let mut rows = Vec::new();
    let diagnostics = source.dump(&query, &mut |socket| rows.push(row(protocol, socket)))?;
    rows.sort();
    Ok((rows, diagnostics))
}

/// The names of the counters that ss prints.
pub fn counter_names() -> impl Iterator<Item = &'static str> {
    CONTRACT.iter().map(|field| field.name)
}

/// The current output of ss.
pub fn run(protocol: Protocol) -> String {
    let output = Command::new("ss").args(["-in", &format!("--{protocol}")]).output().unwrap();
    assert!(output.status.success(), "ss: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Parses an output of ss. The rows are sorted.
pub fn read(protocol: Protocol, printed: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in printed.lines().skip(1) {
        if line.starts_with([' ', '\t']) {
            counters(line, rows.last_mut().unwrap());
        } else {
            rows.push(socket(protocol, line));
        }
    }
    rows.sort();
    rows
}

fn counters(line: &str, row: &mut Row) {
    for (name, value) in line.split_whitespace().filter_map(|word| word.split_once(':')) {
        if counter_names().any(|counter| counter == name) {
            row.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn socket(protocol: Protocol, line: &str) -> Row {
    let columns: &[&str] = match protocol {
        Protocol::Unix => &["netid", "-", "recv_q", "send_q"],
        Protocol::Packet => &["netid", "recv_q", "send_q"],
        Protocol::Udp | Protocol::Raw => &["recv_q", "send_q"],
        _ => &["state", "recv_q", "send_q"],
    };
    let mut rest = line.trim_end();
    let mut row = Row::from([("proto".to_owned(), protocol.to_string())]);
    // An SCTP association is printed below its socket.
    rest = rest.strip_prefix("`- ").unwrap_or(rest);
    for column in columns {
        let (cell, tail) = rest.split_once(' ').unwrap();
        row.insert((*column).to_owned(), cell.to_owned());
        rest = tail.trim_start();
    }
    row.remove("-");
    let cells = if protocol == Protocol::Unix {
        // `PATH INODE * INODE`, where the path may contain spaces.
        let (rest, peer_port) = last_word(rest);
        let (rest, peer) = last_word(rest);
        let (path, port) = last_word(rest);
        [path, port, peer, peer_port]
    } else {
        let (local, peer) = rest.split_once(char::is_whitespace).unwrap();
        let (local, local_port) = local.rsplit_once(':').unwrap();
        let (peer, peer_port) = peer.trim().rsplit_once(':').unwrap_or((peer.trim(), ""));
        [local, local_port, peer, peer_port]
    };
    for (name, cell) in ["local_addr", "local_port", "remote_addr", "remote_port"].into_iter().zip(cells) {
        if !cell.is_empty() {
            row.insert(name.to_owned(), cell.to_owned());
        }
    }
    row
}

fn last_word(text: &str) -> (&str, &str) {
    text.rsplit_once(char::is_whitespace).map(|(head, last)| (head.trim_end(), last)).unwrap()
}
