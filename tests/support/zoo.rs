//! Sockets of every family and state that can be created and kept unchanged.

use std::any::Any;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, SocketAddrV6, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixSocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::sockopt::{BindToDevice, RcvBuf, SndBuf};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, SockaddrStorage,
    UnixAddr, accept, bind, connect, getsockname, listen, setsockopt, socket,
};

use super::namespace::run;

/// Holds sockets open until it is dropped.
pub struct Zoo {
    held: Vec<Box<dyn Any>>,
    directory: tempfile::TempDir,
}

impl Zoo {
    /// Creates all of them, in the namespace of this process. The loopback must be up.
    pub fn new() -> Self {
        let mut zoo = Self { held: Vec::new(), directory: tempfile::tempdir().unwrap() };
        zoo.tcp_established();
        zoo.tcp_bound_to_devices();
        zoo.tcp_closing();
        zoo.tcp_syn_sent();
        zoo.udp();
        zoo.raw();
        zoo.unix();
        zoo.unix_seqpacket();
        zoo.packet();
        // Waits for delayed TCP acknowledgements.
        sleep(Duration::from_millis(300));
        zoo
    }

    /// Adds `count` connected TCP sockets on loopback.
    pub fn crowd(&mut self, count: usize) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        for _ in 0..count.div_ceil(2) {
            self.pair(&listener);
        }
        self.hold(listener);
    }

    fn hold(&mut self, socket: impl Any) {
        self.held.push(Box::new(socket));
    }

    fn pair(&mut self, listener: &TcpListener) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        self.hold((client, listener.accept().unwrap()));
    }

    fn tcp_established(&mut self) {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            self.pair(&listener);
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.write_all(&[7; 1234]).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            server.write_all(b"unread").unwrap();
            // Not accepted, so it has no inode yet.
            let waiting = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            self.hold((client, server, waiting, listener));
        }
        // A listener for both families with an IPv4 client, so it has mapped addresses.
        let both = TcpListener::bind("[::]:0").unwrap();
        let port = both.local_addr().unwrap().port();
        for address in
            [SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port))]
        {
            let client = TcpStream::connect(address).unwrap();
            self.hold((client, both.accept().unwrap()));
        }
        self.hold(both);
    }

    /// A link-local address, sockets bound to a device, and one whose device is gone.
    fn tcp_bound_to_devices(&mut self) {
        self.bound_pair("lo");
        if !run("ip", &["link", "add", "zoo0", "type", "veth", "peer", "name", "zoo1"]) {
            eprintln!("the kernel has no veth: no link-local and no vanished device among the sockets");
            return;
        }
        for arguments in ["addr add fe80::2:3/64 dev zoo0 nodad", "link set zoo0 up", "link set zoo1 up"] {
            let arguments: Vec<&str> = arguments.split(' ').collect();
            assert!(run("ip", &arguments), "ip {arguments:?}");
        }
        let scope = nix::net::if_::if_nametoindex("zoo0").unwrap();
        let local = SocketAddrV6::new("fe80::2:3".parse().unwrap(), 0, 0, scope);
        let listener = TcpListener::bind(local).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        self.hold((client, listener.accept().unwrap(), listener));

        assert!(run("ip", &["link", "add", "gone0", "type", "veth", "peer", "name", "gone1"]));
        self.hold(packet_socket("gone0"));
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect("127.0.0.1:9").unwrap();
        setsockopt(&udp, BindToDevice, &OsString::from("gone0")).unwrap();
        self.hold(udp);
        assert!(run("ip", &["link", "delete", "gone0"]));
    }

    fn bound_pair(&mut self, device: &str) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        setsockopt(&listener, BindToDevice, &OsString::from(device)).unwrap();
        self.pair(&listener);
        self.hold(listener);
    }

    /// FIN-WAIT-2 and CLOSE-WAIT (with and without an owner), FIN-WAIT-1, LAST-ACK, CLOSING, TIME-WAIT.
    fn tcp_closing(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        setsockopt(&listener, RcvBuf, &4096).unwrap();
        let connect = || {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (client, listener.accept().unwrap().0)
        };
        let (client, server) = connect();
        client.shutdown(Shutdown::Write).unwrap();
        self.hold((client, server));

        let (orphan, server) = connect();
        drop(orphan);
        self.hold(server);

        let (first, second) = connect();
        drop(first);
        sleep(Duration::from_millis(50));
        drop(second);

        // Data for a closed window delays the FIN after it.
        for (server_closes, client_closes_last) in [(false, false), (true, false), (true, true)] {
            let (client, server) = connect();
            if client_closes_last {
                server.shutdown(Shutdown::Write).unwrap();
                sleep(Duration::from_millis(50));
            }
            fill(&client);
            client.shutdown(Shutdown::Write).unwrap();
            if server_closes && !client_closes_last {
                sleep(Duration::from_millis(50));
                server.shutdown(Shutdown::Write).unwrap();
            }
            self.hold((client, server));
        }
        self.hold(listener);
    }

    /// A full accept queue drops SYNs, so that their sockets stay in SYN-SENT.
    fn tcp_syn_sent(&mut self) {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let tcp = |flags| socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
        let listener = tcp(SockFlag::SOCK_CLOEXEC);
        bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
        listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let address: SockaddrIn = getsockname(listener.as_raw_fd()).unwrap();
        for _ in 0..3 {
            let client = tcp(flags);
            // EINPROGRESS is expected.
            connect(client.as_raw_fd(), &address).unwrap_err();
            self.hold(client);
        }
        self.hold(listener);
    }

    fn udp(&mut self) {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        server.connect(client.local_addr().unwrap()).unwrap();
        client.send(&[1; 100]).unwrap();
        self.hold((server, client, UdpSocket::bind("0.0.0.0:0").unwrap()));

        let v6 = UdpSocket::bind("[::1]:0").unwrap();
        v6.connect("[::1]:9").unwrap();
        let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
        setsockopt(&bound, BindToDevice, &OsString::from("lo")).unwrap();
        bound.connect("127.0.0.1:9").unwrap();
        self.hold((v6, bound));

        let mapped = UdpSocket::bind("[::]:0").unwrap();
        mapped.connect(("::ffff:127.0.0.1", 9)).unwrap();
        self.hold(mapped);
    }

    fn raw(&mut self) {
        for (protocol, connected) in
            [(SockProtocol::Icmp, true), (SockProtocol::Raw, true), (SockProtocol::Udp, false)]
        {
            let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).unwrap();
            if connected {
                connect(raw.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
            }
            self.hold(raw);
        }
        let v6 = socket(AddressFamily::Inet6, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::IcmpV6)
            .unwrap();
        let loopback = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0));
        connect(v6.as_raw_fd(), &loopback).unwrap();
        setsockopt(&v6, BindToDevice, &OsString::from("lo")).unwrap();
        self.hold(v6);
    }

    fn unix(&mut self) {
        let directory = self.directory.path().to_path_buf();
        for name in ["plain.sock", "with space.sock", "comma,equals=x 7", "trailing 12 * 13"] {
            let path = directory.join(name);
            let listener = UnixListener::bind(&path).unwrap();
            let mut client = UnixStream::connect(&path).unwrap();
            client.write_all(b"abc").unwrap();
            // Not accepted, so its other end has no inode yet and is not listed.
            let waiting = UnixStream::connect(&path).unwrap();
            self.hold((client, listener.accept().unwrap(), waiting, listener));
        }
        for name in [&b"abstract"[..], b"with\0nuls\0 in it", b"\0\0", b""] {
            let listener = if name.is_empty() {
                // The kernel chooses the name.
                let flags = SockFlag::SOCK_CLOEXEC;
                let any = socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
                bind(any.as_raw_fd(), &UnixAddr::new_unnamed()).unwrap();
                listen(&any, Backlog::new(5).unwrap()).unwrap();
                UnixListener::from(any)
            } else {
                let address = UnixSocketAddr::from_abstract_name(name).unwrap();
                UnixListener::bind_addr(&address).unwrap()
            };
            let client = UnixStream::connect_addr(&listener.local_addr().unwrap()).unwrap();
            self.hold((client, listener.accept().unwrap(), listener));
        }
        let server = UnixDatagram::bind(directory.join("dgram sock")).unwrap();
        let client = UnixDatagram::unbound().unwrap();
        client.connect(directory.join("dgram sock")).unwrap();
        client.send(b"0123456789").unwrap();
        self.hold((server, client, UnixDatagram::unbound().unwrap()));
        self.hold((UnixDatagram::pair().unwrap(), UnixStream::pair().unwrap()));
    }

    fn unix_seqpacket(&mut self) {
        let new = || socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
        let (listener, client) = (new(), new());
        let path: &Path = &self.directory.path().join("seq packet");
        let address = UnixAddr::new(path).unwrap();
        bind(listener.as_raw_fd(), &address).unwrap();
        listen(&listener, Backlog::new(5).unwrap()).unwrap();
        connect(client.as_raw_fd(), &address).unwrap();
        // The descriptor stays open as long as the process.
        accept(listener.as_raw_fd()).unwrap();
        self.hold((listener, client));
    }

    fn packet(&mut self) {
        self.hold(packet_socket("lo"));
        for (kind, protocol) in [
            (SockType::Raw, Some(SockProtocol::EthAll)),
            (SockType::Datagram, Some(SockProtocol::EthIpv6)),
            (SockType::Datagram, None),
        ] {
            self.hold(socket(AddressFamily::Packet, kind, SockFlag::SOCK_CLOEXEC, protocol).unwrap());
        }
        // Something for them to receive.
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[0; 200], "127.0.0.1:9").unwrap();
    }
}

/// A raw packet socket for all protocols, bound to `device`.
fn packet_socket(device: &str) -> OwnedFd {
    let flags = SockFlag::SOCK_CLOEXEC;
    let packet = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).unwrap();
    let is_link = |address: &SockaddrStorage| address.as_link_addr().is_some();
    let address = getifaddrs()
        .unwrap()
        .filter(|interface| interface.interface_name == device)
        .find_map(|interface| interface.address.filter(is_link))
        .unwrap();
    bind(packet.as_raw_fd(), &address).unwrap();
    packet
}

/// Writes until the peer's window is closed and the send buffer is full.
fn fill(mut stream: &TcpStream) {
    setsockopt(&stream, SndBuf, &4096).unwrap();
    stream.set_nonblocking(true).unwrap();
    for _ in 0..20 {
        loop {
            match stream.write(&[0; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        sleep(Duration::from_millis(10));
    }
}
