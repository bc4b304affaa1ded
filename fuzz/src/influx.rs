//! A parser of line protocol that accepts only what Telegraf's own parser accepts.
//!
//! Follows the grammar in Telegraf's `plugins/parsers/influx/machine.go.rl` and the unescaping in `escape.go` (1.39.3),
//! independently of the library's encoder. Stricter than Telegraf where this plugin does not need more: lines without a
//! timestamp, floats, booleans, comments, empty lines and line breaks in strings are errors.

use std::collections::BTreeSet;

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `12i`
    Signed(i64),
    /// `12u`
    Unsigned(u64),
    /// `"text"`
    Text(String),
}

/// One metric, as Telegraf parses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The measurement.
    pub name: String,
    /// Tags, in the order of the line.
    pub tags: Vec<(String, String)>,
    /// Fields, in the order of the line.
    pub fields: Vec<(String, Value)>,
    /// The timestamp, in nanoseconds since 1970.
    pub time: i64,
}

/// Parses a whole output, in which every line ends with a newline and is one metric.
///
/// # Errors
/// The first line that Telegraf would refuse, with the reason.
pub fn read(output: &[u8]) -> Result<Vec<Metric>, String> {
    let text = std::str::from_utf8(output).map_err(|error| format!("not UTF-8: {error}"))?;
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines.pop() != Some("") {
        return Err(format!("the last line has no end: {text:?}"));
    }
    lines.into_iter().map(|text| line(text).map_err(|fault| format!("{fault}: {text:?}"))).collect()
}

fn line(text: &str) -> Result<Metric, String> {
    let mut rest = text.as_bytes();
    if rest.first() == Some(&b'#') {
        return Err(String::from("a comment"));
    }
    let name = word(&mut rest, b", ", true)?;
    let name = unescape(&name, &[",", " "], ", ");
    let mut tags = Vec::new();
    while take(&mut rest, b',') {
        let key = word(&mut rest, b",= ", false)?;
        if !take(&mut rest, b'=') {
            return Err(format!("no value for the tag {key:?}"));
        }
        let value = word(&mut rest, b",= ", false)?;
        tags.push((tag(&key), tag(&value)));
    }
    if !take(&mut rest, b' ') {
        return Err(String::from("no fields"));
    }
    let mut fields = Vec::new();
    loop {
        let key = word(&mut rest, b",= ", true)?;
        if !take(&mut rest, b'=') {
            return Err(format!("no value for the field {key:?}"));
        }
        fields.push((tag(&key), value(&mut rest)?));
        if !take(&mut rest, b',') {
            break;
        }
    }
    if !take(&mut rest, b' ') {
        return Err(String::from("no timestamp"));
    }
    let time = String::from_utf8_lossy(rest);
    let digits = time.strip_prefix('-').unwrap_or(&time);
    if digits.len() > 19 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("no timestamp but {time:?}"));
    }
    let time = time.parse().map_err(|error| format!("timestamp {time:?}: {error}"))?;
    once(tags.iter().map(|(key, _)| key))?;
    once(fields.iter().map(|(key, _)| key))?;
    Ok(Metric { name, tags, fields, time })
}

/// Refuses duplicate keys, since Telegraf keeps only one of the values.
fn once<'a>(keys: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(key) {
            return Err(format!("{key:?} comes twice"));
        }
    }
    Ok(())
}

fn take(rest: &mut &[u8], byte: u8) -> bool {
    let tail = rest.strip_prefix(&[byte]);
    *rest = tail.unwrap_or(rest);
    tail.is_some()
}

/// Takes a measurement, key or tag value, still escaped: at least one character, no white space, no separator without a
/// backslash. If backslashes are `paired`, the second of two escapes nothing. In tags it does.
fn word(rest: &mut &[u8], separators: &[u8], paired: bool) -> Result<String, String> {
    let mut end = 0;
    while let Some(&byte) = rest.get(end) {
        if matches!(byte, b'\t' | 0x0b | 0x0c | b'\r') {
            return Err(format!("white space {byte:#x}"));
        }
        if byte == b'\\' {
            match rest.get(end + 1) {
                None | Some(b'\t' | 0x0b | 0x0c | b'\r') => {
                    return Err(String::from("a backslash in front of nothing"));
                }
                Some(b'\\') if !paired => end += 1,
                Some(_) => end += 2,
            }
            continue;
        }
        if separators.contains(&byte) {
            break;
        }
        end += 1;
    }
    let (word, tail) = rest.split_at(end);
    *rest = tail;
    if word.is_empty() {
        return Err(String::from("an empty word"));
    }
    String::from_utf8(word.to_vec()).map_err(|error| error.to_string())
}

/// Unescapes the key or value of a tag, or the key of a field.
fn tag(text: &str) -> String {
    unescape(text, &[",", "\"", " ", "="], " ,=")
}

/// Removes the backslash before these characters, if the text contains any of `only_with`.
fn unescape(text: &str, characters: &[&str], only_with: &str) -> String {
    if !text.contains(|c| only_with.contains(c)) {
        return text.to_owned();
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('\\') {
        let (before, behind) = (&rest[..at], &rest[at + 1..]);
        out.push_str(before);
        if characters.iter().any(|character| behind.starts_with(character)) {
            // The next character is a single byte, and not a backslash.
            out.push_str(&behind[..1]);
            rest = &behind[1..];
        } else {
            out.push('\\');
            rest = behind;
        }
    }
    out + rest
}

fn value(rest: &mut &[u8]) -> Result<Value, String> {
    if take(rest, b'"') {
        return string(rest).map(Value::Text);
    }
    let end = rest.iter().position(|byte| b", ".contains(byte)).unwrap_or(rest.len());
    let (word, tail) = rest.split_at(end);
    *rest = tail;
    let word = String::from_utf8_lossy(word);
    let fault = || format!("no integer but {word:?}");
    let number = word.strip_suffix(['i', 'u']).ok_or_else(fault)?;
    let digits = number.strip_prefix('-').unwrap_or(number);
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    if leading_zero || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault());
    }
    let value = if word.ends_with('i') {
        number.parse().map(Value::Signed)
    } else {
        number.parse().map(Value::Unsigned)
    };
    value.map_err(|error| format!("{word}: {error}"))
}

/// Takes the rest of a string, up to the closing quote.
fn string(rest: &mut &[u8]) -> Result<String, String> {
    let mut out = Vec::new();
    loop {
        let Some((&byte, tail)) = rest.split_first() else {
            return Err(String::from("a string without end"));
        };
        *rest = tail;
        match byte {
            b'"' => break,
            b'\\' => match tail.split_first() {
                Some((&escaped @ (b'"' | b'\\'), tail)) => {
                    out.push(escaped);
                    *rest = tail;
                }
                _ => return Err(String::from("a lone backslash in a string")),
            },
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).map_err(|error| error.to_string())
}
