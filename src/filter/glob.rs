//! Telegraf's lists of globs, as `namepass`, `tagdrop` or `interfaces` hold them.
//!
//! The rules are those of Telegraf's `filter.Compile`, which uses the Go library gobwas/glob: a list without any of
//! `*?[` and without separators holds literals only, so that `{a,b}` stands for itself; in every other list each
//! entry is a glob. A glob knows `*`, `**`, `?`, `[abc]`, `[a-c]`, `[!a]`, `{a,b}` (which may be nested) and `\x`.
//! With separators, `*` and `?` do not match a separator; `**` and `[...]` do. The globs of a list become one
//! regular expression, so matching takes linear time.

use std::str::Chars;

use regex::Regex;
use thiserror::Error;

use crate::quote::quote;

#[cfg(test)]
mod tests;

/// The most bytes of all globs of a list together, without separators; half of it with one, a third with two.
const MAX_LENGTH: usize = 64 * 1024;
/// How deep `{...}` may be nested.
const MAX_DEPTH: usize = 64;

/// A list of patterns, at least one. A text matches if one of them matches all of it.
#[derive(Debug)]
pub struct Globs {
    /// Sorted. Most lists hold nothing else.
    literals: Vec<String>,
    regex: Option<Regex>,
}

/// Why an entry of a list is not a glob.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("glob {}: {fault}", quote(pattern.as_bytes()))]
pub struct GlobError {
    /// The entry as written.
    pub pattern: String,
    /// What is wrong with it.
    pub fault: GlobFault,
}

/// What can be wrong with a glob.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GlobFault {
    /// A `[` without its `]`.
    #[error("a \"[\" is not closed by \"]\"")]
    UnclosedClass,
    /// `[]` or `[!]`.
    #[error("a \"[...]\" is empty")]
    EmptyClass,
    /// `[a-cd]`: a class is one range, or a list of characters that does not start with a range.
    #[error("the range in a \"[...]\" is followed by something other than \"]\"")]
    LongRange,
    /// `[c-a]`.
    #[error("the range {0:?}-{1:?} is in descending order")]
    DescendingRange(char, char),
    /// Too many `{...}` inside each other.
    #[error("\"{{...}}\" is nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// The list is too long; the error names its longest entry.
    #[error("its list is too long")]
    TooLong,
}

impl Globs {
    /// Compiles a list; `*` and `?` match none of the characters in `separators`. `None` for an empty list, which to
    /// Telegraf means that there is no filter.
    ///
    /// # Errors
    /// The first entry that is not a glob, with the reason.
    pub fn compile(patterns: &[String], separators: &str) -> Result<Option<Self>, GlobError> {
        let wildcards =
            !separators.is_empty() || patterns.iter().any(|entry| entry.contains(['*', '?', '[']));
        let (globs, literals): (Vec<_>, Vec<_>) =
            patterns.iter().partition(|entry| wildcards && entry.contains(['*', '?', '[', '{', '\\']));
        let mut literals: Vec<String> = literals.into_iter().cloned().collect();
        literals.sort_unstable();
        let regex = (!globs.is_empty()).then(|| compile(&globs, separators)).transpose()?;
        Ok((!patterns.is_empty()).then_some(Self { literals, regex }))
    }

    /// Whether one of the patterns matches the whole of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.literals.binary_search_by(|literal| literal.as_str().cmp(text)).is_ok()
            || self.regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// One regular expression that matches what any of the globs matches.
fn compile(globs: &[&String], separators: &str) -> Result<Regex, GlobError> {
    let error = |glob: &str, fault| GlobError { pattern: glob.to_owned(), fault };
    let longest = globs.iter().max_by_key(|glob| glob.len()).map_or("", |glob| glob.as_str());
    let length: usize = globs.iter().map(|glob| glob.len()).sum();
    if length.saturating_mul(1 + separators.len()) > MAX_LENGTH {
        return Err(error(longest, GlobFault::TooLong));
    }
    let not_separator: String = if separators.is_empty() {
        String::from(".")
    } else {
        "[^".chars().chain(separators.chars().flat_map(char::escape_unicode)).chain([']']).collect()
    };
    let translate = |glob: &&String| translate(glob, &not_separator).map_err(|fault| error(glob, fault));
    let alternatives = globs.iter().map(translate).collect::<Result<Vec<_>, _>>()?;
    // The expression is valid, so the only possible error is that it needs too much memory.
    Regex::new(&format!(r"(?s)\A(?:{})\z", alternatives.join("|")))
        .map_err(|_| error(longest, GlobFault::TooLong))
}

/// Translates a glob into a regular expression, in which `not_separator` matches what `?` does. A `{` that is not closed
/// ends with the glob, a `}` without its `{` is a character, and a `\` at the end is ignored: gobwas does the same.
fn translate(glob: &str, not_separator: &str) -> Result<String, GlobFault> {
    let mut regex = String::new();
    let mut depth = 0;
    let mut chars = glob.chars();
    while let Some(c) = chars.next() {
        match c {
            '{' if depth == MAX_DEPTH => return Err(GlobFault::TooDeep),
            '{' => {
                depth += 1;
                regex.push_str("(?:");
            }
            ',' if depth > 0 => regex.push('|'),
            '}' if depth > 0 => {
                depth -= 1;
                regex.push(')');
            }
            '[' => translate_class(&mut chars, &mut regex)?,
            '?' => regex.push_str(not_separator),
            '*' if chars.as_str().starts_with('*') => {
                chars.next();
                regex.push_str(".*");
            }
            '*' => regex.extend([not_separator, "*"]),
            '\\' => regex.extend(chars.next().map(char::escape_unicode).into_iter().flatten()),
            c => regex.extend(c.escape_unicode()),
        }
    }
    regex.extend(std::iter::repeat_n(')', depth));
    Ok(regex)
}

/// Translates what follows a `[`: `!` for all other characters, then one range or a list of characters. A `-` that is
/// not the second character stands for itself, and `\` escapes in a list only.
fn translate_class(chars: &mut Chars, regex: &mut String) -> Result<(), GlobFault> {
    let next = |chars: &mut Chars| chars.next().ok_or(GlobFault::UnclosedClass);
    regex.push('[');
    let mut c = next(chars)?;
    if c == '!' {
        regex.push('^');
        c = next(chars)?;
    }
    if chars.as_str().starts_with('-') {
        chars.next();
        let last = next(chars)?;
        if next(chars)? != ']' {
            return Err(GlobFault::LongRange);
        }
        if last < c {
            return Err(GlobFault::DescendingRange(c, last));
        }
        regex.extend(c.escape_unicode().chain(['-']).chain(last.escape_unicode()));
    } else if c == ']' {
        return Err(GlobFault::EmptyClass);
    } else {
        while c != ']' {
            if c == '\\' {
                c = next(chars)?;
            }
            regex.extend(c.escape_unicode());
            c = next(chars)?;
        }
    }
    regex.push(']');
    Ok(())
}
