//! Durations as Telegraf's configuration takes them.
//!
//! The syntax is that of Telegraf's `config.Duration` (`config/types.go`): a bare number is seconds, an empty string is
//! zero, a number of days (`d`) is converted to hours, 24 per day, and the rest is that of Go's `time.ParseDuration`:
//! `1h30m`, `1.5s`, `250ms`. Fractions of a nanosecond are dropped. Unlike in Telegraf, a negative duration, `inf`,
//! `nan`, hexadecimal floats and `1_000` are errors.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use regex::{Captures, Regex};
use serde::de::{Deserialize, Deserializer, Visitor};
use thiserror::Error;

use crate::number::parse_decimal;
use crate::quote::quote;

#[cfg(test)]
mod tests;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Go keeps a duration in a signed 64-bit count of nanoseconds.
const MAX_NANOS: u64 = i64::MAX.unsigned_abs();
const ALLOWED: &str = "allowed is a number of seconds, or numbers each with a unit of ns, us, µs, ms, s, m, h, d, as in \"1m30s\"";

static DAYS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"([0-9]+(?:\.[0-9]+)?)d").expect("a constant pattern compiles"));

/// A duration as Telegraf's configuration has it; at most 2^63-1 nanoseconds, about 292 years.
///
/// In TOML it is a string, or an integer or a float in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub Duration);

/// A text that is not a duration.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("duration {} {fault}; {ALLOWED}", quote(text.as_bytes()))]
pub struct DurationError {
    /// The text as written.
    pub text: String,
    /// What is wrong with it.
    pub fault: DurationFault,
}

/// What can be wrong with a duration.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DurationFault {
    /// A number is missing.
    #[error("is not valid")]
    NoNumber,
    /// One of several numbers has no unit.
    #[error("lacks a unit")]
    NoUnit,
    /// A unit that is not known.
    #[error("has an unknown unit")]
    UnknownUnit,
    /// Less than zero.
    #[error("must not be negative")]
    Negative,
    /// More than 2^63-1 nanoseconds.
    #[error("is too long")]
    TooLong,
}

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(Self).map_err(|fault| DurationError { text: text.to_owned(), fault })
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = GoDuration;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a duration: a number of seconds, or a string such as \"1m30s\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<GoDuration, E> {
        text.parse().map_err(E::custom)
    }

    // Telegraf reads a number as if it were a string.
    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<GoDuration, E> {
        self.visit_str(&seconds.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<GoDuration, E> {
        self.visit_str(&seconds.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<GoDuration, E> {
        self.visit_str(&seconds.to_string())
    }
}

fn parse(text: &str) -> Result<Duration, DurationFault> {
    if text.is_empty() {
        return Ok(Duration::ZERO);
    }
    let magnitude = text.strip_prefix(['-', '+']).unwrap_or(text);
    if magnitude.is_empty() || magnitude.starts_with(['-', '+']) {
        return Err(DurationFault::NoNumber);
    }
    let nanos = match bare_seconds(magnitude) {
        Some(nanos) => nanos?,
        None => with_units(&DAYS.replace_all(magnitude, days_in_hours))?,
    };
    if nanos > MAX_NANOS {
        Err(DurationFault::TooLong)
    } else if nanos > 0 && text.starts_with('-') {
        Err(DurationFault::Negative)
    } else {
        Ok(Duration::from_nanos(nanos))
    }
}

/// A number without a unit, in nanoseconds. `None` if the text is something else.
fn bare_seconds(text: &str) -> Option<Result<u64, DurationFault>> {
    if let Some(seconds) = parse_decimal(text.as_bytes()) {
        return Some(seconds.checked_mul(NANOS_PER_SECOND).ok_or(DurationFault::TooLong));
    }
    // Rust also reads `inf` and `nan` as floats.
    let numeric = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let seconds: f64 = text.parse().ok().filter(|_| numeric)?;
    let nanos = seconds * 1e9;
    // Fits 64 bits. What does not fit Go's 63 bits is refused by the caller; Telegraf wraps around.
    Some(if nanos < 1e19 { Ok(whole(nanos)) } else { Err(DurationFault::TooLong) })
}

fn days_in_hours(captures: &Captures) -> String {
    let (_, [days]) = captures.extract();
    // Digits always parse. Too many of them become `inf`, which is then not a number with a unit.
    let days: f64 = days.parse().unwrap_or(f64::INFINITY);
    format!("{}h", days * 24.0)
}

/// A duration in Go's syntax, decimal numbers each with a unit, in nanoseconds.
fn with_units(text: &str) -> Result<u64, DurationFault> {
    let mut nanos: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (integer, after) = split_where(rest, |c| !c.is_ascii_digit());
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_where(after, |c| !c.is_ascii_digit()),
            None => ("", after),
        };
        if integer.is_empty() && fraction.is_empty() {
            return Err(DurationFault::NoNumber);
        }
        let (unit, after) = split_where(after, |c| c == '.' || c.is_ascii_digit());
        let unit = unit_nanos(unit)?;
        let integer = if integer.is_empty() { Some(0) } else { parse_decimal(integer.as_bytes()) };
        nanos = integer
            .ok_or(DurationFault::TooLong)?
            .checked_mul(unit)
            .and_then(|part| part.checked_add(fraction_of(unit, fraction)))
            .and_then(|part| nanos.checked_add(part))
            .ok_or(DurationFault::TooLong)?;
        rest = after;
    }
    Ok(nanos)
}

/// Splits before the first character that `ends` accepts.
fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

fn unit_nanos(unit: &str) -> Result<u64, DurationFault> {
    Ok(match unit {
        "ns" => 1,
        // With the micro sign (U+00B5) or the Greek letter mu (U+03BC).
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "h" => 3600 * NANOS_PER_SECOND,
        "" => return Err(DurationFault::NoUnit),
        _ => return Err(DurationFault::UnknownUnit),
    })
}

/// The digits after the decimal point, in nanoseconds. Calculated as Go does it, so that the result is the same: digits
/// that do not fit 63 bits are ignored, then one division and one multiplication of floats.
#[expect(clippy::cast_precision_loss, reason = "Go converts to a float here too")]
fn fraction_of(unit: u64, digits: &str) -> u64 {
    let mut value: u64 = 0;
    let mut scale = 1.0;
    for digit in digits.bytes().map(|b| u64::from(b - b'0')) {
        match value.checked_mul(10).and_then(|value| value.checked_add(digit)) {
            Some(next) if next <= MAX_NANOS + 1 => value = next,
            _ => break,
        }
        scale *= 10.0;
    }
    whole(value as f64 * (unit as f64 / scale))
}

/// Drops the fraction. The caller makes sure that the value is between 0 and 2^64.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "in range, and the fraction is to be dropped"
)]
fn whole(nanos: f64) -> u64 {
    nanos as u64
}
