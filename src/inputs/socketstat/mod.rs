//! `inputs.socketstat`: a metric per socket, or per group of sockets.

mod extra;
pub mod field;
mod groups;
mod index;
pub mod interfaces;
pub mod lines;
mod netid;
#[cfg(target_os = "linux")]
pub mod netlink;
pub mod netstat;
mod options;
mod print;
pub mod procfs;
mod select;
pub mod socket;
pub mod source;
pub(crate) mod sources;
pub mod ss;
pub mod state;
mod table;
mod totals;

use std::time::Instant;

use super::{Environment, Input, Part};
use crate::accumulator::Accumulator;
use crate::config::{ConfigError, Section};
use crate::logger::Level;
use crate::output::OutputError;
use lines::Lines;
pub(super) use options::Options;
use options::Settings;
use table::{Output, Shared, Table};

/// The input.
struct Socketstat {
    tables: Vec<Table>,
    shared: Shared,
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
    let Settings { timeout, selection, extra, groups, .. } = settings;
    let congestion = extra.congestion;
    let output =
        groups.map_or_else(|| Output::Lines(Lines::new(extra)), |groups| Output::Groups(Box::new(groups)));
    let shared = Shared { timeout, selection, output, congestion, announced: None };
    Ok(Box::new(Socketstat { tables, shared }))
}

impl Input for Socketstat {
    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError> {
        let Self { tables, shared } = self;
        for table in tables {
            table.gather(shared, accumulator);
            accumulator.flush()?;
        }
        if let Output::Groups(groups) = &mut shared.output
            && let Some(warning) = groups.write(Instant::now(), &mut |metric| accumulator.add(metric))
        {
            accumulator.say(Level::Warn, &warning);
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
