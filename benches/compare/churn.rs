//! The cost of sockets that are closed between two gathers, and the memory per known socket.

use std::env;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::Result;
use crate::contender::{Contender, Contenders, Stage};
use crate::measure::{Session, cpu_of};
use crate::options::Options;
use crate::setup::ended;

/// How long to wait for the kernel to report the last closed sockets.
const SETTLED: Duration = Duration::from_millis(500);

/// Results for connections that open, move 100 bytes and close between two gathers.
#[derive(Clone, Copy, Debug)]
pub struct Churn {
    /// Closed sockets, two per connection.
    pub closed: f64,
    /// Connections per second. A busy machine opens fewer than requested.
    pub per_second: f64,
    /// CPU of the plugin per closed socket, in microseconds: the thread that collects them, and the gather.
    pub ours: f64,
    /// CPU of a process that receives and discards the same events, in microseconds per event.
    pub bare: f64,
    /// CPU of the thread alone, as the plugin reports it, in microseconds per socket.
    pub thread: f64,
    /// Closed sockets that the plugin reports as lost, or does not report at all.
    pub lost: f64,
}

/// Runs the plugin and the bare receiver side by side.
pub fn measure(options: &Options, contenders: &Contenders) -> Result<Churn> {
    let (_, idle) = side_by_side(contenders, &|| Ok(0.0))?;
    let connections = options.churn * options.churn_seconds;
    let (counts, cpu) = side_by_side(contenders, &|| churn(options.churn, connections))?;
    let (closed, events) = (f64::from(2 * connections), counts.received);
    Ok(Churn {
        closed,
        per_second: f64::from(connections) / counts.seconds,
        ours: (cpu.ours - idle.ours) * 1e3 / closed,
        bare: (cpu.bare - idle.bare) * 1e3 / events,
        thread: counts.thread_ns / 1e3 / closed,
        lost: counts.lost.max(closed - counts.closed),
    })
}

/// CPU time in milliseconds.
struct Cpu {
    ours: f64,
    bare: f64,
}

struct Counts {
    seconds: f64,
    received: f64,
    closed: f64,
    lost: f64,
    thread_ns: f64,
}

fn side_by_side(contenders: &Contenders, work: &dyn Fn() -> Result<f64>) -> Result<(Counts, Cpu)> {
    let mut ours = Session::start(&mut contenders.plugin(Contender::OursDirections, &Stage::default())?)?;
    let mut bare = Session::start(Command::new(env::current_exe()?).arg("receive"))?;
    let internal = "internal_socketstat";
    ours.lines_until(internal)?;
    bare.lines_until("received")?;
    let seconds = work()?;
    sleep(SETTLED);
    let (line, events) = (ours.lines_until(internal)?, bare.lines_until("received")?);
    let counts = Counts {
        seconds,
        received: number(&events, "received")?,
        closed: number(&line, "closed")?,
        lost: number(&line, "closed_lost")?,
        thread_ns: number(&line, "events_time_ns")?,
    };
    let ((), ours) = cpu_of(|| ours.end())?;
    let ((), bare) = cpu_of(|| bare.end())?;
    Ok((counts, Cpu { ours, bare }))
}

/// A field of a line.
fn number(line: &str, name: &str) -> Result<f64> {
    let mut fields = line.split([' ', ',']).filter_map(|field| field.split_once('='));
    let value = fields.find(|(field, _)| *field == name).ok_or_else(|| format!("no {name} in {line:?}"))?.1;
    Ok(value.trim_end_matches('i').parse()?)
}

/// Opens and closes connections in another process. Returns the duration in seconds.
fn churn(per_second: u32, connections: u32) -> Result<f64> {
    let mut command = Command::new(env::current_exe()?);
    let output = command.args(["churn", &per_second.to_string(), &connections.to_string()]).output()?;
    ended("the process that opens and closes sockets", output.status)?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// The memory in MB of a plugin that knows all open TCP sockets, and has received an event. It keeps its buffers
/// after a gather, so this is also its peak.
pub fn memory(contenders: &Contenders, contender: Contender, stage: &Stage) -> Result<f64> {
    let mut session = Session::start(&mut contenders.plugin(contender, stage)?)?;
    for _ in 0..3 {
        session.lines_until("internal_socketstat")?;
        churn(1_000, 1)?;
        sleep(Duration::from_millis(100));
    }
    let used = session.anonymous()?;
    session.end()?;
    Ok(used)
}
