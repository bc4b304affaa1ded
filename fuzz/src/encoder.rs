//! Checks the encoder with metrics made from the input.

use std::collections::{BTreeMap, BTreeSet};

use telegraf_execd_network::config::Global;
use telegraf_execd_network::metric::{Metric, Value};

use super::influx;
use super::written::{TIME, Written, field, field_key, name, tag};

/// Takes a length byte and that number of bytes off the front.
fn bytes<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let Some((&length, tail)) = rest.split_first() else { return &[] };
    let (head, tail) = tail.split_at(tail.len().min(usize::from(length)));
    *rest = tail;
    head
}

fn text(rest: &mut &[u8]) -> String {
    String::from_utf8_lossy(bytes(rest)).into_owned()
}

/// The first byte holds the numbers of tags of the metric, tags of the section, and fields. Names, keys and values
/// follow, each after its length.
pub fn line_protocol(mut data: &[u8]) {
    let data = &mut data;
    let Some((&counts, rest)) = data.split_first() else { return };
    *data = rest;
    let names = [text(data), text(data), text(data)];
    let own: BTreeMap<String, Vec<u8>> =
        (0..counts % 4).map(|_| (text(data), bytes(data).to_vec())).collect();
    let added: BTreeMap<String, String> = (0..counts / 4 % 4).map(|_| (text(data), text(data))).collect();
    let fields: Vec<(String, Vec<u8>)> =
        (0..counts / 16).map(|_| (text(data), bytes(data).to_vec())).collect();

    let [prefix, measurement, suffix] = names;
    let whole = name(&format!("{prefix}{measurement}{suffix}"));
    // The configuration refuses these. The names of inputs and of the kernel's counters are plain.
    let plain = |key: &String| tag(key.as_bytes()) == *key;
    let writable = !whole.is_empty() && !whole.starts_with('#') && own.keys().chain(added.keys()).all(plain);
    let keys: BTreeSet<String> = fields.iter().map(|(key, _)| field_key(key)).collect();
    if !writable || keys.len() < fields.len() || keys.contains("") {
        return;
    }
    let global = Global {
        name_prefix: prefix,
        name_suffix: suffix,
        tags: added.clone().into_iter().collect(),
        ..Global::default()
    };
    let tags: Vec<_> = own.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect();
    let fields: Vec<_> = fields.iter().map(|(key, value)| (key.as_str(), value_of(value))).collect();
    let mut written = Written::default();
    written.metric(&global, &Metric { name: &measurement, tags: &tags, fields: &fields });
    if !fields.is_empty() {
        let mut all: BTreeMap<&str, &[u8]> =
            added.iter().map(|(key, value)| (key.as_str(), value.as_bytes())).collect();
        all.extend(tags.iter().filter(|(_, value)| !value.is_empty()).copied());
        let written_tags = all.into_iter().map(|(key, value)| (tag(key.as_bytes()), tag(value)));
        written.expect(influx::Metric {
            name: whole,
            tags: written_tags.filter(|(key, value)| !key.is_empty() && !value.is_empty()).collect(),
            fields: fields.iter().map(|&(key, value)| (field_key(key), field(value))).collect(),
            time: TIME,
        });
    }
    written.check();
}

/// Eight bytes are a number, signed if the last byte is odd. Everything else is a string.
fn value_of(bytes: &[u8]) -> Value<'_> {
    match bytes.try_into().map(u64::from_le_bytes) {
        Ok(number) if number >> 56 & 1 == 1 => Value::Signed(number.cast_signed()),
        Ok(number) => Value::Unsigned(number),
        Err(_) => Value::Text(bytes),
    }
}
