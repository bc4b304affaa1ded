//! `inputs.net`: one metric an interface, and one with the system's protocol statistics.

pub mod counters;
pub mod netstat;
pub mod procfs;
pub mod source;
pub mod sysfs;
pub mod system;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{Environment, Input};
use crate::accumulator::Accumulator;
use crate::config::duration::GoDuration;
use crate::config::{ConfigError, OptionError, Section, Strings};
use crate::filter::glob::Globs;
use crate::logger::Level;
use crate::metric::{Metric, Value};
use crate::output::OutputError;
use counters::{COUNTERS, Interface};
use source::{Sink, Source};
use sysfs::ClassNet;
use system::Status;

/// The names of this input's options.
pub const OPTIONS: &[&str] = &["interfaces", "ignore_protocol_stats", "source", "netstat_platform", "timeout"];

/// The options as they stand in the file.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    interfaces: Strings,
    ignore_protocol_stats: bool,
    source: String,
    netstat_platform: Option<String>,
    timeout: GoDuration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interfaces: Strings::default(),
            ignore_protocol_stats: false,
            source: String::from("auto"),
            netstat_platform: None,
            timeout: GoDuration(Duration::from_secs(1)),
        }
    }
}

/// The input.
struct Net {
    environment: Environment,
    /// `None`: every interface that is up and no loopback.
    interfaces: Option<Globs>,
    source: Box<dyn Source>,
    timeout: Duration,
}

/// Makes the input from its section.
///
/// # Errors
/// When an option's value is not allowed.
pub fn new(section: &Section, environment: &Environment) -> Result<Box<dyn Input>, ConfigError> {
    let options: Options = section.options()?;
    let fault = |key, message| section.error(&OptionError { key, message });
    let interfaces =
        Globs::compile(&options.interfaces.0, "").map_err(|error| fault("interfaces", error.to_string()))?;
    let GoDuration(timeout) = options.timeout;
    if timeout.is_zero() {
        return Err(fault("timeout", String::from("must be more than 0, for instance \"1s\"")));
    }
    let source = Box::new(procfs::Procfs::new(environment.host.clone(), !options.ignore_protocol_stats));
    Ok(Box::new(Net { environment: environment.clone(), interfaces, source, timeout }))
}

impl Input for Net {
    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError> {
        let host = &self.environment.host;
        let chosen = match &self.interfaces {
            Some(globs) => Chosen::Named(globs),
            None if host.is_foreign() => Chosen::UpInSysfs,
            None => system::interfaces().map_or(Chosen::UpInSysfs, Chosen::Up),
        };
        let class_net = ClassNet::open(&host.class_net());
        let mut gather = Gather { accumulator, chosen, class_net };
        if let Err(error) = self.source.read(Instant::now() + self.timeout, &mut gather) {
            accumulator.error(&error);
        }
        Ok(())
    }
}

/// Which interfaces are written.
enum Chosen<'a> {
    /// Those that match, whatever their status.
    Named(&'a Globs),
    /// Those that the system says are up and no loopback.
    Up(HashMap<Vec<u8>, Status>),
    /// Those that `HOST_SYS` says are, or does not know.
    UpInSysfs,
}

/// One gather: turns interfaces into metrics.
struct Gather<'a, 'b> {
    accumulator: &'a mut Accumulator<'b>,
    chosen: Chosen<'a>,
    class_net: ClassNet,
}

impl Gather<'_, '_> {
    fn is_chosen(&self, interface: &Interface<'_>) -> bool {
        let up = |status: Status| status.up && !status.loopback;
        match &self.chosen {
            Chosen::Named(globs) => globs.matches(&String::from_utf8_lossy(interface.name)),
            // One that the system no longer lists has vanished since.
            Chosen::Up(interfaces) => interfaces.get(interface.name).copied().is_some_and(up),
            Chosen::UpInSysfs => self.class_net.flags(interface.name).map(Status::of_flags).is_none_or(up),
        }
    }
}

impl Sink for Gather<'_, '_> {
    fn interface(&mut self, interface: &Interface<'_>) {
        if !self.is_chosen(interface) {
            return;
        }
        let mut fields = [("", Value::Signed(0)); COUNTERS.len() + 1];
        let known = COUNTERS.iter().zip(interface.counters);
        let known = known.filter_map(|(name, counter)| Some((*name, Value::Unsigned(counter?))));
        let speed = Value::Signed(self.class_net.speed(interface.name));
        let mut used = 0;
        for (place, field) in fields.iter_mut().zip(known.chain([("speed", speed)])) {
            *place = field;
            used += 1;
        }
        let tags = [("interface", interface.name)];
        self.accumulator.add(&Metric { name: "net", tags: &tags, fields: &fields[..used] });
    }

    fn protocols(&mut self, counters: &[(String, i64)]) {
        let fields: Vec<_> = counters.iter().map(|(name, value)| (name.as_str(), Value::Signed(*value))).collect();
        self.accumulator.add(&Metric { name: "net", tags: &[("interface", b"all")], fields: &fields });
    }

    fn left_out(&mut self, key: &'static str, text: &str) {
        self.accumulator.remark(Level::Warn, key, text);
    }

    fn absent(&mut self, key: &'static str, text: &str) {
        self.accumulator.remark(Level::Debug, key, text);
    }
}
