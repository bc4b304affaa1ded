//! Which source is read: the one that the configuration names, or with `auto` the first that works.

use super::socket::Protocol;
use super::source::Source;
use super::sources::{Context, Registration, SOURCES};
use crate::accumulator::Accumulator;
use crate::logger::{Level, quote};

/// The choice that the configuration leaves, and what was chosen.
pub(super) struct Choice {
    context: Context,
    /// The only one allowed; `None`: `auto`.
    named: Option<&'static Registration>,
    chosen: Option<Chosen>,
    last_error: String,
}

/// A source in use.
pub(super) struct Chosen {
    pub registration: &'static Registration,
    pub source: Box<dyn Source>,
}

impl Choice {
    pub(super) fn new(name: &str, context: Context) -> Result<Self, String> {
        let named = match name {
            "auto" => None,
            name => Some(SOURCES.iter().find(|source| source.name == name).ok_or_else(|| {
                let allowed = SOURCES.iter().map(|source| source.name).collect::<Vec<_>>().join(", ");
                format!("unknown source {}; allowed are auto, {allowed}", quote(name.as_bytes()))
            })?),
        };
        Ok(Self { context, named, chosen: None, last_error: String::new() })
    }

    /// Whether the named source can ever give these protocols.
    pub(super) fn check(&self, protocols: &[Protocol]) -> Result<(), String> {
        let Some(source) = self.named else { return Ok(()) };
        match protocols.iter().find(|protocol| !source.protocols.contains(protocol)) {
            None => Ok(()),
            Some(protocol) => {
                let can = source.protocols.iter().map(|protocol| protocol.name()).collect::<Vec<_>>().join(", ");
                Err(format!("source {} cannot give {protocol}; it can give {can}", source.name))
            }
        }
    }

    /// The source in use, chosen now if there is none.
    pub(super) fn source(&mut self, accumulator: &Accumulator<'_>) -> Result<&mut Chosen, String> {
        let chosen = match self.chosen.take() {
            Some(chosen) => chosen,
            None => self.choose(accumulator)?,
        };
        Ok(self.chosen.insert(chosen))
    }

    /// The source in use turned out not to work on this host any more.
    pub(super) fn lost(&mut self, error: String) {
        self.chosen = None;
        self.last_error = error;
    }

    /// Why the source last used was lost.
    pub(super) fn last_error(&self) -> String {
        self.last_error.clone()
    }

    fn choose(&self, accumulator: &Accumulator<'_>) -> Result<Chosen, String> {
        let open = |registration: &'static Registration| Chosen {
            registration,
            source: (registration.open)(&self.context),
        };
        if let Some(named) = self.named {
            return match (named.probe)(&self.context) {
                Ok(()) => Ok(open(named)),
                Err(error) => Err(self.unusable(named, &error)),
            };
        }
        let mut missing = Vec::new();
        for registration in SOURCES {
            match (registration.probe)(&self.context) {
                Ok(()) => {
                    let why = if missing.is_empty() { String::new() } else { format!(" ({})", missing.join("; ")) };
                    accumulator.say(Level::Info, &format!("sockets are read from source {}{why}", registration.name));
                    return Ok(open(registration));
                }
                Err(error) => missing.push(format!("{}: {error}", registration.name)),
            }
        }
        Err(format!("no source of sockets works on this host: {}", missing.join("; ")))
    }

    fn unusable(&self, named: &Registration, error: &str) -> String {
        let others: Vec<&str> = SOURCES
            .iter()
            .filter(|other| other.name != named.name && (other.probe)(&self.context).is_ok())
            .map(|other| other.name)
            .collect();
        let others = if others.is_empty() { String::from("no other source") } else { others.join(", ") };
        format!("source {} does not work on this host: {error}; would work here: {others}", named.name)
    }
}
