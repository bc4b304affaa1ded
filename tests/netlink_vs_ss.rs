//! Compares the netlink source with ss, row by row, in a network namespace.

use std::time::Duration;

use nix::sys::socket::SockProtocol;

use crate::support;
use crate::support::needs::{needs, needs_sock_diag};
use crate::support::reference::{self, Row};
use crate::support::zoo::Zoo;
use telegraf_execd_network::inputs::socketstat::interfaces::Names;
use telegraf_execd_network::inputs::socketstat::netlink::Netlink;
use telegraf_execd_network::inputs::socketstat::procfs::Procfs;
use telegraf_execd_network::inputs::socketstat::socket::Protocol;
use telegraf_execd_network::inputs::source::{Diagnostic, SourceError};
use telegraf_execd_network::logger::Level;
use telegraf_execd_network::netlink::dump::{Dumper, SharedDumper};

fn netlink(source: &mut Netlink, protocol: Protocol) -> (Vec<Row>, Vec<Diagnostic>) {
    match reference::dump(source, protocol) {
        // ss prints an empty table if the kernel does not have the protocol.
        Err(SourceError::Unsupported(_)) => (Vec::new(), Vec::new()),
        outcome => outcome.unwrap(),
    }
}

/// Compares until both are equal, for a limited time. They may differ if a timer fires between the two (a retransmitted SYN
/// or window probe changes counters).
pub fn compare(source: &mut Netlink, protocol: Protocol) -> Vec<Row> {
    for attempt in 0.. {
        let expected = reference::read(protocol, &reference::run(protocol));
        let (rows, notes) = netlink(source, protocol);
        let differ =
            |a: &[Row], b: &[Row]| a.iter().filter(|row| !b.contains(row)).cloned().collect::<Vec<_>>();
        let (missing, extra) = (differ(&expected, &rows), differ(&rows, &expected));
        if rows == expected {
            assert!(!notes.iter().any(|note| note.level == Level::Warn), "{notes:?}");
            return rows;
        }
        assert!(
            attempt < 20,
            "{protocol}: {} and {} rows; ss alone {missing:#?} netlink alone {extra:#?}",
            expected.len(),
            rows.len()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    unreachable!("the loop ends with a return or a panic")
}

fn distinct(rows: &[Row], key: &str) -> Vec<String> {
    let mut values: Vec<String> = rows.iter().filter_map(|row| row.get(key).cloned()).collect();
    values.sort();
    values.dedup();
    values
}

#[test]
fn netlink_lists_what_ss_lists() {
    if !needs(&["ss"]) || !needs_sock_diag() || !support::namespace::enter() {
        return;
    }
    let mut zoo = Zoo::new();
    // Like ss, for protocols that the kernel has but cannot list.
    let dumper = SharedDumper::new(Dumper::new(SockProtocol::NetlinkSockDiag));
    let procfs = Procfs::new("/proc/net".into(), Names::Own);
    let source = &mut Netlink::new(dumper, Names::Own).with_fallback(Box::new(procfs));
    // Twice each: the second dump reuses the open descriptor.
    for protocol in Protocol::ALL.into_iter().chain(Protocol::ALL) {
        let rows = compare(source, protocol);
        println!("{protocol}: {} rows equal", rows.len());
        match protocol {
            Protocol::Tcp => {
                let states =
                    ["CLOSE-WAIT", "CLOSING", "ESTAB", "FIN-WAIT-1", "FIN-WAIT-2", "LAST-ACK", "SYN-SENT"];
                assert_eq!(distinct(&rows, "state"), states);
            }
            Protocol::Unix => assert_eq!(distinct(&rows, "netid"), ["u_dgr", "u_seq", "u_str"]),
            Protocol::Packet => assert_eq!(distinct(&rows, "netid"), ["p_dgr", "p_raw"]),
            Protocol::Udp => assert!(rows.len() >= 5, "{rows:#?}"),
            Protocol::Raw => assert!(rows.len() >= 3, "{rows:#?}"),
            Protocol::Dccp | Protocol::Sctp => {}
        }
    }
    zoo.crowd(2000);
    let rows = compare(source, Protocol::Tcp);
    assert!(rows.len() > 2000, "{} rows", rows.len());
}
