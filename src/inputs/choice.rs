//! Which source an input reads: the one that its section names, or with `auto` the first that works and can give what
//! the section needs.

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
/// How long a source that failed is passed over.
const PASSED_OVER: Duration = Duration::from_secs(600);

/// One source of an input. `S` is what it is, `C` what it can do.
pub struct Registration<S: ?Sized, C> {
    /// Its name in the option `source`.
    pub name: &'static str,
    /// What it can do.
    pub capabilities: C,
    /// Whether it works on this host now.
    pub probe: fn(&Context) -> Result<(), Cause>,
    /// Makes it; fails where the probe would.
    pub open: fn(&Context) -> Result<Box<S>, Cause>,
}

/// What the options say that every input has.
pub(super) struct SourceOptions<S: ?Sized + 'static, C: 'static> {
    /// The source that the section names; `None`: `auto`.
    pub(super) named: Option<&'static Registration<S, C>>,
    /// The deadline of each child or dump.
    pub(super) timeout: Duration,
    /// Whose netstat is installed, if it is known.
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

/// What a section needs of a source: why the source cannot give it, or nothing.
pub(super) type Lacks<C> = Box<dyn Fn(C, &Context) -> Option<String>>;

/// The sources that the configuration leaves, and the one in use.
pub(super) struct Choice<S: ?Sized + 'static, C: 'static> {
    /// In the order in which `auto` tries them.
    candidates: Vec<&'static Registration<S, C>>,
    /// The only one allowed; `None`: `auto`.
    named: Option<&'static Registration<S, C>>,
    lacks: Lacks<C>,
    context: Context,
    chosen: Option<Chosen<S, C>>,
    /// Failed gathers in a row of the one in use.
    failures: u32,
    passed_over: Vec<PassedOver>,
}

/// A source in use.
pub(super) struct Chosen<S: ?Sized + 'static, C: 'static> {
    pub(super) registration: &'static Registration<S, C>,
    pub(super) source: Box<S>,
    /// What is wrong with the sources that would have come first; taken when it is said.
    pub(super) instead_of: Option<Vec<String>>,
}

/// A source that `auto` does not use for a while.
struct PassedOver {
    name: &'static str,
    why: String,
    until: Instant,
}

impl<S: ?Sized, C: Copy> Choice<S, C> {
    /// A choice among `candidates`, or of the one that the section names.
    pub(super) fn new(
        candidates: Vec<&'static Registration<S, C>>,
        named: Option<&'static Registration<S, C>>,
        lacks: Lacks<C>,
        context: Context,
    ) -> Self {
        Self { candidates, named, lacks, context, chosen: None, failures: 0, passed_over: Vec::new() }
    }

    /// The source in use, chosen now if there is none, or if one that would come first may be tried again.
    ///
    /// # Errors
    /// When none works: what is missing and what would work.
    pub(super) fn source(&mut self, now: Instant) -> Result<&mut Chosen<S, C>, SourceError> {
        let before = self.passed_over.len();
        self.passed_over.retain(|source| now < source.until);
        let retry = self.passed_over.len() < before;
        let chosen = match self.chosen.take() {
            Some(chosen) if !retry => chosen,
            other => {
                let chosen = self.choose()?;
                // One that failed before gets one gather to show that it works now.
                self.failures = if retry { FAILURES - 1 } else { 0 };
                match other {
                    Some(other) if std::ptr::eq(other.registration, chosen.registration) => other,
                    _ => chosen,
                }
            }
        };
        Ok(self.chosen.insert(chosen))
    }

    /// The children that sources run.
    pub(super) fn children(&self) -> Arc<Children> {
        self.context.environment.children.clone()
    }

    /// The source that it would choose now.
    ///
    /// # Errors
    /// When none works.
    pub(super) fn would_choose(&self) -> Result<&'static Registration<S, C>, SourceError> {
        self.choose().map(|chosen| chosen.registration)
    }

    /// The source in use has given what it was asked for.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The source in use has failed in this gather. True where another one is to be tried at once.
    pub(super) fn failed(&mut self, error: &SourceError, now: Instant) -> bool {
        let Some(chosen) = &self.chosen else { return false };
        self.failures += 1;
        match error {
            SourceError::Unsupported(_) => false,
            SourceError::Unavailable(cause) => {
                // Its probe may say so too: then it is merely not there, and comes back when the host changes.
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
        // One that fails now and then is better than none.
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
        let would_do = |other: &&&Registration<S, C>| {
            other.name != named.name
                && (self.lacks)(other.capabilities, &self.context).is_none()
                && (other.probe)(&self.context).is_ok()
        };
        let others: Vec<&str> = self.candidates.iter().filter(would_do).map(|other| other.name).collect();
        let others = if others.is_empty() { String::from("none") } else { others.join(", ") };
        SourceError::Unavailable(Cause::new(format!(
            "source {} does not work on this host: {cause}; sources that would: {others}",
            named.name
        )))
    }
}

/// A line per source: whether it works on this host, and why not.
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
