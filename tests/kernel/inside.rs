//! Tests that run in the virtual machine as root, each in its own network namespace. `tests/kernel.rs` runs all tests
//! of this file and no others. If run by hand, they run on the kernel of this machine.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::sys::socket::SockProtocol;

use crate::live;
use crate::netlink_vs_ss;
use crate::support::needs::needs;
use crate::support::rare::{Rare, summary};
use crate::support::tcp_info::compare_with_ss;
use crate::support::zoo::Zoo;
use crate::support::{namespace, skipped};
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
        assert_eq!(listed, rare.made(protocol), "{protocol}: listed sockets, and created ones");
        println!("{protocol}: {} rows equal", rows.len());
        if protocol == Protocol::Sctp {
            // The servers' data is unread in all four clients.
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
fn series_of_every_protocol_equal_the_output_of_ss() {
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

/// Fields that ss only prints after loss, reordering, duplicates, delay or congestion marks.
const OF_BAD_NETWORKS: [&str; 11] = [
    "ssthresh",
    "sacked",
    "lost",
    "rcv_rtt",
    "reordering",
    "retrans_total",
    "bytes_retrans",
    "dsack_dups",
    "rcv_ooopack",
    "reord_seen",
    "delivered_ce",
];

/// A network that only delays packets.
const CALM: &str = "delay 20ms";

#[test]
#[ignore = "runs in the virtual machine of tests/kernel/run"]
fn extra_fields_in_a_bad_network_equal_the_output_of_ss() {
    if !needs(&["ss", "tc"]) || !namespace::enter() {
        return;
    }
    // Segments of a size that is usual in networks, one per packet.
    assert!(namespace::run("ip", &["link", "set", "lo", "mtu", "1500", "gso_max_segs", "1"]));
    if !network(CALM) {
        return skipped("needs netem");
    }
    // Enables congestion marks, and prevents that the losses of one connection slow down the next one.
    for option in ["tcp_ecn", "tcp_no_metrics_save"] {
        std::fs::write(format!("/proc/sys/net/ipv4/{option}"), "1").expect("root may set it");
    }
    let mut connections = Vec::new();
    let mut compared = BTreeSet::new();
    let mut sockets = 0;
    let deadline = Instant::now() + Duration::from_secs(120);
    let all = |compared: &BTreeSet<&str>| OF_BAD_NETWORKS.iter().all(|name| compared.contains(name));
    while !all(&compared) && Instant::now() < deadline {
        for bad in [
            "delay 20ms 5ms loss 5% duplicate 5%",
            "delay 20ms reorder 75% 25% gap 5",
            "delay 20ms loss 10% ecn",
        ] {
            let (client, server) = pair();
            assert!(network(bad), "{bad}");
            transfer(&client, &server, 100_000);
            assert!(network(CALM));
            connections.push((client, server));
        }
        // Leaves holes in the data: what follows a hole is acknowledged selectively, and the hole is filled seconds
        // later.
        let (mut client, server) = pair();
        transfer(&client, &server, 100_000);
        assert!(netem("change", "delay 2s loss 50%"));
        client.write_all(&vec![1; 20_000]).expect("the kernel has room");
        assert!(netem("change", "delay 2s"));
        connections.push((client, server));
        for _ in 0..20 {
            sleep(Duration::from_millis(300));
            sockets += compare_with_ss(&mut compared);
            if all(&compared) {
                break;
            }
        }
        assert!(network(CALM));
    }
    println!("{sockets} sockets equal in {compared:?}");
    for name in OF_BAD_NETWORKS {
        assert!(compared.contains(name), "ss printed {name} for no socket: {compared:?}");
    }
}

/// Replaces the simulated network of the loopback. Packets in transit are lost.
fn network(network: &str) -> bool {
    // A change would keep the settings that the new network does not name.
    namespace::run("tc", &["qdisc", "del", "dev", "lo", "root"]);
    netem("add", network)
}

/// Adds a simulated network, or changes it for later packets.
fn netem(verb: &str, network: &str) -> bool {
    let words = ["qdisc", verb, "dev", "lo", "root", "netem", "limit", "10000"];
    namespace::run("tc", &words.into_iter().chain(network.split(' ')).collect::<Vec<_>>())
}

/// Opens a connection on the loopback.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    client.set_nodelay(true).expect("a TCP socket");
    (client, listener.accept().expect("the other end").0)
}

/// Moves this number of bytes, and waits until they have arrived.
fn transfer(mut client: &TcpStream, mut server: &TcpStream, bytes: usize) {
    thread::scope(|scope| {
        scope.spawn(move || client.write_all(&vec![7; bytes]).expect("the server reads"));
        server.read_exact(&mut vec![0; bytes]).expect("the client writes");
    });
}
