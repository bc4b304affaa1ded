//! Checks the encoder with the encode cases of line-protocol-corpus. Each value has its own type.
//!
//! This plugin has no floats and no booleans. Cases that contain one are compared before and after that value;
//! `not-whole.txt` lists them.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use telegraf_execd_network::line_protocol::{self, Unsigned};
use telegraf_execd_network::metric::Value;

use crate::support::execd::fixture;

#[derive(Deserialize)]
struct Corpus {
    case: Vec<Case>,
}

/// A point, and the expected line or error.
#[derive(Deserialize)]
pub struct Case {
    key: String,
    pub name: String,
    pub time: i64,
    pub tags: Vec<(String, String)>,
    fields: Vec<Field>,
    result: Option<String>,
    error: Option<String>,
}

/// Key, type and value.
#[derive(Deserialize)]
struct Field(String, String, String);

impl Field {
    /// The value, or the name of its type if this plugin does not have that type.
    fn value(&self) -> Result<Value<'_>, &str> {
        let Self(_, kind, text) = self;
        match kind.as_str() {
            "int" => Ok(Value::Signed(text.parse().expect("an integer"))),
            "uint" => Ok(Value::Unsigned(text.parse().expect("an unsigned integer"))),
            "string" => Ok(Value::Text(text.as_bytes())),
            other => Err(other),
        }
    }
}

impl Case {
    /// The fields whose types this plugin has.
    pub fn fields(&self) -> Vec<(&str, Value<'_>)> {
        self.fields.iter().filter_map(|field| Some((field.0.as_str(), field.value().ok()?))).collect()
    }
}

/// Every case.
pub fn cases() -> Vec<Case> {
    let text = fs::read_to_string(fixture("line-protocol-corpus").join("encode.toml")).expect("the corpus");
    toml::from_str::<Corpus>(&text).expect("the corpus is TOML").case
}

/// Where the encoder differs on purpose: the text of the corpus, and ours. A newline in a string is written as
/// backslash and `n`, since readers rely on one metric per line, although Telegraf's own parser accepts a newline.
const DIFFERENT: &[(&str, &str)] = &[("str=\"foo\nbar\"", r#"str="foo\\nbar""#)];

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).expect("line protocol is UTF-8")
}

/// Removes our output from the front of the rest of the expected line.
fn take(rest: &mut &str, ours: &str, case: &Case) {
    let known = DIFFERENT.iter().find(|(theirs, known)| ours == *known && rest.starts_with(theirs));
    let theirs = known.map_or(ours, |(theirs, _)| theirs);
    *rest = rest.strip_prefix(theirs).unwrap_or_else(|| panic!("{}: {ours:?}, expected {rest:?}", case.key));
}

#[test]
fn every_case_is_encoded_as_the_corpus_expects() {
    let cases = cases();
    assert_eq!(cases.len(), 115);
    let mut not_whole = String::new();
    let mut values: BTreeMap<&str, u32> = BTreeMap::new();
    let mut whole = 0;
    for case in &cases {
        let line = match (&case.result, case.error.as_deref()) {
            (Some(result), None) => result,
            // A tag without a value is omitted.
            (None, Some("invalid tag value something=\"\"")) => "cpu value=42 0",
            other => panic!("{}: {other:?}", case.key),
        };
        let mut rest = line;
        take(&mut rest, &written(|out| line_protocol::measurement(out, case.name.as_bytes())), case);
        for (key, value) in &case.tags {
            take(&mut rest, &written(|out| line_protocol::tag(out, key.as_bytes(), value.as_bytes())), case);
        }
        let mut others = Vec::new();
        for (field, separator) in case.fields.iter().zip([" "].into_iter().chain(std::iter::repeat(","))) {
            let Field(key, kind, _) = field;
            *values.entry(kind).or_default() += 1;
            take(&mut rest, separator, case);
            let write =
                |value| written(|out| line_protocol::field(out, key.as_bytes(), value, Unsigned::Native));
            match field.value() {
                Ok(value) => take(&mut rest, &write(value), case),
                Err(kind) => {
                    let ours = write(Value::Signed(0));
                    take(&mut rest, ours.strip_suffix("0i").expect("a number"), case);
                    rest = rest.trim_start_matches(|c| !matches!(c, ',' | ' '));
                    others.push(format!("{key:?} is a {kind}"));
                }
            }
        }
        take(
            &mut rest,
            written(|out| line_protocol::timestamp(out, case.time.into())).trim_end_matches('\n'),
            case,
        );
        assert_eq!(rest, "", "{}", case.key);
        if others.is_empty() {
            whole += 1;
        } else {
            not_whole += &[&case.key, ": ", &others.join(", "), "\n"].concat();
        }
    }
    let expected =
        fs::read_to_string(fixture("line-protocol-corpus").join("not-whole.txt")).expect("the list");
    assert_eq!(not_whole, expected);
    assert_eq!(
        (whole, expected.lines().count()),
        (37, 115 - 37),
        "number of cases compared as a whole, and in part"
    );
    let expected = [("bool", 29), ("float", 96), ("int", 59), ("string", 60)];
    assert_eq!(values.into_iter().collect::<Vec<_>>(), expected, "values of each type");
}
