//! The loop: wait for an event, gather every input, write.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use crate::accumulator::Accumulator;
use crate::config::{self, ConfigError, Global, Section};
use crate::inputs::{self, Environment, Input};
use crate::line_protocol::Unsigned;
use crate::logger::{Level, Logger};
use crate::output::{Output, OutputError};
use crate::quote::printable;
use crate::trigger::{Event, Timer, Triggers};

/// A configured input, with the global options of its section and its log.
pub struct Plugin {
    input: Box<dyn Input>,
    global: Global,
    log: Logger,
}

impl Plugin {
    /// The plugins of a configuration file, or of the built-in configuration. `threshold` is the level of their logs where
    /// a section does not set it.
    ///
    /// # Errors
    /// When the file cannot be read, or something in it is wrong.
    pub fn load(
        file: Option<&Path>,
        environment: &Environment,
        threshold: Level,
    ) -> Result<Vec<Self>, ConfigError> {
        let (name, text) = match file {
            None => (config::BUILT_IN.to_owned(), config::SAMPLE.to_owned()),
            Some(path) => (path.display().to_string(), config::read_file(path)?),
        };
        let lookup = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let sections = config::parse(&name, &text, &inputs::known(), &lookup)?;
        sections.into_iter().map(|section| Self::new(section, environment, threshold)).collect()
    }

    fn new(section: Section<'_>, environment: &Environment, threshold: Level) -> Result<Self, ConfigError> {
        let input = inputs::new(&section, environment)?;
        let log = Logger::new(section.log_name(), section.global.log_level.unwrap_or(threshold));
        Ok(Self { input, global: section.global, log })
    }
}

/// What `--check` prints: a line per plugin, and one that counts them.
#[must_use]
pub fn describe(plugins: &[Plugin]) -> String {
    let mut lines = Vec::new();
    let mut sources = Vec::new();
    let mut working = 0;
    for Plugin { input, log, .. } in plugins {
        let parts = input.describe();
        let text = parts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        lines.push(printable(&format!("{}: {text}", log.name())).collect::<String>());
        let found: Vec<&str> = parts.iter().filter_map(|part| part.source.clone().ok()).collect();
        working += usize::from(!found.is_empty());
        sources.extend(found);
    }
    let mut seen = BTreeSet::new();
    sources.retain(|source| seen.insert(*source));
    lines.push(summary(plugins.len(), working, &sources));
    lines.join("\n") + "\n"
}

fn summary(inputs: usize, working: usize, sources: &[&str]) -> String {
    let count = |count: usize| format!("{count} input{}", if count == 1 { "" } else { "s" });
    let without = match inputs - working {
        0 => return format!("{}, {}", count(inputs), list(sources)),
        broken => format!("{} without a working source", count(broken)),
    };
    if working == 0 { without } else { format!("{}, {}, {without}", count(inputs), list(sources)) }
}

/// `source a`, `sources a and b`, `sources a, b and c`.
fn list(sources: &[&str]) -> String {
    match sources {
        [source] => format!("source {source}"),
        [rest @ .., last] => format!("sources {} and {last}", rest.join(", ")),
        [] => String::new(),
    }
}

/// Everything that gathers, and where the metrics go.
pub struct Agent {
    /// In the order of the configuration.
    pub plugins: Vec<Plugin>,
    /// Stdout.
    pub output: Output,
    /// How unsigned fields are written.
    pub unsigned: Unsigned,
}

impl Agent {
    /// Gathers every input once; true if one of them reported an error.
    ///
    /// # Errors
    /// When nobody reads stdout any more.
    pub fn gather(&mut self) -> Result<bool, OutputError> {
        let mut failed = false;
        for Plugin { input, global, log } in &mut self.plugins {
            let mut accumulator =
                Accumulator::new(global, log, &mut self.output, self.unsigned, SystemTime::now());
            input.gather(&mut accumulator)?;
            accumulator.flush()?;
            failed |= accumulator.finish();
        }
        Ok(failed)
    }

    /// Gathers at each trigger, until stdin ends or nobody reads stdout any more.
    pub fn run(&mut self, triggers: &Triggers, mut timer: Option<Timer>) {
        self.plugins.iter_mut().for_each(|plugin| plugin.input.start());
        while triggers.next(timer.as_mut()) == Event::Gather {
            if self.gather().is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_correct_plurals() {
        assert_eq!(summary(1, 1, &["ss"]), "1 input, source ss");
        assert_eq!(summary(2, 2, &["ss"]), "2 inputs, source ss");
        assert_eq!(summary(3, 3, &["procfs", "ss", "netlink"]), "3 inputs, sources procfs, ss and netlink");
        assert_eq!(summary(3, 1, &["ss"]), "3 inputs, source ss, 2 inputs without a working source");
        assert_eq!(summary(1, 0, &[]), "1 input without a working source");
    }
}
