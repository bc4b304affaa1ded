//! What runs in the virtual machine, as root and each in a network namespace of its own. `tests/kernel.rs` runs every test here,
//! and no other; whoever runs them by hand runs them on the own kernel.

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

/// Fields that loss, reordering, duplicates and delay bring about, and marks of congestion.
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

/// A network that only takes its time.
const CALM: &str = "delay 20ms";

#[test]
#[ignore = "runs in the virtual machine of tests/kernel/run"]
fn extra_fields_of_a_bad_network_are_what_ss_prints() {
    if !needs(&["ss", "tc"]) || !namespace::enter() {
        return;
    }
    // Segments of a size that networks have, one per packet.
    assert!(namespace::run("ip", &["link", "set", "lo", "mtu", "1500", "gso_max_segs", "1"]));
    if !network(CALM) {
        return skipped("needs netem");
    }
    // Marks of congestion; and a connection does not begin slowly because an earlier one has lost much.
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
        // Holes: what is behind them is acknowledged, and they are filled after seconds.
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
        assert!(compared.contains(name), "no socket on which ss prints {name}: {compared:?}");
    }
}

/// Sets what happens to the packets of the loopback from now on. Those under way are lost.
fn network(network: &str) -> bool {
    // A change would keep what the new one does not name.
    namespace::run("tc", &["qdisc", "del", "dev", "lo", "root"]);
    netem("add", network)
}

/// Adds it, or changes it for the packets that come.
fn netem(verb: &str, network: &str) -> bool {
    let words = ["qdisc", verb, "dev", "lo", "root", "netem", "limit", "10000"];
    namespace::run("tc", &words.into_iter().chain(network.split(' ')).collect::<Vec<_>>())
}

/// A connection on the loopback.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    client.set_nodelay(true).expect("it is one of TCP");
    (client, listener.accept().expect("the other end").0)
}

/// Moves so many bytes in small pieces, and waits until they have arrived.
fn transfer(mut client: &TcpStream, mut server: &TcpStream, bytes: usize) {
    thread::scope(|scope| {
        scope.spawn(move || client.write_all(&vec![7; bytes]).expect("the server reads"));
        server.read_exact(&mut vec![0; bytes]).expect("the client writes");
    });
}
