//! The plugin's configuration.

pub mod duration;
pub mod env;
pub mod nearest;
