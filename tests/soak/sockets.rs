//! Sockets that are opened and closed, one by one and in groups.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Linger;

use super::{Soak, known, value};
use crate::support::execd::{NET, command, dir};
use crate::support::needs::{needs, needs_sock_diag};
use crate::support::sock_diag::{Moved, dump, listen};
use crate::support::{namespace, wait_until};

/// A connection over which each end has sent something. The server has read it, the client has not.
struct Connection {
    client: TcpStream,
    server: TcpStream,
    sent: [usize; 2],
}

impl Connection {
    fn make(listener: &TcpListener, sent: [usize; 2]) -> Self {
        let mut client =
            TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
        let mut server = listener.accept().expect("the other end").0;
        client.write_all(&vec![1; sent[0]]).expect("the queue has room");
        server.read_exact(&mut vec![0; sent[0]]).expect("all of it arrives");
        server.write_all(&vec![2; sent[1]]).expect("the queue has room");
        Self { client, server, sent }
    }

    fn ports(&self) -> (u16, u16) {
        let port = |stream: &TcpStream| stream.local_addr().expect("an address").port();
        (port(&self.client), port(&self.server))
    }

    /// Closes it with a reset, so that no socket remains in another state.
    fn reset(self) {
        setsockopt(&self.client, Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 }).expect("an option");
    }

    /// Closes it in order, at both ends.
    fn finish(mut self) {
        self.client.read_exact(&mut vec![0; self.sent[1]]).expect("all of it arrives");
        self.client.shutdown(Shutdown::Write).expect("it is connected");
        assert_eq!(self.server.read(&mut [0]).expect("the client has shut down"), 0);
        drop(self.server);
        assert_eq!(self.client.read(&mut [0]).expect("the server has closed"), 0);
    }

    /// The expected values of both sides, by their ports: receive and send queue, bytes acknowledged and received.
    /// The client's SYN is acknowledged as one byte.
    fn expected(&self) -> [((u16, u16), [u64; 4]); 2] {
        let ((client, server), [there, back]) = (self.ports(), self.sent.map(|sent| sent as u64));
        [((client, server), [back, 0, there + 1, back]), ((server, client), [0, 0, back, there])]
    }
}

/// `inputs.socketstat` with netlink and with ss while sockets are opened and closed: queues and bytes are what the
/// test moved, and both sources return the same lines.
#[test]
fn values_of_sockets() {
    if !(needs(&["ss"]) && needs_sock_diag() && namespace::enter()) {
        return;
    }
    let section = |source: &str| {
        format!(
            "[[inputs.socketstat]]\n  name_override = \"{source}\"\n  source = \"{source}\"\n  timeout = \"60s\"\n"
        )
    };
    let dir = dir();
    let mut plugin = command(dir.path(), &(section("netlink") + &section("ss") + NET));
    plugin.env("PATH", std::env::var_os("PATH").expect("PATH is set"));
    let mut soak = Soak::start("values of sockets", plugin);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let (mut connections, mut datagrams) = (VecDeque::<Connection>::new(), Vec::new());
    while let Some(gather) = soak.next() {
        let size = gather * 7 % 60;
        while connections.len() > size {
            connections.pop_front().expect("there is one").reset();
        }
        while connections.len() < size {
            let sent = [(gather * 31 + connections.len()) % 5000, connections.len() * 11 % 3000];
            connections.push_back(Connection::make(&listener, sent));
        }
        datagrams.truncate(size);
        datagrams.resize_with(size, || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
            socket.connect((Ipv4Addr::LOCALHOST, 9)).expect("it connects");
            socket
        });
        let expected: BTreeMap<_, _> = connections.iter().flat_map(Connection::expected).collect();
        wait_until("everything is acknowledged", || {
            let told = |moved: Moved| ((moved.local_port, moved.remote_port), [moved.acked, moved.received]);
            let told: BTreeMap<_, _> = dump().into_values().map(told).collect();
            expected
                .iter()
                .all(|(ports, [_, _, acked, received])| told.get(ports) == Some(&[*acked, *received]))
        });
        let lines = soak.gather("net,interface=veth0 ");
        let of = |source: &str| -> Vec<&str> {
            lines.iter().filter_map(|line| line.strip_prefix(source)).collect()
        };
        let (netlink, ss) = (of("netlink,"), of("ss,"));
        let sorted = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(sorted(&netlink), sorted(&ss), "gather {gather}");
        let (tcp, udp): (Vec<&str>, Vec<&str>) = netlink.iter().partition(|line| line.contains("proto=tcp,"));
        let found = tcp.iter().map(|line| {
            let port = |side: &str| {
                let port =
                    line.split([',', ' ']).find_map(|tag| tag.strip_prefix(side)?.strip_prefix("_port="));
                port.and_then(|port| port.parse().ok()).expect("a port")
            };
            assert!(line.contains(" state=\"ESTAB\","), "{line}");
            // ss does not print a counter that is 0.
            let values = ["recv_q", "send_q", "bytes_acked", "bytes_received"];
            let values = values.map(|field| known(line, field).unwrap_or_default());
            ((port("local"), port("remote")), values)
        });
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected, "gather {gather}");
        assert_eq!((tcp.len(), udp.len(), netlink.len()), (2 * size, size, ss.len()), "gather {gather}");
    }
    soak.end();
}

/// The bytes that the next closed sockets have moved, by direction: acknowledged and received.
fn closed_by_direction(
    events: &Receiver<(u64, Moved)>,
    ends: usize,
    port: u16,
) -> BTreeMap<&'static str, [u64; 2]> {
    let mut told = BTreeMap::new();
    for _ in 0..ends {
        let (_, moved) = events.recv_timeout(Duration::from_secs(60)).expect("each end is reported");
        let [acked, received] =
            told.entry(if moved.local_port == port { "inbound" } else { "outbound" }).or_default();
        *acked += moved.acked;
        *received += moved.received;
    }
    told
}

/// Groups while short connections are opened and closed between gathers: the totals equal, to the byte, what the
/// kernel reports to another listener, and the number of closed connections is that of the test.
#[test]
fn values_of_groups() {
    if !(needs_sock_diag() && namespace::enter()) {
        return;
    }
    let config = "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  source = \"netlink\"\n  group_by = [\"direction\"]\n  \
                  timeout = \"60s\"\n";
    let dir = dir();
    let mut plugin = command(dir.path(), config);
    plugin.env_remove("HOST_PROC").env_remove("HOST_SYS");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    // So that both groups exist at each gather.
    let kept = Connection::make(&listener, [1000, 2000]);
    let events = listen();
    let mut soak = Soak::start("values of groups", plugin);
    soak.gather("internal_socketstat ");
    let (mut closed, mut totals) = (0, BTreeMap::from([("inbound", [0, 0]), ("outbound", [0, 0])]));
    while let Some(gather) = soak.next() {
        let count = gather * 3 % 20;
        let mut sent = [0, 0];
        for number in 0..count {
            let connection = Connection::make(&listener, [(gather + number * 100) % 4000, number * 7]);
            sent[0] += connection.sent[0] as u64;
            sent[1] += connection.sent[1] as u64;
            connection.finish();
        }
        closed += count as u64;
        for (direction, told) in closed_by_direction(&events, 2 * count, port) {
            let moved = if direction == "outbound" { sent } else { [sent[1], sent[0]] };
            let total = totals.get_mut(direction).expect("a group");
            for ((total, told), moved) in total.iter_mut().zip(told).zip(moved) {
                // A SYN and a FIN may count as one byte each.
                assert!((moved..=moved + 2 * count as u64).contains(&told), "{told}, {moved} {direction}");
                *total += told;
            }
        }
        let lines = soak.gather("internal_socketstat ");
        let found = lines.iter().filter(|line| line.starts_with("socketstat,")).map(|line| {
            let direction = if line.contains("direction=inbound,") { "inbound" } else { "outbound" };
            let fields = ["bytes_acked", "bytes_received"].map(|field| value(line, field));
            assert_eq!(
                [value(line, "sockets"), value(line, "closed")],
                [1, closed],
                "gather {gather}: {line}"
            );
            (direction, fields)
        });
        assert_eq!(found.collect::<BTreeMap<_, _>>(), totals, "gather {gather}");
        let internal = lines.last().expect("a line");
        let counts = ["closed", "closed_lost", "errors"].map(|field| value(internal, field));
        assert_eq!(counts, [2 * closed, 0, 0], "gather {gather}: {internal}");
        // A port can be reused after a second, so the rate of connections must be limited.
        thread::sleep(Duration::from_millis(5));
    }
    drop(kept);
    soak.end();
}
