//! Random orders of dumps, ends of connections, losses and failures: monotonic, and exact but for what was lost.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::property::Seen;
use super::*;

/// What happens between two gathers.
#[derive(Clone, Copy, Debug)]
enum Event {
    Open {
        service: u8,
        inbound: bool,
        bytes: u16,
    },
    Move {
        which: u8,
        bytes: u16,
    },
    /// The other end resets one: no dump lists it any more.
    Reset {
        which: u8,
    },
    /// One changes between being selected and not.
    Change {
        which: u8,
    },
    /// One ends. The kernel tells, perhaps twice, if its queue has room.
    Close {
        which: u8,
        lost: bool,
        twice: bool,
    },
}

/// One gather, and what happens before it and between its dump and its look at what has ended.
#[derive(Clone, Debug)]
struct Step {
    before: Vec<Event>,
    within: Vec<Event>,
    fails: bool,
    missed: Option<u8>,
}

fn event() -> impl Strategy<Value = Event> {
    let lost = prop::bool::weighted(0.1);
    prop_oneof![
        3 => (0..4_u8, any::<bool>(), any::<u16>())
            .prop_map(|(service, inbound, bytes)| Event::Open { service, inbound, bytes }),
        3 => (any::<u8>(), any::<u16>()).prop_map(|(which, bytes)| Event::Move { which, bytes }),
        1 => any::<u8>().prop_map(|which| Event::Reset { which }),
        1 => any::<u8>().prop_map(|which| Event::Change { which }),
        3 => (any::<u8>(), lost, any::<bool>())
            .prop_map(|(which, lost, twice)| Event::Close { which, lost, twice }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let events = |most| prop::collection::vec(event(), 0..most);
    let missed = prop::option::weighted(0.3, any::<u8>());
    (events(10), events(4), prop::bool::weighted(0.2), missed)
        .prop_map(|(before, within, fails, missed)| Step { before, within, fails, missed })
}

#[derive(Default)]
struct World {
    sockets: Vec<(Connection, bool)>,
    opened: u16,
    /// Ends that were told and not taken yet.
    ends: Vec<Connection>,
    /// Up to which value of its first counter each cookie was counted.
    counted: BTreeMap<u64, u64>,
    gathered: bool,
    closed: u64,
}

impl World {
    fn happen(&mut self, event: Event) {
        let count = self.sockets.len();
        let which = |which: u8| usize::from(which) % count.max(1);
        match event {
            Event::Open { service, inbound, bytes } => {
                self.opened += 1;
                let (here, there) = (10_000 + self.opened, 80 + u16::from(service));
                let ports = if inbound { (443, here) } else { (here, there) };
                self.sockets.push((Connection::new(self.opened.into(), ports, bytes.into()), true));
            }
            Event::Move { which: socket, bytes } => {
                if let Some((socket, _)) = self.sockets.get_mut(which(socket)) {
                    socket.counters[0] += u64::from(bytes);
                }
            }
            Event::Reset { which: socket } => {
                if let Some((_, listed)) = self.sockets.get_mut(which(socket)) {
                    *listed = false;
                }
            }
            Event::Change { which: socket } => {
                if let Some((socket, _)) = self.sockets.get_mut(which(socket)) {
                    socket.state = if socket.state == 1 { 8 } else { 1 };
                }
            }
            Event::Close { which: socket, lost, twice } if count > 0 => {
                let (mut socket, _) = self.sockets.remove(which(socket));
                socket.state = 7;
                if !lost {
                    let is_known = self.counted.contains_key(&socket.cookie);
                    self.ends.extend(std::iter::repeat_n(socket, 1 + usize::from(twice && is_known)));
                }
            }
            Event::Close { .. } => {}
        }
    }

    fn listed(&self, missed: Option<u8>) -> Vec<Connection> {
        let mut listed: Vec<Connection> =
            self.sockets.iter().filter(|(_, listed)| *listed).map(|(socket, _)| *socket).collect();
        if let Some(missed) = missed.filter(|_| !listed.is_empty()) {
            listed.remove(usize::from(missed) % listed.len());
        }
        listed
    }

    /// By how much the totals are to grow: what was selected and listed, and what has ended.
    fn growth(&mut self, listed: &[Connection], ends: &[Connection]) -> u64 {
        let mut growth = 0;
        for socket in listed {
            let before = self.counted.insert(socket.cookie, socket.counters[0]).unwrap_or(0);
            growth += if socket.state == 1 { socket.counters[0] - before } else { 0 };
        }
        let mut ended = std::collections::BTreeSet::new();
        for socket in ends.iter().filter(|socket| ended.insert(socket.cookie)) {
            growth += socket.counters[0] - self.counted.get(&socket.cookie).copied().unwrap_or(0);
            self.closed += u64::from(self.gathered);
        }
        if std::mem::replace(&mut self.gathered, true) { growth } else { 0 }
    }
}

proptest! {
    #[test]
    fn connections_that_end_count_to_the_byte(
        steps in prop::collection::vec(step(), 1..40),
        keys in 0..2_usize,
        max_series in prop_oneof![Just(0_i64), 3..6_i64],
    ) {
        let keys: &[&str] = [&["service"][..], &["direction", "service"]][keys];
        let extra = ExtraFields::default();
        let protocols = [Protocol::Tcp, Protocol::Udp];
        let options = options(keys, Some(max_series));
        let mut groups =
            Groups::of_options(&options, &extra, &protocols, false, true, Path::new("/sys")).unwrap().unwrap();
        let (mut world, mut seen) = (World::default(), Seen::default());
        let mut lines = Written::new();
        for step in steps {
            step.before.iter().for_each(|event| world.happen(*event));
            let listed = world.listed(step.missed);
            let mut dump = groups.dump(Protocol::Tcp).unwrap();
            Connection::new(0, (443, 0), 0).with(|listener| dump.listens(listener));
            let whole = if step.fails { listed.len() / 2 } else { listed.len() };
            for socket in &listed[..whole] {
                socket.with(|row| if socket.state == 1 { dump.add(row) } else { dump.pass_over(row) });
            }
            step.within.iter().for_each(|event| world.happen(*event));
            if step.fails {
                // What has ended stays for the next one.
                drop(dump);
                prop_assert!(write(&mut groups, Instant::now()).0.is_empty());
                continue;
            }
            let ends = std::mem::take(&mut world.ends);
            dump.hears_closed(true);
            for end in &ends {
                end.with(|end| dump.closed(end));
            }
            dump.commit();
            lines = write(&mut groups, Instant::now()).0;
            prop_assert!(max_series == 0 || lines.len() <= usize::try_from(max_series).unwrap());
            let (grown, expected) = (seen.growth(&lines, false), world.growth(&listed, &ends));
            prop_assert_eq!(grown, expected);
            prop_assert_eq!(groups.stats().closed, world.closed);
        }
        if max_series == 0 {
            let closed: u64 = lines.values().filter_map(|fields| fields.get("closed")).sum();
            prop_assert!(lines.is_empty() || closed == world.closed, "{} of {}", closed, world.closed);
        }
    }
}
