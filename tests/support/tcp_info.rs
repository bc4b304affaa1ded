//! Every field of `tcp_info` that `ss -tinO` prints, beside what the plugin writes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use telegraf_execd_network::inputs::socketstat::field::{FIELDS, Field};

use super::once::{Fields, gather};

/// How ss prints a field.
#[derive(Clone, Copy)]
enum Printed {
    /// `name:5`
    Whole,
    /// `name:0.123`, in thousands of our unit.
    Thousands,
    /// `name:1/2`, of which this is one.
    Half(usize),
    /// Half of it, in thousands of our unit.
    HalfThousands(usize),
    /// Not exactly: rounded, or the time since something, which goes on.
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

/// The value of a field in the words of `ss -tinO`; `None` where ss does not print it, or not exactly.
fn value(field: &Field, words: &[&str]) -> Option<u64> {
    let text = words.iter().find_map(|word| word.strip_prefix(field.ss)?.strip_prefix(':'))?;
    let part = |at| text.split('/').nth(at);
    // Of those ss prints six digits (`%g`), so a longer one is rounded.
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

/// Each socket that `ss -tinO` lists: its ends, and the words behind them.
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

/// Each socket that the plugin lists with all fields, by its ends as ss prints them.
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

/// Compares the sockets that stand still, and adds the names of the fields that ss prints of any. How many sockets those are.
///
/// # Panics
/// Where a field differs.
pub fn compare_with_ss(compared: &mut BTreeSet<&'static str>) -> usize {
    // Timers run meanwhile: compare sockets of which ss prints the same before and after, but for the times since.
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
        // What is left of a connection in FIN-WAIT-2 has none.
        assert!(congestion.map_or(steady.is_empty(), |name| steady.contains(&name)), "{fields:?} {steady:?}");
    }
    sockets
}
