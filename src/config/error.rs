//! Configuration errors, and how they show keys and values of the file.

use thiserror::Error;

use crate::quote::{quote, shorten};

/// An error in a configuration.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{file}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ConfigError {
    /// The file's name.
    pub(super) file: String,
    /// Counted from 1. `None` if the error is not in a line.
    pub(super) line: Option<usize>,
    /// The key, what is wrong with it and what is allowed.
    pub(super) message: String,
}

/// What is wrong with the value of one option, found after the section was read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{key}: {message}")]
pub(crate) struct OptionError {
    /// The option's name; for an entry in a table of tags, with the tag: `tagpass.proto`.
    pub(crate) key: String,
    /// What is wrong, and what is allowed.
    pub(crate) message: String,
}

/// The message of an error about a value, in one line. Text from the file is shortened, the expected values are not.
pub(super) fn one_line(message: &str) -> String {
    let message = message.lines().collect::<Vec<_>>().join(", ");
    match message.rsplit_once(", expected ") {
        Some((found, expected)) => format!("{}, expected {expected}", shorten(found)),
        // Messages of this crate are shortened already.
        None => message,
    }
}

/// A key for a message: shortened, and quoted if TOML requires that.
pub(super) fn shown(key: &str) -> String {
    let bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare && !key.is_empty() { shorten(key) } else { quote(key.as_bytes()) }
}
