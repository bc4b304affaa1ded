//! Long runs: memory, descriptors and children stay constant, and no gather is lost or duplicated.
//!
//! There is always a short run. The long ones take minutes:
//! `cargo test --release --test integration soak:: -- --ignored --nocapture`.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Instant;

use crate::support::execd::{Execd, NET, children, command, dir};
use crate::support::namespace;
use crate::support::needs::{needs, needs_sock_diag};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Linger;

/// The number of gathers after which all one-time allocations are done.
const SETTLED: usize = 100;

/// Resources that must stay constant after [`SETTLED`] gathers.
struct Steady {
    memory: u64,
    most: u64,
    descriptors: usize,
    begin: Instant,
}

impl Steady {
    fn of(plugin: &Execd) -> Self {
        let memory = plugin.memory("VmRSS");
        Self { memory, most: memory, descriptors: plugin.descriptors(), begin: Instant::now() }
    }

    fn check(&mut self, plugin: &Execd, gather: usize) {
        self.most = self.most.max(plugin.memory("VmRSS"));
        assert!(
            self.most * 10 <= self.memory * 11,
            "{} KiB at gather {gather}, {} KiB after {SETTLED}",
            self.most,
            self.memory
        );
        assert_eq!(plugin.descriptors(), self.descriptors, "descriptors at gather {gather}");
        assert_eq!(children(plugin.pid()), [0; 0], "children at gather {gather}");
    }

    fn report(&self, what: &str) {
        let Self { memory, most, descriptors, begin } = self;
        println!(
            "{what}: {:?}, resident {memory} KiB after {SETTLED} gathers, at most {most} KiB since, {descriptors} descriptors",
            begin.elapsed()
        );
    }
}

/// The timestamp of a line.
fn time(line: &str) -> u64 {
    line.rsplit(' ').next().and_then(|time| time.parse().ok()).expect("a time")
}

/// `inputs.net` with this host's own /proc and all its metrics.
fn net(gathers: usize) {
    let dir = dir();
    let mut plugin = command(dir.path(), "[[inputs.net]]\n  interfaces = [\"*\"]\n");
    plugin.env_remove("HOST_PROC").env_remove("HOST_SYS");
    let mut plugin = Execd::spawn(plugin);
    let mut times = BTreeSet::new();
    let mut steady: Option<Steady> = None;
    for gather in 1..=gathers {
        plugin.send(b"\n");
        let mut of_gather = BTreeSet::new();
        let mut loopbacks = 0;
        loop {
            let line = plugin.line();
            of_gather.insert(time(&line));
            loopbacks += usize::from(line.starts_with("net,interface=lo "));
            // The last line of each gather.
            if line.starts_with("net,interface=all ") {
                break;
            }
        }
        assert_eq!(
            (of_gather.len(), loopbacks),
            (1, 1),
            "gather {gather}: one time, and each interface once"
        );
        times.extend(of_gather);
        match &mut steady {
            Some(steady) if gather % 100 == 0 => steady.check(&plugin, gather),
            Some(_) => {}
            None => steady = (gather == SETTLED).then(|| Steady::of(&plugin)),
        }
    }
    assert_eq!(times.len(), gathers, "gathers with a time of their own");
    steady.expect("enough gathers").report(&format!("{gathers} gathers of net"));
    let (status, rest, stderr) = plugin.eof();
    assert_eq!(status.code(), Some(0));
    assert!(rest.is_empty() && stderr.is_empty(), "{rest:#?} {stderr:#?}");
}

/// Sockets that are opened and closed. ss lists two per TCP connection and one per UDP socket.
#[derive(Default)]
struct Population {
    tcp: Vec<(TcpStream, TcpStream)>,
    udp: Vec<UdpSocket>,
}

impl Population {
    fn resize(&mut self, listener: &TcpListener, size: usize) {
        let address = listener.local_addr().expect("its address");
        while self.tcp.len() < size {
            let client = TcpStream::connect(address).expect("a connection");
            // Closed with a reset, so that no socket remains in another state.
            setsockopt(&client, Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 }).expect("an option");
            self.tcp.push((client, listener.accept().expect("the other end").0));
        }
        while self.udp.len() < size {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
            socket.connect((Ipv4Addr::LOCALHOST, 9)).expect("it connects");
            self.udp.push(socket);
        }
        self.tcp.truncate(size);
        self.udp.truncate(size);
    }
}

/// `inputs.socketstat` with netlink and with ss, which must agree, while sockets are opened and closed between gathers.
fn sockets(gathers: usize) {
    let dir = dir();
    let section = |source: &str| {
        format!(
            "[[inputs.socketstat]]\n  name_override = \"{source}\"\n  source = \"{source}\"\n  timeout = \"60s\"\n"
        )
    };
    let config = section("netlink") + &section("ss") + NET;
    let mut plugin = command(dir.path(), &config);
    plugin.env("PATH", std::env::var_os("PATH").expect("PATH is set"));
    let mut plugin = Execd::spawn(plugin);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let mut population = Population::default();
    let mut times = [BTreeSet::new(), BTreeSet::new()];
    let mut steady: Option<Steady> = None;
    for gather in 1..=gathers {
        // Up and down in steps of 7. The maximum is reached within the first hundred gathers.
        let size = (gather * 7 + gather / 40) % 60;
        population.resize(&listener, size);
        let lines = plugin.gather();
        for (source, times) in ["netlink,", "ss,"].into_iter().zip(&mut times) {
            let of_source: Vec<_> = lines.iter().filter(|line| line.starts_with(source)).collect();
            let tcp = of_source.iter().filter(|line| line.contains(",proto=tcp,")).count();
            assert_eq!((tcp, of_source.len() - tcp), (2 * size, size), "gather {gather} of {source}");
            let different: BTreeSet<_> = of_source.iter().map(|line| time(line)).collect();
            assert_eq!(different.len(), usize::from(size > 0), "gather {gather} of {source} has one time");
            times.extend(different);
        }
        match &mut steady {
            Some(steady) if gather % 100 == 0 => steady.check(&plugin, gather),
            Some(_) => {}
            None => steady = (gather == SETTLED).then(|| Steady::of(&plugin)),
        }
    }
    let empty = (1..=gathers).filter(|gather| (gather * 7 + gather / 40) % 60 == 0).count();
    assert!(times.iter().all(|times| times.len() == gathers - empty), "gathers with a time of their own");
    steady.expect("enough gathers").report(&format!("{gathers} gathers of sockets"));
    let (status, rest, stderr) = plugin.eof();
    assert_eq!(status.code(), Some(0));
    assert!(rest.is_empty() && stderr.is_empty(), "{rest:#?} {stderr:#?}");
}

#[test]
fn some_gathers_of_net() {
    net(2_000);
}

#[test]
fn some_gathers_of_sockets() {
    if needs(&["ss"]) && needs_sock_diag() && namespace::enter() {
        sockets(300);
    }
}

#[test]
#[ignore = "takes more than a minute"]
fn many_gathers_of_net() {
    net(100_000);
}

#[test]
#[ignore = "takes several minutes"]
fn many_gathers_of_sockets() {
    if needs(&["ss"]) && needs_sock_diag() && namespace::enter() {
        sockets(20_000);
    }
}
