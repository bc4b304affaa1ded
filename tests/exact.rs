//! Totals of connections that live shorter than a gather: equal, byte for byte, to what the kernel tells a second listener.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::execd::{Execd, dir};
use crate::support::sock_diag::{Moved, Sockets, dump, listen};
use crate::support::telegraf::{Telegraf, telegraf_in_own_network};
use crate::support::unprivileged::unprivileged;
use crate::support::{self, plugin, skipped, wait_until, write};

/// Groups of TCP sockets, from the kernel.
const CONFIG: &str = "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  timeout = \"60s\"\n";

/// One gather, read.
#[derive(Debug, Default)]
struct Gathered {
    /// Of all groups together.
    totals: BTreeMap<String, u64>,
    /// The same of each group, by its tags.
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
        let mut parts = line.splitn(3, ' ');
        let (series, fields) = (parts.next().expect("a series"), parts.next().expect("fields"));
        let numbers = fields.split(',').filter_map(|field| {
            let (name, value) = field.split_once('=').expect("a field");
            Some((name.to_owned(), value.strip_suffix('i')?.parse().ok()?))
        });
        let numbers: BTreeMap<String, u64> = numbers.collect();
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

/// Servers that read what each client sends, and send as much back.
struct Servers(Vec<SocketAddr>);

impl Servers {
    /// One for IPv4, one for IPv6, and one for IPv6 that is called by IPv4.
    fn new() -> Self {
        let v4 = serve(Ipv4Addr::LOCALHOST.into());
        let v6 = serve(Ipv6Addr::LOCALHOST.into());
        let mapped = serve(Ipv6Addr::UNSPECIFIED.into());
        Self(vec![v4, v6, (Ipv4Addr::LOCALHOST, mapped.port()).into()])
    }

    /// A connection that has moved so many bytes in either direction.
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

/// Ends both sides: the client's end is told behind the server's.
fn end(mut client: TcpStream) {
    client.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(client.read(&mut [0]).expect("the server closes"), 0);
}

/// The sockets that there are once nothing changes any more, and all that ended so far.
fn at_rest(events: &Receiver<(u64, Moved)>, ended: &mut Sockets, ends: usize) -> Sockets {
    let mut live = dump();
    wait_until("all ends are told, and no socket changes", || {
        thread::sleep(Duration::from_millis(50));
        ended.extend(events.try_iter());
        let before = std::mem::replace(&mut live, dump());
        ended.len() >= ends && before == live
    });
    live
}

/// By how much all sockets together grew since `before`.
fn growth(before: &Sockets, ended: &Sockets, live: &Sockets) -> (u64, u64) {
    // What has ended has its last values from there.
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
fn ten_thousand_short_connections_count_to_the_byte() {
    if !support::namespace::enter() {
        return;
    }
    let (events, mut ended, dir) = (listen(), Sockets::new(), dir());
    let servers = Servers::new();
    let mut execd = start(plugin(), dir.path(), "  group_by = [\"direction\", \"family\"]\n");
    // Some that end before the first gather, some that end after it, and some that outlive the second.
    (0..300).for_each(|number| end(servers.call(number, 100)));
    let mut before: Vec<TcpStream> = (0..60).map(|number| servers.call(number, 1000 + number)).collect();
    let known = at_rest(&events, &mut ended, 600);
    assert_eq!(known.len(), 120);
    assert_eq!(moved(&gather(&mut execd)), (0, 0));
    ended.clear();

    let bytes = (0..10_000).map(|number| 1 + number % 700).sum::<usize>() + 60 * 500 + 60 * 300;
    let clients: Vec<_> = (0..10_000)
        .map(|number| {
            // A few at a time live on for a moment.
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
    // Each end of each connection has sent and received them; SYN and FIN count as a byte each.
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

    // The rest, gathered in between as well.
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

/// A connection that was reset is in no dump, and its end comes when its process closes it.
#[test]
fn connections_that_were_reset_count_once() {
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
    // Closed with bytes that nobody has read: a reset.
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
fn what_a_stopped_plugin_misses_is_counted() {
    if !support::namespace::enter() {
        return;
    }
    let (events, mut ended, dir) = (listen(), Sockets::new(), dir());
    let servers = Servers::new();
    // Root may have a queue that a test cannot fill.
    let mut execd = start(unprivileged(dir.path()), dir.path(), "  group_by = [\"direction\"]\n");
    gather(&mut execd);
    execd.signal(Signal::SIGSTOP);
    // The queue of an unprivileged process holds twice net.core.rmem_max, and a message takes more than 640 bytes of it.
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
    // It goes on, and counts all again.
    (0..500).for_each(|number| end(servers.call(number, 100)));
    at_rest(&events, &mut ended, 2 * connections + 1000);
    let after = gather(&mut execd);
    assert_eq!(after.internal["closed"], closed + 1000);
    assert_eq!(after.internal["closed_lost"], lost);
    assert!(moved(&after) > moved(&gathered));
    execd.eof();
}

/// What a database's `increase()` or `non_negative_difference()` makes of the series, added up.
fn increase(metrics: &[String], field: &str) -> u64 {
    let (mut last, mut increase) = (BTreeMap::new(), 0);
    for line in metrics.iter().filter(|line| line.starts_with("socketstat,")) {
        let mut parts = line.splitn(3, ' ');
        let (series, fields) = (parts.next().expect("a series"), parts.next().expect("fields"));
        let value = fields.split(',').find_map(|pair| pair.strip_prefix(field)?.strip_prefix('='));
        let value: u64 = value.and_then(|value| value.strip_suffix('i')?.parse().ok()).expect("the field");
        let before = last.insert(series, value).unwrap_or(value);
        assert!(value >= before, "{series} went back from {before} to {value}");
        increase += value - before;
    }
    increase
}

#[test]
fn churn_through_telegraf_counts_to_the_byte() {
    let Some(telegraf) = telegraf_in_own_network() else { return };
    let (events, mut ended, dir) = (listen(), Sockets::new(), dir());
    let servers = Servers::new();
    // A series that begins later begins with what it has moved, which no difference shows: each is there at first.
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

/// A cgroup of the test's own; this process goes back where it was.
struct Cgroup {
    path: PathBuf,
    name: String,
}

impl Cgroup {
    /// `None` where there is no cgroup v2, or none can be made in it.
    fn new(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
        let name = format!("/exact-test-{}-{name}.service", std::process::id());
        let path = PathBuf::from(format!("{}{name}", mount.split(' ').nth(4)?));
        fs::create_dir(&path).ok()?;
        let cgroup = Self { path, name };
        cgroup.enter().then_some(cgroup)
    }

    fn enter(&self) -> bool {
        fs::write(self.path.join("cgroup.procs"), std::process::id().to_string()).is_ok()
    }

    /// Leaves it for the one above.
    fn leave(&self) {
        let root = self.path.parent().expect("a mount").join("cgroup.procs");
        fs::write(root, std::process::id().to_string()).expect("this process may go back");
    }

    fn remove(&self) {
        self.leave();
        wait_until("the cgroup is removed", || !self.path.exists() || fs::remove_dir(&self.path).is_ok());
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if self.path.exists() {
            self.remove();
        }
    }
}

#[test]
fn cgroups_are_told_apart() {
    if !support::namespace::enter() {
        return;
    }
    let (Some(client), Some(server)) = (Cgroup::new("client"), Cgroup::new("server")) else {
        return skipped("needs root and a mount of cgroup v2");
    };
    let (events, mut ended, dir) = (listen(), Sockets::new(), dir());
    // The cgroup of a socket is that of the process that makes it; this process is in that of the server.
    let servers = Servers::new();
    client.leave();
    let more = "  group_by = [\"cgroup\", \"unit\", \"user\"]\n";
    let mut execd = start(plugin(), dir.path(), more);
    assert!(client.enter());
    let known = at_rest(&events, &mut ended, 0);
    gather(&mut execd);
    let mut clients: Vec<TcpStream> = (0..30).map(|number| servers.call(number, 100)).collect();
    at_rest(&events, &mut ended, 0);
    let group = |name: &str| {
        let (unit, user) = name.strip_prefix('/').map_or((name, name), |unit| (unit, "root"));
        format!("cgroup={name},proto=tcp,unit={unit},user={user}")
    };
    let gathered = gather(&mut execd);
    let names = [group(&client.name), group(&server.name)];
    assert_eq!(gathered.groups.keys().cloned().collect::<Vec<_>>(), names);
    for name in &names {
        let moved = &gathered.groups[name];
        assert_eq!((moved["sockets"], moved["bytes_received"]), (30, 3000), "{name}");
    }

    // Ends of known connections; short ones, of which only the server's side can be told; and removed while connected.
    for client in &mut clients {
        exchange(client, 50);
    }
    clients.drain(10..).for_each(end);
    (0..100).for_each(|number| end(servers.call(number, 7)));
    let live = at_rest(&events, &mut ended, 2 * 120);
    client.remove();
    server.remove();
    let gathered = gather(&mut execd);
    let closed = |name: &str| gathered.groups[&group(name)]["closed"];
    assert_eq!([closed(&client.name), closed(&server.name), closed("unknown")], [20, 120, 100]);
    assert_eq!(moved(&gathered), growth(&known, &ended, &live));
    let unknown = &gathered.groups[&group("unknown")];
    let unattributed = unknown["bytes_acked"] + unknown["bytes_received"];
    assert_eq!(gathered.internal["unattributed_bytes"], unattributed);
    assert_eq!(gathered.groups[&group(&client.name)]["sockets"], 10);
    execd.eof();
    // One that starts now cannot know what they were called.
    let mut execd = start(plugin(), dir.path(), "  group_by = [\"cgroup\"]\n");
    let gathered = gather(&mut execd);
    assert_eq!(gathered.groups.keys().collect::<Vec<_>>(), ["cgroup=(removed),proto=tcp"]);
    execd.eof();
}
