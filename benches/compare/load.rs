//! What there is to list: connected TCP sockets on loopback, and pairs of virtual interfaces.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _, stdin};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::Result;
use crate::setup::ended;

/// Sockets a process: below the usual limit on descriptors.
const PER_PROCESS: usize = 4_000;

/// Connected TCP sockets, held by other processes until this is dropped.
#[derive(Default)]
pub struct Sockets {
    holders: Vec<Child>,
    count: usize,
}

impl Sockets {
    /// Makes more, until there are `count`, an even number.
    pub fn grow(&mut self, count: usize) -> Result<()> {
        while self.count < count {
            let share = PER_PROCESS.min(count - self.count);
            let mut holder = Command::new(env::current_exe()?)
                .args(["hold", &share.to_string()])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let stdout = holder.stdout.take().ok_or("the holder has no stdout")?;
            self.holders.push(holder);
            let mut said = String::new();
            BufReader::new(stdout).read_line(&mut said)?;
            if said != "ready\n" {
                return Err("a process that was to hold sockets has failed".into());
            }
            self.count += share;
        }
        Ok(())
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for holder in &mut self.holders {
            // The end of its stdin ends it.
            drop(holder.stdin.take());
            if let Err(error) = holder.wait() {
                eprintln!("a process that held sockets: {error}");
            }
        }
    }
}

/// Holds `count` sockets, two a connection, until stdin ends.
pub fn hold(count: usize) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let mut held = Vec::new();
    for _ in 0..count / 2 {
        let mut client = TcpStream::connect(address)?;
        let (mut server, _) = listener.accept()?;
        // Both ways, so that every counter of both ends counts.
        exchange(&mut client, &mut server)?;
        exchange(&mut server, &mut client)?;
        held.push((client, server));
    }
    println!("ready");
    stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn exchange(from: &mut TcpStream, to: &mut TcpStream) -> Result<()> {
    from.write_all(&[7; 100])?;
    to.read_exact(&mut [0; 100])?;
    Ok(())
}

/// Makes pairs of virtual interfaces, until there are `count` (an even number) of them up. `made` of them are there.
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

/// Changes one of them, as a container that starts or ends does: its alias.
pub fn change(number: usize, turn: u32) -> Result<()> {
    let alias = format!("change {turn}");
    let mut ip = Command::new("ip");
    ip.args(["link", "set", &format!("bench{number}"), "alias", &alias]);
    ended("ip link set", ip.status()?)
}
