//! The texts that the source code can print: every string literal of several words.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// A string literal of the source code.
#[derive(Debug)]
pub struct Text {
    /// The place: `src/file.rs:12`.
    pub place: String,
    /// Its value. It may have placeholders: `{}`, `{name}`.
    pub value: String,
}

impl Text {
    /// A pattern for the output. Placeholders match anything.
    pub fn pattern(&self) -> Regex {
        let mut pattern = String::new();
        let mut rest = self.value.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, tail) = rest.split_at(at);
            pattern += &regex::escape(plain);
            if let Some(next) = tail.strip_prefix("{{").or_else(|| tail.strip_prefix("}}")) {
                pattern += &regex::escape(&tail[..1]);
                rest = next;
            } else {
                pattern += ".*";
                rest = tail.split_once('}').expect("a placeholder ends").1;
            }
        }
        pattern += &regex::escape(rest);
        Regex::new(&pattern).expect("a valid pattern")
    }

    /// Whether the literal is a text and not a single word: it has a space and two adjacent letters.
    fn is_text(&self) -> bool {
        let bytes = self.value.as_bytes();
        let letters = bytes.windows(2).any(|pair| pair.iter().all(u8::is_ascii_alphabetic));
        letters && self.value.contains(' ')
    }
}

/// The code before a literal that is never printed: the reason of a lint, the text of a panic (the lints forbid
/// panics), and the key of a diagnostic.
const NEVER_PRINTED: [&str; 8] =
    ["reason =", ".expect(", "unreachable!(", "debug_assert!(", "key:", "key =", "debug(", ".diagnostic("];

/// The texts of all files in `src/`, without those of tests.
pub fn texts() -> Vec<Text> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    list(&root.join("src"), &mut files);
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        let code = fs::read_to_string(&file).expect("source code is UTF-8");
        let name = file.strip_prefix(root).expect("it is below the root").display().to_string();
        literals(&code, &mut |before, value| {
            let line = before.lines().count().max(1);
            let code = before.trim_end();
            let is_remark = code.rsplit_once("remark(").is_some_and(|(_, rest)| {
                rest.strip_prefix("Level::").is_some_and(|rest| rest.ends_with(',') && !rest.contains(' '))
            });
            let text = Text { place: format!("{name}:{line}"), value };
            if text.is_text() && !is_remark && !NEVER_PRINTED.iter().any(|end| code.ends_with(end)) {
                texts.push(text);
            }
        });
    }
    texts
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("src/ can be listed") {
        let path = entry.expect("src/ can be listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are UTF-8");
        // Modules of tests.
        if ["tests", "tests.rs", "testing", "testing.rs"].contains(&name) {
            continue;
        }
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Calls `each` with the code before each string literal, and its value. Stops at the tests at the end of a file.
fn literals(code: &str, each: &mut dyn FnMut(&str, String)) {
    let token = Regex::new(
        r###"(?s)//[^\n]*|/\*.*?\*/|'(?:\\.[^']*|[^'\\])'|(?-u:\b)b?r(?:"[^"]*"|#".*?"#|##".*?"##)|"((?:[^"\\]|\\.)*)"|#\[cfg\(test\)\][ \n]*mod [a-z_]+ \{"###,
    );
    for found in token.expect("a valid pattern").captures_iter(code) {
        let all = found.get(0).expect("the match");
        if all.as_str().starts_with("#[cfg(test)]") {
            return;
        }
        if let Some(value) = found.get(1) {
            each(&code[..all.start()], unescape(value.as_str()));
        }
    }
}

/// The value of a literal.
fn unescape(literal: &str) -> String {
    let continued = Regex::new(r"\\\n *").expect("a valid pattern");
    let literal = continued.replace_all(literal, "");
    let mut value = String::new();
    let mut chars = literal.chars();
    while let Some(char) = chars.next() {
        match (char, char == '\\') {
            (_, true) => match chars.next().expect("an escape has a character") {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                '0' => value.push('\0'),
                'x' => {
                    let digits: String = chars.by_ref().take(2).collect();
                    value.extend(u8::from_str_radix(&digits, 16).map(char::from));
                }
                other => value.push(other),
            },
            (char, false) => value.push(char),
        }
    }
    value
}

#[test]
fn literals_are_found() {
    let code = r##"
        // "a comment"
        let a = "one \"quoted\" text"; let b = '"'; let c = r#"a raw "text" here"#;
        let d = "in two \
                 lines";
        #[cfg(test)]
        mod tests { const X: &str = "of a test"; }
    "##;
    let mut found = Vec::new();
    literals(code, &mut |_, value| found.push(value));
    assert_eq!(found, ["one \"quoted\" text", "in two lines"]);
    let text = Text { place: String::new(), value: String::from("a {{x}} {name} end.") };
    assert!(text.pattern().is_match("a {x} any thing end.") && !text.pattern().is_match("a {x} any end,"));
}
