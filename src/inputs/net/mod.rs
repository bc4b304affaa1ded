//! `inputs.net`: one metric an interface, and one with the system's protocol statistics.

pub mod counters;
mod internal;
pub mod netstat;
pub mod procfs;
pub mod source;
pub(crate) mod sources;
pub mod sysfs;
pub mod system;

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::choice::{Choice, SourceOptions};
use super::environment::{Context, Environment};
use super::input::{Input, Part};
use super::source::{Cause, Diagnostic, SourceError};
use crate::accumulator::Accumulator;
use crate::config::duration::GoDuration;
use crate::config::{ConfigError, OptionError, Section, Strings};
use crate::filter::glob::Globs;
use crate::host::Network;
use crate::logger::Level;
use crate::metric::{Metric, Value};
use crate::output::OutputError;
use crate::platform::Platform;
use crate::quote::shorten;
use counters::{COUNTERS, Interface};
use internal::Stats;
use source::{Capabilities, Query, Row, Source};
use sources::SOURCES;
use sysfs::ClassNet;
use system::{Status, System};

/// The options as they stand in the file.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Options {
    interfaces: Strings,
    ignore_protocol_stats: bool,
    source: String,
    netstat_platform: Option<String>,
    timeout: GoDuration,
    internal: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interfaces: Strings::default(),
            ignore_protocol_stats: false,
            source: String::from("auto"),
            netstat_platform: None,
            timeout: GoDuration(Duration::from_secs(1)),
            internal: false,
        }
    }
}

/// The input.
struct Net {
    environment: Environment,
    /// `None`: every interface that is up and no loopback.
    interfaces: Option<Globs>,
    /// The same as it stands in the configuration.
    patterns: Vec<String>,
    protocols: bool,
    timeout: Duration,
    choice: Choice<dyn Source, Capabilities>,
    /// Whether netstat is a replay: of another system than this one.
    replay: bool,
    system: System,
    stats: Stats,
    /// The alias of the line that says how the gathers go; `None`: there is none.
    internal: Option<String>,
}

/// Makes the input from its section.
///
/// # Errors
/// When an option's value is not allowed.
pub fn new(section: &Section<'_>, environment: &Environment) -> Result<Box<dyn Input>, ConfigError> {
    let options: Options = section.options()?;
    let fault = |key: &str, message| section.error(&OptionError { key: key.to_owned(), message });
    let interfaces =
        Globs::compile(&options.interfaces.0, "").map_err(|error| fault("interfaces", error.to_string()))?;
    let platform = options.netstat_platform.as_deref();
    let SourceOptions { named, timeout, platform } =
        SourceOptions::new(SOURCES, &options.source, options.timeout, platform)
            .map_err(|error| section.error(&error))?;
    let context = Context { environment: environment.clone(), platform };
    Ok(Box::new(Net {
        environment: environment.clone(),
        interfaces,
        patterns: options.interfaces.0,
        protocols: !options.ignore_protocol_stats,
        timeout,
        replay: platform != Platform::current(),
        choice: Choice::new(SOURCES.iter().collect(), named, Box::new(lacks), context),
        system: System::default(),
        stats: Stats::default(),
        internal: options.internal.then(|| section.global.alias.clone()),
    }))
}

/// What `auto` needs and a source cannot do.
fn lacks(capabilities: Capabilities, context: &Context) -> Option<String> {
    let foreign = !capabilities.other_network && context.environment.host.network() == Network::Other;
    foreign.then(|| String::from("does not see the network of HOST_PROC"))
}

impl Input for Net {
    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError> {
        let began = Instant::now();
        self.stats.interfaces = 0;
        self.read(accumulator);
        if let Some(alias) = &self.internal {
            self.stats.write(alias, began.elapsed(), &mut |metric| accumulator.add(metric));
        }
        Ok(())
    }

    fn describe(&self) -> Vec<Part> {
        let chosen = self.choice.would_choose();
        let source = chosen.map(|chosen| chosen.name).map_err(|error| error.to_string());
        vec![Part { source, what: self.what() }]
    }
}

impl Net {
    fn read(&mut self, accumulator: &mut Accumulator<'_>) {
        let host = &self.environment.host;
        let now = Instant::now();
        let chosen = match self.choice.source(now) {
            Ok(chosen) => chosen,
            Err(error) => {
                self.stats.errors += 1;
                return accumulator.error(&error.to_string());
            }
        };
        self.stats.source = chosen.registration.name;
        let sysfs = chosen.registration.capabilities.sysfs;
        let without_system = if sysfs { Wanted::UpInSysfs } else { Wanted::UpInTable };
        let elsewhere = if sysfs { host.network() == Network::Other } else { self.replay };
        let wanted = match &self.interfaces {
            Some(globs) => Wanted::Named(globs),
            None if elsewhere => without_system,
            None => match self.system.refresh(&self.environment, now) {
                Ok(()) => Wanted::Up,
                Err(error) => {
                    accumulator.remark(Level::Warn, "interfaces of the system", &error);
                    without_system
                }
            },
        };
        let class_net = if sysfs { ClassNet::open(&host.class_net()) } else { ClassNet::unknown() };
        let mut gather = Gather {
            accumulator,
            own: host.is_own() && matches!(wanted, Wanted::Up),
            wanted,
            system: &self.system,
            class_net,
            interfaces: 0,
        };
        let query = Query { protocols: self.protocols, deadline: now + self.timeout };
        let outcome = chosen.source.read(&query, &mut |row| match row {
            Row::Interface(interface) => gather.interface(interface),
            Row::Protocols(counters) => gather.protocols(counters),
        });
        self.stats.interfaces = gather.interfaces;
        match outcome {
            Ok(diagnostics) => self.report(diagnostics, accumulator),
            Err(error) => {
                self.stats.errors += 1;
                self.choice.failed(&error, now);
                accumulator.error(&error.to_string());
            }
        }
    }

    fn what(&self) -> String {
        let interfaces = match &self.patterns[..] {
            [] => String::from("that are up and not loopback"),
            patterns => shorten(&patterns.join(", ")),
        };
        let protocols = if self.protocols && cfg!(target_os = "linux") { ", interface=all" } else { "" };
        format!("interfaces {interfaces}{protocols}")
    }

    fn report(&mut self, diagnostics: Vec<Diagnostic>, accumulator: &mut Accumulator<'_>) {
        let mut failed = false;
        for Diagnostic { level, key, text } in diagnostics {
            if level == Level::Error {
                accumulator.error(&text);
                failed = true;
            } else {
                accumulator.remark(level, key, &text);
            }
        }
        if failed {
            self.stats.errors += 1;
            let error = SourceError::Failed(Cause::new("some of its runs failed"));
            self.choice.failed(&error, Instant::now());
        } else {
            self.choice.succeeded();
        }
    }
}

/// Which interfaces are written.
enum Wanted<'a> {
    /// Those that match, whatever their status.
    Named(&'a Globs),
    /// Those that the system says are up and no loopback.
    Up,
    /// Those that `HOST_SYS` says are, or does not know.
    UpInSysfs,
    /// Those that the source's own table says are.
    UpInTable,
}

/// One gather: turns interfaces into metrics.
struct Gather<'a, 'b> {
    accumulator: &'a mut Accumulator<'b>,
    wanted: Wanted<'a>,
    system: &'a System,
    class_net: ClassNet,
    /// Whether what is known of the system's interfaces goes for what `class_net` says, too.
    own: bool,
    /// How many were written.
    interfaces: u64,
}

impl Gather<'_, '_> {
    fn is_wanted(&self, interface: &Interface<'_>) -> bool {
        let up = |status: Status| status.up && !status.loopback;
        match &self.wanted {
            Wanted::Named(globs) => globs.matches(&String::from_utf8_lossy(interface.name)),
            // One that the system no longer lists has vanished since.
            Wanted::Up => self.system.get(interface.name).is_some_and(|known| up(known.status)),
            Wanted::UpInSysfs => self.class_net.flags(interface.name).map(Status::of_flags).is_none_or(up),
            Wanted::UpInTable => interface.up != Some(false) && !netstat::is_loopback(interface.name),
        }
    }

    fn speed(&self, interface: &[u8]) -> i64 {
        let read = || self.class_net.speed(interface);
        match self.system.get(interface).filter(|_| self.own) {
            Some(known) => known.speed(read),
            None => read(),
        }
    }

    fn interface(&mut self, interface: &Interface<'_>) {
        if !self.is_wanted(interface) {
            return;
        }
        self.interfaces += 1;
        let mut fields = [("", Value::Signed(0)); COUNTERS.len() + 1];
        let known = COUNTERS.iter().zip(interface.counters);
        let known = known.filter_map(|(name, counter)| Some((*name, Value::Unsigned(counter?))));
        let speed = Value::Signed(self.speed(interface.name));
        let mut used = 0;
        for (place, field) in fields.iter_mut().zip(known.chain([("speed", speed)])) {
            *place = field;
            used += 1;
        }
        let tags = [("interface", interface.name)];
        self.accumulator.add(&Metric { name: "net", tags: &tags, fields: &fields[..used] });
    }

    fn protocols(&mut self, counters: &[(String, i64)]) {
        let fields: Vec<_> =
            counters.iter().map(|(name, value)| (name.as_str(), Value::Signed(*value))).collect();
        self.accumulator.add(&Metric { name: "net", tags: &[("interface", b"all")], fields: &fields });
    }
}
