//! The metrics of groups, and of single sockets where only so many may have a line.

use super::keys::{END, Key};
use super::spread::{Samples, Spread};
use super::table::{Group, Table};
use super::{Kind, Notes};
use crate::inputs::socketstat::extra;
use crate::inputs::socketstat::field::{Field, PRINTED};
use crate::metric::{Metric, Value};

/// A field of a metric.
pub(super) type Named<'a> = (&'a str, Value<'a>);

/// The names of the fields that are said of a gauge.
#[derive(Debug)]
pub(super) struct SpreadNames([String; 5]);

impl SpreadNames {
    pub(super) fn new(field: &Field) -> Self {
        Self(["mean", "p50", "p95", "p99", "max"].map(|what| format!("{}_{what}", field.name)))
    }

    fn push<'a>(&'a self, spread: &Spread, fields: &mut Vec<Named<'a>>) {
        let Spread { mean, p50, p95, p99, max } = *spread;
        fields.extend(
            self.0
                .iter()
                .zip([mean, p50, p95, p99, max])
                .map(|(name, value)| (name.as_str(), Value::Unsigned(value))),
        );
    }
}

/// What the lines of one gather are made of.
pub(super) struct Lines<'a> {
    pub(super) table: &'a Table,
    pub(super) kinds: &'a [Kind],
    pub(super) counters: &'a [&'static Field],
    pub(super) samples: &'a Samples,
    pub(super) spread_names: &'a [SpreadNames],
    pub(super) notes: &'a Notes,
}

impl Lines<'_> {
    /// Hands the metric with these fields and the tags of a group to `add`.
    pub(super) fn write(
        &self,
        keys: impl Iterator<Item = Key>,
        group: &Group,
        fields: &[Named<'_>],
        add: &mut dyn FnMut(&Metric<'_>),
    ) {
        let values = self.table.key(group).split(|byte| *byte == END);
        let tags: Vec<(&str, &[u8])> = keys.map(Key::name).zip(values).collect();
        add(&Metric { name: "socketstat", tags: &tags, fields });
    }

    /// The fields of a group: its sockets, their queues, the totals of its counters, and what is to be said of gauges.
    pub(super) fn of_group<'a>(
        &'a self,
        place: usize,
        group: &Group,
        spreads: &[Option<Spread>],
        fields: &mut Vec<Named<'a>>,
    ) {
        let Some(kind) = self.kinds.get(group.kind) else { return };
        let sums = &group.sums;
        let mut push = |name, value| fields.push((name, Value::Unsigned(value)));
        push("sockets", sums.sockets);
        if let Some(closed) = self.closed(place, kind) {
            push("closed", closed);
        }
        if kind.queues.recv_q {
            push("recv_q", sums.recv_q);
        }
        if kind.queues.send_q {
            push("send_q", sums.send_q);
        }
        if kind.queues.recv_q {
            push("recv_q_max", sums.recv_q_max);
        }
        if kind.queues.send_q {
            push("send_q_max", sums.send_q_max);
        }
        let mut totals = self.totals(place, kind);
        fields.extend(totals.by_ref().take(PRINTED).flatten());
        for (spread, names) in spreads.iter().zip(self.spread_names) {
            if let Some(spread) = spread {
                names.push(spread, fields);
            }
        }
        fields.extend(totals.flatten());
    }

    /// The fields of a single socket: those of a line per socket, with the totals in the place of its counters.
    pub(super) fn of_socket<'a>(&'a self, place: usize, group: &Group, fields: &mut Vec<Named<'a>>) {
        let (Some(kind), Some(note)) = (self.kinds.get(group.kind), self.notes.get(group.note)) else {
            return;
        };
        let mut text = |name, text: &'a [u8]| {
            if !text.is_empty() {
                fields.push((name, Value::Text(text)));
            }
        };
        text("state", note.state);
        text("netid", note.netid);
        fields.extend(note.recv_q.map(|queue| ("recv_q", Value::Unsigned(queue))));
        fields.extend(note.send_q.map(|queue| ("send_q", Value::Unsigned(queue))));
        let mut totals = self.totals(place, kind);
        // ss prints no counter that is 0.
        let printed = totals.by_ref().take(PRINTED).flatten();
        fields.extend(printed.filter(|(_, value)| *value != Value::Unsigned(0)));
        if let Some(sample) = note.sample {
            let gauges = self.samples.of_socket(sample);
            fields.extend(gauges.map(|(field, value)| (field.name, Value::Unsigned(value))));
        }
        fields.extend(totals.flatten());
        if !note.congestion.is_empty() {
            fields.push((extra::CONGESTION, Value::Text(note.congestion)));
        }
    }

    /// The totals of a group; `None` for a counter that no socket of the protocol has had.
    fn totals<'a>(&'a self, place: usize, kind: &'a Kind) -> impl Iterator<Item = Option<Named<'a>>> {
        let totals = self.counters.iter().zip(self.table.totals(place)).zip(kind.totals.told());
        totals.map(|((field, total), told)| told.then_some((field.name, Value::Unsigned(*total))))
    }

    /// The connections of a group that have ended; `None` where they are not counted.
    fn closed(&self, place: usize, kind: &Kind) -> Option<u64> {
        self.table.totals(place).get(self.counters.len()).copied().filter(|_| kind.hears_closed)
    }
}
