//! The parser of ss's tables.
//!
//! Source of the format: `misc/ss.c` of iproute2, from 3.12 on. A table is a header line, then a row a socket;
//! a line that begins with white space describes the socket above it (`-i`). Which columns a row begins with
//! differs between versions and protocols, so the header decides; its cells may run together
//! (`Peer Address:PortProcess`), so it is searched for words and not cut into cells.

use std::ops::Range;

use memchr::memmem;

use crate::inputs::socketstat::socket::{COUNTERS, Protocol, Socket};
use crate::inputs::socketstat::source::{Note, Sink};
use crate::lines::TOO_LONG;
use crate::number::number;
use crate::quote::quote;

/// One table as it arrives, line by line.
pub struct Table {
    protocol: Protocol,
    columns: Option<Columns>,
    above: Above,
    /// The row above, kept until the next one: the lines below it may add to it.
    row: Vec<u8>,
    cells: Cells,
    counters: [Option<u64>; COUNTERS.len()],
    left_out: u64,
    first_left_out: String,
    orphans: u64,
}

/// What the line above was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Above {
    Nothing,
    Socket,
    LeftOut,
}

/// The columns in front of the queues.
#[derive(Clone, Copy)]
struct Columns {
    netid: bool,
    state: bool,
}

/// Where the cells of the row above are.
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

impl Table {
    /// A reader of what `ss -in --PROTO` prints.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            columns: None,
            above: Above::Nothing,
            row: Vec::new(),
            cells: Cells::default(),
            counters: [None; COUNTERS.len()],
            left_out: 0,
            first_left_out: String::new(),
            orphans: 0,
        }
    }

    /// Takes the next line; `None` is one too long to be ss's.
    ///
    /// # Errors
    /// When this is no table of ss's: what it is instead.
    pub fn line(&mut self, line: Option<&[u8]>, sink: &mut dyn Sink) -> Result<(), String> {
        if line == Some(b"") {
            return Ok(());
        }
        let Some(columns) = self.columns else {
            let header = line.and_then(Columns::of_header);
            self.columns = Some(header.ok_or_else(|| {
                format!("printed no table of sockets but {}", quote(line.unwrap_or(TOO_LONG)))
            })?);
            return Ok(());
        };
        match line {
            Some(line) if line.first().is_some_and(u8::is_ascii_whitespace) => self.details(line),
            Some(line) => {
                self.emit(sink);
                self.begin(columns, line);
            }
            None => {
                self.emit(sink);
                self.leave_out(TOO_LONG);
            }
        }
        Ok(())
    }

    /// Ends the table: what there is to say about it.
    ///
    /// # Errors
    /// When nothing was printed.
    pub fn finish(mut self, sink: &mut dyn Sink) -> Result<Vec<Note>, String> {
        self.emit(sink);
        if self.columns.is_none() {
            return Err(String::from("printed nothing"));
        }
        let mut notes = Vec::new();
        if self.left_out > 0 {
            notes.push(Note::Warning {
                key: "rows left out",
                text: format!(
                    "ss --{}: rows left out, too short or with a queue that is no number: {}, the first {}",
                    self.protocol, self.left_out, self.first_left_out
                ),
            });
        }
        if self.orphans > 0 {
            notes.push(Note::Warning {
                key: "details without socket",
                text: format!(
                    "ss --{}: lines of details ignored, with no socket above them: {}",
                    self.protocol, self.orphans
                ),
            });
        }
        Ok(notes)
    }

    fn begin(&mut self, columns: Columns, line: &[u8]) {
        match cells_of(self.protocol, columns, line) {
            Some(cells) => {
                self.cells = cells;
                self.row.clear();
                self.row.extend_from_slice(line);
                self.counters = [None; COUNTERS.len()];
                self.above = Above::Socket;
            }
            None => self.leave_out(line),
        }
    }

    fn leave_out(&mut self, line: &[u8]) {
        if self.left_out == 0 {
            self.first_left_out = quote(line);
        }
        self.left_out += 1;
        self.above = Above::LeftOut;
    }

    fn details(&mut self, line: &[u8]) {
        match self.above {
            Above::Socket => read_counters(line, &mut self.counters),
            Above::LeftOut => {}
            // ss 3.12 and 4.3 print such a line, empty, below each UDP socket.
            Above::Nothing => self.orphans += u64::from(!line.trim_ascii().is_empty()),
        }
    }

    /// Hands on the row above, now that it is complete.
    fn emit(&mut self, sink: &mut dyn Sink) {
        if self.above != Above::Socket {
            return;
        }
        self.above = Above::Nothing;
        let cell = |range: &Range<usize>| self.row.get(range.clone()).unwrap_or_default();
        sink.socket(&Socket {
            local_addr: cell(&self.cells.local_addr),
            local_port: cell(&self.cells.local_port),
            remote_addr: cell(&self.cells.remote_addr),
            remote_port: cell(&self.cells.remote_port),
            state: cell(&self.cells.state),
            netid: cell(&self.cells.netid),
            recv_q: Some(self.cells.recv_q),
            send_q: Some(self.cells.send_q),
            counters: self.counters,
        });
    }
}

impl Columns {
    /// `None`: this is no header of ss's.
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

/// Finds the cells of a row; `None` where one is missing or a queue is no number.
fn cells_of(protocol: Protocol, columns: Columns, line: &[u8]) -> Option<Cells> {
    let mut words = Words { line, at: 0 };
    let mut cells = Cells::default();
    if columns.netid {
        cells.netid = words.next()?;
    }
    if columns.state {
        cells.state = words.next()?;
        // An SCTP association stands below its endpoint: "`- ESTAB".
        if line.get(cells.state.clone()) == Some(b"`-") {
            cells.state = words.next()?;
        }
    }
    cells.recv_q = number(line.get(words.next()?)?)?;
    cells.send_q = number(line.get(words.next()?)?)?;
    if protocol == Protocol::Unix {
        let ends = words.rest();
        let [local_addr, local_port, remote_addr, remote_port] = unix_ends(line.get(ends.clone())?)?;
        let shift = |range: Range<usize>| range.start + ends.start..range.end + ends.start;
        cells.local_addr = shift(local_addr);
        cells.local_port = shift(local_port);
        cells.remote_addr = shift(remote_addr);
        cells.remote_port = shift(remote_port);
    } else {
        let portless = protocol == Protocol::Packet;
        (cells.local_addr, cells.local_port) = address_and_port(line, words.next()?, portless)?;
        (cells.remote_addr, cells.remote_port) = address_and_port(line, words.next()?, portless)?;
    }
    Some(cells)
}

/// Splits at the last colon. A packet socket's peer is a bare `*`.
fn address_and_port(line: &[u8], word: Range<usize>, portless: bool) -> Option<(Range<usize>, Range<usize>)> {
    let text = line.get(word.clone())?;
    match memchr::memrchr(b':', text) {
        // Without its bracket or its port the word was cut.
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

/// Splits `PATH INODE PEER-PATH PEER-INODE`, where paths may hold spaces, commas and digits.
///
/// ss puts one space between a path and its inode and pads with more between the two ends. The peer is nearly
/// always `*`; where it is a path, it begins where a number is followed by `/` or `@`.
fn unix_ends(text: &[u8]) -> Option<[Range<usize>; 4]> {
    let text = text.trim_ascii_end();
    let (front, remote_port) = last_word(text)?;
    inode(text.get(remote_port.clone())?)?;
    if let Some((head, star)) = last_word(front).filter(|(_, word)| front.get(word.clone()) == Some(b"*")) {
        let head = head.trim_ascii_end();
        if let Some((path, inode)) =
            last_word(head).filter(|(path, word)| is_end(path, head.get(word.clone())))
        {
            return Some([0..path.len(), inode, star, remote_port]);
        }
    }
    let mut words = Words { line: front, at: 0 };
    let mut behind_digits: Option<[Range<usize>; 2]> = None;
    while let Some(word) = words.next() {
        let path = front.get(..word.start.saturating_sub(1)).unwrap_or_default();
        if !is_end(path, front.get(word.clone())) {
            continue;
        }
        let rest = words.rest();
        let marked = matches!(front.get(rest.start), Some(b'/' | b'@'));
        if rest.is_empty() {
            break;
        }
        if marked || path == b"*" {
            return Some([0..path.len(), word, rest, remote_port]);
        }
        behind_digits.get_or_insert([word, rest]);
    }
    let [inode, rest] = behind_digits?;
    Some([0..inode.start - 1, inode, rest, remote_port])
}

/// Whether `path` and `number` can be one end of a unix socket.
fn is_end(path: &[u8], number: Option<&[u8]>) -> bool {
    !path.is_empty() && number.and_then(inode).is_some()
}

/// An inode. ss holds it in an `int`, so one above 2^31-1 is printed as a negative number.
fn inode(word: &[u8]) -> Option<u64> {
    number(word.strip_prefix(b"-").unwrap_or(word))
}

/// The last word of a text, and what stands before the one space in front of it.
fn last_word(text: &[u8]) -> Option<(&[u8], Range<usize>)> {
    let start = text.iter().rposition(u8::is_ascii_whitespace)? + 1;
    Some((text.get(..start - 1)?, start..text.len()))
}

/// The words of a line, by their places.
struct Words<'a> {
    line: &'a [u8],
    at: usize,
}

impl Words<'_> {
    fn skip_blanks(&mut self) {
        let blanks = self.line.get(self.at..).unwrap_or_default().iter();
        self.at += blanks.take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    fn next(&mut self) -> Option<Range<usize>> {
        self.skip_blanks();
        let start = self.at;
        let word = self.line.get(start..).unwrap_or_default().iter();
        self.at += word.take_while(|byte| !byte.is_ascii_whitespace()).count();
        (start < self.at).then_some(start..self.at)
    }

    /// What follows the words taken so far.
    fn rest(&mut self) -> Range<usize> {
        self.skip_blanks();
        self.at..self.line.len()
    }
}

/// Takes the [`COUNTERS`] from a line of details: words of the form `name:value` between blanks. ss has far more to
/// tell behind the last of them, so that the end of the line is not looked at when all are there.
fn read_counters(line: &[u8], counters: &mut [Option<u64>; COUNTERS.len()]) {
    let line = line.trim_ascii();
    let mut start = 0;
    for end in memchr::memchr2_iter(b' ', b'\t', line).chain([line.len()]) {
        let word = line.get(start..end).unwrap_or_default();
        start = end + 1;
        // The names all begin so; most words are told apart here.
        if !matches!(word.first(), Some(b'b' | b's' | b'd')) {
            continue;
        }
        let Some((name, value)) =
            word.iter().position(|byte| *byte == b':').map(|colon| word.split_at(colon))
        else {
            continue;
        };
        let Some(place) = COUNTERS.iter().position(|counter| counter.as_bytes() == name) else { continue };
        if let (Some(value), Some(counter)) = (value.get(1..).and_then(number), counters.get_mut(place)) {
            *counter = Some(value);
            if counters.iter().all(Option::is_some) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
