//! The parser of `/proc/net/dev`.
//!
//! Source of the format: `dev_seq_printf_stats` in the kernel's `net/core/net-procfs.c`.

use crate::inputs::net::counters::{self, COUNTERS, Counters, STATISTICS, Statistic};
use crate::inputs::source::Skipped;
use crate::number::parse_decimal;

/// The table of interfaces. Counters are found by the names of their columns.
#[derive(Debug, Default)]
pub struct Devices {
    columns: Option<Columns>,
    lines: u64,
    skipped: Skipped,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device<'a> {
    /// The name of the interface.
    pub name: &'a [u8],
    statistics: [Option<u64>; STATISTICS.len()],
    drop_in: Option<u64>,
}

impl Device<'_> {
    /// Its counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        counters::of_statistics(|statistic| self.statistic(statistic), self.drop_in)
    }

    /// A counter that has a column of its own.
    #[must_use]
    pub fn statistic(&self, Statistic(place): Statistic) -> Option<u64> {
        self.statistics.get(place).copied().flatten()
    }
}

impl Devices {
    /// Takes the next line; `None` is one too long to be the kernel's. Returns the interface that it describes, if it
    /// describes one.
    pub fn line<'a>(&mut self, line: Option<&'a [u8]>) -> Option<Device<'a>> {
        self.lines += 1;
        let text = line.unwrap_or(crate::lines::TOO_LONG);
        if text.trim_ascii().is_empty() {
            return None;
        }
        let Some(columns) = &self.columns else {
            self.columns = line.and_then(Columns::of_header);
            return None;
        };
        let device = line.and_then(|line| columns.device(line));
        if device.is_none() {
            self.skipped.add(Some(self.lines), text);
        }
        device
    }

    /// The lines that were skipped; `None` where there was no header: then this is no table of interfaces.
    #[must_use]
    pub fn finish(self) -> Option<Skipped> {
        self.columns.map(|_| self.skipped)
    }
}

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Statistic(Statistic),
    /// Received packets that were dropped, as a sum, see `counters::dropped`.
    DropIn,
    /// A sum, or something that this program does not know.
    Other,
}

impl Column {
    const fn received(name: &[u8]) -> Self {
        Self::Statistic(match name {
            b"bytes" => Statistic::RX_BYTES,
            b"packets" => Statistic::RX_PACKETS,
            b"errs" => Statistic::RX_ERRORS,
            b"drop" => return Self::DropIn,
            b"fifo" => Statistic::RX_FIFO_ERRORS,
            b"compressed" => Statistic::RX_COMPRESSED,
            b"multicast" => Statistic::MULTICAST,
            _ => return Self::Other,
        })
    }

    const fn sent(name: &[u8]) -> Self {
        Self::Statistic(match name {
            b"bytes" => Statistic::TX_BYTES,
            b"packets" => Statistic::TX_PACKETS,
            b"errs" => Statistic::TX_ERRORS,
            b"drop" => Statistic::TX_DROPPED,
            b"fifo" => Statistic::TX_FIFO_ERRORS,
            b"colls" => Statistic::COLLISIONS,
            b"compressed" => Statistic::TX_COMPRESSED,
            _ => return Self::Other,
        })
    }
}

/// The columns without which a table is none of interfaces: those of the counters that are always written.
const REQUIRED: [Column; COUNTERS.len()] = [
    Column::Statistic(Statistic::RX_BYTES),
    Column::Statistic(Statistic::RX_PACKETS),
    Column::Statistic(Statistic::RX_ERRORS),
    Column::DropIn,
    Column::Statistic(Statistic::TX_BYTES),
    Column::Statistic(Statistic::TX_PACKETS),
    Column::Statistic(Statistic::TX_ERRORS),
    Column::Statistic(Statistic::TX_DROPPED),
];

/// The columns behind the colon.
#[derive(Debug)]
struct Columns(Vec<Column>);

impl Columns {
    /// The columns, from ` face |bytes packets ...|bytes packets ...`.
    fn of_header(line: &[u8]) -> Option<Self> {
        let mut parts = line.split(|byte| *byte == b'|').skip(1);
        let mut columns: Vec<_> = words(parts.next()?).map(Column::received).collect();
        columns.extend(words(parts.next()?).map(Column::sent));
        REQUIRED.iter().all(|column| columns.contains(column)).then_some(Self(columns))
    }

    /// Splits at the last colon: an alias' name (`eth0:1`) has one of its own. A line with fewer values than the
    /// header has columns was cut, perhaps in the middle of a number.
    fn device<'a>(&self, line: &'a [u8]) -> Option<Device<'a>> {
        let colon = memchr::memrchr(b':', line)?;
        let name = line.get(..colon)?.trim_ascii();
        let mut device = Device { name, statistics: [None; STATISTICS.len()], drop_in: None };
        let mut values = words(line.get(colon + 1..)?);
        for column in &self.0 {
            let value = values.next()?;
            let value =
                if REQUIRED.contains(column) { Some(parse_decimal(value)?) } else { parse_decimal(value) };
            match column {
                Column::Statistic(Statistic(place)) => *device.statistics.get_mut(*place)? = value,
                Column::DropIn => device.drop_in = value,
                Column::Other => {}
            }
        }
        (!name.is_empty()).then_some(device)
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
