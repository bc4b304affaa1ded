//! The encoder of InfluxDB's line protocol, as Telegraf's influx parser reads it.
//!
//! Format: <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>. White space that the
//! format cannot carry in a key or tag is written as Telegraf's own serializer writes it (`\n` as backslash
//! and `n`). A backslash at the end of a tag would escape the separator behind it, so it is left out there.
//! What Telegraf reads is in its `plugins/parsers/influx`: `machine.go.rl` and `escape.go`.

use std::io::Write;

use crate::metric::Value;
use crate::number::push_decimal;

/// How unsigned fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// As signed integers (`123i`), clamped to 9223372036854775807: every InfluxDB takes them.
    Clamped,
    /// As unsigned integers (`123u`), which Telegraf calls `influx_uint_support`.
    Native,
}

/// Which bytes of a key or tag need more than copying: separators, white space, backslash, all that is not
/// ASCII (it may not be UTF-8).
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

/// Where a text stands, for Telegraf's parser does not unescape alike everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Comma and space are escaped, and two backslashes belong together: an odd one before a separator would
    /// leave the separator bare.
    Measurement,
    /// Equals sign too. In a text with a separator a backslash in front of a quote is taken off.
    FieldKey,
    /// As there, but backslashes do not belong together.
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

/// Appends `,key=value`, or nothing where the key or the value is empty when written.
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

/// Appends a quoted string: quote and backslash escaped. A line break inside would be legal to Telegraf but
/// would break the rule that a line is a metric, so it is written as backslash and letter.
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
    // How many backslashes stand in front of the byte at hand.
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
                        // There is no way to write it.
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

/// Appends a timestamp in nanoseconds since 1970, and the end of the line.
pub fn timestamp(out: &mut Vec<u8>, nanoseconds: i128) {
    // Writing to a vector does not fail.
    let (Ok(()) | Err(_)) = writeln!(out, " {nanoseconds}");
}

#[cfg(test)]
mod tests;
