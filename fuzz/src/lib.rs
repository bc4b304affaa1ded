//! Checks that must hold for any input, one function per parser. The fuzz targets and `tests/properties.rs` run the same
//! checks.
//!
//! No parser may panic on any input. The rows that a parser returns are also encoded, and an independent parser of line
//! protocol must find the same metrics, with the same tags and fields.

#![allow(clippy::missing_panics_doc, reason = "a check fails with a panic")]

mod encoder;
pub mod gather;
mod glob;
mod host;
pub mod influx;
mod netlink;
pub mod selection;
mod written;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use telegraf_execd_network::cli::{self, Action};
use telegraf_execd_network::config::duration::GoDuration;
use telegraf_execd_network::config::{self, env};
use telegraf_execd_network::filter::glob::Globs;
use telegraf_execd_network::host::Host;
use telegraf_execd_network::inputs::net::dev::Devices;
use telegraf_execd_network::inputs::net::netstat;
use telegraf_execd_network::inputs::net::netstat::table::Table as NetTable;
use telegraf_execd_network::inputs::net::protocols::{FILES, ProtocolCounters, ProtocolTable};
use telegraf_execd_network::inputs::socketstat::netstat::table::NetstatTable;
use telegraf_execd_network::inputs::socketstat::procfs::table::ProcTable;
use telegraf_execd_network::inputs::socketstat::socket::Protocol;
use telegraf_execd_network::inputs::socketstat::ss::table::SsTable;
use telegraf_execd_network::inputs::socketstat::state::listed;
use telegraf_execd_network::inputs::{self, Environment};
use telegraf_execd_network::line_protocol::Unsigned;
use telegraf_execd_network::lines::Lines;
use telegraf_execd_network::quote::quote;
use written::Written;

pub use encoder::line_protocol;
pub use gather::{gather, sysfs};
pub use netlink::{destroyed, net_netlink, netlink};
pub use selection::selection;

/// A check with the name of its fuzz target.
pub type Check = fn(&[u8]);

/// Every check, with its name.
pub const ALL: &[(&str, Check)] = &[
    ("ss_table", ss_table),
    ("socket_netstat", socket_netstat),
    ("net_netstat", net_netstat),
    ("proc_dev", proc_dev),
    ("proc_snmp", proc_snmp),
    ("proc_sockets", proc_sockets),
    ("netlink", netlink),
    ("destroyed", destroyed),
    ("net_netlink", net_netlink),
    ("cut_names", cut_names),
    ("configuration", configuration),
    ("command_line", command_line),
    ("globs", globs),
    ("values", values),
    ("selection", selection),
    ("sysfs", sysfs),
    ("gather", gather),
    ("line_protocol", line_protocol),
];

/// The first byte selects one of `choices`; the rest is the input.
fn pick<'a, T: Copy>(choices: &[T], data: &'a [u8]) -> Option<(T, u8, &'a [u8])> {
    let (&first, rest) = data.split_first()?;
    Some((choices[usize::from(first) % choices.len()], first, rest))
}

/// Splits a text into lines, in pieces of this length.
fn lines(text: &[u8], piece: usize, each: &mut dyn FnMut(Option<&[u8]>)) {
    let mut lines = Lines::default();
    for piece in text.chunks(piece.max(1)) {
        lines.feed(piece, each);
    }
    lines.finish(each);
}

/// The tables of ss. The first byte selects the protocol and the length of the pieces.
pub fn ss_table(data: &[u8]) {
    let Some((protocol, first, text)) = pick(&Protocol::ALL, data) else { return };
    let mut table = SsTable::new(protocol);
    let mut written = Written::default();
    let mut accepted = Ok(());
    lines(text, usize::from(first) * 16, &mut |line| {
        if accepted.is_ok() {
            accepted = table.line(line, &mut |socket| written.socket(protocol, socket));
        }
    });
    if accepted.is_ok() {
        // After an error the sockets are dropped, but they must be valid too.
        let (Ok(_) | Err(_)) = table.finish(&mut |socket| written.socket(protocol, socket));
    }
    written.check();
}

/// The socket tables of netstat.
pub fn socket_netstat(data: &[u8]) {
    let Some((protocol, first, text)) = pick(&[Protocol::Tcp, Protocol::Udp], data) else { return };
    let states = if first < 128 { listed(protocol) } else { !0 };
    let mut table = NetstatTable::new(protocol, states);
    let mut written = Written::default();
    let mut rows = 0;
    lines(text, usize::from(first) * 16, &mut |line| {
        rows += 1;
        table.line(line, &mut |socket| written.socket(protocol, socket));
    });
    if let Ok(summary) = table.finish() {
        let skipped = summary.skipped.count();
        assert!(skipped <= rows, "skipped {skipped} of {rows} rows");
    }
    written.check();
}

/// The interface tables of netstat.
pub fn net_netstat(data: &[u8]) {
    let mut table = NetTable::default();
    let mut written = Written::default();
    lines(data, 512, &mut |line| table.line(line));
    if let Ok(links) = table.finish() {
        for row in &links.rows {
            assert!(row.cell.len() <= links.name_width, "a name wider than its column");
            written.interface(row.name(), &row.counters);
        }
    }
    written.check();
}

/// Names that macOS truncates. The input is the output of netstat for all interfaces, of `ifconfig -l`, and of
/// netstat for each interface, separated by NUL.
pub fn cut_names(data: &[u8]) {
    let mut answers = data.split(|byte| *byte == 0);
    let mut asked = Vec::new();
    let gathered = netstat::gather_macos(&mut |program, arguments, each| {
        asked.push(format!("{program} {}", arguments.join(" ")));
        let Some(answer) = answers.next() else { return Err(String::from("no answer").into()) };
        lines(answer, 512, each);
        Ok(())
    });
    let listed = data.split(|byte| *byte == 0).nth(1).unwrap_or_default();
    let listed: BTreeSet<&[u8]> = listed.split(u8::is_ascii_whitespace).collect();
    let mut known = BTreeSet::new();
    let mut table = NetTable::default();
    lines(data.split(|byte| *byte == 0).next().unwrap_or_default(), 512, &mut |line| table.line(line));
    if let Ok(links) = table.finish() {
        known.extend(links.rows.iter().map(|row| row.name().to_vec()));
    }
    let mut written = Written::default();
    for (name, counters) in gathered.counters() {
        assert!(listed.contains(name) || known.contains(name), "no interface is named {:?}", quote(name));
        written.interface(name, counters);
    }
    assert!(asked.len() <= 2 + listed.len(), "each interface is queried once: {asked:?}");
    assert!(gathered.errors.iter().all(|error| !error.contains('\n')), "{:?}", gathered.errors);
    written.check();
}

/// `/proc/net/dev`.
pub fn proc_dev(data: &[u8]) {
    let mut devices = Devices::default();
    let mut written = Written::default();
    lines(data, 512, &mut |line| {
        if let Some(interface) = devices.line(line) {
            let counters = interface.counters();
            assert!(counters.iter().all(Option::is_some), "the kernel prints every counter");
            written.interface(interface.name, &counters);
        }
    });
    assert!(devices.finish().is_some() || written.is_empty(), "rows without a header");
    written.check();
}

/// `/proc/net/snmp` and the other files with protocol statistics: the first byte selects the file.
pub fn proc_snmp(data: &[u8]) {
    let Some((file, _, text)) = pick(&FILES, data) else { return };
    let mut table = ProtocolTable::new(file);
    let mut counters = ProtocolCounters::default();
    lines(text, 512, &mut |line| table.line(line, &mut counters));
    let mut written = Written::default();
    written.protocols(counters.counters());
    written.check();
}

/// The socket tables of `/proc/net`. The first byte selects the protocol and the byte order.
pub fn proc_sockets(data: &[u8]) {
    let protocols = [Protocol::Tcp, Protocol::Udp, Protocol::Raw, Protocol::Unix, Protocol::Packet];
    let Some((protocol, first, text)) = pick(&protocols, data) else { return };
    let states = if first % 2 == 0 { listed(protocol) } else { !0 };
    let mut table = ProcTable::new(protocol, states, first < 128);
    let mut written = Written::default();
    lines(text, 512, &mut |line| {
        if let Some(socket) = table.line(line) {
            written.socket(protocol, &socket);
        }
    });
    // An error is a valid result too.
    let (Ok(_) | Err(_)) = table.finish();
    written.check();
}

/// The plugin's configuration, up to the construction of its inputs.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let environment = Environment::of_host(Host::from_environment(|_| None));
    let outcome = config::parse("plugin.conf", text, &inputs::known(), &variable).and_then(|sections| {
        assert!(!sections.is_empty(), "no section and no error");
        sections.iter().map(|section| inputs::new(section, &environment)).collect::<Result<Vec<_>, _>>()
    });
    if let Err(error) = outcome {
        let error = error.to_string();
        assert!(error.starts_with("plugin.conf"), "the file is not named: {error}");
    }
}

/// The arguments of the command line, separated by NUL. Valid ones must have the same meaning as with Go's spellings:
/// one dash, and underscores.
pub fn command_line(data: &[u8]) {
    let arguments = data.split(|byte| *byte == 0).map(|argument| OsStr::from_bytes(argument).to_owned());
    let parse = |arguments: Vec<OsString>| cli::parse(arguments, "sample", "version");
    let action = match parse(arguments.collect()) {
        Ok(action) => action,
        Err(error) => return assert!(error.to_string().ends_with(" (see --help)"), "{error}"),
    };
    let (run, check) = match &action {
        Action::Print(text) => return assert!(["sample", "version", cli::HELP].contains(text)),
        Action::Sources => return,
        Action::Run(run) => (run, false),
        Action::Check(run) => (run, true),
    };
    assert!(run.poll_interval.is_none_or(|interval| !interval.is_zero()), "a timer without an interval");
    for dashes in ["--", "-"] {
        let flag = |name: &str| {
            OsString::from(dashes.to_owned() + &name.replace('-', if dashes == "-" { "_" } else { "-" }))
        };
        let mut again = Vec::new();
        if let Some(config) = &run.config {
            again.extend([flag("config"), config.clone().into()]);
        }
        if let Some(interval) = run.poll_interval {
            again.extend([flag("poll-interval"), format!("{}ns", interval.as_nanos()).into()]);
        }
        let switches = [("once", run.once), ("debug", run.debug), ("check", check)];
        again.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| flag(name)));
        if run.unsigned == Unsigned::Native {
            again.push(flag("influx-uint-support"));
        }
        assert_eq!(parse(again.clone()).ok().as_ref(), Some(&action), "{again:?}");
    }
}

/// The environment for these checks.
fn variable(name: &str) -> Option<String> {
    (name.len() < 3).then(|| format!("<{name}>"))
}

/// Lists of globs: separators, patterns, and a text, separated by NUL.
pub fn globs(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.split('\0');
    let separators = parts.next().unwrap_or_default();
    let mut patterns: Vec<String> = parts.map(str::to_owned).collect();
    let subject = patterns.pop().unwrap_or_default();
    if let Ok(Some(globs)) = Globs::compile(&patterns, separators) {
        let wildcards = glob::has_wildcards(&patterns, separators);
        let expected = patterns.iter().any(|entry| glob::matches(entry, wildcards, separators, &subject));
        assert_eq!(globs.matches(&subject), expected, "{patterns:?} {separators:?} {subject:?}");
    }
    // A glob with every character escaped matches only the text itself.
    let escaped: String = subject.chars().flat_map(|c| ['\\', c]).collect();
    let Ok(Some(exact)) = Globs::compile(&[escaped, String::from("*:*?[x]")], separators) else { return };
    assert!(exact.matches(&subject), "{subject:?} does not match itself");
    assert!(!exact.matches(&format!("{subject}~")), "{subject:?} matches more than itself");
}

/// Strings: durations, environment variables, and quoting in messages.
pub fn values(data: &[u8]) {
    let quoted = quote(data);
    assert!(quoted.len() <= 206 && !quoted.contains(char::is_control), "{quoted:?}");
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(GoDuration(duration)) = text.parse() {
        let nanoseconds = duration.as_nanos();
        assert!(nanoseconds <= i64::MAX.unsigned_abs().into(), "{text:?} is {duration:?}");
        let again = format!("{nanoseconds}ns").parse::<GoDuration>();
        assert_eq!(again.ok(), Some(GoDuration(duration)), "{text:?}");
    }
    if let Ok(replaced) = env::substitute(text, &variable) {
        assert!(text.contains('$') || replaced == text, "{text:?} became {replaced:?}");
    }
}
