//! Telegraf's glob lists, as `namepass`, `tagdrop` or `interfaces` hold them.
//!
//! The rules are those of Telegraf's `filter.Compile` over the Go library gobwas/glob: a list without any of `*?[`
//! and without separators holds literals only, so that `{a,b}` stands for itself; in every other list each
//! entry is a glob. Globs know `*`, `**`, `?`, `[abc]`, `[a-c]`, `[!a]`, `{a,b}` (nested too) and `\x`; with
//! separators, `*` and `?` stop at one, `**` and `[...]` do not. The crate glob does the matching; what it
//! lacks (alternatives, escapes, separators of one's own choice) is translated beforehand.

use glob::Pattern;
use thiserror::Error;

use self::split::Split;
use self::syntax::Token;
use crate::quote::quote;

mod split;
mod syntax;
#[cfg(test)]
mod tests;

/// Most `*` in one alternative. The crate glob recurses once for each.
const MAX_STARS: usize = 256;

/// A list of patterns, at least one; a text matches when one of them matches all of it.
#[derive(Debug)]
pub struct Globs {
    /// Sorted. Most lists hold nothing else, and are then one binary search a text.
    literals: Vec<String>,
    patterns: Vec<Matcher>,
}

#[derive(Debug)]
enum Matcher {
    Whole(Pattern),
    Split(Split),
}

/// Why one entry of a list is no glob.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("glob {}: {reason}", quote(pattern.as_bytes()))]
pub struct GlobError {
    /// The entry as written.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: GlobFault,
}

/// What can be wrong with a glob.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GlobFault {
    /// A `[` without its `]`.
    #[error("a \"[\" is not closed by \"]\"")]
    UnclosedClass,
    /// `[]` or `[!]`.
    #[error("a \"[...]\" holds no character")]
    EmptyClass,
    /// `[a-cd]`: a class is one range, or a list of characters that does not start with a range.
    #[error("the range in a \"[...]\" is followed by something other than \"]\"")]
    LongRange,
    /// `[c-a]`.
    #[error("the range {0:?}-{1:?} is in descending order")]
    DescendingRange(char, char),
    /// `{...}` multiply beyond 1,024 alternatives, or beyond 262,144 characters in all.
    #[error("it is too long or stands for too many alternatives (at most 1024)")]
    TooLarge,
    /// More than 256 `*`.
    #[error("it has more than {MAX_STARS} \"*\"")]
    TooManyStars,
    /// The crate glob does not take the translated pattern.
    #[error("{0}")]
    Refused(&'static str),
}

impl Globs {
    /// Compiles a list; each character of `separators` is one that `*` and `?` do not match. None for an empty
    /// list, which to Telegraf means that there is no filter.
    ///
    /// # Errors
    /// The first entry that is no glob, with the reason.
    pub fn compile(patterns: &[String], separators: &str) -> Result<Option<Self>, GlobError> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let mut globs = Self { literals: Vec::new(), patterns: Vec::new() };
        if separators.is_empty() && !patterns.iter().any(|entry| entry.contains(['*', '?', '['])) {
            globs.literals.extend_from_slice(patterns);
        } else {
            for pattern in patterns {
                globs
                    .add(pattern, separators)
                    .map_err(|reason| GlobError { pattern: pattern.clone(), reason })?;
            }
        }
        globs.literals.sort_unstable();
        Ok(Some(globs))
    }

    /// Whether one of the patterns matches the whole of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.literals.binary_search_by(|literal| literal.as_str().cmp(text)).is_ok()
            || self.patterns.iter().any(|matcher| match matcher {
                Matcher::Whole(pattern) => pattern.matches(text),
                Matcher::Split(split) => split.matches(text),
            })
    }

    fn add(&mut self, pattern: &str, separators: &str) -> Result<(), GlobFault> {
        for alternative in syntax::parse(pattern)? {
            if let Some(literal) = literal(&alternative) {
                self.literals.push(literal);
                continue;
            }
            let stars = alternative.iter().filter(|token| matches!(token, Token::Star | Token::DoubleStar));
            if stars.count() > MAX_STARS {
                return Err(GlobFault::TooManyStars);
            }
            self.patterns.push(if separators.is_empty() {
                Matcher::Whole(whole(&alternative)?)
            } else {
                Matcher::Split(Split::new(&alternative, separators)?)
            });
        }
        Ok(())
    }
}

/// The text that these tokens stand for, if it is only one.
fn literal(tokens: &[Token]) -> Option<String> {
    tokens.iter().map(|token| if let Token::Char(c) = token { Some(*c) } else { None }).collect()
}

/// One pattern of the crate glob. Neighbouring stars become one: `**` has another meaning there, and no
/// star that follows a star can then make the crate's matcher try a position twice.
fn whole(tokens: &[Token]) -> Result<Pattern, GlobFault> {
    let mut text = String::new();
    let mut after_star = false;
    for token in tokens {
        let star = matches!(token, Token::Star | Token::DoubleStar);
        match token {
            Token::Char(c) => push_char(&mut text, *c),
            Token::Question => text.push('?'),
            Token::Class(class) => text.push_str(class),
            Token::Star | Token::DoubleStar if after_star => {}
            Token::Star | Token::DoubleStar => text.push('*'),
        }
        after_star = star;
    }
    compile(&text)
}

fn push_char(text: &mut String, c: char) {
    if matches!(c, '*' | '?' | '[') {
        text.extend(['[', c, ']']);
    } else {
        text.push(c);
    }
}

fn compile(text: &str) -> Result<Pattern, GlobFault> {
    Pattern::new(text).map_err(|error| GlobFault::Refused(error.msg))
}
