//! Compares every field of `tcp_info` that `ss -tinO` prints with the plugin's field.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use telegraf_execd_network::inputs::socketstat::field::{FIELDS, Field};

use super::once::{Fields, gather};

/// How ss prints a field.
#[derive(Clone, Copy)]
enum Printed {
    /// `name:5`
    Whole,
    /// `name:0.123`, in milliseconds; ours is in microseconds.
    Thousands,
    /// `name:1/2`. The field is one of the two.
    Half(usize),
    /// `name:0.1/0.2`, in milliseconds. The field is one of the two.
    HalfThousands(usize),
    /// Cannot be compared: rounded, or the time since an event.
    Inexactly,
}

fn printed(field: &Field) -> Printed {
    match field.name {
        "rtt" => Printed::HalfThousands(0),
        "rttvar" => Printed::HalfThousands(1),
        "retrans" => Printed::Half(0),
        "retrans_total" => Printed::Half(1),
        "min_rtt" | "rto" | "ato" | "rcv_rtt" => Printed::Thousands,
        "busy_time" | "rwnd_limited" | "sndbuf_limited" | "last_data_sent" | "last_data_recv"
        | "last_ack_recv" | "pacing_rate" | "max_pacing_rate" | "delivery_rate" => Printed::Inexactly,
        _ => Printed::Whole,
    }
}

/// The value of a field in the words of `ss -tinO`; `None` if ss does not print it, or not exactly.
fn value(field: &Field, words: &[&str]) -> Option<u64> {
    let text = words.iter().find_map(|word| word.strip_prefix(field.ss)?.strip_prefix(':'))?;
    let part = |at| text.split('/').nth(at);
    // ss prints six digits (`%g`), so longer values are rounded.
    let thousands = |text: &str| {
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        if whole.len() > 3 { None } else { format!("{whole}{rest:0<3}").parse().ok() }
    };
    match printed(field) {
        Printed::Whole => text.parse().ok(),
        Printed::Thousands => thousands(text),
        Printed::Half(at) => part(at)?.parse().ok(),
        Printed::HalfThousands(at) => thousands(part(at)?),
        Printed::Inexactly => None,
    }
}

/// Each socket that `ss -tinO` lists: its endpoints, and the words after them.
fn ss() -> Vec<(String, Vec<String>)> {
    let output = Command::new("ss").args(["-tinO"]).output().expect("ss runs");
    let text = String::from_utf8(output.stdout).expect("ss prints UTF-8");
    let rows = text.lines().skip(1).map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ends = words.get(3..5).expect("two ends").join(" ");
        (ends, words.iter().skip(5).map(|word| (*word).to_owned()).collect())
    });
    rows.collect()
}

/// Each socket that the plugin lists, with all fields, by its endpoints as ss prints them.
fn ours() -> BTreeMap<String, Fields> {
    let lines = gather("protocols = [\"tcp\"]\nsource = \"netlink\"\nextra_fields = [\"*\"]");
    let ends = |tags: &str| {
        let tags: BTreeMap<&str, &str> = tags.split(',').filter_map(|tag| tag.split_once('=')).collect();
        let end =
            |side: &str| format!("{}:{}", tags[&*format!("{side}_addr")], tags[&*format!("{side}_port")]);
        format!("{} {}", end("local"), end("remote"))
    };
    lines.into_iter().map(|(tags, fields)| (ends(&tags), fields)).collect()
}

/// Compares the sockets that do not change during the comparison. Adds the names of the compared fields to
/// `compared`. Returns the number of compared sockets.
///
/// # Panics
/// If a field differs.
pub fn compare_with_ss(compared: &mut BTreeSet<&'static str>) -> usize {
    // Timers may change sockets, so compare only sockets for which ss prints the same before and after, except for
    // times that always grow.
    let is_steady = |word: &&String| {
        !["last", "busy", "rwnd_limited", "sndbuf_limited"].iter().any(|name| word.starts_with(name))
    };
    let (before, ours, after) = (ss(), ours(), ss());
    let mut sockets = 0;
    for (ends, words) in before {
        let steady: Vec<&str> = words.iter().filter(is_steady).map(String::as_str).collect();
        let still = after.iter().any(|(later, words)| {
            *later == ends && words.iter().filter(is_steady).map(String::as_str).eq(steady.iter().copied())
        });
        let Some(fields) = ours.get(&ends).filter(|_| still) else { continue };
        sockets += 1;
        for field in FIELDS.iter().filter(|field| !field.ss.is_empty()) {
            let Some(value) = value(field, &steady) else { continue };
            let told = fields.get(field.name).map(|value| value.parse::<u64>().expect("a number"));
            assert_eq!(told, Some(value), "{} of {ends}: {steady:?}", field.name);
            compared.insert(field.name);
        }
        let congestion = fields.get("congestion").map(|name| name.trim_matches('"'));
        // An orphaned connection in FIN-WAIT-2 has no congestion control.
        assert!(congestion.map_or(steady.is_empty(), |name| steady.contains(&name)), "{fields:?} {steady:?}");
    }
    sockets
}
