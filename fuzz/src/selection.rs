//! Checks which sockets a selection accepts: compares a gather of known sockets with a second implementation of the
//! lists.

use std::net::IpAddr;

use telegraf_execd_network::filter::glob::Globs;

use super::glob;
use super::host::FakeHost;
use super::influx::Metric;

thread_local! {
    static SOCKETS: FakeHost = sockets();
}

/// A socket of the tables. `number` is its local port.
struct Known {
    number: u16,
    local: IpAddr,
    remote: (IpAddr, u16),
    state: u8,
}

/// The paths of unix sockets, by inode from 2000 on.
const PATHS: &[&str] = &["/run/a.sock", "/run/b/c", "/run/[x]", "@abstract", "/tmp/ö", "", "/run/10.0.0.1"];

fn known() -> Vec<Known> {
    let addresses =
        ["10.0.0.1", "10.1.2.3", "127.0.0.1", "0.0.0.0", "::1", "2001:db8::7", "::ffff:10.0.0.1", "fe80::1"];
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    (0..addresses.len() * 12)
        .map(|at| {
            let number = 1000 + u16::try_from(at * 7).expect("a few");
            let local = addresses[at % addresses.len()];
            // Both addresses have the same family.
            let other = addresses[(at / 2) % addresses.len()];
            let remote = if other.is_ipv4() == local.is_ipv4() { other } else { local };
            let state = u8::try_from(1 + at % 11).expect("a state");
            Known { number, local, remote: (remote, 50_000 + number % 100), state }
        })
        .collect()
}

/// A host with these sockets.
fn sockets() -> FakeHost {
    let host = FakeHost::default();
    let header =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let (mut v4, mut v6) = (header.to_owned(), header.to_owned());
    for (slot, Known { number, local, remote, state }) in known().iter().enumerate() {
        let (local, other) = (hexadecimal(*local, *number), hexadecimal(remote.0, remote.1));
        let row = format!(
            "{slot:4}: {local} {other} {state:02X} 00000000:00000000 00:00000000 00000000     0        0 {number}\n"
        );
        if remote.0.is_ipv4() { v4 += &row } else { v6 += &row }
    }
    host.write("proc/net/tcp", v4.as_bytes());
    host.write("proc/net/tcp6", v6.as_bytes());
    let rows = PATHS.iter().zip(2000..).map(|(path, inode)| {
        let space = if path.is_empty() { "" } else { " " };
        format!("0000000000000000: 00000002 00000000 00000000 0001 03 {inode}{space}{path}\n")
    });
    let unix =
        format!("Num       RefCount Protocol Flags    Type St Inode Path\n{}", rows.collect::<String>());
    host.write("proc/net/unix", unix.as_bytes());
    host
}

/// An endpoint as the kernel prints it: 32-bit words in the byte order of the machine.
pub fn hexadecimal(address: IpAddr, port: u16) -> String {
    let octets = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let words = octets.chunks(4).map(|word| u32::from_ne_bytes(word.try_into().expect("four octets")));
    words.map(|word| format!("{word:08X}")).collect::<String>() + &format!(":{port:04X}")
}

/// The lists of a selection, separated by NUL, with entries separated by commas: local and remote ports, local and
/// remote addresses, states. The first byte selects whether unix sockets are listed, whose paths may be in the
/// address lists.
pub fn selection(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    // An environment variable would be replaced.
    if text.contains('$') {
        return;
    }
    let unix = first % 2 == 1;
    let mut pieces = text.split('\0');
    let keys = ["local_ports", "remote_ports", "local_addrs", "remote_addrs", "states"];
    let lists: Vec<Vec<&str>> = keys
        .iter()
        .map(|_| {
            pieces
                .next()
                .filter(|piece| !piece.is_empty())
                .map_or_else(Vec::new, |piece| piece.split(',').collect())
        })
        .collect();
    let mut config = String::from("[[inputs.socketstat]]\n  source = \"procfs\"\n  protocols = [\"tcp\"");
    config += if unix { ", \"unix\"]\n" } else { "]\n" };
    for (key, list) in keys.iter().zip(&lists) {
        let entries: Vec<String> = list.iter().map(|entry| quoted(entry)).collect();
        config.extend(["  ", key, " = [", &entries.join(", "), "]\n"]);
    }
    let [local_ports, remote_ports, local, remote, states] = &lists[..] else { unreachable!("five keys") };
    let models = || {
        let ports = [Ports::new(local_ports)?, Ports::new(remote_ports)?];
        Some((ports, [Addresses::new(local, unix)?, Addresses::new(remote, unix)?], model_states(states)?))
    };
    let outcome = SOCKETS.with(|host| host.gather(&config, b""));
    let (gathered, (ports, addresses, states)) = match (outcome, models()) {
        (Ok(gathered), Some(models)) => (gathered, models),
        (Err(_), None) => return,
        (Err(error), Some(_)) => panic!("{error}\n{config}"),
        (Ok(_), None) => panic!("a malformed entry was accepted:\n{config}"),
    };
    let of_protocol = |name: &str| -> Vec<u16> {
        let is = |metric: &&Metric| metric.tags.iter().any(|(key, value)| key == "proto" && value == name);
        let number = |metric: &Metric| {
            metric.tags.iter().find(|(key, _)| key == "local_port").map(|(_, port)| port.clone())
        };
        let found = gathered.metrics.iter().filter(is).filter_map(number);
        found.map(|number| number.parse().expect("a number")).collect()
    };
    let inet = known().into_iter().filter(|socket| {
        states & 1 << socket.state != 0
            && ports[0].take(Some(socket.number))
            && ports[1].take(Some(socket.remote.1))
            && addresses[0].take(socket.local)
            && addresses[1].take(socket.remote.0)
    });
    // The table of IPv4 is read first.
    let (v4, v6): (Vec<Known>, Vec<Known>) = inet.partition(|socket| socket.remote.0.is_ipv4());
    let expected: Vec<u16> = v4.iter().chain(&v6).map(|socket| socket.number).collect();
    assert_eq!(of_protocol("tcp"), expected, "{config}");
    let paths = PATHS.iter().zip(2000..).filter(|(path, _)| {
        unix && states & 2 != 0
            && ports.iter().all(|ports| ports.take(None))
            && addresses[0].take_path(if path.is_empty() { "*" } else { path })
            // The table does not have the remote address.
            && addresses[1].take_path("")
    });
    assert_eq!(of_protocol("unix"), paths.map(|(_, inode)| inode).collect::<Vec<u16>>(), "{config}");
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\U{:08X}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// Whether an entry is an exclusion, and the rest of it.
fn split(entry: &str) -> (bool, &str) {
    entry.strip_prefix('!').map_or((false, entry), |rest| (true, rest))
}

/// Whether a list accepts a value: an entry includes it, or all entries are exclusions; and no exclusion matches.
fn takes<T>(entries: &[(bool, T)], matches: impl Fn(&T) -> bool) -> bool {
    let is =
        |excluded: bool| entries.iter().any(|(exclusion, entry)| *exclusion == excluded && matches(entry));
    (is(false) || entries.iter().all(|(exclusion, _)| *exclusion)) && !is(true)
}

struct Ports(Vec<(bool, (u16, u16))>);

impl Ports {
    fn new(list: &[&str]) -> Option<Self> {
        let port = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let entries = list.iter().map(|entry| {
            let (exclusion, text) = split(entry);
            let (from, to) = text.split_once('-').unwrap_or((text, text));
            let (from, to): (u16, u16) = (port(from)?, port(to)?);
            (from <= to).then_some((exclusion, (from, to)))
        });
        entries.collect::<Option<_>>().map(Self)
    }

    fn take(&self, port: Option<u16>) -> bool {
        takes(&self.0, |(from, to)| port.is_some_and(|port| *from <= port && port <= *to))
    }
}

/// The bits of an address, as text.
fn bits(address: IpAddr) -> String {
    let octets = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(v6.octets().to_vec(), |v4| v4.octets().to_vec()),
    };
    octets.iter().map(|octet| format!("{octet:08b}")).collect()
}

enum Place {
    /// The length of an address in bits, and the prefix as bits.
    Network(usize, String),
    Path(String),
}

struct Addresses {
    entries: Vec<(bool, Place)>,
    /// Whether the included and the excluded paths have wildcards.
    wildcards: [bool; 2],
}

impl Addresses {
    fn new(list: &[&str], unix: bool) -> Option<Self> {
        let place = |text: &str| {
            let network = network(text);
            network.or_else(|| unix.then(|| Place::Path(text.to_owned())))
        };
        let entries = list.iter().map(|entry| {
            let (exclusion, text) = split(entry);
            Some((exclusion, place(text)?))
        });
        let entries: Vec<(bool, Place)> = entries.collect::<Option<_>>()?;
        let paths = |excluded: bool| -> Vec<String> {
            let of = entries.iter().filter(|(exclusion, _)| *exclusion == excluded);
            of.filter_map(|(_, place)| if let Place::Path(path) = place { Some(path.clone()) } else { None })
                .collect()
        };
        let lists = [paths(false), paths(true)];
        let good = lists.iter().all(|paths| glob::are_good(paths, "") && Globs::compile(paths, "").is_ok());
        let wildcards = lists.map(|paths| glob::has_wildcards(&paths, ""));
        good.then_some(Self { entries, wildcards })
    }

    fn take(&self, address: IpAddr) -> bool {
        let bits = bits(address);
        takes(&self.entries, |place| match place {
            Place::Network(width, start) => *width == bits.len() && bits.starts_with(start),
            Place::Path(_) => false,
        })
    }

    fn take_path(&self, path: &str) -> bool {
        let entries: Vec<_> =
            self.entries.iter().map(|(exclusion, place)| (*exclusion, (*exclusion, place))).collect();
        takes(&entries, |(exclusion, place)| match place {
            Place::Path(glob) => glob::matches(glob, self.wildcards[usize::from(*exclusion)], "", path),
            Place::Network(..) => false,
        })
    }
}

fn network(text: &str) -> Option<Place> {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let plain = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let address: IpAddr = plain.parse().ok()?;
    let bits = bits(address);
    let Some(length) = length else { return Some(Place::Network(bits.len(), bits)) };
    let length: usize = length.parse().ok().filter(|_| length.bytes().all(|byte| byte.is_ascii_digit()))?;
    // The bits of a mapped address do not include its first 96.
    let hidden = if address.is_ipv6() && bits.len() == 32 { 96 } else { 0 };
    bits.get(..length.checked_sub(hidden)?).map(|start| Place::Network(bits.len(), start.to_owned()))
}

/// The states of a list, bit N for state N. An empty list means the states that ss lists by default.
fn model_states(list: &[&str]) -> Option<u32> {
    const NAMES: [&str; 11] = [
        "established estab",
        "syn-sent",
        "syn-recv syn-rcv",
        "fin-wait-1",
        "fin-wait-2",
        "time-wait",
        "close closed unconnected unconn",
        "close-wait",
        "last-ack",
        "listening listen",
        "closing",
    ];
    let one = |name: &str| {
        NAMES.iter().position(|names| names.split(' ').any(|other| other == name)).map(|at| 2 << at)
    };
    let of = |names: &[&str]| names.iter().filter_map(|name| one(name)).sum::<u32>();
    let all = 0xffe;
    let connected = all & !of(&["syn-recv", "time-wait", "close", "listening"]);
    if list.is_empty() {
        return Some(connected);
    }
    let mask = |name: &str| match name.to_ascii_lowercase().as_str() {
        "all" => Some(all),
        "connected" => Some(all & !of(&["close", "listening"])),
        "synchronized" => Some(all & !of(&["close", "listening", "syn-sent"])),
        "bucket" => Some(of(&["syn-recv", "time-wait"])),
        "big" => Some(all & !of(&["syn-recv", "time-wait"])),
        name => one(name),
    };
    let entries = list.iter().map(|entry| {
        let (exclusion, name) = split(entry);
        Some((exclusion, mask(name)?))
    });
    let entries: Vec<(bool, u32)> = entries.collect::<Option<_>>()?;
    let chosen = (1..12).filter(|state| takes(&entries, |mask| mask & 1 << state != 0));
    Some(chosen.map(|state| 1_u32 << state).sum()).filter(|states| *states != 0)
}
