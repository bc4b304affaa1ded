//! Which source an input reads: the one that its section names, or with `auto` the first that works.

use std::time::Duration;

use super::{Context, Environment};
use crate::config::OptionError;
use crate::config::duration::GoDuration;
use crate::platform::Platform;
use crate::quote::quote;

/// One source of an input, as the configuration and `--sources` know it. `S` is what it is, `G` what it gives.
pub struct Registration<S: ?Sized, G> {
    /// Its name in the option `source`.
    pub name: &'static str,
    /// What it can ever give.
    pub gives: G,
    /// Whether it works on this host now, else one line that says what is missing.
    pub probe: fn(&Context) -> Result<(), String>,
    /// Makes it; fails where the probe would.
    pub open: fn(&Context) -> Result<Box<S>, String>,
}

/// The choice that the configuration leaves, and what was chosen.
pub(super) struct Choice<S: ?Sized + 'static, G: 'static> {
    registry: &'static [Registration<S, G>],
    context: Context,
    /// The only one allowed; `None`: `auto`.
    named: Option<&'static Registration<S, G>>,
    chosen: Option<Chosen<S, G>>,
    /// What `auto` passes over at the next choice, and why.
    passed_over: Option<(&'static str, String)>,
}

/// A source in use.
pub(super) struct Chosen<S: ?Sized + 'static, G: 'static> {
    pub registration: &'static Registration<S, G>,
    pub source: Box<S>,
    /// What is wrong with the sources that `auto` would rather have had; taken when it is said.
    pub instead_of: Option<Vec<String>>,
}

impl<S: ?Sized, G> Choice<S, G> {
    /// What the options `timeout`, `netstat_platform` and `source` ask for, which every input has; the first is
    /// also returned.
    ///
    /// # Errors
    /// When one of them has a value that is not allowed.
    pub(super) fn of_options(
        registry: &'static [Registration<S, G>],
        timeout: GoDuration,
        platform: Option<&str>,
        source: &str,
        environment: &Environment,
    ) -> Result<(Self, Duration), OptionError> {
        let fault = |key: &str, message| OptionError { key: key.to_owned(), message };
        let GoDuration(timeout) = timeout;
        if timeout.is_zero() {
            return Err(fault("timeout", String::from("must be more than 0, for instance \"1s\"")));
        }
        let platform = Platform::of_option(platform).map_err(|message| fault("netstat_platform", message))?;
        let choice =
            Self::new(registry, source, environment, platform).map_err(|message| fault("source", message))?;
        Ok((choice, timeout))
    }

    /// Whose netstat it is that a source may run.
    pub(super) fn platform(&self) -> Option<Platform> {
        self.context.platform
    }

    /// The choice of the option `source`.
    ///
    /// # Errors
    /// When it names no source.
    fn new(
        registry: &'static [Registration<S, G>],
        name: &str,
        environment: &Environment,
        platform: Option<Platform>,
    ) -> Result<Self, String> {
        let named = match name {
            "auto" => None,
            name => Some(registry.iter().find(|source| source.name == name).ok_or_else(|| {
                let allowed = registry.iter().map(|source| source.name).collect::<Vec<_>>().join(", ");
                format!("unknown source {}; allowed are auto, {allowed}", quote(name.as_bytes()))
            })?),
        };
        let context = Context { environment: environment.clone(), platform };
        Ok(Self { registry, context, named, chosen: None, passed_over: None })
    }

    /// The source that the section names, if it does.
    pub(super) fn named(&self) -> Option<&'static Registration<S, G>> {
        self.named
    }

    /// The source in use, chosen now if there is none.
    ///
    /// # Errors
    /// When none works: one line that says what is missing and what would work.
    pub(super) fn source(&mut self) -> Result<&mut Chosen<S, G>, String> {
        let chosen = match self.chosen.take() {
            Some(chosen) => chosen,
            None => self.choose()?,
        };
        Ok(self.chosen.insert(chosen))
    }

    /// The name of the source that would be chosen now.
    ///
    /// # Errors
    /// As those of `source`.
    pub(super) fn would_choose(&self) -> Result<&'static str, String> {
        if let Some(named) = self.named {
            let probed = (named.probe)(&self.context).map_err(|error| self.unusable(named, &error));
            return probed.map(|()| named.name);
        }
        let mut missing = Vec::new();
        for registration in self.registry {
            match (registration.probe)(&self.context) {
                Ok(()) => return Ok(registration.name),
                Err(error) => missing.push(format!("{}: {error}", registration.name)),
            }
        }
        Err(none_works(&missing))
    }

    /// The source in use turned out not to work on this host any more.
    pub(super) fn lost(&mut self) {
        self.chosen = None;
    }

    /// The source in use does not work though its probe says that it does: `auto` takes another one.
    pub(super) fn pass_over(&mut self, error: &str) {
        self.passed_over = self.chosen.take().map(|chosen| (chosen.registration.name, error.to_owned()));
    }

    fn choose(&mut self) -> Result<Chosen<S, G>, String> {
        if let Some(named) = self.named {
            return self.open(named).map_err(|error| self.unusable(named, &error));
        }
        let mut missing = Vec::new();
        let passed_over = self.passed_over.take();
        for registration in self.registry {
            let opened = match &passed_over {
                Some((name, error)) if *name == registration.name => Err(error.clone()),
                _ => self.open(registration),
            };
            match opened {
                Ok(chosen) => return Ok(Chosen { instead_of: Some(missing), ..chosen }),
                Err(error) => missing.push(format!("{}: {error}", registration.name)),
            }
        }
        Err(none_works(&missing))
    }

    fn open(&self, registration: &'static Registration<S, G>) -> Result<Chosen<S, G>, String> {
        (registration.probe)(&self.context)?;
        let source = (registration.open)(&self.context)?;
        Ok(Chosen { registration, source, instead_of: None })
    }

    fn unusable(&self, named: &Registration<S, G>, error: &str) -> String {
        let others: Vec<&str> = self
            .registry
            .iter()
            .filter(|other| other.name != named.name && (other.probe)(&self.context).is_ok())
            .map(|other| other.name)
            .collect();
        let others = if others.is_empty() { String::from("none") } else { others.join(", ") };
        format!("source {} does not work on this host: {error}; sources that would: {others}", named.name)
    }
}

fn none_works(missing: &[String]) -> String {
    format!("no source works on this host: {}", missing.join("; "))
}

/// A line a source: whether it works on this host, and why not.
pub(super) fn describe<S: ?Sized, G>(
    input: &str,
    registry: &[Registration<S, G>],
    context: &Context,
    gives: impl Fn(&G) -> String,
) -> Vec<String> {
    let line = |source: &Registration<S, G>| {
        let state =
            (source.probe)(context).map_or_else(|error| format!("no: {error}"), |()| String::from("works"));
        format!("{input} {}{}: {state}", source.name, gives(&source.gives))
    };
    registry.iter().map(line).collect()
}

#[cfg(test)]
mod tests;
