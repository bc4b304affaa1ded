//! Compares the metrics passed to the encoder with those parsed from its output.

use std::cell::RefCell;
use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use telegraf_execd_network::accumulator::Accumulator;
use telegraf_execd_network::config::Global;
use telegraf_execd_network::inputs::net::counters::{COUNTERS, Counters};
use telegraf_execd_network::inputs::socketstat::lines::Lines as SocketLines;
use telegraf_execd_network::inputs::socketstat::socket::{Protocol, Socket};
use telegraf_execd_network::line_protocol::Unsigned;
use telegraf_execd_network::logger::{Level, Logger};
use telegraf_execd_network::metric::{Metric, Value};
use telegraf_execd_network::output::Output;

use super::influx;

/// The timestamp of every metric.
pub const TIME: i64 = 1_600_000_000_123_456_789;

/// The encoded metrics, and the metrics expected in the output.
#[derive(Default)]
pub struct Written {
    output: Vec<u8>,
    /// The same metrics with unsigned numbers as signed ones.
    clamped: Vec<u8>,
    expected: Vec<influx::Metric>,
}

impl Written {
    /// Writes a metric with the options of its section.
    pub fn metric(&mut self, global: &Global, metric: &Metric<'_>) {
        self.output.extend(encoded(global, metric, Unsigned::Native));
        self.clamped.extend(encoded(global, metric, Unsigned::Clamped));
    }

    /// Writes a metric and expects it in the output, except for what line protocol cannot represent.
    pub fn exactly(&mut self, metric: &Metric<'_>) {
        self.metric(&Global::default(), metric);
        let tags: Vec<_> = metric.tags.iter().map(|&(key, value)| (key.to_owned(), tag(value))).collect();
        self.expected.push(influx::Metric {
            name: metric.name.to_owned(),
            tags: tags.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            fields: metric.fields.iter().map(|&(key, value)| (field_key(key), field(value))).collect(),
            time: TIME,
        });
    }

    /// Writes a socket.
    pub fn socket(&mut self, protocol: Protocol, socket: &Socket<'_>) {
        SocketLines::default().write(protocol, socket, &mut |metric| {
            if !metric.fields.is_empty() {
                self.exactly(metric);
            }
        });
    }

    /// Writes an interface.
    pub fn interface(&mut self, name: &[u8], counters: &Counters) {
        let fields: Vec<_> = COUNTERS
            .iter()
            .zip(counters)
            .filter_map(|(name, counter)| Some((*name, Value::Unsigned((*counter)?))))
            .collect();
        if !fields.is_empty() {
            self.exactly(&Metric { name: "net", tags: &[("interface", name)], fields: &fields });
        }
    }

    /// Writes the counters of the whole system.
    pub fn protocols(&mut self, counters: &[(String, i64)]) {
        let fields: Vec<_> =
            counters.iter().map(|(name, value)| (name.as_str(), Value::Signed(*value))).collect();
        if !fields.is_empty() {
            self.exactly(&Metric { name: "net", tags: &[("interface", b"all")], fields: &fields });
        }
    }

    /// Adds an expected metric.
    pub fn expect(&mut self, metric: influx::Metric) {
        self.expected.push(metric);
    }

    /// Whether no metric was written.
    pub fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }

    /// Parses the output and compares it.
    pub fn check(mut self) {
        compare(&self.output, &self.expected);
        clamp(&mut self.expected);
        compare(&self.clamped, &self.expected);
    }
}

fn compare(output: &[u8], expected: &[influx::Metric]) {
    match influx::read(output) {
        Ok(read) => assert_eq!(read, expected),
        Err(_) if output.is_empty() && expected.is_empty() => {}
        Err(fault) => panic!("{fault}"),
    }
}

/// Converts unsigned numbers to signed ones, at most 9223372036854775807.
pub fn clamp(metrics: &mut [influx::Metric]) {
    for (_, value) in metrics.iter_mut().flat_map(|metric| &mut metric.fields) {
        if let influx::Value::Unsigned(number) = *value {
            *value = influx::Value::Signed(i64::try_from(number).unwrap_or(i64::MAX));
        }
    }
}

/// The line of one metric, or nothing if it has none.
pub fn encoded(global: &Global, metric: &Metric<'_>, unsigned: Unsigned) -> Vec<u8> {
    thread_local! {
        static OUTPUT: RefCell<Output> = RefCell::new(Output::new(File::open("/dev/null").expect("/dev/null").into()));
    }
    OUTPUT.with_borrow_mut(|output| {
        let mut log = Logger::new("check", Level::Error);
        let now = UNIX_EPOCH + Duration::from_nanos(TIME.unsigned_abs());
        Accumulator::new(global, &mut log, output, unsigned, now).add(metric);
        std::mem::take(output.buffer())
    })
}

/// How the encoder changes the key or value of a tag: no backslash at the end, white space as an escape sequence, invalid
/// UTF-8 replaced.
pub fn tag(text: &[u8]) -> String {
    let end = text.iter().rposition(|byte| *byte != b'\\').map_or(0, |last| last + 1);
    let text = String::from_utf8_lossy(&text[..end]);
    [("\t", "\\t"), ("\n", "\\n"), ("\x0b", "\\v"), ("\x0c", "\\f"), ("\r", "\\r")]
        .iter()
        .fold(text.into_owned(), |text, (from, to)| text.replace(from, to))
}

/// How the encoder changes the name of a measurement.
pub fn name(text: &str) -> String {
    tag(without_odd_backslashes(text, &[',', ' ']).as_bytes())
}

/// How the encoder changes the key of a field.
pub fn field_key(text: &str) -> String {
    tag(without_odd_backslashes(text, &[',', '=', ' ']).as_bytes())
}

/// An odd number of backslashes before a separator cannot be represented, so one is dropped.
fn without_odd_backslashes(text: &str, separators: &[char]) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let backslashes = out.bytes().rev().take_while(|byte| *byte == b'\\').count();
        if separators.contains(&c) && backslashes % 2 == 1 {
            out.pop();
        }
        out.push(c);
    }
    out
}

/// How the encoder changes the value of a field.
pub fn field(value: Value<'_>) -> influx::Value {
    match value {
        Value::Unsigned(number) => influx::Value::Unsigned(number),
        Value::Signed(number) => influx::Value::Signed(number),
        Value::Text(text) => {
            let text = String::from_utf8_lossy(text);
            influx::Value::Text(text.replace('\n', "\\n").replace('\r', "\\r"))
        }
    }
}
