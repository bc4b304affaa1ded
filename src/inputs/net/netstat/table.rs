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
    /// What else it says.
    pub details: Details,
}

/// What a table says of an interface besides its counters, as far as it does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The longest packet, in bytes.
    pub mtu: Option<u64>,
    /// The index.
    pub index: Option<u64>,
    /// The collisions.
    pub collisions: Option<u64>,
    /// The hardware address; empty where there is none.
    pub address: Vec<u8>,
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
    /// What each counter cell holds. `None` before a header.
    columns: Option<Vec<Column>>,
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
        let columns: Vec<Column> = counters.iter().map(|name| Column::of_name(name)).collect();
        // Rows under a header of something else are not to be read by the last one.
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
    /// Time; OpenBSD's Ifail and Ofail, which are errors and drops in one; what a later release may add.
    Other,
}

impl Column {
    const fn of_name(name: &[u8]) -> Self {
        Self::Counter(match name {
            b"Ibytes" => Counter::BytesRecv,
            b"Obytes" => Counter::BytesSent,
            b"Ipkts" => Counter::PacketsRecv,
            b"Opkts" => Counter::PacketsSent,
            b"Ierrs" => Counter::ErrIn,
            b"Oerrs" => Counter::ErrOut,
            b"Idrop" | b"Idrops" => Counter::DropIn,
            // The drops of the sending queue (if_snd.ifq_drops, ifi_oqdrops), wherever a release has one column only.
            b"Odrop" | b"Odrops" | b"Drop" | b"Drops" => Counter::DropOut,
            b"Coll" | b"Colls" => return Self::Collisions,
            _ => return Self::Other,
        })
    }
}

/// A row that is no row of this table.
struct Unreadable;

/// Reads one row; `None` where it is not an interface's own. No header before it, or one that is not understood, costs it.
fn read_row(columns: Option<&[Column]>, row: &[&[u8]]) -> Result<Option<Row>, Unreadable> {
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
    let mut details = Details {
        mtu: parse_decimal(mtu),
        index: link.strip_prefix(b"<Link#").and_then(|rest| parse_decimal(rest.strip_suffix(b">")?)),
        collisions: None,
        // In the place of an address, FreeBSD prints the name of an interface that has none.
        address: address
            .first()
            .filter(|cell| is_hardware_address(cell))
            .map(|cell| cell.to_vec())
            .unwrap_or_default(),
    };
    for (column, cell) in columns.iter().zip(values) {
        let value = parse_decimal(cell);
        // `-` alone is what netstat prints for no value; a negative number is a counter that ran over.
        if value.is_none() && !cell.starts_with(b"-") {
            return Err(Unreadable);
        }
        match column {
            Column::Counter(counter) => *counters.get_mut(counter.index()).ok_or(Unreadable)? = value,
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
