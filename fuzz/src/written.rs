//! What was handed to the encoder, and what a reader makes of its output.

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

/// The time of every metric.
pub const TIME: i64 = 1_600_000_000_123_456_789;

/// Metrics on their way, and what is to come out.
#[derive(Default)]
pub struct Written {
    output: Vec<u8>,
    expected: Vec<influx::Metric>,
}

impl Written {
    /// Takes a metric as it is, with the options of its section.
    pub fn metric(&mut self, global: &Global, metric: &Metric<'_>) {
        self.output.extend(encoded(global, metric));
    }

    /// Takes a metric and expects it to come out, but for what line protocol cannot hold.
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

    /// Takes a socket.
    pub fn socket(&mut self, protocol: Protocol, socket: &Socket<'_>) {
        SocketLines::default().write(protocol, socket, &mut |metric| {
            if !metric.fields.is_empty() {
                self.exactly(metric);
            }
        });
    }

    /// Takes an interface.
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

    /// Takes the counters of the whole system.
    pub fn protocols(&mut self, counters: &[(String, i64)]) {
        let fields: Vec<_> =
            counters.iter().map(|(name, value)| (name.as_str(), Value::Signed(*value))).collect();
        if !fields.is_empty() {
            self.exactly(&Metric { name: "net", tags: &[("interface", b"all")], fields: &fields });
        }
    }

    /// Expects this metric too.
    pub fn expect(&mut self, metric: influx::Metric) {
        self.expected.push(metric);
    }

    /// Whether no metric was taken.
    pub fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }

    /// Reads the output back.
    pub fn check(self) {
        match influx::read(&self.output) {
            Ok(read) => assert_eq!(read, self.expected),
            Err(_) if self.output.is_empty() && self.expected.is_empty() => {}
            Err(fault) => panic!("{fault}"),
        }
    }
}

/// The line of one metric, or nothing.
pub fn encoded(global: &Global, metric: &Metric<'_>) -> Vec<u8> {
    thread_local! {
        static OUTPUT: RefCell<Output> = RefCell::new(Output::new(File::open("/dev/null").expect("/dev/null").into()));
    }
    OUTPUT.with_borrow_mut(|output| {
        let mut log = Logger::new("check", Level::Error);
        let now = UNIX_EPOCH + Duration::from_nanos(TIME.unsigned_abs());
        Accumulator::new(global, &mut log, output, Unsigned::Native, now).add(metric);
        std::mem::take(output.buffer())
    })
}

/// What comes of a tag's key or value: no backslash at the end, white space by its letter, no byte that is not UTF-8.
pub fn tag(text: &[u8]) -> String {
    let end = text.iter().rposition(|byte| *byte != b'\\').map_or(0, |last| last + 1);
    let text = String::from_utf8_lossy(&text[..end]);
    [("\t", "\\t"), ("\n", "\\n"), ("\x0b", "\\v"), ("\x0c", "\\f"), ("\r", "\\r")]
        .iter()
        .fold(text.into_owned(), |text, (from, to)| text.replace(from, to))
}

/// What comes of a measurement's name.
pub fn name(text: &str) -> String {
    tag(without_odd_backslashes(text, &[',', ' ']).as_bytes())
}

/// What comes of a field's key.
pub fn field_key(text: &str) -> String {
    tag(without_odd_backslashes(text, &[',', '=', ' ']).as_bytes())
}

/// One of an odd number of backslashes in front of a separator cannot be written.
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

/// What comes of a field's value.
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
