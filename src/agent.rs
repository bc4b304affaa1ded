//! The loop: wait for an event, gather every input, write.

use std::time::SystemTime;

use crate::accumulator::Accumulator;
use crate::config::{ConfigError, Global, Section};
use crate::inputs::{self, Environment, Input};
use crate::line_protocol::Unsigned;
use crate::logger::{Level, Logger};
use crate::output::{Output, OutputError};
use crate::trigger::{Event, Timer, Triggers};

/// One configured input with its section's options and its log.
pub struct Plugin {
    /// What gathers.
    pub input: Box<dyn Input>,
    /// Telegraf's options for it.
    pub global: Global,
    /// Where its remarks go.
    pub log: Logger,
}

impl Plugin {
    /// The input of a section. Its log begins at `threshold` where the section does not say.
    ///
    /// # Errors
    /// When an option has a value that is not allowed.
    pub fn new(
        section: Section<'_>,
        environment: &Environment,
        threshold: Level,
    ) -> Result<Self, ConfigError> {
        let input = inputs::new(&section, environment)?;
        let log = Logger::new(section.log_name(), section.global.log_level.unwrap_or(threshold));
        Ok(Self { input, global: section.global, log })
    }
}

/// All that gathers, and where the lines go.
pub struct Agent {
    /// In the order of the configuration.
    pub plugins: Vec<Plugin>,
    /// Stdout.
    pub output: Output,
    /// How unsigned fields are written.
    pub unsigned: Unsigned,
}

impl Agent {
    /// Gathers every input once. Whether one of them reported an error.
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

    /// Gathers at each trigger until stdin ends or nobody reads stdout any more.
    pub fn run(&mut self, triggers: &Triggers, mut timer: Option<Timer>) {
        self.plugins.iter_mut().for_each(|plugin| plugin.input.start());
        while triggers.next(timer.as_mut()) == Event::Gather {
            if self.gather().is_err() {
                return;
            }
        }
    }
}
