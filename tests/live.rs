//! Real sockets in a network namespace: what the plugin makes of the system's ss equals what that ss shows.
//!
//! The reader of ss here is a second, simpler one: it takes ss's one-line form (`-O`) and knows the paths that it made.

#![cfg(target_os = "linux")]

mod support;

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use socket2::{Domain, Protocol, Socket, Type};
use support::write;

/// The counters of a TCP socket, in the order of the fields.
const COUNTERS: [&str; 6] =
    ["bytes_acked", "bytes_received", "segs_out", "segs_in", "data_segs_out", "data_segs_in"];

/// Sockets of every family, kept open.
struct Zoo(#[expect(dead_code, reason = "kept open, not used")] Vec<OwnedFd>);

/// A connected pair through a listener, with 1,000 bytes unread at the server.
fn tcp(listen: SocketAddr, connect: std::net::IpAddr) -> (TcpStream, TcpStream, TcpListener) {
    let listener = TcpListener::bind(listen).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let mut client = TcpStream::connect((connect, port)).expect("a connection");
    let (server, _) = listener.accept().expect("the other end");
    client.write_all(&[7; 1000]).expect("the kernel takes it");
    (client, server, listener)
}

fn zoo(dir: &Path) -> Zoo {
    let mut kept: Vec<OwnedFd> = Vec::new();
    let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    for (listen, connect) in [
        ((v4, 0).into(), v4.into()),
        ((v6, 0).into(), v6.into()),
        ((Ipv6Addr::UNSPECIFIED, 0).into(), v4.into()),
    ] {
        let (client, server, listener) = tcp(listen, connect);
        kept.extend([client.into(), server.into(), OwnedFd::from(listener)]);
    }
    // FIN-WAIT-2 and CLOSE-WAIT.
    let (client, server, listener) = tcp((v4, 0).into(), v4.into());
    client.shutdown(Shutdown::Write).expect("half of it closes");
    kept.extend([client.into(), server.into(), OwnedFd::from(listener)]);

    let udp = UdpSocket::bind((v4, 0)).expect("a socket");
    udp.connect((v4, 9)).expect("it connects");
    let udp6 = UdpSocket::bind((v6, 0)).expect("a socket");
    udp6.connect((v6, 9)).expect("it connects");
    let bound = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    bound.bind_device(Some(b"lo")).expect("it is bound to lo");
    bound.connect(&SocketAddr::from((v4, 9)).into()).expect("it connects");
    let waiting = UdpSocket::bind((v4, 0)).expect("a socket");
    kept.extend([udp.into(), udp6.into(), bound.into(), waiting.into()]);

    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(253))).expect("a raw socket");
    raw.connect(&SocketAddr::from((v4, 0)).into()).expect("it connects");
    let raw6 = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).expect("a raw socket");
    raw6.connect(&SocketAddr::from((v6, 0)).into()).expect("it connects");
    kept.extend([raw.into(), raw6.into()]);
    for (kind, protocol) in [(SockType::Raw, SockProtocol::EthAll), (SockType::Datagram, SockProtocol::EthIp)]
    {
        kept.push(
            socket(AddressFamily::Packet, kind, SockFlag::SOCK_CLOEXEC, protocol).expect("a packet socket"),
        );
    }

    let listener = UnixListener::bind(dir.join("str with space, 7.sock")).expect("a listener");
    let mut client = UnixStream::connect(dir.join("str with space, 7.sock")).expect("a connection");
    let (server, _) = listener.accept().expect("the other end");
    client.write_all(b"abc").expect("the kernel takes it");
    kept.extend([client.into(), server.into(), OwnedFd::from(listener)]);
    let name = UnixAddr::from_abstract_name("zoo abstract").expect("a name");
    let abstract_ = UnixDatagram::bind_addr(&name).expect("a socket");
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.connect_addr(&name).expect("it connects");
    sender.send(b"0123456789").expect("the kernel takes it");
    let (one, other) = UnixStream::pair().expect("a pair");
    kept.extend([abstract_.into(), sender.into(), one.into(), other.into()]);
    Zoo(kept)
}

/// What the system's ss shows of `protocol`, as line protocol without timestamps, sorted.
fn shown_by_ss(protocol: &str) -> Vec<String> {
    let output = Command::new("ss")
        .args(["-inO", &format!("--{protocol}")])
        .env("LC_ALL", "C")
        .output()
        .expect("ss is installed");
    assert!(output.status.success(), "ss: {output:?}");
    let text = String::from_utf8(output.stdout).expect("ss writes UTF-8 here");
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let mut metrics: Vec<String> = lines
        .map(|line| metric(protocol, header, line).unwrap_or_else(|| panic!("cannot read: {line}")))
        .collect();
    metrics.sort();
    metrics
}

fn metric(protocol: &str, header: &str, line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace();
    let netid = if header.starts_with("Netid") { words.next() } else { None };
    let state = if header.contains("State") { words.next() } else { None };
    let (receive, send) = (words.next()?, words.next()?);
    let rest: Vec<&str> = words.collect();
    let (local, remote) = if protocol == "unix" {
        let [path @ .., local_inode, peer, peer_inode] = rest.as_slice() else { return None };
        ((path.join(" "), (*local_inode).to_owned()), ((*peer).to_owned(), (*peer_inode).to_owned()))
    } else {
        (address(rest.first()?), address(rest.get(1)?))
    };
    let mut fields = Vec::new();
    match protocol {
        "tcp" => fields.push(format!("state=\"{}\"", state?)),
        "unix" | "packet" => fields.push(format!("netid=\"{}\"", netid?)),
        _ => {}
    }
    fields.push(format!("recv_q={receive}i,send_q={send}i"));
    for counter in COUNTERS.iter().filter(|_| protocol == "tcp") {
        let value = rest.iter().find_map(|word| word.strip_prefix(counter)?.strip_prefix(':'));
        fields.extend(value.map(|value| format!("{counter}={value}i")));
    }
    let tags = [("local_addr", local.0), ("local_port", local.1), ("proto", protocol.to_owned())]
        .into_iter()
        .chain([("remote_addr", remote.0), ("remote_port", remote.1)])
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| {
            format!(",{key}={}", value.replace(',', "\\,").replace('=', "\\=").replace(' ', "\\ "))
        });
    Some(format!("socketstat{} {}", tags.collect::<String>(), fields.join(",")))
}

/// `ADDRESS:PORT`; a lone `*` has no port.
fn address(text: &str) -> (String, String) {
    let (address, port) = text.rsplit_once(':').unwrap_or((text, ""));
    (address.to_owned(), port.to_owned())
}

#[test]
fn series_equal_what_ss_shows() {
    if !support::in_own_network("series_equal_what_ss_shows", &[]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let _zoo = zoo(dir.path());
    for (protocol, at_least) in [("tcp", 8), ("udp", 3), ("raw", 2), ("unix", 6), ("packet", 2)] {
        let config = format!("[[inputs.socketstat]]\n  protocols = [\"{protocol}\"]\n  source = \"ss\"\n");
        let config = write(dir.path(), "plugin.conf", &config);
        // The kernel still acknowledges and ages: compare where ss shows the same before and after.
        let mut compared = false;
        for _ in 0..50 {
            let before = shown_by_ss(protocol);
            let output = support::plugin()
                .args(["--once", "--config", &config])
                .env("PATH", std::env::var_os("PATH").expect("PATH"))
                .output()
                .expect("the plugin runs");
            if before != shown_by_ss(protocol) {
                continue;
            }
            assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
            let stdout = String::from_utf8(output.stdout).expect("line protocol is UTF-8");
            let mut ours: Vec<&str> =
                stdout.lines().map(|line| line.rsplit_once(' ').expect("a timestamp").0).collect();
            ours.sort_unstable();
            assert_eq!(ours, before, "{protocol}");
            assert!(ours.len() >= at_least, "{protocol}: {} sockets", ours.len());
            compared = true;
            break;
        }
        assert!(compared, "the {protocol} sockets never stood still");
    }
}
