//! The table of interfaces that one run of `netstat -i` prints.
//!
//! Source: `intpr` in `usr.bin/netstat/if.c` of FreeBSD, OpenBSD and NetBSD and in `netstat.tproj/if.c` of Apple's
//! `network_cmds`. A row is `Name Mtu Network Address` and then one cell a counter; which counters those are differs
//! between systems, releases and flags, so they are known by the header's names. The address may be empty and
//! headers need not stand over their cells, so both are counted from the right.

use crate::inputs::net::counters::{Counter, Counters};
use crate::netstat::{FirstLine, cells};
use crate::number::parse_decimal;

/// One interface's own row: the one whose network is `<Link>` or `<Link#N>`. The rows of its addresses split its
/// counters (FreeBSD) or repeat them (the others).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name as printed: with `*` at its end where the interface is down, then cut where the release cuts.
    pub cell: Vec<u8>,
    /// The network cell, `<Link#N>`: with its number, what tells interfaces apart whose names are cut.
    pub link: Vec<u8>,
    /// The counters that the table holds.
    pub counters: Counters,
}

impl Row {
    /// The name, as far as it is printed.
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

/// Reads one run's output.
#[derive(Debug, Default)]
pub struct Table {
    first: FirstLine,
    seen_header: bool,
    /// What each counter cell holds; `None` for one of no interest. Itself `None` before a header.
    columns: Option<Vec<Option<Counter>>>,
    rows: Vec<Row>,
    name_width: usize,
    skipped: u64,
}

/// What came of a whole output.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The interfaces' own rows.
    pub rows: Vec<Row>,
    /// How wide the name column is. No name is printed longer, so one of that width may be cut.
    pub name_width: usize,
    /// How many malformed rows were skipped.
    pub skipped: u64,
}

impl Table {
    /// Takes the next line; `None` stands for one too long to be kept.
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
                Err(Unreadable) => self.skipped += 1,
            },
        }
    }

    /// Ends the output.
    ///
    /// # Errors
    /// Where it was no table of interfaces: its first line, quoted. Every system has an interface, so nothing at all
    /// is none either.
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
        let columns: Vec<Option<Counter>> = counters.iter().map(|name| counter_of(name)).collect();
        // Rows under a header of something else are not to be read by the last one.
        self.columns = columns.iter().any(Option::is_some).then_some(columns);
        if self.columns.is_some() {
            self.seen_header = true;
            let width = memchr::memmem::find(line, b"Mtu").map_or(0, |mtu| mtu.saturating_sub(1));
            self.name_width = self.name_width.max(width);
        }
    }
}

/// What a column of this name counts.
fn counter_of(name: &[u8]) -> Option<Counter> {
    Some(match name {
        b"Ibytes" => Counter::BytesRecv,
        b"Obytes" => Counter::BytesSent,
        b"Ipkts" => Counter::PacketsRecv,
        b"Opkts" => Counter::PacketsSent,
        b"Ierrs" => Counter::ErrIn,
        b"Oerrs" => Counter::ErrOut,
        b"Idrop" | b"Idrops" => Counter::DropIn,
        // The drops of the sending queue (if_snd.ifq_drops, ifi_oqdrops), wherever a release has one column only.
        b"Odrop" | b"Odrops" | b"Drop" | b"Drops" => Counter::DropOut,
        // Coll and Colls, Time; and OpenBSD's Ifail and Ofail, which are errors and drops in one.
        _ => return None,
    })
}

/// A row that is no row of this table.
struct Unreadable;

/// Reads one row; `None` where it is not an interface's own. No header before it, or one that is not understood, costs it.
fn read_row(columns: Option<&[Option<Counter>]>, row: &[&[u8]]) -> Result<Option<Row>, Unreadable> {
    let &[name, mtu, link, ref rest @ ..] = row else { return Err(Unreadable) };
    // Only a link's cell begins so: before its place, cells before it have run together.
    if name == b"*" || name.starts_with(b"<") || mtu.starts_with(b"<") {
        return Err(Unreadable);
    }
    if !link.starts_with(b"<") {
        return Ok(None);
    }
    let columns = columns.ok_or(Unreadable)?;
    // A plain number is no address: then the row has a cell too many, and which one cannot be told.
    let address = rest.len().checked_sub(columns.len()).ok_or(Unreadable)?;
    let (address, values) = rest.split_at(address);
    if address.len() > 1 || address.iter().any(|cell| parse_decimal(cell).is_some()) {
        return Err(Unreadable);
    }
    let mut counters = Counters::default();
    for (column, cell) in columns.iter().zip(values) {
        let value = parse_decimal(cell);
        // `-` alone is what netstat prints for no value; a negative number is a counter that ran over.
        if value.is_none() && !cell.starts_with(b"-") {
            return Err(Unreadable);
        }
        if let Some(slot) = column.and_then(|counter| counters.get_mut(counter.index())) {
            *slot = value;
        }
    }
    Ok(Some(Row { cell: name.to_vec(), link: link.to_vec(), counters }))
}
