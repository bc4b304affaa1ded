//! The syntax of gobwas/glob (`syntax/lexer` and `syntax/ast` there): a pattern becomes its alternatives.

use std::collections::BTreeSet;
use std::mem;
use std::rc::Rc;
use std::str::Chars;

use super::GlobFault;

/// Most alternatives that the `{...}` of one pattern may multiply to.
const MAX_ALTERNATIVES: usize = 1024;
/// Most tokens made for one pattern, all alternatives together: a bound on memory and time.
const MAX_TOKENS: usize = 262_144;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Char(char),
    /// `?`
    Question,
    /// `*`
    Star,
    /// `**`
    DoubleStar,
    /// `[...]`, already as the crate glob writes it.
    Class(Rc<str>),
}

type Alternative = Vec<Token>;

/// A `{...}`, or the whole pattern: the alternatives that a comma has ended, and those being read.
struct Group {
    ended: Vec<Alternative>,
    open: Vec<Alternative>,
}

impl Group {
    fn new() -> Self {
        Self { ended: Vec::new(), open: vec![Vec::new()] }
    }
}

struct Parser {
    /// The groups around the one being read.
    outer: Vec<Group>,
    group: Group,
    /// Tokens made so far, an alternative counting as one more.
    made: usize,
}

/// The alternatives of a pattern, at least one. A `{` that is not closed ends with the pattern, a `}` without
/// its `{` and a trailing `\` are taken as gobwas takes them: as a character, and as nothing.
pub(super) fn parse(pattern: &str) -> Result<Vec<Alternative>, GlobFault> {
    let mut parser = Parser { outer: Vec::new(), group: Group::new(), made: 0 };
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let inside = !parser.outer.is_empty();
        match c {
            '{' => parser.outer.push(mem::replace(&mut parser.group, Group::new())),
            ',' if inside => parser.end_alternative()?,
            '}' if inside => parser.close()?,
            '[' => parser.push(&class(&mut chars)?)?,
            '?' => parser.push(&Token::Question)?,
            '*' if chars.as_str().starts_with('*') => {
                chars.next();
                parser.push(&Token::DoubleStar)?;
            }
            '*' => parser.push(&Token::Star)?,
            '\\' => {
                if let Some(escaped) = chars.next() {
                    parser.push(&Token::Char(escaped))?;
                }
            }
            c => parser.push(&Token::Char(c))?,
        }
    }
    while !parser.outer.is_empty() {
        parser.close()?;
    }
    Ok(parser.group.open)
}

impl Parser {
    fn push(&mut self, token: &Token) -> Result<(), GlobFault> {
        self.spend(self.group.open.len())?;
        for alternative in &mut self.group.open {
            alternative.push(token.clone());
        }
        Ok(())
    }

    fn end_alternative(&mut self) -> Result<(), GlobFault> {
        self.spend(1)?;
        self.group.ended.append(&mut self.group.open);
        self.group.open.push(Vec::new());
        if self.group.ended.len() < MAX_ALTERNATIVES { Ok(()) } else { Err(GlobFault::TooLarge) }
    }

    /// Ends the innermost group: each alternative before it, followed by each of its own.
    fn close(&mut self) -> Result<(), GlobFault> {
        let Some(outer) = self.outer.pop() else { return Ok(()) };
        let inner = mem::replace(&mut self.group, outer);
        let choices: Vec<Alternative> = inner.ended.into_iter().chain(inner.open).collect();
        let starts = mem::take(&mut self.group.open);
        if starts.len() * choices.len() > MAX_ALTERNATIVES {
            return Err(GlobFault::TooLarge);
        }
        for start in &starts {
            for choice in &choices {
                self.spend(start.len() + choice.len() + 1)?;
                self.group.open.push(start.iter().chain(choice).cloned().collect());
            }
        }
        Ok(())
    }

    fn spend(&mut self, tokens: usize) -> Result<(), GlobFault> {
        self.made += tokens;
        if self.made <= MAX_TOKENS { Ok(()) } else { Err(GlobFault::TooLarge) }
    }
}

/// What follows a `[`: `!` for all others, then one range or a list of characters. A `-` that is not the second
/// character is itself, and `\` escapes in a list only.
fn class(chars: &mut Chars) -> Result<Token, GlobFault> {
    let negated = chars.as_str().starts_with('!');
    if negated {
        chars.next();
    }
    let mut ahead = chars.clone();
    let low = ahead.next().ok_or(GlobFault::UnclosedClass)?;
    if ahead.next() == Some('-') {
        let high = ahead.next().ok_or(GlobFault::UnclosedClass)?;
        let end = ahead.next().ok_or(GlobFault::UnclosedClass)?;
        *chars = ahead;
        return match end {
            ']' if high < low => Err(GlobFault::DescendingRange(low, high)),
            ']' => Ok(class_token(&[(low, high)], negated)),
            _ => Err(GlobFault::LongRange),
        };
    }
    let mut listed = BTreeSet::new();
    loop {
        let mut c = chars.next().ok_or(GlobFault::UnclosedClass)?;
        match c {
            ']' if listed.is_empty() => return Err(GlobFault::EmptyClass),
            ']' => break,
            '\\' => c = chars.next().ok_or(GlobFault::UnclosedClass)?,
            _ => {}
        }
        listed.insert(c);
    }
    let ranges: Vec<(char, char)> = listed.into_iter().map(|c| (c, c)).collect();
    Ok(class_token(&ranges, negated))
}

fn class_token(ranges: &[(char, char)], negated: bool) -> Token {
    match ranges {
        [(low, high)] if low == high && !negated => Token::Char(*low),
        _ => Token::Class(write_class(ranges, negated).into()),
    }
}

/// A class as the crate glob writes it. It has no escapes: `]` must come first, `-` first or last, and `!` must
/// not come first. So those three are taken out of the ranges and put where they stand for themselves. The
/// class must not be `!` alone.
pub(super) fn write_class(ranges: &[(char, char)], negated: bool) -> String {
    let held = |special| ranges.iter().any(|&(low, high)| (low..=high).contains(&special));
    let mut text = String::from(if negated { "[!" } else { "[" });
    if held(']') {
        text.push(']');
    } else if held('-') {
        text.push('-');
    }
    for &range in ranges {
        push_range(&mut text, range);
    }
    if held('!') {
        text.push('!');
    }
    if held(']') && held('-') {
        text.push('-');
    }
    text.push(']');
    text
}

/// The range without `!`, `-` and `]`.
fn push_range(text: &mut String, (mut low, high): (char, char)) {
    // Each special character, with its neighbours below and above.
    for (below, special, above) in [(' ', '!', '"'), (',', '-', '.'), ('\\', ']', '^')] {
        if (low..=high).contains(&special) {
            push_plain(text, low, below);
            low = above;
        }
    }
    push_plain(text, low, high);
}

fn push_plain(text: &mut String, low: char, high: char) {
    if low < high {
        text.extend([low, '-', high]);
    } else if low == high {
        text.push(low);
    }
}
