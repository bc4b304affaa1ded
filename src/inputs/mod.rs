//! The inputs: what each gathers, and from which sources.

mod choice;
mod environment;
mod input;
pub mod net;
pub mod socketstat;
pub mod source;

use crate::config::{ConfigError, Known, Section, field_names};
use crate::platform::Platform;
pub(crate) use environment::Context;
pub use environment::Environment;
pub use input::{Input, Part};

/// Makes an input from its section.
type New = fn(&Section<'_>, &Environment) -> Result<Box<dyn Input>, ConfigError>;

/// The registry: each input by name, with its options.
const REGISTRY: &[(Known, New)] = &[
    (Known { name: "net", options: field_names::<net::Options> }, net::new),
    (Known { name: "socketstat", options: field_names::<socketstat::Options> }, socketstat::new),
];

/// Every input with its options.
#[must_use]
pub fn known() -> Vec<Known> {
    REGISTRY.iter().map(|(known, _)| *known).collect()
}

/// Makes the input of a section.
///
/// # Errors
/// When one of its options has a value that is not allowed.
pub fn new(section: &Section<'_>, environment: &Environment) -> Result<Box<dyn Input>, ConfigError> {
    for (known, new) in REGISTRY {
        if known.name == section.name {
            return new(section, environment);
        }
    }
    unreachable!("the configuration refuses unknown inputs")
}

/// Describes each source of each input in one line: whether it works on this host, and if not, why.
#[must_use]
pub fn sources(environment: &Environment) -> Vec<String> {
    let context = Context { environment: environment.clone(), platform: Platform::current() };
    let mut lines = choice::describe("net", net::sources::SOURCES, &context, |_| String::new());
    lines.extend(choice::describe("socketstat", socketstat::sources::SOURCES, &context, |can| {
        let names: Vec<&str> = can.protocols.iter().map(|protocol| protocol.name()).collect();
        format!(" ({})", names.join(", "))
    }));
    lines
}
