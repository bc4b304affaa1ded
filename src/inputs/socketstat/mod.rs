//! `inputs.socketstat`: a metric per socket, or per group of sockets.

#[cfg(target_os = "linux")]
pub mod closed;
mod events;
mod extra;
pub mod field;
mod groups;
mod index;
pub mod interfaces;
mod internal;
pub mod lines;
mod netid;
#[cfg(target_os = "linux")]
pub mod netlink;
pub mod netstat;
mod options;
mod owners;
mod print;
pub mod procfs;
pub mod protocol;
mod select;
pub mod socket;
pub mod source;
pub(crate) mod sources;
pub mod ss;
pub mod state;
mod table;
mod totals;

use std::time::{Duration, Instant};

use super::environment::Environment;
use super::input::{Input, Part};
use crate::accumulator::Accumulator;
use crate::config::{ConfigError, Section};
use crate::logger::Level;
use crate::output::OutputError;
use events::Events;
use lines::Lines;
pub(super) use options::Options;
use options::Settings;
use table::{Output, Shared, Stats, Table};

/// The input.
struct Socketstat {
    tables: Vec<Table>,
    shared: Shared,
    /// The alias of the line that says how the gathers go; `None`: there is none.
    internal: Option<String>,
}

/// Makes the input from its section.
///
/// # Errors
/// When an option's value is not allowed.
pub fn new(section: &Section<'_>, environment: &Environment) -> Result<Box<dyn Input>, ConfigError> {
    let settings = Settings::of_section(section, environment)?;
    let several = settings.protocols.len() > 1;
    let table = |protocol| Table::new(protocol, several, settings.choice());
    let tables = settings.protocols.iter().copied().map(table).collect();
    let Settings { timeout, selection, extra, extra_tags, groups, internal, context, .. } = settings;
    let congestion = extra.congestion;
    let sys = context.environment.host.sys();
    let output = groups.map_or_else(
        || Output::Lines(Box::new(Lines::new(extra, extra_tags, sys))),
        |groups| Output::Groups(Box::new(groups)),
    );
    let shared = Shared {
        timeout,
        selection,
        output,
        congestion,
        announced: None,
        events: Events::default(),
        stats: Stats::default(),
    };
    let internal = internal.then(|| section.global.alias.clone());
    Ok(Box::new(Socketstat { tables, shared, internal }))
}

impl Input for Socketstat {
    fn start(&mut self) {
        let Shared { output, events, .. } = &mut self.shared;
        if let Output::Groups(groups) = output {
            events.start(groups);
        }
    }

    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError> {
        let began = Instant::now();
        let Self { tables, shared, internal } = self;
        shared.stats = Stats { sockets: 0, dumps: Duration::ZERO, ..shared.stats };
        for table in tables {
            table.gather(shared, accumulator);
            accumulator.flush()?;
        }
        let Shared { output, events, stats, .. } = shared;
        let mut groups_stats = None;
        if let Output::Groups(groups) = output {
            if let Some(warning) = groups.write(Instant::now(), &mut |metric| accumulator.add(metric)) {
                accumulator.say(Level::Warn, &warning);
            }
            groups_stats = Some(groups.stats());
        }
        events.report(accumulator);
        if let Some(alias) = internal {
            let events = groups_stats.filter(|groups| groups.counts_closed).map(|_| &*events);
            internal::write(alias, stats, groups_stats, events, began.elapsed(), &mut |metric| {
                accumulator.add(metric);
            });
        }
        Ok(())
    }

    fn describe(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for table in &self.tables {
            let (protocol, source) = table.source();
            match parts.iter_mut().find(|part| part.source == source) {
                Some(part) => part.what.extend([", ", protocol.name()]),
                None => parts.push(Part { source, what: format!("protocols {protocol}") }),
            }
        }
        parts
    }
}
