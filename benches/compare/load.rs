//! Creates what is listed: connected TCP sockets on loopback, and pairs of virtual interfaces.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _, stdin};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};

use crate::Result;
use crate::setup::ended;

/// The client of the first connection; each further one has the next address.
const FIRST_CLIENT: Ipv4Addr = Ipv4Addr::new(127, 16, 0, 0);

/// The client of the first connection that is closed at once.
const FIRST_CHURNED: Ipv4Addr = Ipv4Addr::new(127, 32, 0, 0);

/// Sockets per process, below the usual limit on descriptors.
const PER_PROCESS: usize = 4_000;

/// Connected TCP sockets, held by other processes until this is dropped.
#[derive(Default)]
pub struct Sockets {
    holders: Vec<Child>,
    count: usize,
}

impl Sockets {
    /// Creates sockets until there are `count`, an even number.
    pub fn grow(&mut self, count: usize) -> Result<()> {
        while self.count < count {
            let share = PER_PROCESS.min(count - self.count);
            let mut holder = Command::new(env::current_exe()?)
                .args(["hold", &share.to_string(), &(self.count / 2).to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let stdout = holder.stdout.take().ok_or("the holder has no stdout")?;
            self.holders.push(holder);
            let mut said = String::new();
            BufReader::new(stdout).read_line(&mut said)?;
            if said != "ready\n" {
                return Err("a process that holds sockets failed".into());
            }
            self.count += share;
        }
        Ok(())
    }

    /// The number of services that they are connected to.
    pub const fn services(&self) -> usize {
        self.holders.len()
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for holder in &mut self.holders {
            // The process ends at the end of its stdin.
            drop(holder.stdin.take());
            if let Err(error) = holder.wait() {
                eprintln!("a process that holds sockets: {error}");
            }
        }
    }
}

/// The number of networks with this prefix length in which the remote addresses are: those of the clients, and that
/// of the servers.
pub fn networks(sockets: usize, prefix: u32) -> usize {
    (sockets / 2).div_ceil(1 << (32 - prefix)) + 1
}

/// The longest prefix with at most `most` networks.
pub fn prefix(sockets: usize, most: usize) -> u32 {
    (16..=32).rev().find(|prefix| networks(sockets, *prefix) <= most).unwrap_or(16)
}

/// Holds `count` sockets, two per connection, until stdin ends. `first` connections already exist.
pub fn hold(count: usize, first: usize) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let mut held = Vec::new();
    for number in first..first + count / 2 {
        let mut client = client(u32::from(FIRST_CLIENT) + u32::try_from(number)?, port)?;
        let (mut server, _) = listener.accept()?;
        // In both directions, so that no counter is 0.
        exchange(&mut client, &mut server)?;
        exchange(&mut server, &mut client)?;
        held.push((client, server));
    }
    println!("ready");
    stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Opens connections, moves 100 bytes in each and closes both ends. Prints the duration in seconds.
pub fn churn(per_second: u32, connections: u32) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let start = Instant::now();
    for number in 0..connections {
        let due = Duration::from_secs(1) * number / per_second;
        let early = due.saturating_sub(start.elapsed());
        // Connections are opened in bursts, since a sleep takes longer than a connection.
        if early > Duration::from_millis(1) {
            sleep(early);
        }
        // Each connection has its own client address, so that connections in TIME-WAIT do not use up the ports.
        let mut client = client(u32::from(FIRST_CHURNED) + number, port)?;
        let (mut server, _) = listener.accept()?;
        exchange(&mut client, &mut server)?;
    }
    println!("{}", start.elapsed().as_secs_f64());
    Ok(())
}

/// A client with this address, connected to a port on the loopback.
fn client(address: u32, port: u16) -> Result<TcpStream> {
    let client = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(client.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(address.into(), 0)))?;
    connect(client.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))?;
    Ok(TcpStream::from(client))
}

fn exchange(from: &mut TcpStream, to: &mut TcpStream) -> Result<()> {
    from.write_all(&[7; 100])?;
    to.read_exact(&mut [0; 100])?;
    Ok(())
}

/// Creates pairs of virtual interfaces until `count` (an even number) are up. `made` already exist.
pub fn interfaces(made: usize, count: usize) -> Result<()> {
    let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn()?;
    let mut batch = ip.stdin.take().ok_or("ip has no stdin")?;
    for number in (made..count).step_by(2) {
        let (one, other) = (format!("bench{number}"), format!("bench{}", number + 1));
        writeln!(batch, "link add {one} type veth peer name {other}")?;
        writeln!(batch, "link set {one} up\nlink set {other} up")?;
    }
    drop(batch);
    ended("ip -batch", ip.wait()?)
}

/// Changes the alias of one of them.
pub fn change(number: usize, turn: u32) -> Result<()> {
    let (name, alias) = (format!("bench{number}"), format!("change {turn}"));
    let mut ip = Command::new("ip");
    ended("ip link set", ip.args(["link", "set", &name, "alias", &alias]).status()?)
}
