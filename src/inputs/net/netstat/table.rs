//! Parses the table of interfaces that one run of `netstat -i` prints.
//!
//! A row is `Name Mtu Network Address`, followed by one cell per counter. Which counters these are depends on the
//! system, the release and the flags, so they are identified by the header. The address may be missing, and a header is
//! not always above its cells, so cells are counted from the right.
//!
//! Source: `intpr` in `usr.bin/netstat/if.c` of FreeBSD, OpenBSD and NetBSD and in `netstat.tproj/if.c` of Apple's
//! `network_cmds`.

use crate::inputs::net::counters::{Counter, Counters};
use crate::netstat::{FirstLine, cells};
use crate::number::parse_decimal;

/// The row of an interface: its network is `<Link>` or `<Link#N>`. There are also rows for its addresses, which have a
/// part of its counters (FreeBSD) or the same counters (other systems), and are ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name as printed: with `*` appended if the interface is down, then truncated by some releases.
    pub cell: Vec<u8>,
    /// The network cell, `<Link#N>`. Its number identifies an interface even if the name is truncated.
    pub link: Vec<u8>,
    /// The counters in the table.
    pub counters: Counters,
    /// The other properties in the table.
    pub details: Details,
}

/// The properties of an interface other than its counters. `None` if the table does not have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The maximum transmission unit, in bytes.
    pub mtu: Option<u64>,
    /// The interface index.
    pub index: Option<u64>,
    /// The number of collisions.
    pub collisions: Option<u64>,
    /// The hardware address; empty if there is none.
    pub address: Vec<u8>,
}

impl Row {
    /// The name, which may be truncated.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.cell.strip_suffix(b"*").unwrap_or(&self.cell)
    }

    /// Whether the interface is marked as down.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.cell.ends_with(b"*")
    }
}

/// Parses the output of one run.
#[derive(Debug, Default)]
pub struct Table {
    first: FirstLine,
    seen_header: bool,
    /// The columns after the address. `None` before the first header.
    columns: Option<Vec<Column>>,
    rows: Vec<Row>,
    name_width: usize,
    skipped: u64,
}

/// The table of a complete output.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// One row per interface.
    pub rows: Vec<Row>,
    /// The width of the name column. A name of this width may be truncated.
    pub name_width: usize,
    /// The number of malformed rows that were skipped.
    pub skipped: u64,
}

impl Table {
    /// Parses the next line; `None` stands for a line over the limit.
    pub fn line(&mut self, line: Option<&[u8]>) {
        let Some(line) = line else {
            self.skipped += 1;
            return;
        };
        self.first.see(line);
        let row: Vec<&[u8]> = cells(line).collect();
        match row.first() {
            None => {}
            Some(&b"Name") => self.header(line, &row),
            Some(_) => match read_row(self.columns.as_deref(), &row) {
                Ok(None) => {}
                Ok(Some(found)) => self.rows.push(found),
                Err(Malformed) => self.skipped += 1,
            },
        }
    }

    /// Returns the table at the end of the output.
    ///
    /// # Errors
    /// If the output was not a table of interfaces: its first line, quoted. An empty output is an error too, since every
    /// system has an interface.
    pub fn finish(self) -> Result<Links, String> {
        if self.seen_header {
            let longest = self.rows.iter().map(|row| row.cell.len()).max().unwrap_or(0);
            let name_width = self.name_width.max(longest);
            return Ok(Links { rows: self.rows, name_width, skipped: self.skipped });
        }
        Err(match self.first.quoted() {
            Some(first) => format!("printed unexpected output, expected a table of interfaces, got {first}"),
            None => "printed nothing, expected a table of interfaces".to_owned(),
        })
    }

    fn header(&mut self, line: &[u8], names: &[&[u8]]) {
        let place = |name: &[u8]| names.iter().position(|cell| *cell == name);
        let before = place(b"Address").or_else(|| place(b"Network"));
        let counters = before.and_then(|before| names.get(before + 1..)).unwrap_or_default();
        let columns: Vec<Column> = counters.iter().map(|name| Column::from_name(name)).collect();
        // After the header of another table, the columns of the last header no longer apply.
        let is_table = columns.iter().any(|column| matches!(column, Column::Counter(_)));
        self.columns = is_table.then_some(columns);
        if self.columns.is_some() {
            self.seen_header = true;
            let width = memchr::memmem::find(line, b"Mtu").map_or(0, |mtu| mtu.saturating_sub(1));
            self.name_width = self.name_width.max(width);
        }
    }
}

/// What a column counts.
#[derive(Clone, Copy, Debug)]
enum Column {
    Counter(Counter),
    Collisions,
    /// Time; OpenBSD's Ifail and Ofail, which are sums of errors and drops; columns of later releases.
    Other,
}

impl Column {
    const fn from_name(name: &[u8]) -> Self {
        Self::Counter(match name {
            b"Ibytes" => Counter::BytesRecv,
            b"Obytes" => Counter::BytesSent,
            b"Ipkts" => Counter::PacketsRecv,
            b"Opkts" => Counter::PacketsSent,
            b"Ierrs" => Counter::ErrIn,
            b"Oerrs" => Counter::ErrOut,
            b"Idrop" | b"Idrops" => Counter::DropIn,
            // A single drop column is that of the send queue (if_snd.ifq_drops, ifi_oqdrops) in every release.
            b"Odrop" | b"Odrops" | b"Drop" | b"Drops" => Counter::DropOut,
            b"Coll" | b"Colls" => return Self::Collisions,
            _ => return Self::Other,
        })
    }
}

/// A malformed row.
struct Malformed;

/// Parses a row. `None` if it is the row of an address. A row without a known header before it is malformed.
fn read_row(columns: Option<&[Column]>, row: &[&[u8]]) -> Result<Option<Row>, Malformed> {
    let &[name, mtu, link, ref rest @ ..] = row else { return Err(Malformed) };
    // Only the network cell starts with `<`. If it is too far left, cells before it have run together.
    if name == b"*" || name.starts_with(b"<") || mtu.starts_with(b"<") {
        return Err(Malformed);
    }
    if !link.starts_with(b"<") {
        return Ok(None);
    }
    let columns = columns.ok_or(Malformed)?;
    let address = rest.len().checked_sub(columns.len()).ok_or(Malformed)?;
    let (address, values) = rest.split_at(address);
    // A plain number is not an address: the row has one cell too many, and it is unknown which.
    if address.len() > 1 || address.iter().any(|cell| parse_decimal(cell).is_some()) {
        return Err(Malformed);
    }
    let mut counters = Counters::default();
    let mut details = Details {
        mtu: parse_decimal(mtu),
        index: link.strip_prefix(b"<Link#").and_then(|rest| parse_decimal(rest.strip_suffix(b">")?)),
        collisions: None,
        // FreeBSD prints the name of an interface that has no address in its place.
        address: address
            .first()
            .filter(|cell| is_hardware_address(cell))
            .map(|cell| cell.to_vec())
            .unwrap_or_default(),
    };
    for (column, cell) in columns.iter().zip(values) {
        let value = parse_decimal(cell);
        // netstat prints `-` for an unknown value, and a negative number for a counter that overflowed.
        if value.is_none() && !cell.starts_with(b"-") {
            return Err(Malformed);
        }
        match column {
            Column::Counter(counter) => *counters.get_mut(counter.index()).ok_or(Malformed)? = value,
            Column::Collisions => details.collisions = value,
            Column::Other => {}
        }
    }
    Ok(Some(Row { cell: name.to_vec(), link: link.to_vec(), counters, details }))
}

fn is_hardware_address(cell: &[u8]) -> bool {
    let is_byte = |part: &[u8]| (1..3).contains(&part.len()) && part.iter().all(u8::is_ascii_hexdigit);
    cell.contains(&b':') && cell.split(|byte| *byte == b':').all(is_byte)
}
