//! Environment variables in the configuration's strings, as Telegraf's strict mode replaces them.
//!
//! Telegraf (`config/envvar.go`) replaces the templates of compose-go (`template/template.go`) in each string value:
//! `$VAR`, `${VAR}`, `${VAR:-default}` and `${VAR-default}` (the former also if VAR is empty), `${VAR:+text}` and
//! `${VAR+text}` (text if VAR is set), `${VAR:?reason}` and `${VAR?reason}` (an error if it is not), `$$` for a `$`.
//! Default, text and reason may hold templates. An unset `$VAR` or `${VAR}`, and what is not a template, such as `${1}`,
//! stays as it is.
//!
//! The oddities of compose-go are kept. A template with an operator has to end on the line on which it begins. From
//! there to the last `}` of the line, an unset variable is replaced by nothing, and if something there is not a
//! template, nothing there is replaced.

use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

use crate::quote::quote;

#[cfg(test)]
mod tests;

/// How deep `${...}` may be nested.
const MAX_DEPTH: usize = 32;

static CANDIDATE: LazyLock<Regex> = LazyLock::new(|| {
    let name = "[A-Za-z_][A-Za-z0-9_]*";
    Regex::new(&format!(r"\$(?:\$|(?<named>{name})|\{{(?:(?<braced>{name})(?<operator>:?[-+?]|\}}))?)"))
        .expect("a constant pattern compiles")
});

/// Why a template cannot be replaced.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EnvError {
    /// A variable that `${VAR:?reason}` or `${VAR?reason}` requires is not set.
    #[error("environment variable {} is required{}", quote(variable.as_bytes()), because(reason))]
    Required {
        /// The variable's name.
        variable: String,
        /// The reason that the template gives, with its variables replaced. May be empty.
        reason: String,
    },
    /// Templates are nested too deep.
    #[error("environment variables are nested more than {MAX_DEPTH} deep")]
    TooDeep,
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {}", quote(reason.as_bytes())) }
}

/// Gives the value of a variable, or `None` if it is not set.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces the variables in a string value. `lookup` gives the value of a variable, or `None` if it is not set.
///
/// # Errors
/// When a required variable is not set, or templates are nested too deep.
pub fn substitute(text: &str, lookup: Lookup) -> Result<String, EnvError> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(found) = Candidate::first(rest) {
        result.push_str(found.before);
        rest = found.after;
        match found.kind {
            Kind::Dollar => result.push('$'),
            Kind::Variable(name) => result.push_str(&lookup(name).unwrap_or_else(|| found.text.to_owned())),
            Kind::Invalid => result.push_str(found.text),
            Kind::Conditional(conditional) => {
                let (stretch, after) = rest.split_at(conditional.stretch);
                rest = after;
                let value = conditional
                    .value(stretch, lookup, 1)
                    .and_then(|(value, remainder)| Ok(value + &nested(remainder, lookup, 1)?));
                match value {
                    Ok(value) => result.push_str(&value),
                    Err(Fault::Invalid) => result.extend([found.text, stretch]),
                    Err(Fault::Error(error)) => return Err(error),
                }
            }
        }
    }
    result.push_str(rest);
    Ok(result)
}

/// Why a part of the text is not replaced.
enum Fault {
    /// It holds a `${` that does not begin a template.
    Invalid,
    Error(EnvError),
}

/// As [`substitute`], for text in a template or after one: an unset variable is replaced by nothing.
fn nested(text: &str, lookup: Lookup, depth: usize) -> Result<String, Fault> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(found) = Candidate::first(rest) {
        result.push_str(found.before);
        rest = found.after;
        match found.kind {
            Kind::Dollar => result.push('$'),
            Kind::Variable(name) => result.push_str(&lookup(name).unwrap_or_default()),
            Kind::Invalid => return Err(Fault::Invalid),
            Kind::Conditional(conditional) => {
                let (stretch, _) = rest.split_at(conditional.stretch);
                let (value, remainder) = conditional.value(stretch, lookup, depth)?;
                result.push_str(&value);
                rest = rest.split_at(stretch.len() - remainder.len()).1;
            }
        }
    }
    result.push_str(rest);
    Ok(result)
}

/// What may be a template, and the text before and after it.
struct Candidate<'t> {
    before: &'t str,
    text: &'t str,
    after: &'t str,
    kind: Kind<'t>,
}

enum Kind<'t> {
    /// `$$`
    Dollar,
    /// `$VAR` or `${VAR}`
    Variable(&'t str),
    /// `${VAR:-` and the other operators
    Conditional(Conditional<'t>),
    /// `${` that does not begin a template
    Invalid,
}

struct Conditional<'t> {
    name: &'t str,
    operator: &'t str,
    /// The number of bytes after the operator that belong to the match: up to the last `}` of the line.
    stretch: usize,
}

impl<'t> Candidate<'t> {
    fn first(text: &'t str) -> Option<Self> {
        let captures = CANDIDATE.captures(text)?;
        let found = captures.get(0)?;
        let behind = text.split_at(found.end()).1;
        let group = |name| captures.name(name).map(|group| group.as_str());
        let kind = match (group("named"), group("braced"), group("operator")) {
            (Some(name), ..) | (None, Some(name), Some("}")) => Kind::Variable(name),
            (None, Some(name), Some(operator)) => {
                let line = behind.split('\n').next().unwrap_or_default();
                line.rfind('}').map_or(Kind::Invalid, |last| {
                    Kind::Conditional(Conditional { name, operator, stretch: last + 1 })
                })
            }
            _ if found.as_str() == "$$" => Kind::Dollar,
            _ => Kind::Invalid,
        };
        let length = if matches!(kind, Kind::Invalid) { "${".len() } else { found.len() };
        let (before, rest) = text.split_at(found.start());
        let (text, after) = rest.split_at(length);
        Some(Self { before, text, after, kind })
    }
}

impl Conditional<'_> {
    /// The value, and the rest of `stretch` after the closing brace.
    fn value<'s>(&self, stretch: &'s str, lookup: Lookup, depth: usize) -> Result<(String, &'s str), Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::Error(EnvError::TooDeep));
        }
        let (word, remainder) = stretch.split_at(closing_brace(stretch).unwrap_or(stretch.len() - 1));
        let word = nested(word, lookup, depth + 1)?;
        let remainder = remainder.strip_prefix('}').unwrap_or(remainder);
        let value = lookup(self.name).filter(|value| !(self.operator.starts_with(':') && value.is_empty()));
        let value = match (self.operator, value) {
            (":+" | "+", value) => value.map(|_| word).unwrap_or_default(),
            (_, Some(value)) => value,
            (":?" | "?", None) => {
                return Err(Fault::Error(EnvError::Required {
                    variable: self.name.to_owned(),
                    reason: word,
                }));
            }
            (_, None) => word,
        };
        Ok((value, remainder))
    }
}

/// The offset of the `}` that closes a template whose `${` precedes `text`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => open += 1,
            '}' if open == 1 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
        before = c;
    }
    None
}
