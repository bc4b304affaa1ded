//! The encoder of InfluxDB's line protocol, as Telegraf's influx parser reads it.
//!
//! Format: <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>. White space that the
//! format cannot carry in a key or tag is written as Telegraf's own serializer writes it (`\n` as backslash
//! and `n`). A backslash at the end of a tag would escape the separator behind it, so it is left out there.

use std::io::Write;

use crate::metric::Value;

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
    let escaped = b"\t\n\x0c\r ,=\\";
    let mut at = 0;
    while at < escaped.len() {
        table[escaped[at] as usize] = true;
        at += 1;
    }
    table
};

/// Appends a measurement's name: comma and space escaped.
pub fn measurement(out: &mut Vec<u8>, name: &[u8]) {
    escape(out, name, b", ");
}

/// Appends a tag's key or value, or a field's key: comma, equals sign and space escaped.
pub fn key(out: &mut Vec<u8>, text: &[u8]) {
    escape(out, text, b",= ");
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
    key(out, name);
    out.push(b'=');
    match value {
        Value::Unsigned(number) if unsigned == Unsigned::Native => {
            decimal(out, number);
            out.push(b'u');
        }
        Value::Unsigned(number) => {
            decimal(out, number.min(i64::MAX.unsigned_abs()));
            out.push(b'i');
        }
        Value::Signed(number) => {
            if number < 0 {
                out.push(b'-');
            }
            decimal(out, number.unsigned_abs());
            out.push(b'i');
        }
        Value::Text(text) => string(out, text),
    }
}

/// Appends a number without going through the formatting machinery, which takes a third of a line's time.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0_u8; 20];
    let mut rest = number;
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        // The remainder is below 10.
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[digits.len() - used..]);
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

fn escape(out: &mut Vec<u8>, text: &[u8], escaped: &[u8]) {
    if !text.iter().any(|&byte| SPECIAL[usize::from(byte)]) {
        out.extend_from_slice(text);
        return;
    }
    let end = text.iter().rposition(|&byte| byte != b'\\').map_or(0, |last| last + 1);
    for chunk in text.get(..end).unwrap_or_default().utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'\t' => out.extend_from_slice(b"\\t"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\x0c' => out.extend_from_slice(b"\\f"),
                b'\r' => out.extend_from_slice(b"\\r"),
                _ if escaped.contains(&byte) => out.extend_from_slice(&[b'\\', byte]),
                _ => out.push(byte),
            }
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
