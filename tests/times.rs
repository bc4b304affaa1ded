//! How long the plugin takes to end, and how well deadlines are kept.
//!
//! `cargo test --test integration times:: -- --ignored` takes each time a hundred times and writes
//! `tests/results/times.md`. The other tests take each time a few times, and fail at ten times the limit.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::support::execd::{Execd, NET, SOCKETS, command, dir};
use crate::support::{fake, hanging_pids, hanging_ss, running, wait_until};

const TRIES: usize = 100;
const FEW: usize = 5;
const TRIGGERS: [Signal; 3] = [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP];
/// The timeout of the sections whose deadline is measured.
const TIMEOUT: Duration = Duration::from_millis(200);

/// A measured time. The limits are those of the documentation. For late deadlines it has none, so 100 ms is used.
struct Time {
    name: &'static str,
    promise: Duration,
    take: fn() -> Duration,
}

const TIMES: [Time; 6] = [
    Time { name: "SIGTERM while it waits, to its end", promise: Duration::from_millis(100), take: term_idle },
    Time {
        name: "SIGTERM in a gather with a hung ss, to its end",
        promise: Duration::from_millis(100),
        take: term_hung,
    },
    Time { name: "stdin closed, to its end", promise: Duration::from_secs(1), take: stdin_closed },
    Time {
        name: "the process that holds its stdin killed (SIGKILL), to its end",
        promise: Duration::from_secs(1),
        take: parent_killed,
    },
    Time {
        name: "a hung ss: metrics of the next input, after the deadline",
        promise: Duration::from_millis(100),
        take: ss_deadline,
    },
    Time { name: "a hung netstat: the same", promise: Duration::from_millis(100), take: netstat_deadline },
];

/// Waits for the end of a process without the pauses of a poll.
fn end_of(mut child: Child, begin: Instant) -> Duration {
    let status = child.wait().expect("it can be waited for");
    let took = begin.elapsed();
    assert_eq!(status.code(), Some(0));
    took
}

fn term_idle() -> Duration {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    plugin.is_well();
    let begin = Instant::now();
    plugin.signal(Signal::SIGTERM);
    end_of(plugin.child, begin)
}

fn term_hung() -> Duration {
    let dir = dir();
    hanging_ss(dir.path());
    let mut plugin = Execd::start(dir.path(), &format!("{SOCKETS}{NET}"));
    plugin.send(b"\n");
    let pids = hanging_pids(dir.path());
    let begin = Instant::now();
    plugin.signal(Signal::SIGTERM);
    let took = end_of(plugin.child, begin);
    wait_until("no process is left", || !pids.iter().any(|pid| running(*pid)));
    took
}

fn stdin_closed() -> Duration {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    plugin.is_well();
    let begin = Instant::now();
    plugin.stdin = None;
    end_of(plugin.child, begin)
}

fn parent_killed() -> Duration {
    let dir = dir();
    let mut holder = Command::new("/bin/cat");
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("cat starts");
    let mut plugin = command(dir.path(), NET);
    plugin.stdin(holder.stdout.take().expect("stdout is a pipe"));
    let plugin = Execd::spawn(plugin);
    wait_until("its handlers are installed", || has_handlers(plugin.pid()));
    let begin = Instant::now();
    holder.kill().expect("cat can be killed");
    let took = end_of(plugin.child, begin);
    holder.wait().expect("cat has ended");
    took
}

fn ss_deadline() -> Duration {
    let timeout = format!("{}ms", TIMEOUT.as_millis());
    after_the_deadline("ss", &SOCKETS.replace("60s", &timeout))
}

fn netstat_deadline() -> Duration {
    let timeout = format!("{}ms", TIMEOUT.as_millis());
    let netstat = SOCKETS.replace("\"ss\"", "\"netstat\"\n  netstat_platform = \"freebsd\"");
    after_the_deadline("netstat", &netstat.replace("60s", &timeout))
}

/// How long after the deadline of `section` the gather continues.
fn after_the_deadline(program: &str, section: &str) -> Duration {
    let dir = dir();
    fake(dir.path(), program, "exec /bin/sleep 1000");
    let mut plugin = Execd::start(dir.path(), &format!("{section}{NET}"));
    wait_until("its handlers are installed", || has_handlers(plugin.pid()));
    let begin = Instant::now();
    plugin.gather();
    let took = begin.elapsed();
    assert!(plugin.complaint().contains("timed out"));
    took.checked_sub(TIMEOUT).expect("it waits for the deadline")
}

#[test]
fn no_time_exceeds_ten_times_its_limit() {
    for Time { name, promise, take } in TIMES {
        for _ in 0..FEW {
            let took = take();
            assert!(took < promise * 10, "{name}: {took:?}, the limit is {promise:?}");
        }
    }
}

/// Whether the process has all its handlers: those for signals that trigger a gather or end it, and then that for
/// SIGXFSZ, which it installs last.
fn has_handlers(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("SigCgt");
    let caught = u64::from_str_radix(caught.trim(), 16).expect("a number");
    let mut handled = TRIGGERS.into_iter().chain([Signal::SIGTERM, Signal::SIGINT, Signal::SIGXFSZ]);
    handled.all(|signal| caught & (1 << (signal as i32 - 1)) != 0)
}

/// Starts the plugin, waits until its handlers are installed, and sends the signal at once.
fn signalled_at_once(dir: &Path, signal: Signal) -> Execd {
    let plugin = Execd::start(dir, NET);
    let begin = Instant::now();
    while !has_handlers(plugin.pid()) {
        assert!(begin.elapsed() < Duration::from_secs(30), "it has no handlers");
    }
    plugin.signal(signal);
    plugin
}

/// Once the handlers are installed, no trigger signal is lost, and SIGTERM ends the plugin normally.
#[test]
fn no_signal_is_lost_once_the_handlers_are_installed() {
    let dir = dir();
    for n in 0..200 {
        let plugin = signalled_at_once(dir.path(), TRIGGERS[n % 3]);
        assert!(plugin.line().starts_with("net,interface=veth0 "), "try {n}");
        let (status, stdout, stderr) = plugin.eof();
        assert_eq!((status.code(), stdout.len(), stderr.len()), (Some(0), 0, 0), "try {n}: {stderr:#?}");
    }
    for n in 0..100 {
        let plugin = signalled_at_once(dir.path(), [Signal::SIGTERM, Signal::SIGINT][n % 2]);
        let (status, stdout, stderr) = plugin.finish();
        assert_eq!((status.code(), stdout.len(), stderr.len()), (Some(0), 0, 0), "try {n}: {stderr:#?}");
    }
}

/// How many of a hundred processes survive a signal that is sent this long after the start.
fn survivors(after: Duration) -> usize {
    let dir = dir();
    let survived = |n: usize| {
        let plugin = Execd::start(dir.path(), NET);
        let begin = Instant::now();
        while begin.elapsed() < after {
            std::hint::spin_loop();
        }
        plugin.signal(TRIGGERS[n % 3]);
        plugin.eof().0.code() == Some(0)
    };
    (0..TRIES).filter(|n| survived(*n)).count()
}

#[test]
#[ignore = "takes minutes, and writes tests/results/times.md"]
fn measure() {
    let load = || fs::read_to_string("/proc/loadavg").expect("the load").split(' ').next().map(str::to_owned);
    let before = load().expect("a number");
    let mut table = String::from("| what | promised | median | worst |\n|---|---|---|---|\n");
    for Time { name, promise, take } in TIMES {
        let mut all: Vec<Duration> = (0..TRIES).map(|_| take()).collect();
        all.sort();
        let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        let (median, worst) = (milliseconds(all[TRIES / 2]), milliseconds(all[TRIES - 1]));
        writeln!(table, "| {name} | {} ms | {median} | {worst} |", promise.as_millis()).expect("memory");
    }
    let mut signals = String::from("| sent after the start | survived |\n|---|---|\n");
    for milliseconds in [0, 1, 2, 4, 8, 16] {
        let survived = survivors(Duration::from_millis(milliseconds));
        writeln!(signals, "| {milliseconds} ms | {survived} of {TRIES} |").expect("memory");
    }
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let text = format!(
        "# Times\n\nWritten by `cargo test --test integration times::measure -- --ignored`: {TRIES} tries each, of a {build} build, on \
         {processors} processors with a load of {before} at the start and {} at the end.\n\n{table}\n\
         Signals that trigger a gather, sent before it is known whether the process has handlers for them. The time \
         begins when the process is made; until its handlers are installed, a signal ends it.\n\n{signals}",
        load().expect("a number")
    );
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/results");
    fs::create_dir_all(&results).expect("a directory");
    fs::write(results.join("times.md"), text).expect("it can be written");
}
