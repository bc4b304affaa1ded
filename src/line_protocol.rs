//! Writes InfluxDB's line protocol as Telegraf's influx parser reads it.
//!
//! Format: <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>. White space that is not allowed in a
//! key or tag is written as Telegraf's own serializer does it: a newline as backslash and `n`. A backslash at the end of a
//! tag would escape the separator after it, so it is dropped. What Telegraf reads is in `machine.go.rl` and `escape.go` of
//! its `plugins/parsers/influx`.

use std::io::Write;

use crate::metric::Value;
use crate::number::push_decimal;

/// How unsigned fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// As signed integers (`123i`), clamped to 9223372036854775807. Every version of InfluxDB accepts them.
    Clamped,
    /// As unsigned integers (`123u`), as with Telegraf's `influx_uint_support`.
    Native,
}

/// The bytes of a key or tag that cannot simply be copied: separators, white space, backslash, and everything that is not
/// ASCII, because it may not be UTF-8.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x80;
    while byte < 256 {
        table[byte] = true;
        byte += 1;
    }
    let escaped = b"\t\n\x0b\x0c\r ,=\\";
    let mut at = 0;
    while at < escaped.len() {
        table[escaped[at] as usize] = true;
        at += 1;
    }
    table
};

/// The part of a line that a text is in. Telegraf's parser does not unescape them all in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Comma and space are escaped. Two backslashes are read as one, so an odd one before a separator would leave the
    /// separator unescaped.
    Measurement,
    /// The equals sign is escaped too. In a text with a separator a backslash before a quote is removed.
    FieldKey,
    /// As a field key, but two backslashes are two.
    Tag,
}

/// Appends a measurement's name.
pub fn measurement(out: &mut Vec<u8>, name: &[u8]) {
    escape(out, name, Place::Measurement);
}

/// Appends a tag's key or value.
pub fn key(out: &mut Vec<u8>, text: &[u8]) {
    escape(out, text, Place::Tag);
}

/// Appends `,key=value`, or nothing if nothing would be written for the key or for the value.
pub fn tag(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let start = out.len();
    out.push(b',');
    key(out, name);
    let named = out.len();
    out.push(b'=');
    key(out, value);
    if named == start + 1 || out.len() == named + 1 {
        out.truncate(start);
    }
}

/// Appends `key=value`.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: Value<'_>, unsigned: Unsigned) {
    escape(out, name, Place::FieldKey);
    out.push(b'=');
    match value {
        Value::Unsigned(number) if unsigned == Unsigned::Native => {
            push_decimal(out, number);
            out.push(b'u');
        }
        Value::Unsigned(number) => {
            push_decimal(out, number.min(i64::MAX.unsigned_abs()));
            out.push(b'i');
        }
        Value::Signed(number) => {
            if number < 0 {
                out.push(b'-');
            }
            push_decimal(out, number.unsigned_abs());
            out.push(b'i');
        }
        Value::Text(text) => string(out, text),
    }
}

/// Appends a quoted string, in which quotes and backslashes are escaped. Telegraf would accept a newline in it, but other
/// readers rely on one metric per line, so it is written as backslash and `n`.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                b'\n' => out.extend_from_slice(b"\\\\n"),
                b'\r' => out.extend_from_slice(b"\\\\r"),
                _ => out.push(byte),
            }
        }
        replacement(out, chunk.invalid());
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, text: &[u8], place: Place) {
    if !text.iter().any(|&byte| SPECIAL[usize::from(byte)]) {
        out.extend_from_slice(text);
        return;
    }
    let end = text.iter().rposition(|&byte| byte != b'\\').map_or(0, |last| last + 1);
    let text = text.get(..end).unwrap_or_default();
    let separators: &[u8] = if place == Place::Measurement { b", " } else { b",= " };
    let takes_quotes = place != Place::Measurement && text.iter().any(|byte| separators.contains(byte));
    // The number of backslashes directly before this byte.
    let mut backslashes = 0;
    for chunk in text.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'\t' => out.extend_from_slice(b"\\t"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\x0b' => out.extend_from_slice(b"\\v"),
                b'\x0c' => out.extend_from_slice(b"\\f"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'"' if takes_quotes && backslashes > 0 => out.extend_from_slice(b"\\\""),
                _ if separators.contains(&byte) => {
                    if place != Place::Tag && backslashes % 2 == 1 {
                        // It cannot be written.
                        out.pop();
                    }
                    out.extend_from_slice(&[b'\\', byte]);
                }
                _ => out.push(byte),
            }
            backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
        }
        if !chunk.invalid().is_empty() {
            backslashes = 0;
        }
        replacement(out, chunk.invalid());
    }
}

fn replacement(out: &mut Vec<u8>, invalid: &[u8]) {
    if !invalid.is_empty() {
        out.extend_from_slice("\u{FFFD}".as_bytes());
    }
}

/// Appends a timestamp, in nanoseconds since 1970, and a newline.
pub fn timestamp(out: &mut Vec<u8>, nanoseconds: i128) {
    // Writing to a vector does not fail.
    let (Ok(()) | Err(_)) = writeln!(out, " {nanoseconds}");
}

#[cfg(test)]
mod tests;
