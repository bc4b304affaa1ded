//! Interfaces are created, changed and removed while one process gathers. No row may have a wrong name.
//!
//! Each pair of devices sends one packet of a different length, so that its counters identify the pair. Indexes are
//! reused at once, so that two answers of the kernel may be about different devices with the same index.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt::BindToDevice};

use crate::support::gathers::Gatherer;
use crate::support::links::Links;
use crate::support::namespace::enter;

/// How many pairs each thread keeps, which is also the number of indexes that it reuses.
const KEPT: u32 = 8;
/// How many threads create and delete devices.
const THREADS: u32 = 4;
/// The length of the Ethernet, IP and UDP headers.
const HEADERS: u32 = 14 + 20 + 8;
/// The number of different packet lengths, far more than there are pairs at a time.
const LENGTHS: u32 = 1400;

/// The byte counter of pair `number` after its only packet.
const fn signature(number: u32) -> u64 {
    (HEADERS + 1 + number % LENGTHS) as u64
}

/// A network namespace to move devices to. It exists until this is dropped.
struct Elsewhere(Child);

impl Elsewhere {
    fn new() -> Self {
        let child = Command::new("unshare").args(["-n", "sleep", "600"]).spawn().expect("unshare runs");
        let ours = fs::read_link("/proc/self/ns/net").expect("/proc is there");
        let theirs = format!("/proc/{}/ns/net", child.id());
        crate::support::wait_until("another namespace", || {
            fs::read_link(&theirs).is_ok_and(|theirs| theirs != ours)
        });
        Self(child)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Sends one packet of this length through a device.
fn send(device: &str, length: u32) {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a socket");
    socket.set_broadcast(true).expect("an option");
    setsockopt(&socket, BindToDevice, &device.into()).expect("the device is there");
    let data = vec![0; length as usize];
    socket.send_to(&data, (Ipv4Addr::BROADCAST, 9)).expect("the device takes it");
}

/// A pair of devices.
struct Pair {
    number: u32,
    index: i32,
}

impl Pair {
    /// Creates the pair, sets it up and sends its packet.
    fn make(links: &mut Links, number: u32, index: i32) -> Result<Self, Errno> {
        let (name, peer) = (format!("c{number}"), format!("p{number}"));
        links.add_pair(index, &name, &peer)?;
        links.set_up(index, true)?;
        links.set_up_by_name(&peer)?;
        send(&name, 1 + number % LENGTHS);
        Ok(Self { number, index })
    }

    /// Changes the pair once.
    fn change(&self, links: &mut Links, elsewhere: u32) -> Result<(), Errno> {
        let Self { number, index } = *self;
        match number % 5 {
            0 => {
                links.set_up(index, false)?;
                links.rename(index, &format!("r{number}"))?;
                links.set_up(index, true)
            }
            1 => links.set_up(index, false),
            2 => links.move_to(index, elsewhere),
            3 => links.set_alias(index, b"of a pair"),
            _ => Ok(()),
        }
    }

    fn delete(self, links: &mut Links) -> Result<(), Errno> {
        links.delete(&format!("p{}", self.number))
    }
}

/// Creates, changes and deletes pairs until `stop` is set.
fn churn(thread: u32, elsewhere: u32, next: &AtomicU32, stop: &AtomicBool) -> Result<(), Errno> {
    let mut links = Links::open();
    let mut pairs = VecDeque::new();
    let mut pace = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let mut index = 5000 + thread * KEPT + u32::try_from(pairs.len()).expect("a few");
        if index >= 5000 + (thread + 1) * KEPT {
            let oldest: Pair = pairs.pop_front().expect("there are some");
            index = oldest.index.cast_unsigned();
            oldest.delete(&mut links)?;
        }
        pairs.push_back(Pair::make(&mut links, number, index.cast_signed())?);
        if let Some(pair) = pairs.len().checked_sub(4).and_then(|place| pairs.get(place)) {
            pair.change(&mut links, elsewhere)?;
        }
        // 200 devices per second in all threads together, if the machine is fast enough.
        pace += Duration::from_secs(1) * THREADS * 2 / 200;
        thread::sleep(pace.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// The counters that identify each interface: sent and received bytes.
type Table = BTreeMap<String, [u64; 2]>;

fn proc_net_dev() -> Table {
    let text = fs::read_to_string("/proc/net/dev").expect("/proc is there");
    let row = |line: &str| {
        let (name, values) = line.split_once(':').expect("a colon");
        let values: Vec<u64> =
            values.split_whitespace().map(|value| value.parse().expect("a number")).collect();
        (name.trim().to_owned(), [values[8], values[0]])
    };
    text.lines().skip(2).map(row).collect()
}

fn gather(plugin: &mut Gatherer) -> Table {
    let row = |line: &String| {
        let (tags, fields) = line.split_once(' ').expect("fields");
        let value = |name: &str| {
            let value = fields.split_once(name).expect("the field").1;
            value.split('i').next().expect("a value").parse().expect("a number")
        };
        let name = tags.strip_prefix("net,interface=").expect("a name").to_owned();
        (name, [value("bytes_sent="), value("bytes_recv=")])
    };
    let lines = plugin.gather();
    let table: Table = lines.iter().map(row).collect();
    assert_eq!(table.len(), lines.len(), "an interface is listed twice: {lines:#?}");
    table
}

/// Whether these can be the counters of the device with this name.
fn fits(name: &str, [sent, received]: [u64; 2]) -> bool {
    let Some(number) = name.get(1..).and_then(|number| number.parse().ok()) else { return true };
    let counted = if name.starts_with('p') { received } else { sent };
    let other = if name.starts_with('p') { sent } else { received };
    other == 0 && (counted == 0 || counted == signature(number))
}

/// Checks a gather against /proc/net/dev, read before and after it.
fn check(before: &Table, gathered: &Table, after: &Table, started: u32) {
    for (name, counters) in gathered {
        assert!(fits(name, *counters), "{name} has the counters of another device: {counters:?}");
        let number = name.get(1..).and_then(|number| number.parse::<u32>().ok());
        assert!(
            before.contains_key(name)
                || after.contains_key(name)
                || number.is_some_and(|number| number < started),
            "{name} never existed"
        );
    }
    // Names are not reused, so a device in both readings existed during the gather.
    let both: BTreeSet<_> = before.keys().filter(|name| after.contains_key(*name)).collect();
    for name in both {
        let counters = gathered.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        for ((before, counter), after) in before[name].iter().zip(counters).zip(&after[name]) {
            // Counters may also decrease: the bytes that a veth device has received are counted in its peer, which is
            // removed first.
            let between = before.min(after)..=before.max(after);
            assert!(between.contains(&counter), "{name}: {counter} is not in {between:?}");
        }
    }
}

#[test]
fn no_row_has_a_wrong_name_while_interfaces_are_created_and_removed() {
    if !enter() {
        return;
    }
    for which in ["default", "all"] {
        fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1")
            .expect("root of the namespace");
    }
    let seconds = std::env::var("CHURN_SECONDS").map_or(30, |seconds| seconds.parse().expect("a number"));
    let elsewhere = Elsewhere::new();
    let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let thread = |thread: u32| {
        let (stop, next, elsewhere) = (stop.clone(), next.clone(), elsewhere.0.id());
        thread::spawn(move || churn(thread, elsewhere, &next, &stop))
    };
    let threads: Vec<_> = (0..THREADS).map(thread).collect();

    let mut plugin = Gatherer::start("source = \"netlink\"\ninterfaces = [\"*\"]\ntimeout = \"30s\"");
    let start = Instant::now();
    let (mut gathers, mut rows) = (0, 0);
    while start.elapsed() < Duration::from_secs(seconds) && threads.iter().all(|thread| !thread.is_finished())
    {
        let before = proc_net_dev();
        let gathered = gather(&mut plugin);
        let after = proc_net_dev();
        check(&before, &gathered, &after, next.load(Ordering::Relaxed));
        gathers += 1;
        rows += gathered.len();
        // Sometimes long enough for the queue of events to overflow.
        thread::sleep(Duration::from_millis(if gathers % 100 == 0 { 1500 } else { 5 }));
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        let outcome = thread.join().expect("no panic");
        assert_eq!(outcome, Ok(()), "a device could not be created, changed or deleted");
    }
    plugin.end();
    let pairs = next.load(Ordering::Relaxed);
    println!("{gathers} gathers, {rows} rows, {} devices were created and deleted in {seconds} s", 2 * pairs);
    assert!(gathers > 10 && pairs > 50 && rows > 10 * gathers, "too little has happened to prove anything");
}
