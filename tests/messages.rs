//! Every message that the program can print is printed by the real binary in a test, and is in `docs/messages.md`.
//!
//! The messages come from the source code: each string literal of several words, in which a placeholder matches
//! anything. They are searched for in the output of the cases of `messages/`, and in `expected.err` of the fixtures,
//! which `fixtures.rs` compares with the output of the binary.

mod cases;
mod configurations;
mod run;
mod source;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use regex::Regex;

use run::Log;

/// Texts that no case can print, each with the reason.
const EXCEPTIONS: [(&str, &str); 10] = [
    ("an unknown status", "a child of Linux ends with a code or by a signal"),
    ("there is no value", "only the names of the options are wanted of that deserializer"),
    ("(built-in defaults)", "the sample, which is the configuration then, is valid"),
    ("some of its runs failed", "the runs say themselves what failed; it is counted only"),
    ("bytes per second", "a unit, for the documentation"),
    ("(w/o servers)", "a title of netstat, to be recognised"),
    ("/proc/net has no table of {protocol} sockets", "that source is not asked for such a protocol"),
    ("(only servers)", "a title of netstat, to be recognised"),
    ("tags that are not sorted by key: {metric:?}", "an assertion of debug builds"),
    ("stdout is closed", "ends the program without a word"),
];
/// Rows of `docs/messages.md` that no case can print, each with the reason.
const UNSEEN_ROWS: [(&str, &str); 0] = [];

#[test]
fn every_message_is_seen_and_documented() {
    let Some(library) = crate::support::preload("faults", include_str!("messages/faults.c")) else {
        return crate::support::skipped("needs a C compiler for system calls that fail");
    };
    if !crate::support::needs::needs_sock_diag() {
        return;
    }
    let mut log = Log::new(library.path().join("faults.so"));
    fixtures(&mut log);
    configurations::run(&mut log);
    cases::run(&mut log);
    let mut faults = String::new();
    unseen_texts(&log, &mut faults);
    documented(&log, &mut faults);
    assert!(faults.is_empty(), "{faults}");
}

/// Adds the messages of the fixtures.
fn fixtures(log: &mut Log) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for entry in fs::read_dir(root).expect("fixtures/ can be listed") {
        let file = entry.expect("fixtures/ can be listed").path().join("expected.err");
        if file.exists() {
            log.stderr.push_str(&fs::read_to_string(file).expect("it can be read"));
        }
    }
}

/// Each text of the source code is in the output of a case, or among the exceptions.
fn unseen_texts(log: &Log, faults: &mut String) {
    let texts = source::texts();
    assert!(texts.len() > 150, "only {} texts are found in the source code", texts.len());
    let all = format!("{}{}", log.stderr, log.stdout);
    for text in &texts {
        let seen = text.pattern().is_match(&all);
        let excepted = EXCEPTIONS.iter().any(|(value, _)| *value == text.value);
        if seen == excepted {
            let what = if seen { "an exception that was seen" } else { "no case prints" };
            writeln!(faults, "{what}: {}: {:?}", text.place, text.value).expect("memory");
        }
    }
    for (value, _) in EXCEPTIONS {
        if !texts.iter().any(|text| text.value == value) {
            writeln!(faults, "an exception that is not in the source code: {value:?}").expect("memory");
        }
    }
}

/// A row of the tables in `docs/messages.md`: the text in code marks, and a pattern for it.
fn rows() -> Vec<(String, Regex)> {
    let text = include_str!("../docs/messages.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")).filter(|row| row.starts_with('`'));
    rows.map(|row| {
        let cell = row.split(" | ").next().expect("a row has cells");
        let mut parts: Vec<&str> = cell.split('`').collect();
        parts.retain(|part| !part.is_empty());
        let text = *parts.last().expect("a text in code marks");
        let levels: String = parts.iter().filter_map(|part| part.strip_suffix('!')).collect();
        let levels = if levels.is_empty() { String::from("E") } else { levels };
        let text = text.trim();
        let parts: Vec<String> = text.split('…').map(regex::escape).collect();
        let pattern = format!(r"(?m)^[{levels}]! \[[^\]]*\] (?:.*?: )?{}", parts.join(".*"));
        (text.to_owned(), Regex::new(&pattern).expect("a valid pattern"))
    })
    .collect()
}

/// Each row is seen, and each line of the log has a row.
fn documented(log: &Log, faults: &mut String) {
    let rows = rows();
    assert!(rows.len() > 90, "only {} rows are found", rows.len());
    for (text, pattern) in &rows {
        let seen = pattern.is_match(&log.stderr);
        if seen == UNSEEN_ROWS.iter().any(|(row, _)| row == text) {
            let what = if seen { "an exception that was seen" } else { "no case prints" };
            writeln!(faults, "docs/messages.md: {what}: {text}").expect("memory");
        }
    }
    for line in log.stderr.lines() {
        if !rows.iter().any(|(_, pattern)| pattern.is_match(line)) {
            writeln!(faults, "docs/messages.md has no row for: {line}").expect("memory");
        }
    }
}
