//! The command line.
//!
//! It also takes the spellings of Telegraf's external plugins in Go (`-config FILE -poll_interval 10s`), so that the
//! `command` of `inputs.execd` can be kept.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use thiserror::Error;

use crate::config::duration::GoDuration;
use crate::line_protocol::Unsigned;
use crate::quote::quote;

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
  --check                 check the configuration and print what it would gather
  --debug                 write debug log lines too
  --version               print the version
  --help                  print this help
";

/// The flags whose value may be the next argument.
const WITH_VALUE: [&str; 2] = ["--config", "--poll-interval"];

/// The requested action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Gather, once or at each trigger.
    Run(Run),
    /// Check the configuration and print what it would gather.
    Check(Run),
    /// Print a text.
    Print(&'static str),
    /// Print which sources work.
    Sources,
}

/// The options for gathering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The configuration file; `None` for the built-in configuration.
    pub config: Option<PathBuf>,
    /// Gather once instead of at each trigger.
    pub once: bool,
    /// The interval of the internal timer.
    pub poll_interval: Option<Duration>,
    /// How unsigned fields are written.
    pub unsigned: Unsigned,
    /// Write `D!` lines.
    pub debug: bool,
}

/// An error in the command line.
#[derive(Debug, Error)]
#[error("{0} (see --help)")]
pub struct UsageError(String);

/// Parses the arguments, without the name of the program.
///
/// # Errors
/// When a flag is unknown, or its value is missing or not allowed.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    sample: &'static str,
    version: &'static str,
) -> Result<Action, UsageError> {
    let mut run =
        Run { config: None, once: false, poll_interval: None, unsigned: Unsigned::Clamped, debug: false };
    let (mut timer, mut check) = (true, false);
    let mut print = None;
    let mut parser = Parser::from_args(long_spellings(arguments));
    while let Some(argument) = parser.next().map_err(fault)? {
        let name = match argument {
            Arg::Long(name) => name.to_owned(),
            Arg::Short('h') => String::from("help"),
            other => return Err(fault(other.unexpected())),
        };
        match name.as_str() {
            "config" => run.config = Some(parser.value().map_err(fault)?.into()),
            "poll-interval" => {
                run.poll_interval = Some(interval(&parser.value().map_err(fault)?.string().map_err(fault)?)?);
            }
            "poll-interval-disabled" => timer = !switch(&name, &mut parser)?,
            "influx-uint-support" => {
                let native = switch(&name, &mut parser)?;
                run.unsigned = if native { Unsigned::Native } else { Unsigned::Clamped };
            }
            "once" => run.once = switch(&name, &mut parser)?,
            "debug" => run.debug = switch(&name, &mut parser)?,
            "check" => check = switch(&name, &mut parser)?,
            "sources" => print = switch(&name, &mut parser)?.then_some(Action::Sources),
            "sample-config" => print = switch(&name, &mut parser)?.then_some(Action::Print(sample)),
            "version" => print = switch(&name, &mut parser)?.then_some(Action::Print(version)),
            "help" => print = switch(&name, &mut parser)?.then_some(Action::Print(HELP)),
            _ => return Err(fault(Arg::Long(&name).unexpected())),
        }
    }
    run.poll_interval = run.poll_interval.filter(|_| timer);
    Ok(print.unwrap_or(if check { Action::Check(run) } else { Action::Run(run) }))
}

/// lexopt quotes what came from outside.
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

/// The value of a flag that is true or false: true without one, else as Go's `strconv.ParseBool` reads it.
fn switch(name: &str, parser: &mut Parser) -> Result<bool, UsageError> {
    let Some(value) = parser.optional_value() else { return Ok(true) };
    match value.as_bytes() {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Ok(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Ok(false),
        other => Err(UsageError(format!("--{name}: allowed is true or false, not {}", quote(other)))),
    }
}

/// Writes Go's `-poll_interval` as `--poll-interval`. Values stay as they are.
fn long_spellings(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut is_value = false;
    let spelled = arguments.into_iter().map(|argument| {
        if is_value {
            is_value = false;
            return argument;
        }
        let argument = long_spelling(argument);
        is_value = WITH_VALUE.iter().any(|flag| argument == *flag);
        argument
    });
    spelled.collect()
}

/// A single letter, and anything that is not a flag, is left unchanged.
fn long_spelling(argument: OsString) -> OsString {
    let bytes = argument.as_bytes();
    let Some(flag) = bytes.strip_prefix(b"--").or_else(|| bytes.strip_prefix(b"-")) else { return argument };
    let (name, value) = flag.split_at(memchr::memchr(b'=', flag).unwrap_or(flag.len()));
    if name.len() < 2 || !name.iter().all(|byte| byte.is_ascii_lowercase() || b"-_".contains(byte)) {
        return argument;
    }
    let name: Vec<u8> = name.iter().map(|&byte| if byte == b'_' { b'-' } else { byte }).collect();
    OsString::from_vec([b"--", name.as_slice(), value].concat())
}

#[cfg(test)]
mod tests;
