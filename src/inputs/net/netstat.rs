//! The source `netstat`: runs netstat(1) of FreeBSD, OpenBSD, NetBSD or macOS.
//!
//! OpenBSD and NetBSD need a separate run for bytes, for drops and for errors. Their rows are joined by the names of the
//! interfaces. If a run fails, the gather has an error, and the fields that only this run prints are missing. An
//! interface that not all runs list, because it was created or removed meanwhile, has the fields of those that do.
//!
//! Counters that a release does not print are not written: the input drops on macOS, and drops on NetBSD releases that
//! have a single drop column (which counts output drops) or none. NetBSD up to 10 prints 0 for output drops if it reads
//! them through sysctl, which looks the same as no drops.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::time::Instant;

use super::counters::{Counters, Statistic};
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

use table::{Details, Links, Row, Table};

/// The capabilities of this source.
pub(super) const CAPABILITIES: Capabilities =
    Capabilities { kinds: false, protocols: false, other_network: false };

/// The limit for the output of one run, in bytes. Enough for 50,000 interfaces.
const LIMIT: u64 = 8 * 1024 * 1024;

/// The result of all runs of a gather.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    interfaces: BTreeMap<Vec<u8>, Properties>,
    /// One line per failed run.
    pub errors: Vec<String>,
    /// The number of malformed rows that were skipped.
    pub skipped: u64,
}

/// The properties of one interface, joined from several runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Properties {
    counters: Counters,
    up: Option<bool>,
    details: Details,
}

impl Gathered {
    /// The name and the counters of each interface, in the order of their names.
    pub fn counters(&self) -> impl Iterator<Item = (&[u8], &Counters)> {
        self.interfaces().map(|(name, found)| (name, &found.counters))
    }

    /// The interfaces, in the order of their names.
    fn interfaces(&self) -> impl Iterator<Item = (&[u8], &Properties)> {
        self.interfaces.iter().map(|(name, properties)| (name.as_slice(), properties))
    }

    /// Adds a row of one run to the rows of the same interface in other runs. The first value of a property is kept.
    fn add(&mut self, name: &[u8], up: Option<bool>, row: &Row) {
        let properties = self.interfaces.entry(name.to_vec()).or_default();
        properties.up = properties.up.or(up);
        for (known, counter) in properties.counters.iter_mut().zip(&row.counters) {
            *known = known.or(*counter);
        }
        let (known, details) = (&mut properties.details, &row.details);
        known.mtu = known.mtu.or(details.mtu);
        known.index = known.index.or(details.index);
        known.collisions = known.collisions.or(details.collisions);
        if known.address.is_empty() {
            known.address.clone_from(&details.address);
        }
    }
}

/// The source.
#[derive(Debug)]
pub(super) struct Netstat {
    platform: Platform,
    program: Program,
    ifconfig: Program,
}

impl Netstat {
    /// Creates a source that runs netstat with the flags of `platform`.
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
            // All runs of a gather have the same deadline.
            outcome.map_err(|error| RunFailure {
                text: error.to_string(),
                last: Instant::now() >= query.deadline,
            })
        });
        let error = |text: &String| Diagnostic { level: Level::Error, key: "netstat", text: text.clone() };
        let mut diagnostics: Vec<Diagnostic> = gathered.errors.iter().map(error).collect();
        // With another platform, the output is not from this system.
        let needs_statuses = query.only_up && Some(*platform) == Platform::current();
        let statuses = if needs_statuses { system::statuses().map(Some) } else { Ok(None) };
        let statuses = statuses.unwrap_or_else(|text| {
            diagnostics.push(Diagnostic { level: Level::Warn, key: "interfaces of the system", text });
            None
        });
        for (name, properties) in gathered.interfaces() {
            each(&NetstatInterface { name, properties, statuses: statuses.as_ref() });
        }
        if gathered.skipped > 0 {
            let text = format!("netstat: skipped {} malformed rows", gathered.skipped);
            diagnostics.push(Diagnostic { level: Level::Warn, key: "netstat rows", text });
        }
        Ok(diagnostics)
    }
}

/// An interface, and the statuses of all interfaces of this system, if they are needed.
struct NetstatInterface<'a> {
    name: &'a [u8],
    properties: &'a Properties,
    statuses: Option<&'a HashMap<Vec<u8>, Status>>,
}

impl Interface for NetstatInterface<'_> {
    fn name(&self) -> &[u8] {
        self.name
    }

    fn counters(&self) -> Counters {
        self.properties.counters
    }

    fn status(&self) -> Option<Status> {
        Some(match self.statuses {
            // An interface that the system no longer lists was removed in the meantime.
            Some(statuses) => statuses.get(self.name).copied().unwrap_or(Status::GONE),
            None => Status { up: self.properties.up != Some(false), loopback: is_loopback(self.name) },
        })
    }

    fn speed(&self) -> i64 {
        -1
    }

    fn field(&self, field: ExtraField) -> Option<Extra> {
        let details = &self.properties.details;
        let number = match field {
            ExtraField::Mtu => details.mtu,
            ExtraField::IfIndex => details.index,
            ExtraField::Statistic(Statistic::COLLISIONS) => details.collisions,
            _ => None,
        };
        number.map(Extra::Number)
    }

    fn tag(&self, tag: ExtraTag) -> Vec<u8> {
        if tag == ExtraTag::Address { self.properties.details.address.clone() } else { Vec::new() }
    }
}

/// Checks whether there is a netstat, and its platform is known.
pub(super) fn probe(platform: Option<Platform>, path: &OsStr) -> Result<(), Cause> {
    platform.ok_or_else(|| Cause::new(crate::platform::unknown()))?;
    find_program("netstat", path).map(|_| ()).map_err(|error| Cause::new(error.to_string()))
}

/// Whether an interface with this name is a loopback interface, on the platforms of this source.
#[must_use]
pub fn is_loopback(name: &[u8]) -> bool {
    name.strip_prefix(b"lo").is_some_and(|unit| unit.iter().all(u8::is_ascii_digit))
}

/// The arguments of each run of netstat. Together the runs print all counters.
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
pub type Run<'a> =
    dyn FnMut(&'static str, &[&str], &mut dyn FnMut(Option<&[u8]>)) -> Result<(), RunFailure> + 'a;

/// Why a run failed, in one line.
#[derive(Debug)]
pub struct RunFailure {
    text: String,
    /// Whether no time is left for another run.
    last: bool,
}

impl From<String> for RunFailure {
    fn from(text: String) -> Self {
        Self { text, last: false }
    }
}

/// What the runs of netstat, and of ifconfig where names are cut, print on macOS.
pub fn gather_macos(run: &mut Run<'_>) -> Gathered {
    gather(Platform::MacOs, run)
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
                    Platform::MacOs => resolve_truncated_names(links, args, run, &mut gathered),
                    _ => links.rows,
                };
                add_rows(&rows, args, &mut gathered);
            }
        }
    }
    gathered
}

/// Runs netstat and parses its table.
fn read(args: &[&str], run: &mut Run<'_>) -> Result<Links, RunFailure> {
    let mut table = Table::default();
    run("netstat", args, &mut |line| table.line(line))?;
    table.finish().map_err(|error| format!("{} {error}", command_line("netstat", args)).into())
}

/// Adds the rows of one run. Rows of different interfaces with the same name, truncated by an old release, are skipped.
/// If links have no number, rows with the same name are the same interface: NetBSD may print an interface twice.
fn add_rows(rows: &[Row], args: &[&str], gathered: &mut Gathered) {
    let mut links = BTreeMap::new();
    let mut ambiguous = BTreeSet::new();
    for row in rows {
        if *links.entry(row.name()).or_insert(&row.link) != &row.link {
            ambiguous.insert(row.name());
        }
    }
    if let Some(name) = ambiguous.first() {
        let (command, name) = (command_line("netstat", args), quote(name));
        let text = format!("{command} printed more than one interface as {name}; skipping them");
        gathered.errors.push(text + &others(ambiguous.len() - 1));
    }
    for row in rows.iter().filter(|row| !ambiguous.contains(row.name())) {
        gathered.add(row.name(), Some(!row.is_down()), row);
    }
}

/// Resolves names that macOS truncated, by running netstat for each interface of `ifconfig -l` with a matching name.
/// Adds these interfaces to `gathered` and returns the rows with complete names.
fn resolve_truncated_names(
    links: Links,
    args: &[&str],
    run: &mut Run<'_>,
    gathered: &mut Gathered,
) -> Vec<Row> {
    // The mark of an interface that is down is part of the truncated text, so a name with the mark is complete.
    let may_be_truncated = |row: &Row| row.cell.len() >= links.name_width && !row.is_down();
    let (truncated, complete): (Vec<Row>, Vec<Row>) = links.rows.into_iter().partition(may_be_truncated);
    let Some(first) = truncated.first() else { return complete };
    let mut names: BTreeSet<Vec<u8>> = BTreeSet::new();
    let listed = run("ifconfig", &["-l"], &mut |line| {
        names.extend(line.into_iter().flat_map(cells).map(<[u8]>::to_vec));
    });
    if let Err(error) = listed {
        let text = format!("{}: the name {} may be truncated; skipping it", error.text, quote(first.name()));
        gathered.errors.push(text + &others(truncated.len() - 1));
        return complete;
    }
    let mut failed: Vec<String> = Vec::new();
    for name in names.iter().filter(|name| truncated.iter().any(|row| name.starts_with(row.name()))) {
        let same: Vec<&Row> = truncated.iter().filter(|row| row.name() == name).collect();
        // The names are sorted, so a longer name with this prefix comes next.
        let is_prefix = names.range(name.clone()..).nth(1).is_some_and(|next| next.starts_with(name));
        if let (&[row], false) = (same.as_slice(), is_prefix) {
            // The name is complete, but the mark of an interface that is down may have been truncated.
            gathered.add(name, None, row);
            continue;
        }
        match read_one(name, args, run) {
            Ok(Some((row, up))) => gathered.add(name, up, &row),
            // It was removed meanwhile.
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
    complete
}

/// Runs netstat for one interface. Returns its row, and whether it is up if that is known. `None` if the interface does
/// not exist.
fn read_one(
    name: &[u8],
    args: &[&str],
    run: &mut Run<'_>,
) -> Result<Option<(Row, Option<bool>)>, RunFailure> {
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

/// The end of a message about the first of several items.
fn others(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more)") }
}

#[cfg(test)]
mod tests;
