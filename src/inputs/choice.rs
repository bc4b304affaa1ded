//! Chooses the source of an input: the one that the section names or, with `auto`, the first that works and supports
//! what the section needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::environment::Context;
use super::source::{Cause, SourceError};
use crate::command::Children;
use crate::config::OptionError;
use crate::config::duration::GoDuration;
use crate::platform::Platform;
use crate::quote::quote;

/// How many gathers in a row may fail before `auto` goes on to the next source.
const FAILURES: u32 = 3;
/// How long `auto` passes over a source that failed.
const PASSED_OVER: Duration = Duration::from_secs(600);

/// One source of an input. `S` is its trait, `C` its capabilities.
pub(crate) struct Registration<S: ?Sized, C> {
    /// The name in the option `source`.
    pub(crate) name: &'static str,
    pub(crate) capabilities: C,
    /// Checks whether the source works on this host now.
    pub(crate) probe: fn(&Context) -> Result<(), Cause>,
    /// Opens the source. Fails where `probe` fails.
    pub(crate) open: fn(&Context) -> Result<Box<S>, Cause>,
}

/// The source options that every input has.
pub(super) struct SourceOptions<S: ?Sized + 'static, C: 'static> {
    /// The source that the section names, or `None` for `auto`.
    pub(super) named: Option<&'static Registration<S, C>>,
    /// The time limit for each child process or dump.
    pub(super) timeout: Duration,
    /// The platform whose netstat is installed, if known.
    pub(super) platform: Option<Platform>,
}

impl<S: ?Sized, C> SourceOptions<S, C> {
    /// Checks the options `source`, `timeout` and `netstat_platform`.
    ///
    /// # Errors
    /// When one of them has a value that is not allowed.
    pub(super) fn new(
        registry: &'static [Registration<S, C>],
        source: &str,
        timeout: GoDuration,
        platform: Option<&str>,
    ) -> Result<Self, OptionError> {
        let fault = |key: &str, message| OptionError { key: key.to_owned(), message };
        let GoDuration(timeout) = timeout;
        if timeout.is_zero() {
            return Err(fault("timeout", String::from("must be more than 0, for instance \"1s\"")));
        }
        let platform = Platform::of_option(platform).map_err(|message| fault("netstat_platform", message))?;
        let named = match source {
            "auto" => None,
            name => Some(registry.iter().find(|source| source.name == name).ok_or_else(|| {
                let allowed = registry.iter().map(|source| source.name).collect::<Vec<_>>().join(", ");
                fault(
                    "source",
                    format!("unknown source {}; allowed are auto, {allowed}", quote(name.as_bytes())),
                )
            })?),
        };
        Ok(Self { named, timeout, platform })
    }
}

/// Returns what a source lacks for a section, or `None` if it has everything.
pub(super) type Lacks<C> = Box<dyn Fn(C, &Context) -> Option<String>>;

/// The sources that the configuration allows, and the one in use.
pub(super) struct Choice<S: ?Sized + 'static, C: 'static> {
    /// In the order in which `auto` tries them.
    candidates: Vec<&'static Registration<S, C>>,
    /// The only allowed source, or `None` for `auto`.
    named: Option<&'static Registration<S, C>>,
    lacks: Lacks<C>,
    context: Context,
    chosen: Option<Chosen<S, C>>,
    /// How many gathers in a row have failed with the source in use.
    failures: u32,
    passed_over: Vec<PassedOver>,
}

/// A source in use.
pub(super) struct Chosen<S: ?Sized + 'static, C: 'static> {
    pub(super) registration: &'static Registration<S, C>,
    pub(super) source: Box<S>,
    /// Why the sources before this one were not chosen. Taken once it is logged.
    pub(super) instead_of: Option<Vec<String>>,
}

/// A source that `auto` does not use for a while.
struct PassedOver {
    name: &'static str,
    why: String,
    until: Instant,
}

impl<S: ?Sized, C: Copy> Choice<S, C> {
    /// Chooses among `candidates`, or uses `named`.
    pub(super) fn new(
        candidates: Vec<&'static Registration<S, C>>,
        named: Option<&'static Registration<S, C>>,
        lacks: Lacks<C>,
        context: Context,
    ) -> Self {
        Self { candidates, named, lacks, context, chosen: None, failures: 0, passed_over: Vec::new() }
    }

    /// Returns the source in use. Chooses one if there is none, or if an earlier one may be tried again.
    ///
    /// # Errors
    /// When no source works.
    pub(super) fn source(&mut self, now: Instant) -> Result<&mut Chosen<S, C>, SourceError> {
        let before = self.passed_over.len();
        self.passed_over.retain(|source| now < source.until);
        let retry = self.passed_over.len() < before;
        let chosen = match self.chosen.take() {
            Some(chosen) if !retry => chosen,
            other => {
                let chosen = self.choose()?;
                // A source that failed before gets only one more gather to prove that it works.
                self.failures = if retry { FAILURES - 1 } else { 0 };
                match other {
                    Some(other) if std::ptr::eq(other.registration, chosen.registration) => other,
                    _ => chosen,
                }
            }
        };
        Ok(self.chosen.insert(chosen))
    }

    /// The child processes of the sources.
    pub(super) fn children(&self) -> Arc<Children> {
        self.context.environment.children.clone()
    }

    /// Returns the source that would be chosen now.
    ///
    /// # Errors
    /// When no source works.
    pub(super) fn would_choose(&self) -> Result<&'static Registration<S, C>, SourceError> {
        self.choose().map(|chosen| chosen.registration)
    }

    /// Records that the source in use answered a query.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Records that the source in use failed in this gather. Returns whether to try another source at once.
    pub(super) fn failed(&mut self, error: &SourceError, now: Instant) -> bool {
        let Some(chosen) = &self.chosen else { return false };
        self.failures += 1;
        match error {
            SourceError::Unsupported(_) => false,
            SourceError::Unavailable(cause) => {
                // If the probe fails too, later choices skip the source anyway, until the host changes.
                if self.named.is_none() && (chosen.registration.probe)(&self.context).is_ok() {
                    let why = cause.to_string();
                    self.pass_over(why, now);
                }
                self.chosen = None;
                true
            }
            SourceError::Failed(cause) => {
                if self.named.is_none() && self.failures >= FAILURES {
                    let why = format!("failed in {FAILURES} gathers in a row: {cause}");
                    self.pass_over(why, now);
                }
                false
            }
        }
    }

    fn pass_over(&mut self, why: String, now: Instant) {
        if let Some(chosen) = self.chosen.take() {
            self.passed_over.push(PassedOver {
                name: chosen.registration.name,
                why,
                until: now + PASSED_OVER,
            });
        }
    }

    fn choose(&self) -> Result<Chosen<S, C>, SourceError> {
        if let Some(registration) = self.named {
            let source = self.open(registration).map_err(|cause| self.unusable(registration, &cause))?;
            return Ok(Chosen { registration, source, instead_of: None });
        }
        let mut missing = Vec::new();
        for registration in &self.candidates {
            let passed_over = self.passed_over.iter().find(|source| source.name == registration.name);
            let opened = match (passed_over, (self.lacks)(registration.capabilities, &self.context)) {
                (Some(source), _) => Err(source.why.clone()),
                (None, Some(lack)) => Err(lack),
                (None, None) => self.open(registration).map_err(|cause| cause.to_string()),
            };
            match opened {
                Ok(source) => return Ok(Chosen { registration, source, instead_of: Some(missing) }),
                Err(why) => missing.push(format!("{}: {why}", registration.name)),
            }
        }
        // A source that fails sometimes is better than none.
        for registration in &self.candidates {
            if self.passed_over.iter().any(|source| source.name == registration.name)
                && let Ok(source) = self.open(registration)
            {
                return Ok(Chosen { registration, source, instead_of: None });
            }
        }
        let reason = format!("no source works on this host: {}", missing.join("; "));
        Err(SourceError::Unavailable(Cause::new(reason)))
    }

    fn open(&self, registration: &Registration<S, C>) -> Result<Box<S>, Cause> {
        (registration.probe)(&self.context)?;
        (registration.open)(&self.context)
    }

    fn unusable(&self, named: &Registration<S, C>, cause: &Cause) -> SourceError {
        let others = self.candidates.iter().filter(|other| other.name != named.name);
        let others: Vec<&str> =
            others.filter(|other| (other.probe)(&self.context).is_ok()).map(|other| other.name).collect();
        let others = if others.is_empty() { String::from("none") } else { others.join(", ") };
        SourceError::Unavailable(Cause::new(format!(
            "source {} does not work on this host: {cause}; sources that would: {others}",
            named.name
        )))
    }
}

/// Describes each source in one line: whether it works on this host, and if not, why.
pub(super) fn describe<S: ?Sized, C>(
    input: &str,
    registry: &[Registration<S, C>],
    context: &Context,
    gives: impl Fn(&C) -> String,
) -> Vec<String> {
    let line = |source: &Registration<S, C>| {
        let state =
            (source.probe)(context).map_or_else(|cause| format!("no: {cause}"), |()| String::from("works"));
        format!("{input} {}{}: {state}", source.name, gives(&source.capabilities))
    };
    registry.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
