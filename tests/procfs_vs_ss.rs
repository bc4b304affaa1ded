//! Compares the procfs source with ss: with recorded tables, and live in a network namespace.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::support;
use crate::support::big_endian;
use crate::support::needs::{needs, needs_sock_diag};
use crate::support::reference::{self, Row};
use crate::support::zoo::Zoo;
use telegraf_execd_network::inputs::socketstat::interfaces::Names;
use telegraf_execd_network::inputs::socketstat::procfs::{PROTOCOLS, Procfs};
use telegraf_execd_network::inputs::socketstat::socket::Protocol;

fn procfs(net: &Path, names: Names, protocol: Protocol) -> Vec<Row> {
    let (rows, diagnostics) = reference::dump(&mut Procfs::new(net.to_owned(), names), protocol).unwrap();
    assert_eq!(diagnostics, []);
    rows
}

/// Reduces a row of ss to what the tables in /proc/net have too.
fn in_the_tables(protocol: Protocol, mut row: Row) -> Row {
    let missing: Vec<&str> = match protocol {
        Protocol::Unix => vec!["recv_q", "send_q", "remote_addr", "remote_port"],
        Protocol::Packet => vec!["send_q"],
        _ => reference::counter_names().collect(),
    };
    row.retain(|key, _| !missing.contains(&key.as_str()));
    if protocol != Protocol::Unix
        && let Some(address) = row.get_mut("local_addr")
        && let Some((bare, _)) = address.split_once('%')
    {
        *address = bare.to_owned();
    }
    row
}

fn expected(protocol: Protocol, printed: &str) -> Vec<Row> {
    let rows = reference::read(protocol, printed).into_iter();
    let mut rows: Vec<Row> = rows.map(|row| in_the_tables(protocol, row)).collect();
    rows.sort();
    rows
}

#[test]
fn recorded_tables_equal_the_recorded_output_of_ss() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/proc_net");
    let big_endian = cfg!(target_endian = "big").then(|| {
        let directory = tempfile::tempdir().unwrap();
        big_endian::copy_tables(&fixtures, directory.path());
        directory
    });
    let tables = big_endian.as_ref().map_or(fixtures.as_path(), |directory| directory.path());
    for protocol in PROTOCOLS {
        let printed = fs::read_to_string(fixtures.join(format!("{protocol}.ss"))).unwrap();
        let rows = procfs(tables, Names::Directory(fixtures.join("class_net")), *protocol);
        assert_eq!(rows, expected(*protocol, &printed), "{protocol}");
        assert!(!rows.is_empty());
    }
}

#[test]
fn the_tables_equal_the_output_of_ss() {
    if !needs(&["ss"]) || !needs_sock_diag() || !support::namespace::enter() {
        return;
    }
    let mut zoo = Zoo::new();
    zoo.crowd(500);
    for protocol in PROTOCOLS {
        // A timer may have changed a socket between the two.
        let equal = (0..20).any(|_| {
            let printed = reference::run(*protocol);
            let rows = procfs(Path::new("/proc/net"), Names::Own, *protocol);
            let equal = rows == expected(*protocol, &printed);
            if !equal {
                sleep(Duration::from_millis(100));
            }
            equal
        });
        let rows = procfs(Path::new("/proc/net"), Names::Own, *protocol);
        if !equal {
            assert_eq!(rows, expected(*protocol, &reference::run(*protocol)));
        }
        println!("{protocol}: {} rows equal", rows.len());
        assert!(!rows.is_empty());
    }
}
