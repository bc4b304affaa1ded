//! The source `procfs`: `/proc/net/dev` and `/sys/class/net`.

use std::collections::HashMap;
use std::path::Path;

use super::counters::Counters;
use super::dev::{Device, Devices};
use super::extra::{ExtraField, ExtraTag};
use super::source::{Capabilities, Extra, Interface, Query, Source, Status};
use super::sysfs::ClassNet;
use crate::host::{Host, Network};
use crate::inputs::environment::Environment;
use crate::inputs::source::{Cause, Diagnostic, SourceError};
use crate::logger::Level;
use crate::{file, os_error};

/// What the files can tell.
pub(super) const CAPABILITIES: Capabilities =
    Capabilities { kinds: true, protocols: true, other_network: true };

/// Reads the files below the host's /proc and /sys.
pub(super) struct Procfs {
    environment: Environment,
}

impl Procfs {
    /// A source that reads that host's files.
    pub(super) fn new(environment: Environment) -> Self {
        Self { environment }
    }
}

/// Whether the table of interfaces can be read.
pub(super) fn probe(host: &Host) -> Result<(), Cause> {
    let path = host.net_dir().join("dev");
    file::open(&path).map(|_| ()).map_err(|error| unreadable(&path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Cause {
    let advice = match os_error::advice(error.raw_os_error()) {
        "" => " (set HOST_PROC to where the host's /proc is mounted)",
        advice => advice,
    };
    Cause::new(format!("cannot read {}: {error}{advice}", path.display()))
}

impl Source for Procfs {
    fn read(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&dyn Interface),
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let host = &self.environment.host;
        let (statuses, mut diagnostics) = Statuses::now(&self.environment, query);
        let class_net = ClassNet::open(&host.class_net());
        let path = host.net_dir().join("dev");
        let mut devices = Devices::default();
        file::read_lines(&path, &mut |line| {
            if let Some(device) = devices.line(line) {
                each(&ProcInterface { device, class_net: &class_net, statuses: &statuses });
            }
        })
        .map_err(|error| match error.raw_os_error() {
            Some(nix::libc::EMFILE | nix::libc::ENFILE) => SourceError::Failed(unreadable(&path, &error)),
            _ => SourceError::Unavailable(unreadable(&path, &error)),
        })?;
        let Some(skipped) = devices.finish() else {
            let cause = Cause::new("unexpected content, expected the header of /proc/net/dev").in_file(path);
            return Err(SourceError::Failed(cause));
        };
        diagnostics.extend(skipped.diagnostic("malformed rows", &path.display().to_string()));
        Ok(diagnostics)
    }
}

/// Where it is known which interfaces are up.
enum Statuses {
    /// The kernel has said it: that of every interface, by name.
    Told(HashMap<Vec<u8>, Status>),
    /// It is in sysfs.
    InSysfs,
}

impl Statuses {
    /// The kernel's word counts for this process' own network. It is not asked where nobody wants to know.
    fn now(environment: &Environment, query: &Query) -> (Self, Vec<Diagnostic>) {
        if !query.only_up || environment.host.network() == Network::Other {
            return (Self::InSysfs, Vec::new());
        }
        let mut links = environment.links.lock();
        match links.refresh(query.deadline) {
            Ok(()) => {
                let status = |flags| Status::of_flags(flags);
                let told = links.links().map(|link| (link.name.clone(), status(link.flags))).collect();
                (Self::Told(told), Vec::new())
            }
            Err(error) => {
                let text = super::netlink::cannot_list(&error).to_string();
                let key = "interfaces of the system";
                (Self::InSysfs, vec![Diagnostic { level: Level::Warn, key, text }])
            }
        }
    }
}

/// A line of the table, and what sysfs says of its interface.
struct ProcInterface<'a> {
    device: Device<'a>,
    class_net: &'a ClassNet,
    statuses: &'a Statuses,
}

impl Interface for ProcInterface<'_> {
    fn name(&self) -> &[u8] {
        self.device.name
    }

    fn counters(&self) -> Counters {
        self.device.counters()
    }

    fn status(&self) -> Option<Status> {
        match self.statuses {
            // One that the kernel does not list has vanished since.
            Statuses::Told(statuses) => Some(statuses.get(self.name()).copied().unwrap_or(Status::GONE)),
            Statuses::InSysfs => self.class_net.flags(self.name()).map(Status::of_flags),
        }
    }

    fn speed(&self) -> i64 {
        self.class_net.speed(self.name())
    }

    fn field(&self, field: ExtraField) -> Option<Extra> {
        let number = |file| self.class_net.number(self.name(), file).map(Extra::Number);
        let text = |file| Some(self.class_net.text(self.name(), file)).filter(|text| !text.is_empty());
        match field {
            ExtraField::Statistic(statistic) => {
                let known = self.device.statistic(statistic);
                known.or_else(|| self.class_net.statistic(self.name(), statistic)).map(Extra::Number)
            }
            ExtraField::OperState => text("operstate").map(Extra::Text),
            ExtraField::Carrier => number("carrier"),
            ExtraField::CarrierChanges => number("carrier_changes"),
            ExtraField::Mtu => number("mtu"),
            ExtraField::TxQueueLen => number("tx_queue_len"),
            ExtraField::IfIndex => number("ifindex"),
            ExtraField::Duplex => text("duplex").map(Extra::Text),
        }
    }

    fn tag(&self, tag: ExtraTag) -> Vec<u8> {
        match tag {
            ExtraTag::Address => self.class_net.text(self.name(), "address"),
            ExtraTag::IfAlias => self.class_net.text(self.name(), "ifalias"),
            ExtraTag::Kind => self.class_net.kind(self.name()),
            ExtraTag::Master => self.class_net.master(self.name()),
        }
    }
}
