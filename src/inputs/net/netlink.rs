//! The source `netlink`: asks the kernel directly, without reading files and without privilege.
//!
//! An interface is put together from three answers: its counters, its speed, and its name and other properties from the
//! table of links. All three identify a device by its index, so a rename between two answers does no harm. An index can
//! be reused, however: by a device that was created with this index, or was moved here from another namespace. So the
//! table is updated last, and if the device of an index was removed meanwhile, everything is requested again.
//!
//! All values are the same as in the files that the source `procfs` reads.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::counters::{self, COUNTERS, Counters, Statistic};
use super::extra::{ExtraField, ExtraTag};
use super::source::{Capabilities, Extra, Interface, Query, Source, Status};
use super::sysfs::ClassNet;
use crate::inputs::environment::Environment;
use crate::inputs::source::{Cause, Diagnostic, SourceError};
use crate::logger::Level;
use crate::netlink::dump::{DumpError, SharedDumper};
use crate::netlink::ethtool::{self, LinkMode};
use crate::netlink::genl;
use crate::netlink::link_table::LinkTable;
use crate::netlink::links::{self, Link};
use crate::netlink::stats::{self, Statistics};
use crate::os_error;

/// The capabilities of this source.
pub(super) const CAPABILITIES: Capabilities =
    Capabilities { kinds: true, protocols: true, other_network: false };

/// The timeout of the probe.
const PROBE: Duration = Duration::from_secs(1);
/// How often everything is requested in a row if devices change meanwhile.
const ATTEMPTS: u32 = 8;

/// [`stats::list`] or [`links::list_statistics`].
type ListStatistics =
    fn(&SharedDumper, Instant, &mut dyn FnMut(u32, Statistics<'_>)) -> Result<bool, DumpError>;

/// The names of the operational states, as sysfs prints them (`operstates` in the kernel's `net/core/net-sysfs.c`).
const OPER_STATES: [&str; 7] =
    ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

/// The source, with buffers that are reused by the next gather.
pub(super) struct Netlink {
    environment: Environment,
    /// The counters of each device, in the order of the kernel's answer.
    counters: Vec<DeviceCounters>,
    /// The `struct rtnl_link_stats64` of every device, if extra fields need it.
    statistics: Vec<u8>,
    /// The link mode of each device that has one, sorted by index.
    modes: Vec<(u32, LinkMode)>,
    /// Whether devices are missing in `modes`. Their speeds are read from sysfs.
    modes_are_partial: bool,
    counters_from: CountersFrom,
    speeds_from: SpeedsFrom,
    diagnostics: Vec<Diagnostic>,
}

/// The counters of a device. Kept small, since there may be thousands of devices and every gather starts with cold caches.
struct DeviceCounters {
    index: u32,
    counters: [u64; COUNTERS.len()],
    /// The range of `statistics` that belongs to this device.
    statistics: Range<usize>,
}

/// The request that returns the counters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CountersFrom {
    GetStats,
    GetLink,
}

/// Where the speeds are read from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SpeedsFrom {
    Unknown,
    /// From ethtool messages. The family has this number.
    Family(u16),
    Sysfs,
}

impl Netlink {
    /// Creates a source that uses the netlink sockets of `environment`.
    pub(super) fn new(environment: Environment) -> Self {
        Self {
            environment,
            counters: Vec::new(),
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

    /// Requests the counters. Returns whether the list of devices changed meanwhile, so that some may be missing.
    fn request_counters(&mut self, query: &Query) -> Result<bool, DumpError> {
        if self.counters_from == CountersFrom::GetStats {
            let outcome = self.read_counters(stats::list, query);
            if outcome != Err(DumpError::Refused(Errno::EOPNOTSUPP)) {
                return outcome;
            }
            self.counters_from = CountersFrom::GetLink;
            let text =
                "netlink: this kernel (before 4.7) has no RTM_GETSTATS; taking the counters from RTM_GETLINK";
            self.debug("netlink: counters", String::from(text));
        }
        self.read_counters(links::list_statistics, query)
    }

    fn read_counters(&mut self, list: ListStatistics, query: &Query) -> Result<bool, DumpError> {
        let Self { environment, counters: devices, statistics, .. } = self;
        devices.clear();
        statistics.clear();
        let mut malformed = false;
        let interrupted = list(&environment.route, query.deadline, &mut |index, all| {
            let get = |Statistic(index)| all.get(index);
            let counters = counters::from_statistics(get, counters::dropped(get));
            malformed |= counters.contains(&None);
            let start = statistics.len();
            if query.statistics {
                statistics.extend_from_slice(all.bytes());
            }
            let counters = counters.map(Option::unwrap_or_default);
            devices.push(DeviceCounters { index, counters, statistics: start..statistics.len() });
        })?;
        if malformed { Err(DumpError::Malformed) } else { Ok(interrupted) }
    }

    /// Requests the speeds. If the kernel does not support that, or a driver fails, they are read from sysfs.
    fn request_speeds(&mut self, deadline: Instant) {
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
                let text = "netlink: this kernel (before 5.6) has no ethtool messages; reading speeds from";
                let text = format!("{text} {}", self.environment.host.class_net().display());
                self.debug("netlink: speeds", text);
            }
            // sysfs asks the same drivers and would be even slower.
            Err(error @ DumpError::TimedOut) => {
                self.modes_are_partial = false;
                let text = format!("netlink: no speeds of some interfaces: {error}");
                self.diagnostics.push(Diagnostic { level: Level::Warn, key: "netlink: some speeds", text });
            }
            // A single failing driver ends the whole answer.
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

    /// Requests everything, again and again until no index was reused meanwhile. Returns the indexes for which the
    /// answers may be about different devices.
    fn request_all(&mut self, table: &mut LinkTable, query: &Query) -> Result<BTreeSet<u32>, DumpError> {
        // The kernel does not report a new alias of an interface that is down.
        if query.aliases && !query.only_up {
            table.invalidate();
        }
        let mut attempts = ATTEMPTS;
        loop {
            table.refresh(query.deadline)?;
            let interrupted = self.request_counters(query)?;
            self.request_speeds(query.deadline);
            let removed = table.update();
            attempts -= 1;
            let is_last = attempts == 0 || Instant::now() >= query.deadline;
            match removed {
                Some(removed) if is_last => return Ok(removed),
                None if is_last => return Err(DumpError::QueueFull),
                Some(removed) if !interrupted && removed.iter().all(|index| table.get(*index).is_none()) => {
                    return Ok(removed);
                }
                _ => {}
            }
        }
    }
}

/// Checks whether this process may list interfaces.
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
        let removed = self.request_all(&mut table, query).map_err(source_error)?;
        let class_net = OnceCell::new();
        for counters in &self.counters {
            let index = counters.index;
            let Some(link) = table.get(index).filter(|_| !removed.contains(&index)) else { continue };
            let mode = self.modes.binary_search_by_key(&index, |(index, _)| *index);
            let mode = mode.ok().and_then(|place| self.modes.get(place)).map(|(_, mode)| *mode);
            let (source, table, class_net) = (&*self, &*table, &class_net);
            each(&NetlinkInterface { counters, link, mode, table, source, class_net });
        }
        Ok(std::mem::take(&mut self.diagnostics))
    }
}

/// A device, with its part of each answer.
struct NetlinkInterface<'a> {
    counters: &'a DeviceCounters,
    link: &'a Link,
    mode: Option<LinkMode>,
    table: &'a LinkTable,
    source: &'a Netlink,
    class_net: &'a OnceCell<ClassNet>,
}

impl NetlinkInterface<'_> {
    fn statistic(&self, Statistic(index): Statistic) -> Option<u64> {
        Statistics::new(self.source.statistics.get(self.counters.statistics.clone())?).get(index)
    }

    fn class_net(&self) -> &ClassNet {
        self.class_net.get_or_init(|| ClassNet::open(&self.source.environment.host.class_net()))
    }

    /// Speed and duplex, only while the interface is up: sysfs does not have them otherwise.
    fn mode(&self) -> Option<LinkMode> {
        self.mode.filter(|_| self.link.is_up())
    }

    /// Whether speed and duplex have to be read from sysfs.
    fn needs_sysfs_mode(&self) -> bool {
        self.mode.is_none() && self.source.modes_are_partial && self.link.is_up()
    }
}

impl Interface for NetlinkInterface<'_> {
    fn name(&self) -> &[u8] {
        &self.link.name
    }

    fn counters(&self) -> Counters {
        self.counters.counters.map(Some)
    }

    fn status(&self) -> Option<Status> {
        Some(Status { up: self.link.is_up(), loopback: self.link.is_loopback() })
    }

    fn speed(&self) -> i64 {
        if self.needs_sysfs_mode() {
            return self.class_net().speed(self.name());
        }
        // Signed, as sysfs prints it.
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
            ExtraField::IfIndex => number(Some(self.counters.index)),
            ExtraField::Duplex if self.needs_sysfs_mode() => {
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
                // Older kernels do not report whether a device is on a bus.
                let is_on_bus = self.link.on_bus
                    || (!self.table.reports_buses() && self.class_net().is_on_bus(self.name()));
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
