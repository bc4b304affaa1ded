//! The plugin's own TOML, from text to checked sections.
//!
//! The syntax is Telegraf's, so that an `[[inputs.x]]` section moves over unchanged. Every error names the file, the
//! line, the key and what is allowed.

mod document;
pub mod duration;
mod elsewhere;
pub mod env;
mod error;
mod field_names;
mod file;
mod global;
pub(crate) mod nearest;
mod section;
mod values;

pub use error::ConfigError;
pub(crate) use error::OptionError;
pub(crate) use field_names::field_names;
pub use file::{parse, read_file};
pub use global::{Global, global_options};
pub use section::{Known, Section};
pub(crate) use values::Strings;

/// The name in messages of the configuration that is built in.
pub const BUILT_IN: &str = "(built-in defaults)";
/// The configuration that is built in, and that `--sample-config` prints.
pub const SAMPLE: &str = include_str!("../plugin.conf.sample");

#[cfg(test)]
mod tests;
