//! Parses the tables that ss prints.
//!
//! Source of the format: `misc/ss.c` of iproute2, from 3.12 on. A table is a header line, then one row per socket.
//! A line that begins with white space has the details of the socket above it (`-i`). The first columns differ between
//! versions and protocols, so they are taken from the header. Its cells may run together (`Peer Address:PortProcess`), so
//! it is searched for words, not split into cells.

use std::ops::Range;

use memchr::memmem;

use super::unix::{Alignment, Verdict, unix_ends};
use super::words::Words;
use crate::inputs::socketstat::field::{CONTRACT, PRINTED};
use crate::inputs::socketstat::socket::{Endpoint, Protocol, Socket, State, TcpInfo};
use crate::inputs::source::{Diagnostic, Skipped};
use crate::lines::TOO_LONG;
use crate::logger::Level;
use crate::number::parse_decimal;
use crate::quote::quote;

/// Parses one table, line by line.
pub struct SsTable {
    protocol: Protocol,
    /// The state of every socket, if there is no column for it.
    only_state: Option<u8>,
    columns: Option<LeadingColumns>,
    alignment: Alignment,
    above: Above,
    /// The last row, kept until the next one, since the lines below it add details.
    row: Vec<u8>,
    cells: Cells,
    counters: [Option<u64>; PRINTED],
    skipped: Skipped,
    orphans: u64,
}

/// What the last row was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Above {
    Nothing,
    Socket,
    Skipped,
}

/// Which columns stand before the queues.
#[derive(Clone, Copy)]
struct LeadingColumns {
    netid: bool,
    state: bool,
}

/// The positions of the cells in the last row.
#[derive(Clone, Debug, Default)]
struct Cells {
    netid: Range<usize>,
    state: Range<usize>,
    recv_q: u64,
    send_q: u64,
    local_addr: Range<usize>,
    local_port: Range<usize>,
    remote_addr: Range<usize>,
    remote_port: Range<usize>,
}

impl SsTable {
    /// A parser for the output of `ss -in --PROTO`.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            only_state: None,
            columns: None,
            alignment: Alignment::default(),
            above: Above::Nothing,
            row: Vec::new(),
            cells: Cells::default(),
            counters: [None; PRINTED],
            skipped: Skipped::default(),
            orphans: 0,
        }
    }

    /// Sets the state of every socket, for when ss omits the column.
    #[must_use]
    pub(super) fn with_only_state(self, only_state: Option<u8>) -> Self {
        Self { only_state, ..self }
    }

    /// Takes the next line, or `None` for one that is too long.
    ///
    /// # Errors
    /// When the first line is not a header of ss. The message quotes it.
    pub fn line(&mut self, line: Option<&[u8]>, each: &mut dyn FnMut(&Socket<'_>)) -> Result<(), String> {
        if line == Some(b"") {
            return Ok(());
        }
        let Some(columns) = self.columns else {
            let Some(header) = line.and_then(LeadingColumns::of_header) else {
                let got = quote(line.unwrap_or(TOO_LONG));
                return Err(format!("printed unexpected output, expected the header of ss, got {got}"));
            };
            self.columns = Some(header);
            if self.protocol == Protocol::Unix {
                self.alignment = Alignment::of_header(line.unwrap_or_default());
            }
            return Ok(());
        };
        self.settle(columns, false, each);
        match line {
            Some(line) if line.first().is_some_and(u8::is_ascii_whitespace) => self.details(line),
            Some(line) => {
                self.emit(each);
                self.begin(columns, line);
            }
            None => {
                self.emit(each);
                self.skip(TOO_LONG);
            }
        }
        Ok(())
    }

    /// Ends the table and returns its diagnostics.
    ///
    /// # Errors
    /// When nothing was printed.
    pub fn finish(mut self, each: &mut dyn FnMut(&Socket<'_>)) -> Result<Vec<Diagnostic>, String> {
        self.emit(each);
        let Some(columns) = self.columns else {
            return Err(String::from("printed nothing, expected the header of ss"));
        };
        self.settle(columns, true, each);
        let table = format!("ss --{}", self.protocol);
        let mut diagnostics: Vec<Diagnostic> =
            self.skipped.diagnostic("ss: malformed rows", &table).into_iter().collect();
        if self.orphans > 0 {
            let text =
                format!("{table}: skipped {} lines of details without a socket above them", self.orphans);
            diagnostics.push(Diagnostic { level: Level::Warn, key: "ss: details without a socket", text });
        }
        Ok(diagnostics)
    }

    fn begin(&mut self, columns: LeadingColumns, line: &[u8]) {
        let cells = leading_cells(columns, line);
        let cells = if self.protocol == Protocol::Unix {
            let Some((cells, ends)) = cells else { return self.skip(line) };
            let Some(cells) = unix_cells(cells, line, ends) else {
                self.alignment.line_break(line);
                return self.skip(line);
            };
            match self.alignment.judge(line, cells.inodes()) {
                Verdict::Row => Some(cells),
                Verdict::Malformed => None,
                Verdict::Undecided => {
                    self.above = Above::Skipped;
                    return;
                }
            }
        } else {
            cells.and_then(|(cells, ends)| inet_cells(self.protocol, cells, line, ends))
        };
        match cells {
            Some(cells) => self.take(cells, line),
            None => self.skip(line),
        }
    }

    fn take(&mut self, cells: Cells, line: &[u8]) {
        self.cells = cells;
        self.row.clear();
        self.row.extend_from_slice(line);
        self.counters = [None; PRINTED];
        self.above = Above::Socket;
    }

    /// Takes or skips the rows of unix sockets that were undecided so far.
    fn settle(&mut self, columns: LeadingColumns, end: bool, each: &mut dyn FnMut(&Socket<'_>)) {
        if self.protocol != Protocol::Unix {
            return;
        }
        let (verdict, rows) = self.alignment.decided(end);
        for row in rows {
            self.emit(each);
            let cells = leading_cells(columns, &row).and_then(|(cells, ends)| unix_cells(cells, &row, ends));
            match cells.filter(|_| verdict == Verdict::Row) {
                Some(cells) => self.take(cells, &row),
                None => self.skip(&row),
            }
        }
        if end {
            self.emit(each);
        }
    }

    fn skip(&mut self, line: &[u8]) {
        self.skipped.add(None, line);
        self.above = Above::Skipped;
    }

    fn details(&mut self, line: &[u8]) {
        match self.above {
            Above::Socket if self.protocol == Protocol::Unix => {}
            Above::Socket => read_counters(line, &mut self.counters),
            Above::Skipped => {}
            // ss 3.12 and 4.3 print a blank line below each UDP socket.
            Above::Nothing => self.orphans += u64::from(!line.trim_ascii().is_empty()),
        }
    }

    /// Passes on the last row, which is now complete.
    fn emit(&mut self, each: &mut dyn FnMut(&Socket<'_>)) {
        if self.above != Above::Socket {
            return;
        }
        self.above = Above::Nothing;
        let cell = |range: &Range<usize>| self.row.get(range.clone()).unwrap_or_default();
        let end = |address, port| Endpoint::Text { address: cell(address), port: cell(port) };
        let state = match self.only_state {
            Some(number) if !self.columns.is_some_and(|columns| columns.state) => State::Number(number),
            _ => State::Text(cell(&self.cells.state)),
        };
        each(&Socket {
            local: end(&self.cells.local_addr, &self.cells.local_port),
            remote: end(&self.cells.remote_addr, &self.cells.remote_port),
            state,
            netid: cell(&self.cells.netid),
            recv_q: Some(self.cells.recv_q),
            send_q: Some(self.cells.send_q),
            tcp: TcpInfo::Printed(&self.counters),
            ..Socket::default()
        });
    }
}

impl LeadingColumns {
    /// `None` if the line is not a header of ss.
    fn of_header(line: &[u8]) -> Option<Self> {
        let recv_q = memmem::find(line, b"Recv-Q")?;
        let send_q = memmem::find(line, b"Send-Q")?;
        let local = memmem::find(line, b"Local")?;
        let front = line.get(..recv_q)?;
        (recv_q < send_q && send_q < local).then(|| Self {
            netid: memmem::find(front, b"Netid").is_some(),
            state: memmem::find(front, b"State").is_some(),
        })
    }
}

impl Cells {
    /// The positions of the two inode numbers of a unix socket.
    const fn inodes(&self) -> [usize; 2] {
        [self.local_port.start, self.remote_port.start]
    }
}

/// Finds the cells before the addresses, and where the addresses begin. `None` if a cell is missing or a queue is not a
/// number.
fn leading_cells(columns: LeadingColumns, line: &[u8]) -> Option<(Cells, usize)> {
    let mut words = Words::of(line);
    let mut cells = Cells::default();
    if columns.netid {
        cells.netid = words.next()?;
    }
    if columns.state {
        cells.state = words.next()?;
        // ss marks an SCTP association below its endpoint: "`- ESTAB".
        if line.get(cells.state.clone()) == Some(b"`-") {
            cells.state = words.next()?;
        }
    }
    cells.recv_q = parse_decimal(line.get(words.next()?)?)?;
    cells.send_q = parse_decimal(line.get(words.next()?)?)?;
    Some((cells, words.rest().start))
}

fn unix_cells(cells: Cells, line: &[u8], start: usize) -> Option<Cells> {
    let [local_addr, local_port, remote_addr, remote_port] =
        unix_ends(line.get(start..)?)?.map(|range| range.start + start..range.end + start);
    Some(Cells { local_addr, local_port, remote_addr, remote_port, ..cells })
}

fn inet_cells(protocol: Protocol, cells: Cells, line: &[u8], start: usize) -> Option<Cells> {
    let portless = protocol == Protocol::Packet;
    let mut words = Words::from(line, start);
    let (local_addr, local_port) = address_and_port(line, words.next()?, portless)?;
    let (remote_addr, remote_port) = address_and_port(line, words.next()?, portless)?;
    Some(Cells { local_addr, local_port, remote_addr, remote_port, ..cells })
}

/// Splits at the last colon. The peer of a packet socket is `*` without a port.
fn address_and_port(line: &[u8], word: Range<usize>, portless: bool) -> Option<(Range<usize>, Range<usize>)> {
    let text = line.get(word.clone())?;
    match memchr::memrchr(b':', text) {
        // Without the closing bracket or the port, the word is truncated.
        Some(colon)
            if text.ends_with(b":") || text.starts_with(b"[") && !text.get(..colon)?.contains(&b']') =>
        {
            None
        }
        Some(colon) => Some((word.start..word.start + colon, word.start + colon + 1..word.end)),
        None if portless => Some((word.clone(), word.end..word.end)),
        None => None,
    }
}

/// Reads the counters of [`CONTRACT`] from a line of details: words of the form `name:value`. Stops when all are found,
/// since ss prints much more after them.
fn read_counters(line: &[u8], counters: &mut [Option<u64>; PRINTED]) {
    let line = line.trim_ascii();
    let mut start = 0;
    for end in memchr::memchr2_iter(b' ', b'\t', line).chain([line.len()]) {
        let word = line.get(start..end).unwrap_or_default();
        start = end + 1;
        // All names begin with one of these letters, so most words are rejected here.
        if !matches!(word.first(), Some(b'b' | b's' | b'd')) {
            continue;
        }
        let Some((name, value)) =
            word.iter().position(|byte| *byte == b':').map(|colon| word.split_at(colon))
        else {
            continue;
        };
        let Some(place) = CONTRACT.iter().position(|field| field.ss.as_bytes() == name) else { continue };
        if let (Some(value), Some(counter)) =
            (value.get(1..).and_then(parse_decimal), counters.get_mut(place))
        {
            *counter = Some(value);
            if counters.iter().all(Option::is_some) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
