//! `inputs.net`: a metric per interface, and one with the system's protocol statistics.

pub mod counters;
pub mod dev;
mod extra;
mod kinds;
mod lines;
#[cfg(target_os = "linux")]
mod netlink;
pub mod netstat;
mod options;
#[cfg(target_os = "linux")]
mod procfs;
pub mod protocols;
mod source;
pub(crate) mod sources;
#[cfg(target_os = "linux")]
mod sysfs;
mod system;

use std::time::{Duration, Instant};

use super::choice::{Choice, SourceOptions};
use super::environment::{Context, Environment};
use super::input::{Input, Part};
use super::source::{Cause, Diagnostic, SourceError};
use crate::accumulator::Accumulator;
use crate::config::{ConfigError, Section};
use crate::host::Network;
use crate::logger::Level;
use crate::metric::{Metric, Value};
use crate::output::OutputError;
use lines::Lines;
pub(super) use options::Options;
use options::Settings;
use protocols::{ProtocolCounters, ProtocolFile};
use source::{Capabilities, Source};
use sources::SOURCES;

/// Why a source is passed over that does not read below `HOST_PROC`.
const OTHER_NETWORK: &str = "does not see the network of HOST_PROC";

/// The input.
struct Net {
    environment: Environment,
    lines: Lines,
    /// The files with protocol statistics.
    protocols: Vec<ProtocolFile>,
    timeout: Duration,
    choice: Choice<dyn Source, Capabilities>,
    /// The source in use, or the last one.
    last: Option<(&'static str, Capabilities)>,
    /// The source that was last said to be read.
    announced: Option<&'static str>,
    /// What is gathered, for a reader.
    what: String,
    internal: Option<Internal>,
}

/// What the plugin writes of its own work.
struct Internal {
    alias: String,
    /// How much has failed since the start.
    errors: u64,
}

/// Makes the input from its section.
///
/// # Errors
/// When an option's value is not allowed.
pub fn new(section: &Section<'_>, environment: &Environment) -> Result<Box<dyn Input>, ConfigError> {
    let settings = Settings::of_section(section)?;
    let SourceOptions { named, timeout, platform } = settings.source;
    let context = Context { environment: environment.clone(), platform };
    let needs_kinds = settings.kinds.is_some();
    let lacks = move |capabilities: Capabilities, context: &Context| {
        if !capabilities.other_network && context.environment.host.network() == Network::Other {
            return Some(String::from(OTHER_NETWORK));
        }
        (needs_kinds && !capabilities.kinds)
            .then(|| String::from("does not know the kind of an interface (option kinds)"))
    };
    let internal = settings.internal.then(|| Internal { alias: section.global.alias.clone(), errors: 0 });
    Ok(Box::new(Net {
        environment: environment.clone(),
        lines: Lines::new(settings.interfaces, settings.kinds, settings.fields, settings.tags),
        protocols: settings.protocols,
        timeout,
        choice: Choice::new(SOURCES.iter().collect(), named, Box::new(lacks), context),
        last: named.map(|named| (named.name, named.capabilities)),
        announced: None,
        what: settings.what,
        internal,
    }))
}

impl Input for Net {
    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError> {
        let start = Instant::now();
        let interfaces = self.interfaces(start, accumulator);
        self.protocols(accumulator);
        self.internal(start, interfaces, accumulator);
        Ok(())
    }

    fn describe(&self) -> Vec<Part> {
        let chosen = self.choice.would_choose();
        let source = chosen.map(|chosen| chosen.name).map_err(|error| error.to_string());
        vec![Part { source, what: self.what.clone() }]
    }
}

impl Net {
    /// Writes the interfaces; how many. Where the source turns out not to work here, the next one is read at once.
    fn interfaces(&mut self, start: Instant, accumulator: &mut Accumulator<'_>) -> u64 {
        let mut attempts = SOURCES.len();
        loop {
            let mark = accumulator.mark();
            let mut count = 0;
            let outcome = self.read(start, &mut count, accumulator);
            attempts -= 1;
            match outcome {
                Ok(diagnostics) => {
                    self.report(diagnostics, accumulator);
                    return count;
                }
                Err(error) => {
                    let again = self.choice.failed(&error, Instant::now());
                    if !again || attempts == 0 {
                        self.error(&error.to_string(), accumulator);
                        return count;
                    }
                    accumulator.rollback(mark);
                }
            }
        }
    }

    fn read(
        &mut self,
        start: Instant,
        count: &mut u64,
        accumulator: &mut Accumulator<'_>,
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let chosen = self.choice.source(start)?;
        let name = chosen.registration.name;
        self.last = Some((name, chosen.registration.capabilities));
        if let Some(mut instead_of) = chosen.instead_of.take() {
            // That HOST_PROC leaves but one source is no news.
            instead_of.retain(|why| !why.ends_with(OTHER_NETWORK));
            let is_news = self.announced.map_or(!instead_of.is_empty(), |announced| announced != name);
            if is_news {
                let why = if instead_of.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", instead_of.join("; "))
                };
                accumulator.say(Level::Info, &format!("interfaces are read from source {name}{why}"));
                self.announced = Some(name);
            }
        }
        let query = self.lines.query(start + self.timeout);
        let lines = &mut self.lines;
        chosen.source.read(&query, &mut |interface| {
            *count += u64::from(lines.write(interface, &mut |metric| accumulator.add(metric)));
        })
    }

    fn report(&mut self, diagnostics: Vec<Diagnostic>, accumulator: &mut Accumulator<'_>) {
        let mut failed = false;
        for Diagnostic { level, key, text } in diagnostics {
            if level == Level::Error {
                self.error(&text, accumulator);
                failed = true;
            } else {
                accumulator.remark(level, key, &text);
            }
        }
        if failed {
            let error = SourceError::Failed(Cause::new("some of its runs failed"));
            self.choice.failed(&error, Instant::now());
        } else {
            self.choice.succeeded();
        }
    }

    fn error(&mut self, text: &str, accumulator: &mut Accumulator<'_>) {
        accumulator.error(text);
        if let Some(internal) = &mut self.internal {
            internal.errors += 1;
        }
    }

    /// Writes the protocol statistics, where the system that is asked has such files.
    fn protocols(&self, accumulator: &mut Accumulator<'_>) {
        let has_files = self.last.map_or(cfg!(target_os = "linux"), |(_, can)| can.protocols);
        if self.protocols.is_empty() || !has_files {
            return;
        }
        let directory = self.environment.host.net_dir();
        let (all, diagnostics) = ProtocolCounters::read(&directory, &self.protocols);
        for Diagnostic { level, key, text } in diagnostics {
            accumulator.remark(level, key, &text);
        }
        let fields: Vec<_> =
            all.counters().iter().map(|(name, value)| (name.as_str(), Value::Signed(*value))).collect();
        accumulator.add(&Metric { name: "net", tags: &[("interface", b"all")], fields: &fields });
    }

    /// Writes what the plugin knows of its own work.
    fn internal(&self, start: Instant, interfaces: u64, accumulator: &mut Accumulator<'_>) {
        let Some(internal) = &self.internal else { return };
        let time = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut fields = vec![
            ("interfaces", Value::Unsigned(interfaces)),
            ("gather_time_ns", Value::Unsigned(time)),
            ("errors", Value::Unsigned(internal.errors)),
        ];
        fields.extend(self.last.map(|(name, _)| ("source", Value::Text(name.as_bytes()))));
        let tags = [("alias", internal.alias.as_bytes())];
        accumulator.add(&Metric { name: "internal_net", tags: &tags, fields: &fields });
    }
}
