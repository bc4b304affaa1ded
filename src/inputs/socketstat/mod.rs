//! `inputs.socketstat`: one metric a socket.

pub mod address;
pub mod interfaces;
pub mod netid;
#[cfg(target_os = "linux")]
pub mod netlink;
pub mod netstat;
pub mod procfs;
pub mod socket;
pub mod source;
pub mod sources;
pub mod ss;
pub mod state;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::choice::Choice;
use super::{Description, Environment, Input};
use crate::accumulator::{Accumulator, Mark};
use crate::config::duration::GoDuration;
use crate::config::{ConfigError, OptionError, Section, Strings};
use crate::logger::Level;
use crate::output::OutputError;
use crate::quote::quote;
use socket::{Protocol, Socket};
use source::{Note, Sink, Source, SourceError};
use sources::SOURCES;

/// The names of this input's options.
pub const OPTIONS: &[&str] = &["protocols", "timeout", "source", "netstat_platform"];

/// The options as they stand in the file.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
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
    protocols: Vec<Protocol>,
    timeout: Duration,
    choice: Choice<dyn Source, &'static [Protocol]>,
    /// The source that `auto` was last said to have chosen.
    announced: Option<&'static str>,
    /// What was said once and for all.
    said: HashSet<(Protocol, &'static str)>,
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
    let (choice, timeout) =
        Choice::of_options(SOURCES, options.timeout, platform, &options.source, environment)
            .map_err(|error| section.error(&error))?;
    if let Some(named) = choice.named()
        && let Some(never) = protocols.iter().find(|protocol| !named.gives.contains(protocol))
    {
        let can = named.gives.iter().map(|protocol| protocol.name()).collect::<Vec<_>>().join(", ");
        let message = format!("source {} cannot give {never}; it can give {can}", named.name);
        return Err(fault("protocols", message));
    }
    Ok(Box::new(Socketstat { protocols, timeout, choice, announced: None, said: HashSet::new() }))
}

/// Telegraf takes tcp and udp where none is named.
fn protocols(names: &[String]) -> Result<Vec<Protocol>, String> {
    let mut protocols = Vec::new();
    for name in names {
        let protocol = Protocol::from_name(name).ok_or_else(|| {
            let allowed = Protocol::ALL.map(Protocol::name).join(", ");
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

impl Input for Socketstat {
    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError> {
        for protocol in self.protocols.clone() {
            self.gather_protocol(protocol, accumulator);
            accumulator.flush()?;
        }
        Ok(())
    }

    fn describe(&self) -> Description {
        let protocols: Vec<&str> = self.protocols.iter().map(|protocol| protocol.name()).collect();
        let what = format!("protocols {}", protocols.join(", "));
        Description { source: self.choice.would_choose(), what }
    }
}

impl Socketstat {
    /// All or nothing: an error drops what came before it. A source that turns out to be gone is chosen anew; if
    /// it is still the one that is chosen, `auto` goes on to the next.
    fn gather_protocol(&mut self, protocol: Protocol, accumulator: &mut Accumulator<'_>) {
        let mut outcome = self.dump(protocol, accumulator);
        if let Err(SourceError::Unavailable(_)) = outcome {
            self.choice.lost();
            outcome = self.dump(protocol, accumulator);
        }
        if let Err(SourceError::Unavailable(error)) = &outcome
            && self.choice.named().is_none()
        {
            self.choice.pass_over(error);
            outcome = self.dump(protocol, accumulator);
        }
        match outcome {
            Ok(notes) => self.pass_on(notes, protocol, accumulator),
            Err(SourceError::Failed(error)) => accumulator.error(&error),
            Err(SourceError::Unavailable(error)) => {
                self.choice.lost();
                accumulator.error(&error);
            }
        }
    }

    fn dump(
        &mut self,
        protocol: Protocol,
        accumulator: &mut Accumulator<'_>,
    ) -> Result<Vec<Note>, SourceError> {
        let chosen = self.choice.source().map_err(SourceError::Failed)?;
        let name = chosen.registration.name;
        if let Some(instead_of) = chosen.instead_of.take()
            && self.announced.replace(name) != Some(name)
        {
            let why =
                if instead_of.is_empty() { String::new() } else { format!(" ({})", instead_of.join("; ")) };
            accumulator.say(Level::Info, &format!("sockets are read from source {name}{why}"));
        }
        if !chosen.registration.gives.contains(&protocol) {
            if self.said.insert((protocol, "not of this source")) {
                accumulator
                    .say(Level::Warn, &format!("source {name} cannot give {protocol}: no such metrics"));
            }
            return Ok(Vec::new());
        }
        let mark = accumulator.mark();
        let mut sink = Metrics { accumulator, protocol, mark };
        let outcome = chosen.source.dump(protocol, Instant::now() + self.timeout, &mut sink);
        if outcome.is_err() {
            accumulator.rollback(mark);
        }
        outcome
    }

    fn pass_on(&mut self, notes: Vec<Note>, protocol: Protocol, accumulator: &mut Accumulator<'_>) {
        for note in notes {
            match note {
                Note::Info { key, text } => {
                    if self.said.insert((protocol, key)) {
                        accumulator.say(Level::Info, &text);
                    }
                }
                Note::Warning { key, text } => {
                    accumulator.remark(Level::Warn, &format!("{protocol} {key}"), &text);
                }
            }
        }
    }
}

/// Turns the sockets of one dump into metrics.
struct Metrics<'a, 'b> {
    accumulator: &'a mut Accumulator<'b>,
    protocol: Protocol,
    mark: Mark,
}

impl Sink for Metrics<'_, '_> {
    fn socket(&mut self, socket: &Socket<'_>) {
        socket.metric(self.protocol, &mut |metric| self.accumulator.add(metric));
    }

    fn restart(&mut self) {
        self.accumulator.rollback(self.mark);
    }
}
