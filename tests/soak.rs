//! Long runs: every value of every gather is what the test expects, and memory, descriptors and children stay
//! constant.
//!
//! `SOAK_SECONDS=600 cargo test --test integration soak:: -- --nocapture` runs each test for that long and prints a
//! summary. The default is a few seconds.

mod files;
mod interfaces;
mod sockets;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::execd::{Execd, children};

/// The number of gathers after which all one-time allocations are done.
const SETTLED: usize = 100;
/// The minimum number of gathers.
const LEAST: usize = 2 * SETTLED;

/// A run of gathers with one process.
struct Soak {
    plugin: Execd,
    what: &'static str,
    begin: Instant,
    length: Duration,
    gathers: usize,
    /// The timestamp of the last gather.
    time: u64,
    /// Resident memory after [`SETTLED`] gathers and its maximum since then, in KiB, and the number of descriptors.
    steady: Option<(u64, u64, usize)>,
}

impl Soak {
    fn start(what: &'static str, plugin: Command) -> Self {
        let seconds = std::env::var("SOAK_SECONDS").map_or(5, |seconds| seconds.parse().expect("a number"));
        let length = Duration::from_secs(seconds);
        let plugin = Execd::spawn(plugin);
        Self { plugin, what, begin: Instant::now(), length, gathers: 0, time: 0, steady: None }
    }

    /// The number of the next gather, while there is time for one.
    fn next(&mut self) -> Option<usize> {
        if self.gathers.is_multiple_of(100) && self.gathers >= SETTLED {
            self.check();
        }
        self.gathers += 1;
        (self.gathers <= LEAST || self.begin.elapsed() < self.length).then_some(self.gathers)
    }

    fn check(&mut self) {
        let (memory, descriptors) = (self.plugin.memory("VmRSS"), self.plugin.descriptors());
        let (settled, most, before) = self.steady.unwrap_or((memory, memory, descriptors));
        let most = most.max(memory);
        assert!(
            most * 10 <= settled * 11,
            "{most} KiB at gather {}, {settled} KiB after {SETTLED}",
            self.gathers
        );
        assert_eq!(descriptors, before, "descriptors at gather {}", self.gathers);
        assert_eq!(children(self.plugin.pid()), [0; 0], "children at gather {}", self.gathers);
        self.steady = Some((settled, most, before));
    }

    /// The lines of a gather, without their timestamp, up to the one that starts with `end`. All lines of a section
    /// must have the same timestamp, later than those of the gather before.
    fn gather(&mut self, end: &str) -> Vec<String> {
        self.plugin.send(b"\n");
        let (mut lines, mut times) = (Vec::new(), BTreeMap::new());
        loop {
            let line = self.plugin.line();
            let (line, time) = line.rsplit_once(' ').expect("a timestamp");
            let time: u64 = time.parse().expect("a timestamp");
            let name = line.split([',', ' ']).next().expect("a name").to_owned();
            assert_eq!(*times.entry(name).or_insert(time), time, "gather {}: {line}", self.gathers);
            lines.push(line.to_owned());
            if line.starts_with(end) {
                break;
            }
        }
        let earliest = *times.values().min().expect("a line");
        assert!(earliest > self.time, "gather {}: {earliest} is not after {}", self.gathers, self.time);
        self.time = *times.values().max().expect("a line");
        lines
    }

    fn end(self) {
        let (gathers, elapsed) = (self.gathers - 1, self.begin.elapsed().as_secs());
        let (settled, most, descriptors) = self.steady.expect("enough gathers");
        println!(
            "{}: {gathers} gathers in {elapsed} s, resident {settled} KiB after {SETTLED}, at most {most} KiB since, \
             {descriptors} descriptors",
            self.what
        );
        let (status, rest, stderr) = self.plugin.eof();
        assert_eq!(status.code(), Some(0));
        assert!(rest.is_empty() && stderr.is_empty(), "{rest:#?} {stderr:#?}");
    }
}

/// The value of an integer field, if the line has it.
fn known(line: &str, field: &str) -> Option<u64> {
    let fields = line.split_once(' ').expect("fields").1;
    let value = fields.split(',').find_map(|other| other.strip_prefix(field)?.strip_prefix('='))?;
    Some(value.strip_suffix('i')?.parse().expect("a number"))
}

fn value(line: &str, field: &str) -> u64 {
    known(line, field).unwrap_or_else(|| panic!("{field} in {line}"))
}
