//! A second glob matcher, without regular expressions. It implements the rules of gobwas/glob, see the library's
//! `filter::glob`.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

enum Node {
    Char(char),
    /// `?`
    One,
    /// `*`
    Some,
    /// `**`
    All,
    /// `[...]` or `[!...]`: whether it is negated, and the ranges.
    Class(bool, Vec<(char, char)>),
    /// `{a,b}`
    Choice(Vec<Vec<Node>>),
}

/// Whether the entries of a list are globs. Otherwise all are literals.
pub fn has_wildcards(list: &[String], separators: &str) -> bool {
    !separators.is_empty() || list.iter().any(|entry| entry.contains(['*', '?', '[']))
}

/// Whether every entry of a list is a glob.
pub fn are_good(list: &[String], separators: &str) -> bool {
    !has_wildcards(list, separators) || list.iter().all(|entry| parse(entry).is_some())
}

/// Whether an entry of a list matches the whole text. `wildcards` is the result of [`has_wildcards`] for the list.
pub fn matches(entry: &str, wildcards: bool, separators: &str, text: &str) -> bool {
    if !wildcards {
        return entry == text;
    }
    let text: Vec<char> = text.chars().collect();
    let Some(nodes) = parse(entry) else { return false };
    ends(&nodes, BTreeSet::from([0]), separators, &text).contains(&text.len())
}

fn parse(glob: &str) -> Option<Vec<Node>> {
    let mut chars = glob.chars().peekable();
    let nodes = sequence(&mut chars, false)?;
    assert_eq!(chars.next(), None, "the whole glob");
    Some(nodes)
}

/// Parses up to the end, or with `inside` up to the end of an alternative.
fn sequence(chars: &mut Peekable<Chars<'_>>, inside: bool) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    while let Some(&c) = chars.peek() {
        if inside && matches!(c, ',' | '}') {
            break;
        }
        chars.next();
        match c {
            '?' => nodes.push(Node::One),
            '*' => nodes.push(chars.next_if_eq(&'*').map_or(Node::Some, |_| Node::All)),
            '[' => nodes.push(class(chars)?),
            '{' => {
                let mut choices = vec![sequence(chars, true)?];
                while chars.next_if_eq(&',').is_some() {
                    choices.push(sequence(chars, true)?);
                }
                chars.next_if_eq(&'}');
                nodes.push(Node::Choice(choices));
            }
            '\\' => nodes.extend(chars.next().map(Node::Char)),
            c => nodes.push(Node::Char(c)),
        }
    }
    Some(nodes)
}

fn class(chars: &mut Peekable<Chars<'_>>) -> Option<Node> {
    let excluded = chars.next_if_eq(&'!').is_some();
    let first = chars.next()?;
    if chars.next_if_eq(&'-').is_some() {
        let last = chars.next()?;
        let is_range = chars.next()? == ']' && first <= last;
        return is_range.then(|| Node::Class(excluded, vec![(first, last)]));
    }
    let mut members = Vec::new();
    let mut c = first;
    while c != ']' {
        let member = if c == '\\' { chars.next()? } else { c };
        members.push((member, member));
        c = chars.next()?;
    }
    (!members.is_empty()).then_some(Node::Class(excluded, members))
}

/// The positions where a match of all nodes can end if it begins at one of `starts`.
fn ends(nodes: &[Node], starts: BTreeSet<usize>, separators: &str, text: &[char]) -> BTreeSet<usize> {
    nodes.iter().fold(starts, |starts, node| {
        let one = |is: &dyn Fn(char) -> bool| {
            let next = starts.iter().filter(|at| text.get(**at).is_some_and(|c| is(*c)));
            next.map(|at| at + 1).collect()
        };
        let many = |is: &dyn Fn(char) -> bool| {
            let runs = starts.iter().flat_map(|&at| {
                let length = text[at..].iter().take_while(|c| is(**c)).count();
                at..=at + length
            });
            runs.collect()
        };
        match node {
            Node::Char(wanted) => one(&|c| c == *wanted),
            Node::One => one(&|c| !separators.contains(c)),
            Node::Class(excluded, ranges) => {
                one(&|c| *excluded != ranges.iter().any(|(first, last)| *first <= c && c <= *last))
            }
            Node::Some => many(&|c| !separators.contains(c)),
            Node::All => many(&|_| true),
            Node::Choice(choices) => {
                let ends = choices.iter().flat_map(|choice| ends(choice, starts.clone(), separators, text));
                ends.collect()
            }
        }
    })
}
