//! Interfaces from netstat(1), on FreeBSD, OpenBSD, NetBSD and macOS.
//!
//! OpenBSD and NetBSD print bytes, drops and errors in runs of their own, which are put together by the interfaces'
//! names. A run that fails is an error of the gather and costs the fields that it alone gives; an
//! interface that only some runs list (it came or went meanwhile) keeps what those say.
//!
//! What a release does not print is left out: the input drops of macOS, the drops of NetBSD where it has one column
//! for both ways (those of the output) or none. NetBSD up to 10 prints 0 for output drops when it reads them through
//! sysctl, which cannot be told from none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::time::Instant;

use super::counters::Counters;
use super::extra::{ExtraField, ExtraTag};
use super::source::{Capabilities, Extra, Interface, Query, Source, Status};
use super::system;
use crate::command::find_program;
use crate::inputs::environment::Environment;
use crate::inputs::source::{Cause, Diagnostic, SourceError};
use crate::logger::Level;
use crate::netstat::cells;
use crate::platform::Platform;
use crate::program::{Program, command_line};
use crate::quote::quote;

pub mod table;

use table::{Links, Row, Table};

/// What netstat can tell.
pub(super) const CAPABILITIES: Capabilities =
    Capabilities { kinds: false, protocols: false, other_network: false };

/// The most that one run may print, in bytes: some 100,000 interfaces.
const LIMIT: u64 = 16 * 1024 * 1024;

/// What a gather gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    interfaces: BTreeMap<Vec<u8>, Found>,
    /// What failed, each in one line.
    pub errors: Vec<String>,
    /// How many malformed rows were skipped.
    pub skipped: u64,
}

/// What is known of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    counters: Counters,
    up: Option<bool>,
}

impl Gathered {
    /// The interfaces, in the order of their names.
    fn interfaces(&self) -> impl Iterator<Item = (&[u8], &Found)> {
        self.interfaces.iter().map(|(name, found)| (name.as_slice(), found))
    }

    /// Adds an interface of one run to what other runs said of it. What is known first stays.
    fn add(&mut self, name: &[u8], up: Option<bool>, counters: &Counters) {
        let unknown = Found { counters: Counters::default(), up: None };
        let found = self.interfaces.entry(name.to_vec()).or_insert(unknown);
        found.up = found.up.or(up);
        for (known, counter) in found.counters.iter_mut().zip(counters) {
            *known = known.or(*counter);
        }
    }
}

/// Lists interfaces with the netstat of one system.
#[derive(Debug)]
pub(super) struct Netstat {
    platform: Platform,
    program: Program,
    ifconfig: Program,
}

impl Netstat {
    /// A source that runs the netstat of `platform`.
    pub(super) fn new(platform: Platform, environment: &Environment) -> Self {
        let program = |name| Program::new(name, environment.host.path(), environment.children.clone());
        Self { platform, program: program("netstat"), ifconfig: program("ifconfig") }
    }
}

impl Source for Netstat {
    fn read(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&dyn Interface),
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let Self { platform, program: netstat, ifconfig } = self;
        let gathered = gather(*platform, &mut |name, args, each| {
            let program = if name == "ifconfig" { &mut *ifconfig } else { &mut *netstat };
            let outcome = program.run(args, query.deadline, LIMIT, &mut |line| {
                each(line);
                Ok(())
            });
            // All runs have one deadline: behind it there is no time for another.
            outcome.map_err(|error| RunFailure {
                text: error.to_string(),
                last: Instant::now() >= query.deadline,
            })
        });
        let error = |text: &String| Diagnostic { level: Level::Error, key: "netstat", text: text.clone() };
        let mut diagnostics: Vec<Diagnostic> = gathered.errors.iter().map(error).collect();
        // The output of another system says nothing of this one's interfaces.
        let ask_system = query.only_up && Some(*platform) == Platform::current();
        let statuses = if ask_system { system::statuses().map(Some) } else { Ok(None) };
        let statuses = statuses.unwrap_or_else(|text| {
            diagnostics.push(Diagnostic { level: Level::Warn, key: "interfaces of the system", text });
            None
        });
        for (name, found) in gathered.interfaces() {
            each(&NetstatInterface { name, found, statuses: statuses.as_ref() });
        }
        if gathered.skipped > 0 {
            let text = format!("netstat: skipped {} malformed rows", gathered.skipped);
            diagnostics.push(Diagnostic { level: Level::Warn, key: "netstat rows", text });
        }
        Ok(diagnostics)
    }
}

/// An interface, and what the system says of all where it was asked.
struct NetstatInterface<'a> {
    name: &'a [u8],
    found: &'a Found,
    statuses: Option<&'a HashMap<Vec<u8>, Status>>,
}

impl Interface for NetstatInterface<'_> {
    fn name(&self) -> &[u8] {
        self.name
    }

    fn counters(&self) -> Counters {
        self.found.counters
    }

    fn status(&self) -> Option<Status> {
        Some(match self.statuses {
            // One that the system no longer lists has vanished since.
            Some(statuses) => statuses.get(self.name).copied().unwrap_or(Status::GONE),
            None => Status { up: self.found.up != Some(false), loopback: is_loopback(self.name) },
        })
    }

    fn speed(&self) -> i64 {
        -1
    }

    fn field(&self, _: ExtraField) -> Option<Extra> {
        None
    }

    fn tag(&self, _: ExtraTag) -> Vec<u8> {
        Vec::new()
    }
}

/// Whether netstat can be run.
pub(super) fn probe(platform: Option<Platform>, path: &OsStr) -> Result<(), Cause> {
    platform.ok_or_else(|| Cause::new(crate::platform::unknown()))?;
    find_program("netstat", path).map(|_| ()).map_err(|error| Cause::new(error.to_string()))
}

/// Whether an interface of that name is a loopback one, on the systems of this module.
#[must_use]
pub fn is_loopback(name: &[u8]) -> bool {
    name.strip_prefix(b"lo").is_some_and(|unit| unit.iter().all(u8::is_ascii_digit))
}

/// The arguments of each run of netstat that together give every counter.
#[must_use]
pub const fn runs(platform: Platform) -> &'static [&'static [&'static str]] {
    match platform {
        Platform::FreeBsd => &[&["-ibdnW"]],
        Platform::MacOs => &[&["-ibdnl"]],
        Platform::OpenBsd => &[&["-inbv"], &["-indv"], &["-inev"]],
        Platform::NetBsd => &[&["-inbv"], &["-indv"]],
    }
}

/// Runs a program with arguments and hands on the lines that it prints.
type Run<'a> = dyn FnMut(&'static str, &[&str], &mut dyn FnMut(Option<&[u8]>)) -> Result<(), RunFailure> + 'a;

/// Why a run gave nothing, in one line.
#[derive(Debug)]
struct RunFailure {
    text: String,
    /// Whether there is no time for a further run.
    last: bool,
}

impl From<String> for RunFailure {
    fn from(text: String) -> Self {
        Self { text, last: false }
    }
}

fn gather(platform: Platform, run: &mut Run<'_>) -> Gathered {
    let mut gathered = Gathered::default();
    for args in runs(platform) {
        match read(args, run) {
            Err(error) => {
                gathered.errors.push(error.text);
                if error.last {
                    break;
                }
            }
            Ok(links) => {
                gathered.skipped += links.skipped;
                let rows = match platform {
                    Platform::MacOs => resolve_cut_names(links, args, run, &mut gathered),
                    _ => links.rows,
                };
                add_rows(&rows, args, &mut gathered);
            }
        }
    }
    gathered
}

/// Reads one run's table.
fn read(args: &[&str], run: &mut Run<'_>) -> Result<Links, RunFailure> {
    let mut table = Table::default();
    run("netstat", args, &mut |line| table.line(line))?;
    table.finish().map_err(|error| format!("{} {error}", command_line("netstat", args)).into())
}

/// Adds the rows of one run, but for those whose name two interfaces bear: an old release cut it. Where links bear no
/// number, two rows of one name are one interface, which NetBSD may print twice.
fn add_rows(rows: &[Row], args: &[&str], gathered: &mut Gathered) {
    let mut links = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for row in rows {
        if *links.entry(row.name()).or_insert(&row.link) != &row.link {
            twice.insert(row.name());
        }
    }
    if let Some(name) = twice.first() {
        let (command, name) = (command_line("netstat", args), quote(name));
        let text = format!("{command} printed more than one interface as {name}; skipping them");
        gathered.errors.push(text + &others(twice.len() - 1));
    }
    for row in rows.iter().filter(|row| !twice.contains(row.name())) {
        gathered.add(row.name(), Some(!row.is_down()), &row.counters);
    }
}

/// Finds out the names that macOS cut, by asking for each interface of `ifconfig -l` that can be meant, and adds
/// those to `gathered`. Returns the rows whose names are whole.
fn resolve_cut_names(links: Links, args: &[&str], run: &mut Run<'_>, gathered: &mut Gathered) -> Vec<Row> {
    // The mark of an interface that is down comes before the cut: a name that has it is whole.
    let may_be_cut = |row: &Row| row.cell.len() >= links.name_width && !row.is_down();
    let (doubtful, whole): (Vec<Row>, Vec<Row>) = links.rows.into_iter().partition(may_be_cut);
    let Some(first) = doubtful.first() else { return whole };
    let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
    let listed = run("ifconfig", &["-l"], &mut |line| {
        names.extend(line.into_iter().flat_map(cells).map(<[u8]>::to_vec));
    });
    if let Err(error) = listed {
        let text = format!("{}: the name {} may be truncated; skipping it", error.text, quote(first.name()));
        gathered.errors.push(text + &others(doubtful.len() - 1));
        return whole;
    }
    let mut failed: Vec<String> = Vec::new();
    for name in names.iter().filter(|name| doubtful.iter().any(|row| name.starts_with(row.name()))) {
        let alike: Vec<&Row> = doubtful.iter().filter(|row| row.name() == name).collect();
        // The names are sorted: one that goes on where this one ends comes next.
        let is_start = names.range(name.clone()..).nth(1).is_some_and(|next| next.starts_with(name));
        if let (&[row], false) = (alike.as_slice(), is_start) {
            // Not cut, but for the mark of an interface that is down.
            gathered.add(name, None, &row.counters);
            continue;
        }
        match ask_for(name, args, run) {
            Ok(Some((row, up))) => gathered.add(name, up, &row.counters),
            // It went meanwhile.
            Ok(None) => {}
            Err(error) => {
                failed.push(error.text);
                if error.last {
                    break;
                }
            }
        }
    }
    if let Some(error) = failed.first() {
        gathered.errors.push(error.clone() + &others(failed.len() - 1));
    }
    whole
}

/// Asks for one interface by its name: its row, and whether it is up where that can be told. `None` where there is no
/// such interface.
fn ask_for(name: &[u8], args: &[&str], run: &mut Run<'_>) -> Result<Option<(Row, Option<bool>)>, RunFailure> {
    let Ok(text) = std::str::from_utf8(name) else {
        return Err(format!("an interface's name is not UTF-8: {}", quote(name)).into());
    };
    let args = [args, &["-I", text]].concat();
    let Links { mut rows, name_width, .. } = read(&args, run)?;
    rows.retain(|row| name.starts_with(row.name()));
    let Some(row) = rows.pop() else { return Ok(None) };
    if !rows.is_empty() {
        return Err(format!("{} printed more than one interface", command_line("netstat", &args)).into());
    }
    let up = (row.is_down() || row.cell.len() < name_width).then_some(!row.is_down());
    Ok(Some((row, up)))
}

/// The end of a message that speaks of the first of several.
fn others(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}

#[cfg(test)]
mod tests;
