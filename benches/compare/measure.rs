//! Measures a process: CPU time with its children, wall time, memory.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::Result;
use crate::setup::ended;

/// How long to wait for more output of a contender.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long after its start a process counts as idle.
const SETTLED: Duration = Duration::from_millis(50);

/// One gather of one contender.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// User and system time in milliseconds, including children.
    pub cpu: f64,
    /// From the trigger to the last byte, in milliseconds.
    pub wall: f64,
    /// The memory of the contender's own process.
    pub memory: Option<Memory>,
}

/// Resident memory in MB (10^6 bytes).
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Before the first gather.
    pub idle: f64,
    /// The peak.
    pub peak: f64,
    /// After the last gather.
    pub after: f64,
}

/// The CPU time of all ended children of this process so far, in milliseconds.
fn cpu_of_children() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(microseconds.try_into()?).as_secs_f64() * 1e3)
}

/// The CPU time in milliseconds of the processes that `work` starts and waits for.
pub fn cpu_of<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let before = cpu_of_children()?;
    let done = work()?;
    Ok((done, cpu_of_children()? - before))
}

/// Converts bytes to MB.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The milliseconds since `start`.
pub fn milliseconds_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// A contender in a round. Each takes many turns, so that other load on the machine affects all of them equally.
pub enum Turns {
    /// A program that runs once per turn.
    Program {
        /// The command.
        command: Command,
        /// The CPU time so far.
        cpu: f64,
        /// The wall time so far.
        wall: f64,
    },
    /// A plugin that is started once per turn and gathers once.
    Start {
        /// The command.
        command: Command,
        /// The lines per gather.
        lines: usize,
        /// The CPU time so far, from start to end.
        cpu: f64,
        /// The wall time of the gathers so far.
        wall: f64,
        /// The highest resident memory, in MB.
        peak: f64,
    },
    /// A plugin that keeps running and gathers once per turn.
    Plugin {
        /// The running plugin.
        session: Session,
        /// The number of lines per gather.
        lines: usize,
        /// Resident memory before the first turn, in MB.
        idle: f64,
        /// The CPU time of start and end without a gather, which is subtracted from the result.
        start_and_end: f64,
        /// The wall time of the gathers so far.
        wall: f64,
    },
}

impl Turns {
    /// Turns of a program.
    pub const fn of_program(command: Command) -> Self {
        Self::Program { command, cpu: 0.0, wall: 0.0 }
    }

    /// Turns of a plugin that writes `lines` lines and ends.
    pub const fn of_starts(command: Command, lines: usize) -> Self {
        Self::Start { command, lines, cpu: 0.0, wall: 0.0, peak: 0.0 }
    }

    /// Turns of a plugin that writes `lines` lines per gather.
    pub fn of_plugin(mut command: Command, lines: usize) -> Result<Self> {
        let (idle, start_and_end) = cpu_of(|| {
            let session = Session::start(&mut command)?;
            std::thread::sleep(SETTLED);
            let idle = session.megabytes("VmRSS")?;
            session.end()?;
            Ok(idle)
        })?;
        Ok(Self::Plugin { session: Session::start(&mut command)?, lines, idle, start_and_end, wall: 0.0 })
    }

    /// Takes one turn.
    pub fn take(&mut self) -> Result<()> {
        match self {
            Self::Program { command, cpu, wall } => {
                let start = Instant::now();
                command.stdin(Stdio::null()).stdout(Stdio::null());
                let (status, used) = cpu_of(|| Ok(command.status()?))?;
                ended("a contender", status)?;
                *cpu += used;
                *wall += milliseconds_since(start);
            }
            Self::Start { command, lines, cpu, wall, peak } => {
                let ((), used) = cpu_of(|| {
                    let mut session = Session::start(command)?;
                    *wall += session.gather(*lines)?;
                    *peak = peak.max(session.megabytes("VmHWM")?);
                    session.end()
                })?;
                *cpu += used;
            }
            Self::Plugin { session, lines, wall, .. } => *wall += session.gather(*lines)?,
        }
        Ok(())
    }

    /// The mean of `turns` turns. The CPU time of a plugin is only known when it has ended.
    pub fn finish(self, turns: u32) -> Result<Sample> {
        let turns = f64::from(turns);
        match self {
            Self::Program { cpu, wall, .. } => {
                Ok(Sample { cpu: cpu / turns, wall: wall / turns, memory: None })
            }
            Self::Start { cpu, wall, peak, .. } => {
                let memory = Some(Memory { idle: peak, peak, after: peak });
                Ok(Sample { cpu: cpu / turns, wall: wall / turns, memory })
            }
            Self::Plugin { session, idle, start_and_end, wall, .. } => {
                std::thread::sleep(SETTLED);
                let (peak, after) = (session.megabytes("VmHWM")?, session.megabytes("VmRSS")?);
                let ((), cpu) = cpu_of(|| session.end())?;
                let memory = Some(Memory { idle, peak, after });
                Ok(Sample { cpu: (cpu - start_and_end) / turns, wall: wall / turns, memory })
            }
        }
    }
}

/// A plugin that gathers at each newline on its stdin.
pub struct Session {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    chunk: Vec<u8>,
}

impl Session {
    /// Starts the plugin.
    pub fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdin = child.stdin.take().ok_or("no stdin")?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        Ok(Self { child, stdin, stdout, chunk: vec![0; 64 * 1024] })
    }

    /// Triggers a gather and waits for its lines. Returns the time in milliseconds.
    pub fn gather(&mut self, lines: usize) -> Result<f64> {
        let start = Instant::now();
        self.stdin.write_all(b"\n")?;
        let mut seen = 0;
        while seen < lines {
            let more = self.more().map_err(|error| format!("{error} after {seen} of {lines} lines"))?;
            seen += memchr::memchr_iter(b'\n', more).count();
        }
        if seen > lines {
            return Err(format!("a contender wrote {seen} lines, not {lines}").into());
        }
        Ok(milliseconds_since(start))
    }

    /// Triggers a gather and waits for the line of a measurement that ends it. Returns that line.
    pub fn lines_until(&mut self, last: &str) -> Result<String> {
        self.stdin.write_all(b"\n")?;
        let mut text = String::new();
        loop {
            text += str::from_utf8(self.more()?)?;
            let line = text.lines().last().filter(|line| line.starts_with(last) && text.ends_with('\n'));
            if let Some(line) = line {
                return Ok(line.to_owned());
            }
        }
    }

    /// Reads more of the output.
    fn more(&mut self) -> Result<&[u8]> {
        let mut waited = [PollFd::new(self.stdout.as_fd(), PollFlags::POLLIN)];
        if poll(&mut waited, PollTimeout::try_from(PATIENCE)?)? == 0 {
            return Err("a contender hangs".into());
        }
        match self.stdout.read(&mut self.chunk)? {
            0 => Err("a contender ended".into()),
            read => Ok(&self.chunk[..read]),
        }
    }

    /// A value from `/proc/PID/status` in MB. The kernel's values are inexact by some hundred kB.
    fn megabytes(&self, name: &str) -> Result<f64> {
        self.memory("status", name)
    }

    /// The exact anonymous memory in MB.
    pub fn anonymous(&self) -> Result<f64> {
        self.memory("smaps_rollup", "Anonymous")
    }

    fn memory(&self, file: &str, name: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))?;
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = value.and_then(|value| value.trim().strip_suffix(" kB"));
        let kibibytes: u64 = number.ok_or_else(|| format!("no {name} in /proc/PID/{file}"))?.parse()?;
        Ok(megabytes(kibibytes * 1024))
    }

    /// Closes stdin and waits for the end of the plugin.
    pub fn end(mut self) -> Result<()> {
        drop(self.stdin);
        self.stdout.read_to_end(&mut self.chunk)?;
        ended("a contender", self.child.wait()?)
    }
}

/// The time from start to end in milliseconds, with a gather if `input` is a newline, or none if it is empty.
pub fn start_to_end(command: &mut Command, input: &[u8]) -> Result<f64> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    child.stdin.take().ok_or("no stdin")?.write_all(input)?;
    ended("a contender", child.wait()?)?;
    Ok(milliseconds_since(start))
}

/// The number of system calls of a plugin and its children in one gather of `lines` lines.
pub fn system_calls(command: &Command, lines: usize) -> Result<f64> {
    const GATHERS: u32 = 10;
    let without = counted(command, 0, lines)?;
    let with = counted(command, GATHERS, lines)?;
    Ok((with - without) / f64::from(GATHERS))
}

fn counted(command: &Command, gathers: u32, lines: usize) -> Result<f64> {
    let counts = tempfile::NamedTempFile::new()?;
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o"]).arg(counts.path()).arg(command.get_program()).args(command.get_args());
    let mut session = Session::start(&mut strace)?;
    for _ in 0..gathers {
        session.gather(lines)?;
    }
    session.end()?;
    // `% time, seconds, usecs/call, calls, errors, total`.
    let text = fs::read_to_string(counts.path())?;
    let total = text.lines().rev().find(|line| line.ends_with("total")).ok_or("strace counted nothing")?;
    Ok(total.split_whitespace().nth(3).ok_or("strace counted nothing")?.parse()?)
}
