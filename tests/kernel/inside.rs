//! What runs in the virtual machine, as root and each in a network namespace of its own. `tests/kernel.rs` runs every test here,
//! and no other; whoever runs them by hand runs them on the own kernel.

use nix::sys::socket::SockProtocol;

use crate::live;
use crate::netlink_vs_ss;
use crate::support::namespace;
use crate::support::rare::{Rare, summary};
use crate::support::zoo::Zoo;
use telegraf_execd_network::inputs::socketstat::interfaces::Names;
use telegraf_execd_network::inputs::socketstat::netlink::Netlink;
use telegraf_execd_network::inputs::socketstat::socket::Protocol;
use telegraf_execd_network::netlink::dump::{Dumper, SharedDumper};

#[test]
#[ignore = "runs in the virtual machine of tests/kernel/run"]
fn netlink_lists_what_ss_lists_and_every_created_socket() {
    if !namespace::enter() {
        return;
    }
    let dumper = SharedDumper::new(Dumper::new(SockProtocol::NetlinkSockDiag));
    let source = &mut Netlink::new(dumper, Names::Own);
    let rare = Rare::new();
    for protocol in [Protocol::Raw, Protocol::Dccp, Protocol::Sctp, Protocol::Tcp] {
        let rows = netlink_vs_ss::compare(source, protocol);
        let mut listed: Vec<String> = rows.iter().map(summary).collect();
        listed.sort();
        assert_eq!(listed, rare.made(protocol), "{protocol}: listed, and made");
        println!("{protocol}: {} rows equal", rows.len());
        if protocol == Protocol::Sctp {
            // What its servers have sent waits in all four clients.
            assert_eq!(rows.iter().filter(|row| row["recv_q"] != "0").count(), 4, "{rows:#?}");
        }
    }
    let _more = Zoo::new();
    for protocol in Protocol::ALL {
        let rows = netlink_vs_ss::compare(source, protocol);
        println!("{protocol}: {} rows equal", rows.len());
    }
}

#[test]
#[ignore = "runs in the virtual machine of tests/kernel/run"]
fn series_of_every_protocol_equal_what_ss_shows() {
    if !namespace::enter() {
        return;
    }
    let _sockets = (Zoo::new(), Rare::new());
    for source in ["ss", "netlink"] {
        for protocol in Protocol::ALL {
            let series = live::compare(protocol, source);
            println!("{protocol} from {source}: {series} sockets equal");
            assert!(series >= 5, "{protocol}");
        }
    }
}
