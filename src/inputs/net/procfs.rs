//! The source `procfs`: `/proc/net/dev` and `/proc/net/snmp`.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::counters::{COUNTERS, Counter, Counters, Interface};
use super::source::{Capabilities, Query, Row, Source};
use crate::host::Host;
use crate::inputs::source::{Cause, Diagnostic, Skipped, SourceError};
use crate::logger::Level;
use crate::number::parse_decimal;
use crate::{file, lines, os_error};

/// What the files can tell.
pub(super) const CAPABILITIES: Capabilities = Capabilities { sysfs: true, other_network: true };

/// More protocol counters than any kernel has; what is above is garbage.
const MOST_PROTOCOL_COUNTERS: usize = 4096;

/// Reads the two files from the host's /proc.
pub(super) struct Procfs {
    host: Arc<Host>,
}

impl Procfs {
    /// A source that reads that host's files.
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self { host }
    }
}

/// Whether the table of interfaces can be read.
pub(super) fn probe(host: &Host) -> Result<(), Cause> {
    let path = host.net_dir().join("dev");
    file::open(&path).map(|_| ()).map_err(|error| unreadable(&path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Cause {
    let advice = match os_error::advice(error.raw_os_error()) {
        "" => " (set HOST_PROC to where the host's /proc is mounted)",
        advice => advice,
    };
    Cause::new(format!("cannot read {}: {error}{advice}", path.display()))
}

impl Source for Procfs {
    fn read(&mut self, query: &Query, each: &mut dyn FnMut(Row<'_>)) -> Result<Vec<Diagnostic>, SourceError> {
        let directory = self.host.net_dir();
        let outcome = read_devices(&directory.join("dev"), each);
        let diagnostic = if query.protocols { read_protocols(&directory.join("snmp"), each) } else { None };
        let mut diagnostics: Vec<_> = outcome?.into_iter().collect();
        diagnostics.extend(diagnostic);
        Ok(diagnostics)
    }
}

fn read_devices(path: &Path, each: &mut dyn FnMut(Row<'_>)) -> Result<Option<Diagnostic>, SourceError> {
    let mut devices = Devices::default();
    file::read_lines(path, &mut |line| {
        if let Some(interface) = devices.line(line) {
            each(Row::Interface(&interface));
        }
    })
    .map_err(|error| SourceError::Unavailable(unreadable(path, &error)))?;
    let Some(skipped) = devices.finish() else {
        let cause = Cause::new("unexpected content, expected the header of /proc/net/dev").in_file(path);
        return Err(SourceError::Failed(cause));
    };
    Ok(skipped.diagnostic("malformed rows", &path.display().to_string()))
}

/// What it has to say is of interest to whoever looks for a fault: many hosts have no such file.
fn read_protocols(path: &Path, each: &mut dyn FnMut(Row<'_>)) -> Option<Diagnostic> {
    let diagnostic = |text| Some(Diagnostic { level: Level::Debug, key: "snmp", text });
    let mut parser = ProtocolCounters::default();
    if let Err(error) = file::read_lines(path, &mut |line| parser.line(line)) {
        return diagnostic(format!("no protocol statistics: {}: {error}", path.display()));
    }
    let (counters, skipped) = parser.finish();
    each(Row::Protocols(&counters));
    if skipped == 0 && !counters.is_empty() {
        return None;
    }
    diagnostic(format!(
        "{}: skipped {skipped} malformed lines or values of protocol statistics",
        path.display()
    ))
}

/// The parser of `/proc/net/dev`: two header lines, then a line an interface.
///
/// Source of the format: `dev_seq_show` in the kernel's `net/core/net-procfs.c`. The columns are known by the
/// names in the second header line; before 2.6 a number could follow the colon without a space.
#[derive(Debug, Default)]
pub struct Devices {
    columns: Option<DeviceColumns>,
    lines: u64,
    skipped: Skipped,
}

impl Devices {
    /// Takes the next line; `None` is one too long to be the kernel's.
    pub fn line<'a>(&mut self, line: Option<&'a [u8]>) -> Option<Interface<'a>> {
        self.lines += 1;
        let text = line.unwrap_or(lines::TOO_LONG);
        if text.trim_ascii().is_empty() {
            return None;
        }
        let Some(columns) = &self.columns else {
            self.columns = line.and_then(columns_of_header);
            return None;
        };
        let interface = line.and_then(|line| interface_of(columns, line));
        if interface.is_none() {
            self.skipped.add(Some(self.lines), text);
        }
        interface
    }

    /// The lines that were skipped; `None` where there was no header: then this is no table of interfaces.
    #[must_use]
    pub fn finish(self) -> Option<Skipped> {
        self.columns.map(|_| self.skipped)
    }
}

/// The columns behind the colon.
#[derive(Debug)]
struct DeviceColumns {
    /// Where each counter is.
    places: [usize; COUNTERS.len()],
    count: usize,
}

/// The columns, from ` face |bytes packets ...|bytes packets ...`.
fn columns_of_header(line: &[u8]) -> Option<DeviceColumns> {
    let text = std::str::from_utf8(line).ok()?;
    let mut parts = text.split('|').skip(1);
    let received: Vec<&str> = parts.next()?.split_whitespace().collect();
    let sent: Vec<&str> = parts.next()?.split_whitespace().collect();
    let place = |columns: &[&str], name| columns.iter().position(|column| *column == name);
    let mut places = [0; COUNTERS.len()];
    for (counter, of_sent, name) in [
        (Counter::BytesSent, true, "bytes"),
        (Counter::BytesRecv, false, "bytes"),
        (Counter::PacketsSent, true, "packets"),
        (Counter::PacketsRecv, false, "packets"),
        (Counter::ErrIn, false, "errs"),
        (Counter::ErrOut, true, "errs"),
        (Counter::DropIn, false, "drop"),
        (Counter::DropOut, true, "drop"),
    ] {
        places[counter.index()] =
            if of_sent { received.len() + place(&sent, name)? } else { place(&received, name)? };
    }
    Some(DeviceColumns { places, count: received.len() + sent.len() })
}

/// Splits at the last colon: an alias' name (`eth0:1`) has one of its own. A line with fewer values than the
/// header has columns was cut, perhaps in the middle of a number.
fn interface_of<'a>(columns: &DeviceColumns, line: &'a [u8]) -> Option<Interface<'a>> {
    let colon = memchr::memrchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii();
    let values = line.get(colon + 1..)?.split(u8::is_ascii_whitespace).filter(|value| !value.is_empty());
    let mut counters: Counters = [None; COUNTERS.len()];
    let mut count = 0;
    for value in values {
        if let Some(counter) = columns.places.iter().position(|place| *place == count) {
            counters[counter] = Some(parse_decimal(value)?);
        }
        count += 1;
    }
    let complete = !name.is_empty() && count >= columns.count;
    complete.then_some(Interface { name, counters, up: None })
}

/// The parser of `/proc/net/snmp`: for each protocol a line of names and a line of values.
///
/// Source of the format: `snmp_seq_show` in the kernel's `net/ipv4/proc.c`. The names are the file's own, so
/// that counters which a newer kernel adds come through.
#[derive(Debug, Default)]
pub struct ProtocolCounters {
    header: Option<Vec<u8>>,
    seen: HashSet<String>,
    counters: Vec<(String, i64)>,
    /// Lines without their other half or with other than numbers, and names that come twice.
    pub skipped: u64,
}

impl ProtocolCounters {
    /// Takes the next line; `None` is one too long to be the kernel's.
    pub fn line(&mut self, line: Option<&[u8]>) {
        let Some(line) = line else {
            self.skipped += 1;
            return;
        };
        match self.header.take() {
            Some(header) if protocol_of(&header).is_some() && protocol_of(&header) == protocol_of(line) => {
                self.pair(&header, line);
            }
            other => {
                self.skipped += u64::from(other.is_some());
                self.header = Some(line.to_vec()).filter(|line| !line.trim_ascii().is_empty());
            }
        }
    }

    /// `<protocol>_<name>` in lower case, and its value; in the order of the file.
    #[must_use]
    pub fn finish(self) -> (Vec<(String, i64)>, u64) {
        let skipped = self.skipped + u64::from(self.header.is_some());
        (self.counters, skipped)
    }

    /// A line whose values are not one number a name is lost whole: which of them would be true? So is one with a name
    /// that is none of the kernel's: as a field's key it might not be written as it is, and be taken for another.
    fn pair(&mut self, names: &[u8], values: &[u8]) {
        let protocol = String::from_utf8_lossy(protocol_of(names).unwrap_or_default());
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        let all_plain =
            protocol.bytes().all(|byte| plain(&byte)) && words_behind_colon(names).flatten().all(plain);
        let values: Option<Vec<i64>> = words_behind_colon(values).map(signed).collect();
        let values = values.filter(|_| all_plain);
        let Some(values) = values.filter(|values| values.len() == words_behind_colon(names).count()) else {
            self.skipped += 1;
            return;
        };
        for (name, value) in words_behind_colon(names).zip(values) {
            let key = format!("{protocol}_{}", String::from_utf8_lossy(name)).to_lowercase();
            if self.counters.len() < MOST_PROTOCOL_COUNTERS && self.seen.insert(key.clone()) {
                self.counters.push((key, value));
            } else {
                self.skipped += 1;
            }
        }
    }
}

fn protocol_of(line: &[u8]) -> Option<&[u8]> {
    let name = line.get(..memchr::memchr(b':', line)?)?;
    (!name.is_empty()).then_some(name)
}

fn words_behind_colon(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let behind = memchr::memchr(b':', line).and_then(|colon| line.get(colon + 1..)).unwrap_or_default();
    behind.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A signed counter; one of the kernel's unsigned ones above the signed range is clamped.
fn signed(word: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(word).ok()?;
    text.parse::<i64>().ok().or_else(|| text.parse::<u64>().ok().map(|_| i64::MAX))
}

#[cfg(test)]
mod tests;
