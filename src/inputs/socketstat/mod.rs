//! `inputs.socketstat`: a metric per socket.

pub mod field;
pub mod interfaces;
pub mod lines;
mod netid;
#[cfg(target_os = "linux")]
pub mod netlink;
pub mod netstat;
mod print;
pub mod procfs;
pub mod socket;
pub mod source;
pub(crate) mod sources;
pub mod ss;
pub mod state;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::choice::{Choice, SourceOptions};
use super::source::{Diagnostic, SourceError};
use super::{Context, Environment, Input, Part};
use crate::accumulator::Accumulator;
use crate::config::duration::GoDuration;
use crate::config::{ConfigError, OptionError, Section, Strings};
use crate::host::Network;
use crate::logger::Level;
use crate::output::OutputError;
use crate::quote::quote;
use lines::Lines;
use socket::Protocol;
use source::{Capabilities, Query, Source};
use sources::SOURCES;

/// The options as they stand in the file.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Options {
    protocols: Strings,
    timeout: GoDuration,
    source: String,
    netstat_platform: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            protocols: Strings::default(),
            timeout: GoDuration(Duration::from_secs(1)),
            source: String::from("auto"),
            netstat_platform: None,
        }
    }
}

/// The input.
struct Socketstat {
    tables: Vec<Table>,
    timeout: Duration,
    lines: Lines,
    /// The source of the first table that was read.
    announced: Option<&'static str>,
}

/// The sockets of one protocol. Each has a source of its own, so that a failure of one changes nothing for the others.
struct Table {
    protocol: Protocol,
    /// Whether the section has other tables.
    one_of_several: bool,
    choice: Choice<dyn Source, Capabilities>,
    /// The source that was last said to be read.
    announced: Option<&'static str>,
    /// What was said once and for all.
    said: HashSet<&'static str>,
}

/// Makes the input from its section.
///
/// # Errors
/// When an option's value is not allowed.
pub fn new(section: &Section<'_>, environment: &Environment) -> Result<Box<dyn Input>, ConfigError> {
    let options: Options = section.options()?;
    let fault = |key: &str, message| section.error(&OptionError { key: key.to_owned(), message });
    let protocols = protocols(&options.protocols.0).map_err(|message| fault("protocols", message))?;
    let platform = options.netstat_platform.as_deref();
    let SourceOptions { named, timeout, platform } =
        SourceOptions::new(SOURCES, &options.source, options.timeout, platform)
            .map_err(|error| section.error(&error))?;
    if let Some(named) = named
        && let Some(never) =
            protocols.iter().find(|protocol| !named.capabilities.protocols.contains(protocol))
    {
        let others: Vec<&str> = SOURCES
            .iter()
            .filter(|source| source.capabilities.protocols.contains(never))
            .map(|source| source.name)
            .collect();
        let message =
            format!("source {} does not support {never}; supported by {}", named.name, others.join(", "));
        return Err(fault("protocols", message));
    }
    let context = Context { environment: environment.clone(), platform };
    let candidates = candidates(&protocols);
    let table = |protocol| Table {
        protocol,
        one_of_several: protocols.len() > 1,
        choice: Choice::new(candidates.clone(), named, Box::new(lacks), context.clone()),
        announced: None,
        said: HashSet::new(),
    };
    let tables = protocols.iter().copied().map(table).collect();
    Ok(Box::new(Socketstat { tables, timeout, lines: Lines::default(), announced: None }))
}

/// Telegraf takes tcp and udp where none is named.
fn protocols(names: &[String]) -> Result<Vec<Protocol>, String> {
    let mut protocols = Vec::new();
    for name in names {
        let protocol = Protocol::from_name(name).ok_or_else(|| {
            let allowed = self::names(&Protocol::ALL);
            format!("unknown protocol {}; allowed are {allowed}", quote(name.as_bytes()))
        })?;
        if !protocols.contains(&protocol) {
            protocols.push(protocol);
        }
    }
    if protocols.is_empty() {
        protocols.extend([Protocol::Tcp, Protocol::Udp]);
    }
    Ok(protocols)
}

fn names(protocols: &[Protocol]) -> String {
    protocols.iter().map(|protocol| protocol.name()).collect::<Vec<_>>().join(", ")
}

/// The sources in the order in which `auto` tries them: those that list all of the protocols before the others.
fn candidates(protocols: &[Protocol]) -> Vec<&'static sources::SocketSource> {
    let lists_all = |source: &&sources::SocketSource| {
        protocols.iter().all(|protocol| source.capabilities.protocols.contains(protocol))
    };
    let (mut candidates, others): (Vec<_>, Vec<_>) = SOURCES.iter().partition(lists_all);
    candidates.extend(others);
    candidates
}

/// What `auto` needs and a source cannot do.
fn lacks(capabilities: Capabilities, context: &Context) -> Option<String> {
    let foreign = !capabilities.other_network && context.environment.host.network() == Network::Other;
    foreign.then(|| String::from("does not see the network of HOST_PROC"))
}

impl Input for Socketstat {
    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError> {
        let Self { tables, timeout, lines, announced } = self;
        for table in tables {
            table.gather(*timeout, lines, announced, accumulator);
            accumulator.flush()?;
        }
        Ok(())
    }

    fn describe(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for Table { protocol, choice, .. } in &self.tables {
            let source = match choice.would_choose() {
                Ok(chosen) if chosen.capabilities.protocols.contains(protocol) => Ok(chosen.name),
                Ok(chosen) => Err(format!("source {} does not support it", chosen.name)),
                Err(error) => Err(error.to_string()),
            };
            match parts.iter_mut().find(|part| part.source == source) {
                Some(part) => part.what.extend([", ", protocol.name()]),
                None => parts.push(Part { source, what: format!("protocols {protocol}") }),
            }
        }
        parts
    }
}

impl Table {
    /// All or nothing: an error drops what came before it. Where the source turns out not to work here, the next one is
    /// read at once.
    fn gather(
        &mut self,
        timeout: Duration,
        lines: &mut Lines,
        announced: &mut Option<&'static str>,
        accumulator: &mut Accumulator<'_>,
    ) {
        let mut attempts = SOURCES.len();
        loop {
            let outcome = self.dump(timeout, lines, announced, accumulator);
            attempts -= 1;
            match outcome {
                Ok(diagnostics) => {
                    self.choice.succeeded();
                    return self.report(diagnostics, accumulator);
                }
                Err(error) => {
                    let again = self.choice.failed(&error, Instant::now());
                    if !again || attempts == 0 {
                        return self.report_error(error, accumulator);
                    }
                }
            }
        }
    }

    fn dump(
        &mut self,
        timeout: Duration,
        lines: &mut Lines,
        announced: &mut Option<&'static str>,
        accumulator: &mut Accumulator<'_>,
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let protocol = self.protocol;
        let now = Instant::now();
        let chosen = self.choice.source(now)?;
        let name = chosen.registration.name;
        if let Some(instead_of) = chosen.instead_of.take() {
            let why =
                if instead_of.is_empty() { String::new() } else { format!(" ({})", instead_of.join("; ")) };
            // All tables of a section begin with the same source.
            let known = self.announced.or(*announced);
            if known != Some(name) {
                let text = if self.announced.is_some() && self.one_of_several {
                    format!("{protocol} sockets are read from source {name}{why}")
                } else {
                    format!("sockets are read from source {name}{why}")
                };
                accumulator.say(Level::Info, &text);
            }
            self.announced = Some(name);
            announced.get_or_insert(name);
        }
        if !chosen.registration.capabilities.protocols.contains(&protocol) {
            let text = format!("source {name} does not support {protocol}; skipping it");
            return Ok(vec![Diagnostic { level: Level::Info, key: "not of this source", text }]);
        }
        let query = Query {
            protocol,
            states: state::listed(protocol),
            tcp_info: true,
            congestion: false,
            deadline: now + timeout,
        };
        let mark = accumulator.mark();
        let outcome = chosen.source.dump(&query, &mut |socket| {
            lines.write(protocol, socket, &mut |metric| accumulator.add(metric));
        });
        if outcome.is_err() {
            accumulator.rollback(mark);
        }
        outcome
    }

    fn report(&mut self, diagnostics: Vec<Diagnostic>, accumulator: &mut Accumulator<'_>) {
        for Diagnostic { level, key, text } in diagnostics {
            if level == Level::Info {
                if self.said.insert(key) {
                    accumulator.say(level, &text);
                }
            } else {
                accumulator.remark(level, &format!("{} {key}", self.protocol), &text);
            }
        }
    }

    fn report_error(&mut self, error: SourceError, accumulator: &mut Accumulator<'_>) {
        match error {
            SourceError::Unsupported(cause) => {
                let text = cause.to_string();
                let diagnostic = Diagnostic { level: Level::Info, key: "unsupported on this host", text };
                self.report(vec![diagnostic], accumulator);
            }
            error => accumulator.error(&error.to_string()),
        }
    }
}
