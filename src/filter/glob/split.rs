//! A glob with separators: pieces without a star, and between them gaps that stop at a separator or do not.
//!
//! The crate glob knows one separator, lets no class match it, and tries again and again where two stars stop
//! at it. Here it only judges the pieces, each of a fixed length; the positions that each piece can end at are
//! walked through once a piece, so the time is bounded by text length times pattern length.

use glob::Pattern;

use super::syntax::{self, Token};
use super::{GlobFault, compile, push_char};

#[derive(Debug)]
pub(super) struct Split {
    separators: Vec<char>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    /// What may lie between the piece before and this one.
    gap: Gap,
    pattern: Pattern,
    /// In characters.
    length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    Nothing,
    NoSeparator,
    Anything,
}

impl Split {
    pub(super) fn new(tokens: &[Token], separators: &str) -> Result<Self, GlobFault> {
        let separators: Vec<char> = separators.chars().collect();
        let no_separator = syntax::write_class(&separators.iter().map(|&c| (c, c)).collect::<Vec<_>>(), true);
        let mut pieces = Vec::new();
        let (mut gap, mut text, mut length) = (Gap::Nothing, String::new(), 0);
        for token in tokens {
            match token {
                Token::Char(c) => push_char(&mut text, *c),
                Token::Question => text.push_str(&no_separator),
                Token::Class(class) => text.push_str(class),
                Token::Star | Token::DoubleStar => {
                    pieces.push(Piece { gap, pattern: compile(&text)?, length });
                    text.clear();
                    length = 0;
                    gap = if *token == Token::Star { Gap::NoSeparator } else { Gap::Anything };
                    continue;
                }
            }
            length += 1;
        }
        pieces.push(Piece { gap, pattern: compile(&text)?, length });
        Ok(Self { separators, pieces })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let edges: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        // Whether the pieces so far can end at this edge.
        let mut ends = vec![false; edges.len()];
        if let Some(start) = ends.first_mut() {
            *start = true;
        }
        for piece in &self.pieces {
            self.widen(&mut ends, piece.gap, text);
            let mut next = vec![false; edges.len()];
            let spans = edges.iter().zip(edges.iter().skip(piece.length));
            for ((reached, end), (&from, &to)) in
                ends.iter().zip(next.iter_mut().skip(piece.length)).zip(spans)
            {
                *end = *reached && text.get(from..to).is_some_and(|span| piece.pattern.matches(span));
            }
            ends = next;
        }
        ends.last() == Some(&true)
    }

    /// Adds the edges that the gap reaches from those already reached.
    fn widen(&self, ends: &mut [bool], gap: Gap, text: &str) {
        if gap == Gap::Nothing {
            return;
        }
        let mut reached = ends.first() == Some(&true);
        for (end, c) in ends.iter_mut().skip(1).zip(text.chars()) {
            reached = *end || (reached && (gap == Gap::Anything || !self.separators.contains(&c)));
            *end = reached;
        }
    }
}
