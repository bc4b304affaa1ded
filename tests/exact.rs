//! Totals of connections that are shorter than the gather interval. They must equal, to the byte, what the kernel
//! reports to a second, independent listener.

mod events;
mod owners;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::execd::{Execd, dir};
use crate::support::sock_diag::{Moved, Sockets, dump, listen};
use crate::support::telegraf::{Telegraf, telegraf_in_own_network};
use crate::support::unprivileged::unprivileged;
use crate::support::{self, parse_line, plugin, skipped, wait_until, write};

/// Groups of TCP sockets.
const CONFIG: &str = "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  timeout = \"60s\"\n";

/// One parsed gather.
#[derive(Debug, Default)]
struct Gathered {
    /// The fields, summed over all groups.
    totals: BTreeMap<String, u64>,
    /// The fields of each group, by its tags.
    groups: BTreeMap<String, BTreeMap<String, u64>>,
    internal: BTreeMap<String, u64>,
}

fn start(mut command: Command, dir: &Path, more: &str) -> Execd {
    let config = write(dir, "plugin.conf", &format!("{CONFIG}{more}"));
    command.args(["--config", &config]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Execd::spawn(command)
}

fn gather(execd: &mut Execd) -> Gathered {
    execd.send(b"\n");
    let mut gathered = Gathered::default();
    loop {
        let line = execd.line();
        let (series, fields) = parse_line(&line);
        let numbers: BTreeMap<String, u64> = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.strip_suffix('i')?.parse().ok()?)))
            .collect();
        let Some(tags) = series.strip_prefix("socketstat,") else {
            assert_eq!(series, "internal_socketstat", "{line}");
            gathered.internal = numbers;
            return gathered;
        };
        for (name, number) in &numbers {
            *gathered.totals.entry(name.clone()).or_default() += number;
        }
        gathered.groups.insert(tags.to_owned(), numbers);
    }
}

/// Echo servers.
struct Servers(Vec<SocketAddr>);

impl Servers {
    /// One for IPv4, one for IPv6, and one for IPv6 with IPv4 clients.
    fn new() -> Self {
        let v4 = serve(Ipv4Addr::LOCALHOST.into());
        let v6 = serve(Ipv6Addr::LOCALHOST.into());
        let mapped = serve(Ipv6Addr::UNSPECIFIED.into());
        Self(vec![v4, v6, (Ipv4Addr::LOCALHOST, mapped.port()).into()])
    }

    /// Opens a connection and moves this number of bytes in each direction.
    fn call(&self, number: usize, bytes: usize) -> TcpStream {
        let mut client = TcpStream::connect(self.0[number % self.0.len()]).expect("a connection");
        exchange(&mut client, bytes);
        client
    }
}

fn serve(address: IpAddr) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).expect("a listener");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("a connection");
            thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(move || {
                    let mut buffer = [0; 8 << 10];
                    while let Ok(length @ 1..) = client.read(&mut buffer) {
                        client.write_all(&buffer[..length]).expect("the client reads");
                    }
                })
                .expect("a thread");
        }
    });
    address
}

fn exchange(client: &mut TcpStream, bytes: usize) {
    let mut buffer = vec![7; bytes];
    client.write_all(&buffer).expect("the server reads");
    client.read_exact(&mut buffer).expect("the server answers");
}

/// Closes both sides. The kernel reports the server's side first.
fn end(mut client: TcpStream) {
    client.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(client.read(&mut [0]).expect("the server closes"), 0);
}

/// Waits until `ends` sockets were closed and no counter changes any more. Returns the open sockets, and adds the
/// closed ones to `ended`.
fn at_rest(events: &Receiver<(u64, Moved)>, ended: &mut Sockets, ends: usize) -> Sockets {
    let mut live = dump();
    wait_until("all closed sockets are reported, and no counter changes", || {
        thread::sleep(Duration::from_millis(50));
        ended.extend(events.try_iter());
        let before = std::mem::replace(&mut live, dump());
        ended.len() >= ends && before == live
    });
    live
}

/// The growth of the counters of all sockets since `before`.
fn growth(before: &Sockets, ended: &Sockets, live: &Sockets) -> (u64, u64) {
    // For closed sockets, the last values count.
    let mut now = live.clone();
    now.extend(ended);
    now.iter().fold((0, 0), |(acked, received), (cookie, moved)| {
        let before = before.get(cookie).copied().unwrap_or_default();
        (acked + moved.acked - before.acked, received + moved.received - before.received)
    })
}

fn moved(gathered: &Gathered) -> (u64, u64) {
    (gathered.totals["bytes_acked"], gathered.totals["bytes_received"])
}

#[test]
fn ten_thousand_short_connections_are_counted_exactly() {
    if !support::namespace::enter() {
        return;
    }
    let (events, mut ended, dir) = (listen(), Sockets::new(), dir());
    let servers = Servers::new();
    let mut execd = start(plugin(), dir.path(), "  group_by = [\"direction\", \"family\"]\n");
    // Some connections end before the first gather, some after it, and some outlive the second.
    (0..300).for_each(|number| end(servers.call(number, 100)));
    let mut before: Vec<TcpStream> = (0..60).map(|number| servers.call(number, 1000 + number)).collect();
    let known = at_rest(&events, &mut ended, 600);
    assert_eq!(known.len(), 120);
    assert_eq!(moved(&gather(&mut execd)), (0, 0));
    ended.clear();

    let bytes = (0..10_000).map(|number| 1 + number % 700).sum::<usize>() + 60 * 500 + 60 * 300;
    let clients: Vec<_> = (0..10_000)
        .map(|number| {
            // One in a hundred stays open until all others are closed.
            (servers.call(number, 1 + number % 700), number)
        })
        .filter_map(|(client, number)| {
            if number % 100 == 0 {
                return Some(client);
            }
            end(client);
            None
        })
        .collect();
    clients.into_iter().for_each(end);
    for client in &mut before {
        exchange(client, 500);
    }
    before.drain(30..).for_each(end);
    let after: Vec<TcpStream> = (0..60).map(|number| servers.call(number, 300)).collect();
    let live = at_rest(&events, &mut ended, 20_060);
    assert_eq!((live.len(), ended.len()), (60 + 120, 20_060));

    let gathered = gather(&mut execd);
    let (acked, received) = growth(&known, &ended, &live);
    assert_eq!(moved(&gathered), (acked, received));
    // Each end of each connection has sent and received these bytes. SYN and FIN count as one byte each.
    let range = 2 * bytes as u64..2 * bytes as u64 + 2 * 20_060 + 120 * 2;
    assert!(range.contains(&acked) && range.contains(&received), "{acked}, {received} of {bytes}");
    assert_eq!((gathered.totals["closed"], gathered.totals["sockets"]), (20_060, 180));
    let internal = |name: &str| gathered.internal[name];
    assert_eq!((internal("closed"), internal("closed_lost"), internal("errors")), (20_060, 0, 0));
    for family in ["ipv4", "ipv6"] {
        for direction in ["inbound", "outbound"] {
            let group = &gathered.groups[&format!("direction={direction},family={family},proto=tcp")];
            assert!(group["closed"] > 3000, "{group:?}");
        }
    }

    // Closes the remaining connections, with gathers in between.
    for (number, client) in before.into_iter().chain(after).enumerate() {
        end(client);
        if number % 20 == 0 {
            gather(&mut execd);
        }
    }
    let live = at_rest(&events, &mut ended, 20_060 + 180);
    let gathered = gather(&mut execd);
    assert_eq!(moved(&gathered), growth(&known, &ended, &live));
    assert_eq!(gathered.internal["closed"], 20_060 + 180);
    execd.eof();
}

/// A connection that was reset is not in any dump. The kernel reports its end when its process closes it.
#[test]
fn reset_connections_are_counted_once() {
    if !support::namespace::enter() {
        return;
    }
    let (events, mut ended, dir) = (listen(), Sockets::new(), dir());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let mut client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    let (mut server, _) = listener.accept().expect("the other end");
    let mut execd = start(plugin(), dir.path(), "  group_by = [\"direction\"]\n");
    client.write_all(&[1; 5000]).expect("the server has room");
    let known = at_rest(&events, &mut ended, 0);
    gather(&mut execd);
    server.write_all(&[1; 300]).expect("the client has room");
    // Closing a socket with unread bytes resets the connection.
    drop(server);
    at_rest(&events, &mut ended, 1);
    for _ in 0..6 {
        gather(&mut execd);
    }
    assert_eq!(gather(&mut execd).totals["sockets"], 0);
    drop(client);
    let live = at_rest(&events, &mut ended, 2);
    let gathered = gather(&mut execd);
    assert_eq!(moved(&gathered), growth(&known, &ended, &live));
    assert_eq!(gathered.internal["closed"], 2);
    execd.eof();
}

#[test]
fn connections_closed_while_the_plugin_is_stopped_are_counted() {
    if !support::namespace::enter() {
        return;
    }
    let (events, mut ended, dir) = (listen(), Sockets::new(), dir());
    let servers = Servers::new();
    // As root, the queue may be too large for a test to fill.
    let mut execd = start(unprivileged(dir.path()), dir.path(), "  group_by = [\"direction\"]\n");
    gather(&mut execd);
    execd.signal(Signal::SIGSTOP);
    // The queue of an unprivileged process holds twice net.core.rmem_max bytes, and a message takes more than 640
    // bytes.
    let most = fs::read_to_string("/proc/sys/net/core/rmem_max").expect("Linux has it");
    let connections = most.trim().parse::<usize>().expect("a number") / 640 + 1000;
    if connections > 20_000 {
        return skipped("needs a net.core.rmem_max that a test can fill");
    }
    (0..connections).for_each(|number| end(servers.call(number, 100)));
    at_rest(&events, &mut ended, 2 * connections);
    execd.signal(Signal::SIGCONT);
    let gathered = gather(&mut execd);
    let (closed, lost) = (gathered.internal["closed"], gathered.internal["closed_lost"]);
    assert_eq!(closed + lost, 2 * connections as u64);
    assert!(closed > 50 && lost > 500, "{closed} counted, {lost} lost");
    let complaint = execd.complaint();
    let complaint = if complaint.starts_with("W!") { complaint } else { execd.complaint() };
    let expected = format!("closed sockets: {lost} lost, the queue was full: raise net.core.rmem_max");
    assert!(complaint.ends_with(&expected), "{complaint}");
    // After the loss, all closed connections are counted again.
    (0..500).for_each(|number| end(servers.call(number, 100)));
    at_rest(&events, &mut ended, 2 * connections + 1000);
    let after = gather(&mut execd);
    assert_eq!(after.internal["closed"], closed + 1000);
    assert_eq!(after.internal["closed_lost"], lost);
    assert!(moved(&after) > moved(&gathered));
    execd.eof();
}

/// The sum over all series of what a database's `increase()` or `non_negative_difference()` returns.
fn increase(metrics: &[String], field: &str) -> u64 {
    let (mut last, mut increase) = (BTreeMap::new(), 0);
    for line in metrics.iter().filter(|line| line.starts_with("socketstat,")) {
        let (series, fields) = parse_line(line);
        let value: u64 =
            fields[field].strip_suffix('i').and_then(|value| value.parse().ok()).expect("a number");
        let before = last.insert(series.clone(), value).unwrap_or(value);
        assert!(value >= before, "{series} decreased from {before} to {value}");
        increase += value - before;
    }
    increase
}

#[test]
fn churn_through_telegraf_is_counted_exactly() {
    let Some(telegraf) = telegraf_in_own_network() else { return };
    let (events, mut ended, dir) = (listen(), Sockets::new(), dir());
    let servers = Servers::new();
    // The first value of a series is in no difference. These connections make every series begin before the churn.
    let long: Vec<TcpStream> = (0..3).map(|number| servers.call(number, 100)).collect();
    let known = at_rest(&events, &mut ended, 0);
    let config = format!("{CONFIG}  group_by = [\"direction\"]\n");
    let telegraf = Telegraf::start(&telegraf, dir, &config, "  signal = \"STDIN\"\n", "");
    telegraf.wait_for(2, "socketstat,");
    let began = Instant::now();
    let mut calls = 0;
    while began.elapsed() < Duration::from_secs(10) {
        (0..20).for_each(|number| end(servers.call(number, 1 + calls % 5000)));
        calls += 20;
        thread::sleep(Duration::from_millis(20));
    }
    let live = at_rest(&events, &mut ended, 2 * calls);
    telegraf.wait_for(2, "internal_socketstat");
    telegraf.wait_for(2, "internal_socketstat");
    let pids = [telegraf.plugin()];
    let metrics = telegraf.metrics();
    telegraf.stop(&pids);
    let (acked, received) = growth(&known, &ended, &live);
    assert_eq!((increase(&metrics, "bytes_acked"), increase(&metrics, "bytes_received")), (acked, received));
    assert_eq!(increase(&metrics, "closed"), 2 * calls as u64);
    drop(long);
}
