//! The source `netlink`: the kernel itself, without a file and without privilege.
//!
//! Three answers make an interface: its counters, its speed, and its name and the rest from the table of links. All
//! three tell devices apart by their index, so that a rename in between does no harm. An index can go on to another
//! device, though: one that was given to it by hand, or that comes from another namespace. So the table is brought up to
//! date last, and what was said of an index whose device went meanwhile is asked again.
//!
//! Everything is as in the files that the source `procfs` reads.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::counters::{self, Counters, Statistic};
use super::extra::{ExtraField, ExtraTag};
use super::source::{Capabilities, Extra, Interface, Query, Source, Status};
use super::sysfs::ClassNet;
use crate::inputs::environment::Environment;
use crate::inputs::source::{Cause, Diagnostic, SourceError};
use crate::logger::Level;
use crate::netlink::dump::DumpError;
use crate::netlink::ethtool::{self, LinkMode};
use crate::netlink::genl;
use crate::netlink::link_table::LinkTable;
use crate::netlink::links::{self, Link};
use crate::netlink::stats::{self, Statistics};
use crate::os_error;

/// What netlink can do.
pub(super) const CAPABILITIES: Capabilities =
    Capabilities { kinds: true, protocols: true, other_network: false };

/// How long the kernel may take to answer whether it lists interfaces at all.
const PROBE: Duration = Duration::from_secs(1);
/// How often everything is asked in a row where devices change meanwhile.
const ATTEMPTS: u32 = 8;

/// The states of RFC 2863, by their number, as sysfs prints them (`operstates` in the kernel's `net/core/net-sysfs.c`).
const OPER_STATES: [&str; 7] =
    ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

/// The kernel's tables of interfaces.
pub(super) struct Netlink {
    environment: Environment,
    /// Of each device, in the order of the kernel's answer.
    statistics: Vec<(u32, Statistics)>,
    /// Of each device whose driver says something, sorted.
    modes: Vec<(u32, LinkMode)>,
    /// Whether `modes` lacks devices, whose speeds are then read in sysfs.
    modes_are_partial: bool,
    counters_from: CountersFrom,
    speeds_from: SpeedsFrom,
    diagnostics: Vec<Diagnostic>,
}

/// Which message has the counters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CountersFrom {
    GetStats,
    GetLink,
}

/// Where the speeds are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SpeedsFrom {
    Unknown,
    /// In messages of the family that has this number.
    Family(u16),
    Sysfs,
}

impl Netlink {
    /// A source that asks the kernel through the sockets of `environment`.
    pub(super) fn new(environment: Environment) -> Self {
        Self {
            environment,
            statistics: Vec::new(),
            modes: Vec::new(),
            modes_are_partial: false,
            counters_from: CountersFrom::GetStats,
            speeds_from: SpeedsFrom::Unknown,
            diagnostics: Vec::new(),
        }
    }

    fn debug(&mut self, key: &'static str, text: String) {
        self.diagnostics.push(Diagnostic { level: Level::Debug, key, text });
    }

    /// Asks for the counters. Returns whether devices came or went meanwhile, so that some may be missing.
    fn ask_counters(&mut self, deadline: Instant) -> Result<bool, DumpError> {
        let Self { environment, statistics, .. } = self;
        if self.counters_from == CountersFrom::GetStats {
            statistics.clear();
            let outcome = stats::list(&environment.route, deadline, &mut |index, of_device| {
                statistics.push((index, of_device));
            });
            if outcome != Err(DumpError::Refused(Errno::EOPNOTSUPP)) {
                return outcome;
            }
            self.counters_from = CountersFrom::GetLink;
            let text =
                "netlink: this kernel (before 4.7) has no RTM_GETSTATS; taking the counters from RTM_GETLINK";
            self.debug("netlink: counters", String::from(text));
        }
        let Self { environment, statistics, .. } = self;
        statistics.clear();
        links::list_statistics(&environment.route, deadline, &mut |index, of_device| {
            statistics.push((index, of_device));
        })
    }

    /// Asks for the speeds. Those that are not to be had this way are read in sysfs.
    fn ask_speeds(&mut self, deadline: Instant) {
        self.modes.clear();
        self.modes_are_partial = true;
        if self.speeds_from == SpeedsFrom::Sysfs {
            return;
        }
        let Self { environment, modes, .. } = self;
        let family = match self.speeds_from {
            SpeedsFrom::Family(number) => Ok(number),
            _ => genl::family(&environment.generic, ethtool::FAMILY, deadline),
        };
        let outcome = family.and_then(|family| {
            self.speeds_from = SpeedsFrom::Family(family);
            ethtool::list(&environment.generic, family, deadline, &mut |index, mode| {
                modes.push((index, mode));
            })
        });
        self.modes.sort_unstable_by_key(|(index, _)| *index);
        match outcome {
            Ok(()) => self.modes_are_partial = false,
            Err(DumpError::Refused(Errno::ENOENT | Errno::EOPNOTSUPP)) => {
                self.speeds_from = SpeedsFrom::Sysfs;
                let text = "netlink: this kernel (before 5.6) has no ethtool messages; reading speeds in";
                let text = format!("{text} {}", self.environment.host.class_net().display());
                self.debug("netlink: speeds", text);
            }
            // What takes so long takes longer in sysfs.
            Err(error @ DumpError::TimedOut) => {
                self.modes_are_partial = false;
                let text = format!("netlink: no speeds of some interfaces: {error}");
                self.diagnostics.push(Diagnostic { level: Level::Warn, key: "netlink: some speeds", text });
            }
            // One device whose driver fails ends the answer.
            Err(error) => {
                let directory = self.environment.host.class_net();
                let text = format!(
                    "netlink: no speeds of some interfaces: {error}; reading them in {}",
                    directory.display()
                );
                self.debug("netlink: some speeds", text);
            }
        }
    }

    /// Asks for everything, until the answers are sure to be of the same devices. Returns those of which they are not.
    fn ask(&mut self, table: &mut LinkTable, query: &Query) -> Result<BTreeSet<u32>, DumpError> {
        // An alias that is given to an interface that is down is not reported.
        if query.aliases && !query.only_up {
            table.forget();
        }
        let mut attempts = ATTEMPTS;
        loop {
            table.refresh(query.deadline)?;
            let interrupted = self.ask_counters(query.deadline)?;
            self.ask_speeds(query.deadline);
            let gone = table.follow();
            attempts -= 1;
            let is_last = attempts == 0 || Instant::now() >= query.deadline;
            match gone {
                Some(gone) if is_last => return Ok(gone),
                None if is_last => return Err(DumpError::QueueFull),
                Some(gone) if !interrupted && gone.iter().all(|index| table.get(*index).is_none()) => {
                    return Ok(gone);
                }
                _ => {}
            }
        }
    }
}

/// Whether the kernel lists interfaces to this process.
pub(super) fn probe(environment: &Environment) -> Result<(), Cause> {
    links::probe(&environment.route, Instant::now() + PROBE).map_err(|error| cannot_list(&error))
}

pub(super) fn cannot_list(error: &DumpError) -> Cause {
    let advice = match error {
        DumpError::Refused(Errno::EAFNOSUPPORT) => " (systemd: add AF_NETLINK to RestrictAddressFamilies)",
        DumpError::Refused(errno) => os_error::advice(Some(*errno as i32)),
        _ => "",
    };
    Cause::new(format!("cannot list the interfaces: {error}{advice}"))
}

fn source_error(error: DumpError) -> SourceError {
    let cause = cannot_list(&error).prefixed("netlink: ");
    match error {
        DumpError::Refused(Errno::EMFILE | Errno::ENFILE) => SourceError::Failed(cause),
        DumpError::Refused(_) => SourceError::Unavailable(cause),
        _ => SourceError::Failed(cause),
    }
}

impl Source for Netlink {
    fn read(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&dyn Interface),
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let links = self.environment.links.clone();
        let mut table = links.lock();
        let changed = self.ask(&mut table, query).map_err(source_error)?;
        let class_net = OnceCell::new();
        for (index, statistics) in &self.statistics {
            let Some(link) = table.get(*index).filter(|_| !changed.contains(index)) else { continue };
            let mode = self.modes.binary_search_by_key(index, |(index, _)| *index);
            let mode = mode.ok().and_then(|place| self.modes.get(place)).map(|(_, mode)| *mode);
            each(&NetlinkInterface {
                index: *index,
                link,
                statistics,
                mode,
                table: &table,
                source: self,
                class_net: &class_net,
            });
        }
        Ok(std::mem::take(&mut self.diagnostics))
    }
}

/// A device with its counters.
struct NetlinkInterface<'a> {
    index: u32,
    link: &'a Link,
    statistics: &'a Statistics,
    mode: Option<LinkMode>,
    table: &'a LinkTable,
    source: &'a Netlink,
    class_net: &'a OnceCell<ClassNet>,
}

impl NetlinkInterface<'_> {
    fn statistic(&self, Statistic(place): Statistic) -> Option<u64> {
        self.statistics.get(place)
    }

    fn class_net(&self) -> &ClassNet {
        self.class_net.get_or_init(|| ClassNet::open(&self.source.environment.host.class_net()))
    }

    /// What its driver says of its link. sysfs asks the driver only where the interface is up.
    fn mode(&self) -> Option<LinkMode> {
        self.mode.filter(|_| self.link.is_up())
    }

    /// Whether sysfs is to be asked what the driver says.
    fn is_mode_in_sysfs(&self) -> bool {
        self.mode.is_none() && self.source.modes_are_partial && self.link.is_up()
    }
}

impl Interface for NetlinkInterface<'_> {
    fn name(&self) -> &[u8] {
        &self.link.name
    }

    fn counters(&self) -> Counters {
        let get = |statistic| self.statistic(statistic);
        counters::of_statistics(get, counters::dropped(get))
    }

    fn status(&self) -> Option<Status> {
        Some(Status { up: self.link.is_up(), loopback: self.link.is_loopback() })
    }

    fn speed(&self) -> i64 {
        if self.is_mode_in_sysfs() {
            return self.class_net().speed(self.name());
        }
        // sysfs prints it as a signed number.
        self.mode().map_or(-1, |mode| mode.speed.cast_signed().into())
    }

    fn field(&self, field: ExtraField) -> Option<Extra> {
        let number = |number: Option<u32>| number.map(|number| Extra::Number(number.into()));
        let text = |text: &str| Extra::Text(text.as_bytes().to_vec());
        let link = self.link;
        match field {
            ExtraField::Statistic(statistic) => self.statistic(statistic).map(Extra::Number),
            ExtraField::OperState => OPER_STATES.get(usize::from(link.oper_state?)).map(|state| text(state)),
            ExtraField::Carrier => number(link.carrier.filter(|_| link.is_up()).map(u32::from)),
            ExtraField::CarrierChanges => number(link.carrier_changes),
            ExtraField::Mtu => number(link.mtu),
            ExtraField::TxQueueLen => number(link.tx_queue_len),
            ExtraField::IfIndex => number(Some(self.index)),
            ExtraField::Duplex if self.is_mode_in_sysfs() => {
                Some(self.class_net().text(self.name(), "duplex"))
                    .filter(|text| !text.is_empty())
                    .map(Extra::Text)
            }
            ExtraField::Duplex => match self.mode()?.duplex? {
                0 => Some(text("half")),
                1 => Some(text("full")),
                _ => Some(text("unknown")),
            },
        }
    }

    fn tag(&self, tag: ExtraTag) -> Vec<u8> {
        match tag {
            ExtraTag::Address => {
                let bytes: Vec<String> = self.link.address.iter().map(|byte| format!("{byte:02x}")).collect();
                bytes.join(":").into_bytes()
            }
            ExtraTag::IfAlias => self.link.alias.clone(),
            ExtraTag::Kind if !self.link.kind.is_empty() => self.link.kind.clone(),
            ExtraTag::Kind => {
                // Older kernels say nothing of buses.
                let is_on_bus = self.link.on_bus
                    || (!self.table.tells_buses() && self.class_net().is_on_bus(self.name()));
                if is_on_bus { b"physical".to_vec() } else { Vec::new() }
            }
            ExtraTag::Master => {
                let master = self.link.master.and_then(|index| self.table.get(index));
                master.map(|master| master.name.clone()).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests;
