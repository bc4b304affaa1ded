//! The command line.
//!
//! Telegraf's external plugins in Go take `-config FILE -poll_interval 10s`; those spellings, with one dash and
//! underscores, work as well, so that a command line can be kept.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use thiserror::Error;

use crate::config::duration::GoDuration;
use crate::line_protocol::Unsigned;

/// What `--help` prints.
pub const HELP: &str = "\
Network interfaces and sockets as Telegraf metrics, for Telegraf's inputs.execd.

Usage: telegraf-execd-network [OPTIONS]

Gathers on each newline on stdin and on SIGUSR1, SIGUSR2 or SIGHUP; ends with stdin.

Options:
  --config FILE           the plugin's own TOML (default: built in, see --sample-config)
  --once                  gather once and exit: 0 if nothing failed, else 1
  --poll-interval DUR     gather on an internal timer too, e.g. 10s
  --influx-uint-support   write unsigned integers as 123u instead of 123i
  --sample-config         print the sample configuration
  --sources               print which sources work on this host
  --debug                 write debug log lines too
  --version               print the version
  --help                  print this help
";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Gather, once or at each trigger.
    Run(Run),
    /// Print a text and exit.
    Print(&'static str),
    /// Print the sources and whether they work.
    Sources,
}

/// How to gather.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The configuration file; `None`: the built-in one.
    pub config: Option<PathBuf>,
    /// Gather once instead of at each trigger.
    pub once: bool,
    /// The internal timer.
    pub poll_interval: Option<Duration>,
    /// How unsigned fields are written.
    pub unsigned: Unsigned,
    /// Write `D!` lines.
    pub debug: bool,
}

/// A command line that cannot be followed.
#[derive(Debug, Error)]
#[error("{0} (see --help)")]
pub struct UsageError(String);

/// Reads the arguments behind the program's name.
///
/// # Errors
/// At the first one that is not known, or a value that is missing or not allowed.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    sample: &'static str,
    version: &'static str,
) -> Result<Action, UsageError> {
    let mut run =
        Run { config: None, once: false, poll_interval: None, unsigned: Unsigned::Clamped, debug: false };
    let mut timer = true;
    let mut print = None;
    let mut parser = Parser::from_args(arguments.into_iter().map(long_spelling));
    while let Some(argument) = parser.next().map_err(fault)? {
        match argument {
            Arg::Long("config") => run.config = Some(parser.value().map_err(fault)?.into()),
            Arg::Long("once") => run.once = true,
            Arg::Long("poll-interval") => {
                run.poll_interval = Some(interval(&parser.value().map_err(fault)?.string().map_err(fault)?)?);
            }
            Arg::Long("poll-interval-disabled") => timer = false,
            Arg::Long("influx-uint-support") => run.unsigned = Unsigned::Native,
            Arg::Long("debug") => run.debug = true,
            Arg::Long("sources") => print = Some(Action::Sources),
            Arg::Long("sample-config") => print = Some(Action::Print(sample)),
            Arg::Long("version") => print = Some(Action::Print(version)),
            Arg::Long("help") | Arg::Short('h') => print = Some(Action::Print(HELP)),
            other => return Err(fault(other.unexpected())),
        }
    }
    run.poll_interval = run.poll_interval.filter(|_| timer);
    Ok(print.unwrap_or(Action::Run(run)))
}

/// lexopt's messages quote what came from outside.
#[expect(clippy::needless_pass_by_value, reason = "map_err hands it over")]
fn fault(error: lexopt::Error) -> UsageError {
    UsageError(error.to_string())
}

fn interval(text: &str) -> Result<Duration, UsageError> {
    let GoDuration(interval) =
        text.parse().map_err(|error| UsageError(format!("--poll-interval: {error}")))?;
    if interval.is_zero() {
        return Err(UsageError(String::from("--poll-interval: must be more than 0, e.g. 10s")));
    }
    Ok(interval)
}

/// `-poll_interval` as `--poll-interval`. A single letter, a value and what is not UTF-8 stay as they are.
fn long_spelling(argument: OsString) -> OsString {
    let Some(text) = argument.to_str() else { return argument };
    let Some(name) = text.strip_prefix("--").or_else(|| text.strip_prefix('-')) else { return argument };
    let (name, value) = match name.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (name, None),
    };
    if name.len() < 2 || !name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(&byte)) {
        return argument;
    }
    let mut spelled = format!("--{}", name.replace('_', "-"));
    if let Some(value) = value {
        spelled.push('=');
        spelled.push_str(value);
    }
    spelled.into()
}

#[cfg(test)]
mod tests;
