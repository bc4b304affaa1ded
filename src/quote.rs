//! Makes text from outside the program safe for a log line.

use std::fmt::Write;

/// The most that is shown of a text from outside, in bytes.
const LONGEST_QUOTE: usize = 200;

/// Quotes text from outside for a log line: control characters are escaped, and it is cut at 200 bytes.
#[must_use]
pub fn quote(text: &[u8]) -> String {
    let mut quoted = String::from("\"");
    // Escaping only makes it longer, so no more than this is shown.
    let (head, cut_off) = match text.get(..LONGEST_QUOTE) {
        Some(head) if text.len() > LONGEST_QUOTE => (head, true),
        _ => (text, false),
    };
    for c in String::from_utf8_lossy(head).chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string does not fail.
                let (Ok(()) | Err(_)) = write!(quoted, "{}", c.escape_default());
            }
            c => quoted.push(c),
        }
    }
    let too_long = quoted.len() > LONGEST_QUOTE;
    cut(&mut quoted, LONGEST_QUOTE);
    quoted.push('"');
    if cut_off || too_long {
        quoted.push_str("...");
    }
    quoted
}

/// Cuts text from outside that needs no quotes at 200 bytes.
#[must_use]
pub fn shorten(text: &str) -> String {
    let mut short = text.to_owned();
    cut(&mut short, LONGEST_QUOTE);
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}

/// The characters of a text that has to stay on one line. Control characters, which could also change the colours of a
/// terminal, are replaced by spaces.
pub(crate) fn printable(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| if c.is_control() { ' ' } else { c })
}

/// Shortens a text to at most `longest` bytes, between two characters.
pub(crate) fn cut(text: &mut String, longest: usize) {
    if text.len() > longest {
        let end = (0..=longest).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_is_quoted_and_cut() {
        assert_eq!(quote(b"plain"), "\"plain\"");
        assert_eq!(quote(b"a\"b\\c\n\x1b\xff"), "\"a\\\"b\\\\c\\n\\u{1b}\u{FFFD}\"");
        for long in [vec![b'x'; 201], vec![0; 150], "é".repeat(150).into_bytes()] {
            let quoted = quote(&long);
            assert!(quoted.len() <= 204 && quoted.ends_with("\"..."), "{quoted}");
        }
        assert_eq!(quote(&[b'x'; 199]).len(), 201);
    }
}
