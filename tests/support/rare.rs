//! Sockets of protocols that many kernels do not support, and the expected output of ss for each: SCTP, DCCP, MPTCP,
//! and raw sockets on kernels that list them over netlink.

use std::any::Any;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::socket::sockopt::BindToDevice;
use nix::sys::socket::{Backlog, SockaddrStorage, bind, connect, listen, setsockopt as set_option};
use telegraf_execd_network::inputs::socketstat::socket::Protocol;

use super::namespace::run;
use super::reference::Row;

const DCCP: (c_int, c_int) = (6, 33);
const MPTCP: (c_int, c_int) = (libc::SOCK_STREAM, 262);
const SCTP_ONE_TO_ONE: (c_int, c_int) = (libc::SOCK_STREAM, libc::IPPROTO_SCTP);
const SCTP_ONE_TO_MANY: (c_int, c_int) = (libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP);

// From include/uapi/linux/sctp.h.
const SCTP_INITMSG: c_int = 2;
const SCTP_DEFAULT_SEND_PARAM: c_int = 10;
const SCTP_SOCKOPT_BINDX_ADD: c_int = 100;

/// A neighbour that never answers, on the device `rare0`.
const SILENT: &str = "192.0.2.9:7";

/// Holds sockets open until it is dropped.
pub struct Rare {
    held: Vec<Box<dyn Any>>,
    made: Vec<(Protocol, String)>,
}

/// The cells of a row that are known in advance: state, addresses and ports.
pub fn summary(row: &Row) -> String {
    let cell = |key: &str| row.get(key).map(String::as_str).unwrap_or_default();
    let [state, local, local_port] = ["state", "local_addr", "local_port"].map(cell);
    let [remote, remote_port] = ["remote_addr", "remote_port"].map(cell);
    format!("{state} {local}:{local_port} {remote}:{remote_port}").trim_start().to_owned()
}

impl Rare {
    /// Creates all of them, in the namespace of this process. The loopback must be up.
    pub fn new() -> Self {
        for arguments in [
            "link add rare0 type dummy",
            "addr add 192.0.2.1/24 dev rare0",
            "link set rare0 up",
            "neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 nud permanent dev rare0",
        ] {
            let arguments: Vec<&str> = arguments.split(' ').collect();
            assert!(run("ip", &arguments), "ip {arguments:?}");
        }
        let mut rare = Self { held: Vec::new(), made: Vec::new() };
        rare.sctp_one_to_one("127.0.0.1");
        rare.sctp_one_to_one("::1");
        rare.sctp_one_to_many();
        rare.dccp("127.0.0.1");
        rare.dccp("::1");
        rare.silent();
        rare.mptcp();
        rare.raw();
        // Waits for delayed acknowledgements.
        sleep(Duration::from_millis(500));
        rare
    }

    /// The expected output of ss for this protocol, sorted.
    pub fn made(&self, protocol: Protocol) -> Vec<String> {
        let of_it = self.made.iter().filter(|(of, _)| *of == protocol);
        let mut made: Vec<String> = of_it.map(|(_, summary)| summary.clone()).collect();
        made.sort();
        made
    }

    fn expect(&mut self, protocol: Protocol, summary: String) {
        self.made.push((protocol, summary));
    }

    /// Two associations. The server sends on 32 streams. ss prints each socket and, below it, its association with
    /// the device of its packets.
    fn sctp_one_to_one(&mut self, address: &str) {
        let address: IpAddr = address.parse().unwrap();
        let listener = made_socket(address, SCTP_ONE_TO_ONE);
        let streams = [32_u16, 16, 0, 0].map(u16::to_ne_bytes).concat();
        setsockopt(&listener, libc::IPPROTO_SCTP, SCTP_INITMSG, &streams).unwrap();
        let listener = listening(listener, address);
        for _ in 0..2 {
            // Binds the client, since its association might otherwise be listed with another address of the loopback.
            let client = made_socket(address, SCTP_ONE_TO_ONE);
            bind(client.as_raw_fd(), &storage(SocketAddr::new(address, 0))).unwrap();
            let (client, mut server) = connected(client, &listener);
            for stream in 0..32_u16 {
                let mut parameters = [0; 32];
                parameters[..2].copy_from_slice(&stream.to_ne_bytes());
                setsockopt(&server, libc::IPPROTO_SCTP, SCTP_DEFAULT_SEND_PARAM, &parameters).unwrap();
                server.write_all(b"on a stream").unwrap();
            }
            let ends = [client.local_addr().unwrap(), server.local_addr().unwrap()];
            for (local, remote) in [(ends[0], ends[1]), (ends[1], ends[0])] {
                self.expect(Protocol::Sctp, format!("ESTAB {local} {remote}"));
                self.expect(Protocol::Sctp, format!("ESTAB {} {remote}", on("lo", local)));
            }
            self.held.push(Box::new((client, server)));
        }
        self.held.push(Box::new(listener));
    }

    /// A server socket with two addresses and three associations. Its clients have one association each.
    fn sctp_one_to_many(&mut self) {
        let address = IpAddr::from([127, 0, 0, 1]);
        let server = made_socket(address, SCTP_ONE_TO_MANY);
        bind(server.as_raw_fd(), &storage(SocketAddr::new(address, 0))).unwrap();
        let server = TcpListener::from(server);
        let local = server.local_addr().unwrap();
        let family = u16::try_from(libc::AF_INET).unwrap().to_ne_bytes();
        let second = [&family[..], &local.port().to_be_bytes(), &[127, 0, 0, 2], &[0; 8]].concat();
        setsockopt(&server, libc::IPPROTO_SCTP, SCTP_SOCKOPT_BINDX_ADD, &second).unwrap();
        listen(&server, Backlog::new(5).unwrap()).unwrap();
        // A listening socket without associations would not be listed.
        self.expect(Protocol::Sctp, format!("LISTEN {local} 0.0.0.0:*"));
        for _ in 0..3 {
            let client = made_socket(address, SCTP_ONE_TO_MANY);
            connect(client.as_raw_fd(), &storage(local)).unwrap();
            let client = TcpStream::from(client);
            let remote = client.local_addr().unwrap();
            let remote = SocketAddr::new(address, remote.port());
            self.expect(Protocol::Sctp, format!("ESTAB {} {remote}", on("lo", local)));
            self.expect(Protocol::Sctp, format!("UNCONN {remote} {local}"));
            self.expect(Protocol::Sctp, format!("ESTAB {} {local}", on("lo", remote)));
            self.held.push(Box::new(client));
        }
        self.held.push(Box::new(server));
    }

    /// Three connections: one whose client has received nothing since it connected (ss does not request its state
    /// PARTOPEN), one whose client has received data, and one whose client is closed.
    fn dccp(&mut self, address: &str) {
        let address = address.parse().unwrap();
        let listener = listening(made_socket(address, DCCP), address);
        for [of_client, of_server] in [["", "ESTAB"], ["ESTAB", "ESTAB"], ["CLOSING", "CLOSE-WAIT"]] {
            let (client, mut server) = connected(made_socket(address, DCCP), &listener);
            let [local, remote] = [client.local_addr().unwrap(), server.local_addr().unwrap()];
            self.expect(Protocol::Dccp, format!("{of_server} {remote} {local}"));
            if !of_client.is_empty() {
                self.expect(Protocol::Dccp, format!("{of_client} {local} {remote}"));
            }
            if of_client == "ESTAB" {
                server.write_all(b"an answer").unwrap();
            }
            if of_client != "CLOSING" {
                self.held.push(Box::new(client));
            }
            self.held.push(Box::new(server));
        }
        self.held.push(Box::new(listener));
    }

    /// Sockets that wait for an answer that never comes.
    fn silent(&mut self) {
        let remote: SocketAddr = SILENT.parse().unwrap();
        for (protocol, kind) in [(Protocol::Dccp, DCCP), (Protocol::Sctp, SCTP_ONE_TO_ONE)] {
            let client = TcpStream::from(made_socket(remote.ip(), kind));
            client.set_nonblocking(true).unwrap();
            assert_eq!(connect(client.as_raw_fd(), &storage(remote)), Err(Errno::EINPROGRESS));
            let local = client.local_addr().unwrap();
            let local = SocketAddr::new(IpAddr::from([192, 0, 2, 1]), local.port());
            if protocol == Protocol::Dccp {
                self.expect(protocol, format!("SYN-SENT {local} {remote}"));
            } else {
                self.expect(protocol, format!("UNCONN {local} {remote}"));
                self.expect(protocol, format!("COOKIE_WAIT {} {remote}", on("rare0", local)));
            }
            self.held.push(Box::new(client));
        }
    }

    /// MPTCP connections. Their subflows are TCP sockets.
    fn mptcp(&mut self) {
        for address in ["127.0.0.1", "::1"] {
            let address = address.parse().unwrap();
            let listener = listening(made_socket(address, MPTCP), address);
            let (mut client, server) = connected(made_socket(address, MPTCP), &listener);
            client.write_all(b"unread").unwrap();
            let [local, remote] = [client.local_addr().unwrap(), server.local_addr().unwrap()];
            self.expect(Protocol::Tcp, format!("ESTAB {local} {remote}"));
            self.expect(Protocol::Tcp, format!("ESTAB {remote} {local}"));
            self.held.push(Box::new((client, server, listener)));
        }
    }

    /// Raw sockets of both families: unconnected, bound, connected, bound to a device. A kernel that lists raw
    /// sockets over netlink lists all of them, connected or not.
    fn raw(&mut self) {
        for (own, other) in [("127.0.0.1", "127.0.0.3"), ("::1", "::1")] {
            let [own, other]: [IpAddr; 2] = [own.parse().unwrap(), other.parse().unwrap()];
            let any = if own.is_ipv4() { "0.0.0.0" } else { "*" };
            let bracketed = |address: IpAddr, device: &str| {
                let with_port = on(device, SocketAddr::new(address, 0));
                with_port.trim_end_matches(":0").trim_end_matches('%').to_owned()
            };
            // The protocol number is printed in place of the local port.
            for (number, bound, peer, device) in [
                (17, false, false, ""),
                (132, true, false, ""),
                (6, false, true, ""),
                (47, true, true, ""),
                (50, true, true, "lo"),
                (51, false, false, "lo"),
            ] {
                let raw = made_socket(own, (libc::SOCK_RAW, number));
                if !device.is_empty() {
                    set_option(&raw, BindToDevice, &device.into()).unwrap();
                }
                if bound {
                    bind(raw.as_raw_fd(), &storage(SocketAddr::new(other, 0))).unwrap();
                }
                if peer {
                    connect(raw.as_raw_fd(), &storage(SocketAddr::new(own, 0))).unwrap();
                }
                let local = match (bound, peer) {
                    (true, _) => bracketed(other, device),
                    // The source address of packets to the peer.
                    (false, true) => bracketed(own, device),
                    (false, false) if device.is_empty() => any.to_owned(),
                    (false, false) => format!("{any}%{device}"),
                };
                let remote = if peer { bracketed(own, "") } else { any.to_owned() };
                self.expect(Protocol::Raw, format!("{local}:{number} {remote}:*"));
                self.held.push(Box::new(raw));
            }
        }
    }
}

/// `127.0.0.1%lo:7`, `[::1]%lo:7`.
fn on(device: &str, address: SocketAddr) -> String {
    let text = address.to_string();
    let (address, port) = text.rsplit_once(':').unwrap();
    format!("{address}%{device}:{port}")
}

fn listening(socket: OwnedFd, address: IpAddr) -> TcpListener {
    bind(socket.as_raw_fd(), &storage(SocketAddr::new(address, 0))).unwrap();
    listen(&socket, Backlog::new(5).unwrap()).unwrap();
    TcpListener::from(socket)
}

fn connected(client: OwnedFd, listener: &TcpListener) -> (TcpStream, TcpStream) {
    connect(client.as_raw_fd(), &storage(listener.local_addr().unwrap())).unwrap();
    (TcpStream::from(client), listener.accept().unwrap().0)
}

fn storage(address: SocketAddr) -> SockaddrStorage {
    SockaddrStorage::from(address)
}

/// A socket of the family of `address`. nix does not have most of these types and protocols.
fn made_socket(address: IpAddr, (kind, protocol): (c_int, c_int)) -> OwnedFd {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: socket(2) takes three numbers, and the returned descriptor has no other owner.
    #[allow(unsafe_code)]
    let socket = unsafe {
        let descriptor = libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol);
        Errno::result(descriptor).map(|descriptor| OwnedFd::from_raw_fd(descriptor))
    };
    socket.unwrap_or_else(|error| panic!("socket of type {kind}, protocol {protocol}: {error}"))
}

/// Sets a socket option to these bytes.
fn setsockopt(socket: &impl AsRawFd, level: c_int, name: c_int, value: &[u8]) -> nix::Result<()> {
    let length = u32::try_from(value.len()).unwrap();
    // SAFETY: setsockopt(2) reads `length` bytes of `value`.
    #[allow(unsafe_code)]
    let outcome = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value.as_ptr().cast(), length) };
    Errno::result(outcome).map(drop)
}
