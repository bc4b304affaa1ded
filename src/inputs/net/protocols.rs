//! The protocol statistics of the whole system: the files of the option `protocol_stats`.
//!
//! Names are the files' own, so that counters which a newer kernel adds come through.
//! Source of the formats: `net/ipv4/proc.c`, `net/ipv6/proc.c` and `net/mptcp/mib.c` of the kernel.

use std::collections::HashSet;
use std::path::Path;

use crate::file;
use crate::inputs::source::Diagnostic;
use crate::logger::Level;

/// More counters than any kernel has; what is above is garbage.
const MOST: usize = 4096;

/// A file with protocol statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolFile {
    /// Its name.
    pub name: &'static str,
    form: Form,
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For each protocol a line of names and a line of values: `Tcp: InSegs OutSegs`, `Tcp: 1 2`.
    Pairs,
    /// A counter per line, the protocol in front of its name: `Ip6InReceives 1`.
    Counters,
    /// A protocol per line: `TCP: inuse 1 orphan 0`. The counters of sockets are no counters of packets, so the name of the
    /// file comes first.
    Words,
}

/// Every file that the option knows.
pub const FILES: [ProtocolFile; 5] = [
    ProtocolFile { name: "snmp", form: Form::Pairs },
    ProtocolFile { name: "snmp6", form: Form::Counters },
    ProtocolFile { name: "netstat", form: Form::Pairs },
    ProtocolFile { name: "sockstat", form: Form::Words },
    ProtocolFile { name: "sockstat6", form: Form::Words },
];

/// What the files hold: `<protocol>_<name>` in lower case, and the value.
#[derive(Debug, Default)]
pub struct ProtocolCounters {
    seen: HashSet<String>,
    counters: Vec<(String, i64)>,
}

impl ProtocolCounters {
    /// Reads files of a directory. One that cannot be read costs its own counters.
    ///
    /// What there is to say is of interest to whoever looks for a fault: many hosts lack one or the other file.
    pub(super) fn read(directory: &Path, files: &[ProtocolFile]) -> (Self, Vec<Diagnostic>) {
        let mut all = Self::default();
        let diagnostics = files.iter().filter_map(|file| {
            let text = all.read_file(&directory.join(file.name), *file)?;
            Some(Diagnostic { level: Level::Debug, key: file.name, text })
        });
        let diagnostics = diagnostics.collect();
        (all, diagnostics)
    }

    /// Reads a file; what there is to say of it.
    fn read_file(&mut self, path: &Path, file: ProtocolFile) -> Option<String> {
        let before = self.counters.len();
        let mut table = ProtocolTable::new(file);
        if let Err(error) = file::read_lines(path, &mut |line| table.line(line, self)) {
            return Some(format!("no protocol statistics: {}: {error}", path.display()));
        }
        let skipped = table.finish();
        (skipped != 0 || self.counters.len() == before).then(|| {
            let path = path.display();
            format!("{path}: skipped {skipped} malformed lines or values of protocol statistics")
        })
    }

    /// The counters, in the order of the files.
    #[must_use]
    pub fn counters(&self) -> &[(String, i64)] {
        &self.counters
    }

    /// Adds a counter; false where its name has come before, or there are too many.
    fn add(&mut self, protocol: &[u8], name: &[u8], value: i64) -> bool {
        let [protocol, name] = [protocol, name].map(|part| String::from_utf8_lossy(part).to_lowercase());
        let key = format!("{protocol}_{name}");
        let is_new = self.counters.len() < MOST && self.seen.insert(key.clone());
        if is_new {
            self.counters.push((key, value));
        }
        is_new
    }
}

/// The parser of one file.
#[derive(Debug)]
pub struct ProtocolTable {
    file: ProtocolFile,
    /// The names of a pair whose values come next.
    header: Option<Vec<u8>>,
    skipped: u64,
}

impl ProtocolTable {
    /// One for that file.
    #[must_use]
    pub const fn new(file: ProtocolFile) -> Self {
        Self { file, header: None, skipped: 0 }
    }

    /// Takes the next line; `None` is one too long to be the kernel's.
    ///
    /// A line that is malformed in one place is skipped as a whole: which of its values would be true?
    pub fn line(&mut self, line: Option<&[u8]>, counters: &mut ProtocolCounters) {
        let Some(line) = line else {
            self.skipped += 1;
            return;
        };
        let header = self.header.take();
        if line.trim_ascii().is_empty() {
            self.skipped += u64::from(header.is_some());
            return;
        }
        match (self.file.form, header) {
            (Form::Counters, _) => self.add(single(line), counters),
            (Form::Words, _) => self.add(words(self.file.name, line), counters),
            (Form::Pairs, Some(header)) if is_of_same_protocol(&header, line) => {
                self.add(pair(&header, line), counters);
            }
            (Form::Pairs, other) => {
                self.skipped += u64::from(other.is_some());
                self.header = Some(line.to_vec());
            }
        }
    }

    /// How many were skipped: lines without their other half or with other than numbers, and names that come twice.
    #[must_use]
    pub fn finish(self) -> u64 {
        self.skipped + u64::from(self.header.is_some())
    }

    fn add(&mut self, line: Option<Line<'_>>, counters: &mut ProtocolCounters) {
        let Some(Line { protocol, values }) = line else {
            self.skipped += 1;
            return;
        };
        for (name, value) in values {
            self.skipped += u64::from(!counters.add(&protocol, name, value));
        }
    }
}

/// What a line, or a pair of them, says of a protocol.
struct Line<'a> {
    protocol: Vec<u8>,
    values: Vec<(&'a [u8], i64)>,
}

/// The protocol in front of the colon, and the words behind it.
fn split(line: &[u8]) -> Option<(&[u8], impl Iterator<Item = &[u8]>)> {
    let (protocol, rest) = line.split_at_checked(memchr::memchr(b':', line)?)?;
    let words = rest.get(1..)?.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    (!protocol.is_empty()).then_some((protocol, words))
}

fn is_of_same_protocol(one: &[u8], other: &[u8]) -> bool {
    match (split(one), split(other)) {
        (Some((one, _)), Some((other, _))) => one == other,
        _ => false,
    }
}

/// `Tcp: InSegs OutSegs` and `Tcp: 1 2`.
fn pair<'a>(names: &'a [u8], values: &[u8]) -> Option<Line<'a>> {
    let (protocol, mut names) = split(names)?;
    let (_, mut values) = split(values)?;
    let mut line = Line::new(&[protocol])?;
    loop {
        match (names.next(), values.next()) {
            (Some(name), Some(value)) => line.push(name, value)?,
            (None, None) => return Some(line),
            _ => return None,
        }
    }
}

/// `Ip6InReceives 1`: the protocol ends with its number.
fn single(line: &[u8]) -> Option<Line<'_>> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (whole, value, end) = (words.next()?, words.next()?, words.next());
    let (protocol, name) = whole.split_at_checked(memchr::memchr(b'6', whole)? + 1)?;
    let mut line = Line::new(&[protocol])?;
    line.push(name, value)?;
    (!name.is_empty() && end.is_none()).then_some(line)
}

/// `TCP: inuse 1 orphan 0`.
fn words<'a>(file: &str, line: &'a [u8]) -> Option<Line<'a>> {
    let (protocol, mut words) = split(line)?;
    let mut line = Line::new(&[file.as_bytes(), b"_", protocol])?;
    while let Some(name) = words.next() {
        line.push(name, words.next()?)?;
    }
    Some(line)
}

impl<'a> Line<'a> {
    fn new(protocol: &[&[u8]]) -> Option<Self> {
        let protocol = protocol.concat();
        is_plain(&protocol).then_some(Self { protocol, values: Vec::new() })
    }

    fn push(&mut self, name: &'a [u8], value: &[u8]) -> Option<()> {
        self.values.push((is_plain(name).then_some(name)?, signed(value)?));
        Some(())
    }
}

/// Whether it is a name of the kernel's. As a field's key another might not be written as it is, and be taken for one more.
fn is_plain(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
}

/// A signed counter; one of the kernel's unsigned ones above the signed range is clamped.
fn signed(word: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(word).ok()?;
    text.parse::<i64>().ok().or_else(|| text.parse::<u64>().ok().map(|_| i64::MAX))
}

#[cfg(test)]
mod tests;
