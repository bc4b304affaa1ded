//! Random sockets over many gathers: the growth of all lines together is that of all sockets.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What happens to sockets between two gathers.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A connection comes, to one of a few services.
    Open {
        service: u8,
        inbound: bool,
        bytes: u16,
    },
    /// One moves bytes.
    Move {
        which: u8,
        bytes: u16,
    },
    /// One ends, and its descriptor connects anew.
    Reconnect {
        which: u8,
    },
    /// One changes its state, and its round trip time.
    Change {
        which: u8,
        rtt: u16,
    },
    Close {
        which: u8,
    },
}

/// One gather, and what happens before it.
#[derive(Clone, Debug)]
struct Step {
    events: Vec<Event>,
    /// The dump fails in the middle, and is perhaps tried again at once.
    fails: bool,
    again: bool,
    /// The dump lists this socket twice, and that one not at all.
    twice: u8,
    missed: Option<u8>,
    reverse: bool,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (0..5_u8, any::<bool>(), any::<u16>())
            .prop_map(|(service, inbound, bytes)| Event::Open { service, inbound, bytes }),
        4 => (any::<u8>(), any::<u16>()).prop_map(|(which, bytes)| Event::Move { which, bytes }),
        1 => any::<u8>().prop_map(|which| Event::Reconnect { which }),
        1 => (any::<u8>(), any::<u16>()).prop_map(|(which, rtt)| Event::Change { which, rtt }),
        1 => any::<u8>().prop_map(|which| Event::Close { which }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let events = prop::collection::vec(event(), 0..8);
    let missed = prop::option::weighted(0.3, any::<u8>());
    (events, prop::bool::weighted(0.2), any::<bool>(), any::<u8>(), missed, any::<bool>()).prop_map(
        |(events, fails, again, twice, missed, reverse)| Step {
            events,
            fails,
            again,
            twice,
            missed,
            reverse,
        },
    )
}

/// The host, and what a reader of its sockets may know.
#[derive(Default)]
struct World {
    sockets: Vec<Connection>,
    /// How many there may be.
    most: usize,
    opened: u16,
    /// The counters of each cookie, and for how many dumps it was not listed.
    known: BTreeMap<u64, ([u64; 6], u32)>,
    was_listed: bool,
}

impl World {
    fn happen(&mut self, event: Event) {
        let count = self.sockets.len();
        let which = |which: u8| usize::from(which) % count.max(1);
        match event {
            Event::Open { .. } if count == self.most => {}
            Event::Open { service, inbound, bytes } => {
                self.opened += 1;
                let (here, there) = (10_000 + self.opened, 80 + u16::from(service));
                let ports = if inbound { (443, here) } else { (here, there) };
                let socket = Connection::new(u64::from(self.opened), ports, bytes.into());
                self.sockets.push(Connection { rtt: bytes.into(), ..socket });
            }
            Event::Move { which: socket, bytes } => {
                if let Some(socket) = self.sockets.get_mut(which(socket)) {
                    socket.counters[0] += u64::from(bytes);
                    socket.counters[1] += u64::from(bytes / 2);
                }
            }
            Event::Reconnect { which: socket } => {
                if let Some(socket) = self.sockets.get_mut(which(socket)) {
                    socket.counters = socket.counters.map(|counter| counter / 3);
                }
            }
            Event::Change { which: socket, rtt } => {
                if let Some(socket) = self.sockets.get_mut(which(socket)) {
                    socket.state = if socket.state == 1 { 8 } else { 1 };
                    socket.rtt = if rtt % 7 == 0 { 100 } else { rtt.into() };
                }
            }
            Event::Close { which: socket } if count > 0 => {
                self.sockets.remove(which(socket));
            }
            Event::Close { .. } => {}
        }
    }

    /// The rows of a dump, and which sockets it lists.
    fn dump(&self, step: &Step) -> (Vec<Connection>, Vec<Connection>) {
        let mut listed = self.sockets.clone();
        if let Some(missed) = step.missed.filter(|_| !listed.is_empty()) {
            listed.remove(usize::from(missed) % listed.len());
        }
        if step.reverse {
            listed.reverse();
        }
        let mut rows = listed.clone();
        if !rows.is_empty() {
            rows.push(rows[usize::from(step.twice) % rows.len()]);
        }
        (rows, listed)
    }

    /// Bytes acknowledged since each socket was known, after a whole dump; none at the first.
    fn growth(&mut self, listed: &[Connection]) -> u64 {
        let mut growth = 0;
        for socket in listed {
            let now = socket.counters;
            let before = self.known.get(&socket.cookie).map_or([0; 6], |(before, _)| *before);
            // One whose counters went back is a new connection.
            let went_back = now.iter().zip(before).any(|(now, before)| *now < before);
            growth += if went_back { now[0] } else { now[0] - before[0] };
        }
        let listed: BTreeMap<_, _> =
            listed.iter().map(|socket| (socket.cookie, (socket.counters, 0))).collect();
        self.known.retain(|cookie, (_, missed)| {
            *missed += 1;
            *missed <= 2 && !listed.contains_key(cookie)
        });
        self.known.extend(listed);
        if std::mem::replace(&mut self.was_listed, true) { growth } else { 0 }
    }
}

/// How far the lines have come.
#[derive(Default)]
pub(super) struct Seen {
    totals: BTreeMap<String, u64>,
    first: bool,
}

impl Seen {
    /// By how much the lines grew together. `first`: lines per socket begin with what the socket has.
    pub(super) fn growth(&mut self, lines: &Written, first: bool) -> u64 {
        let mut growth = 0;
        for (tags, fields) in lines {
            let now = fields.get("bytes_acked").copied().unwrap_or(0);
            let before = self.totals.insert(tags.clone(), now).unwrap_or(if first { now } else { 0 });
            assert!(now >= before, "{tags} went back from {before} to {now}");
            growth += now - before;
        }
        growth
    }
}

/// What the fields of a line say of these sockets' round trip times, worked out plainly.
fn naive(mut values: Vec<u64>) -> [u64; 5] {
    values.sort_unstable();
    let count = values.len();
    let sum: u64 = values.iter().sum();
    let mut mean = sum / count as u64;
    if 2 * (sum % count as u64) >= count as u64 {
        mean += 1;
    }
    let rank = |percent: usize| {
        let mut rank = 1;
        while rank * 100 < percent * count {
            rank += 1;
        }
        values[rank - 1]
    };
    [mean, rank(50), rank(95), rank(99), values[count - 1]]
}

/// The tags of a socket's group, worked out plainly; `None`: the keys are others.
fn tags(keys: &[&str], socket: &Connection) -> Option<String> {
    let inbound = socket.ports.0 == 443;
    let service = if inbound { socket.ports.0 } else { socket.ports.1 };
    let direction = if inbound { "inbound" } else { "outbound" };
    match keys {
        ["service"] => Some(format!("proto=tcp,service={service}")),
        ["direction"] => Some(format!("direction={direction},proto=tcp")),
        [] => {
            let (local, remote) = socket.ports;
            let address = "10.0.0.1";
            Some(format!(
                "local_addr={address},local_port={local},proto=tcp,remote_addr={address},remote_port={remote}"
            ))
        }
        _ => None,
    }
}

fn check_lines(keys: &[&str], lines: &Written, listed: &[Connection]) {
    let sum = |field: &str| lines.values().filter_map(|fields| fields.get(field)).sum::<u64>();
    let single = keys.is_empty();
    // A line per socket is one socket, and does not say so.
    let alone = if single { lines.keys().filter(|tags| !tags.contains("=other")).count() as u64 } else { 0 };
    assert_eq!(sum("sockets") + alone, listed.len() as u64);
    assert_eq!(sum("recv_q"), listed.iter().map(|socket| socket.recv_q).sum::<u64>());
    let mut rest: BTreeMap<u64, &Connection> = listed.iter().map(|socket| (socket.cookie, socket)).collect();
    if listed.iter().any(|socket| tags(keys, socket).is_none()) {
        return;
    }
    let mut spreads: Vec<(&BTreeMap<String, u64>, Vec<u64>)> = Vec::new();
    for (line, fields) in lines.iter().filter(|(tags, _)| !tags.contains("=other")) {
        let mine: BTreeSet<u64> = rest
            .values()
            .filter(|socket| tags(keys, socket).as_ref() == Some(line))
            .map(|socket| socket.cookie)
            .collect();
        let values =
            mine.iter().filter_map(|cookie| rest.remove(cookie)).map(|socket| socket.rtt.into()).collect();
        spreads.push((fields, values));
    }
    let other = lines.iter().find(|(tags, _)| tags.contains("=other"));
    let values: Vec<u64> = rest.values().map(|socket| socket.rtt.into()).collect();
    assert!(other.is_some() || values.is_empty(), "sockets without a line: {rest:?}");
    let single_lines = spreads.len() * usize::from(single);
    spreads.extend(other.map(|(_, fields)| (fields, values)));
    for (fields, values) in spreads.into_iter().skip(single_lines) {
        let names = ["rtt_mean", "rtt_p50", "rtt_p95", "rtt_p99", "rtt_max"];
        let told: Vec<u64> = names.iter().filter_map(|name| fields.get(*name).copied()).collect();
        assert_eq!(told, if values.is_empty() { vec![] } else { naive(values).to_vec() });
    }
}

const KEYS: &[&[&str]] =
    &[&["service"], &["direction"], &["remote_port", "direction"], &[], &["service", "state"]];

proptest! {
    #[test]
    fn the_growth_of_all_lines_is_that_of_all_sockets(
        steps in prop::collection::vec(step(), 1..40),
        keys in 0..KEYS.len(),
        max_series in prop_oneof![Just(0_i64), 2..6_i64],
        rank_by in 0..3_usize,
    ) {
        let keys = KEYS[keys];
        let max_series = if keys.is_empty() { max_series.max(2) } else { max_series };
        // With these keys more groups come up than may be remembered.
        let max_series = if keys.contains(&"remote_port") { 0 } else { max_series };
        let rank_by = Some(["bytes", "sockets", "queue"][rank_by].to_owned());
        let mut groups = groups(&GroupOptions { rank_by, ..options(keys, Some(max_series)) }, &["rtt"]);
        // No more than are remembered for sure, where each is a group.
        let most = if keys.is_empty() { 8 } else { usize::MAX };
        let (mut world, mut seen) = (World { most, ..World::default() }, Seen::default());
        for mut step in steps {
            step.missed = step.missed.filter(|_| !keys.is_empty());
            step.events.iter().for_each(|event| world.happen(*event));
            let (rows, listed) = world.dump(&step);
            if step.fails {
                drop(self::rows(&mut groups, Protocol::Tcp, &rows[..rows.len() / 2]));
            }
            let whole = !step.fails || step.again;
            if whole {
                self::rows(&mut groups, Protocol::Tcp, &rows).commit();
            }
            let (lines, _) = write(&mut groups, Instant::now());
            prop_assert!(max_series == 0 || lines.len() <= usize::try_from(max_series).unwrap());
            if !whole {
                prop_assert!(lines.is_empty());
                continue;
            }
            check_lines(keys, &lines, &listed);
            let first = !std::mem::replace(&mut seen.first, true) && keys.is_empty();
            let (grown, expected) = (seen.growth(&lines, first), world.growth(&listed));
            if !keys.contains(&"state") {
                prop_assert_eq!(grown, expected);
            }
        }
    }
}
