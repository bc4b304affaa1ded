//! The execd side gone bad: stdin, stdout, stderr, signals, limits.
//!
//! Where a test waits on purpose, `FAULT_SECONDS` (default 3) says for how long: a full minute in `cargo test` would hold
//! everything up, and what a stalled reader does to the plugin shows within the first second.

#![cfg(target_os = "linux")]

#[path = "../fuzz/src/influx.rs"]
mod influx;
mod support;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::pipe;
use support::execd::{ANSWER, Execd, NET, SOCKETS, children, command, dir, fixture};
use support::unprivileged::{as_nobody, find, unprivileged};
use support::{fake, hanging_pids, hanging_ss, namespace, running, skipped, wait_until, write};

/// For how long a fault lasts.
fn while_it_lasts() -> Duration {
    let seconds =
        std::env::var("FAULT_SECONDS").map_or(3, |text| text.parse().expect("FAULT_SECONDS is a number"));
    Duration::from_secs(seconds)
}

/// A gather of the plugin's one line, to show that it is well.
fn is_well(plugin: &mut Execd) {
    while plugin.stdout.try_recv().is_ok() {}
    plugin.send(b"\n");
    assert!(plugin.line().starts_with("net,"));
}

#[test]
fn stdin_closed_at_once() {
    let dir = dir();
    for input in [Stdio::null(), Stdio::piped()] {
        let mut plugin = command(dir.path(), NET);
        plugin.stdin(input);
        let (status, stdout, stderr) = Execd::spawn(plugin).eof();
        assert_eq!((status.code(), stdout.len(), stderr.len()), (Some(0), 0, 0));
    }
}

#[test]
fn a_flood_of_newlines_is_no_backlog() {
    let dir = dir();
    // Each gather runs a program, so they are slower than the newlines.
    fake(dir.path(), "ss", ANSWER);
    let mut plugin = Execd::start(dir.path(), SOCKETS);
    let begin = Instant::now();
    for _ in 0..100 {
        plugin.send(&[b'\n'; 1000]);
    }
    let written = begin.elapsed();
    let (status, stdout, stderr) = plugin.eof();
    println!("100,000 newlines in {written:?}: {} gathers", stdout.len());
    assert_eq!((status.code(), stderr.len()), (Some(0), 0), "{stderr:#?}");
    assert!((1..10_000).contains(&stdout.len()), "{} gathers", stdout.len());
}

#[test]
fn binary_on_stdin_is_newlines_at_most() {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    plugin.send(&bytes);
    let (status, stdout, stderr) = plugin.eof();
    assert_eq!((status.code(), stderr.len()), (Some(0), 0), "{stderr:#?}");
    let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert!((1..=newlines).contains(&stdout.len()), "{} gathers for {newlines} newlines", stdout.len());
}

#[test]
fn a_line_of_100_mib_without_end() {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    is_well(&mut plugin);
    let before = plugin.memory("VmHWM");
    for _ in 0..100 {
        plugin.send(&vec![b'x'; 1024 * 1024]);
    }
    let grown = plugin.memory("VmHWM") - before;
    println!("100 MiB took {grown} KiB");
    assert!(grown < 1024, "{grown} KiB");
    assert!(plugin.stdout.try_recv().is_err(), "a gather without a newline");
    is_well(&mut plugin);
    assert_eq!(plugin.eof().0.code(), Some(0));
}

/// Signals that come while the loader runs, while the handlers are installed, or later. Before the program's own first
/// instruction there is nobody to catch one, so some of the earliest may kill it; none for which it has a handler.
#[test]
fn signals_in_the_first_milliseconds() {
    let dir = dir();
    let mut killed = Vec::new();
    for n in 0..300_usize {
        let mut plugin = Execd::start(dir.path(), NET);
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_micros(n as u64 * 20) {
            std::hint::spin_loop();
        }
        let stands = catches_triggers(plugin.pid());
        plugin.signal([Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP][n % 3]);
        plugin.stdin = None;
        let (status, stdout, stderr) = plugin.finish();
        if status.code().is_none() {
            assert!(!stands, "killed by a signal for which it has a handler: {status}");
            killed.push(n * 20);
            continue;
        }
        assert_eq!(status.code(), Some(0));
        assert!(stdout.len() <= 1 && stderr.is_empty(), "{stdout:#?} {stderr:#?}");
    }
    println!(
        "{} of 300 were killed before their first instruction, the last after {:?} us",
        killed.len(),
        killed.last()
    );
}

/// Whether a process has handlers for the signals that are triggers.
fn catches_triggers(pid: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("SigCgt");
    let caught = u64::from_str_radix(caught.trim(), 16).expect("a number");
    [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP]
        .iter()
        .all(|signal| caught & (1 << (*signal as i32 - 1)) != 0)
}

#[test]
fn ten_thousand_signals() {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    is_well(&mut plugin);
    let (descriptors, memory) = (plugin.descriptors(), plugin.memory("VmHWM"));
    for n in 0..10_000 {
        plugin.signal([Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP][n % 3]);
    }
    assert!(plugin.line().starts_with("net,"));
    is_well(&mut plugin);
    assert_eq!(plugin.descriptors(), descriptors);
    assert!(plugin.memory("VmHWM") - memory < 1024);
    let (status, _, stderr) = plugin.eof();
    assert_eq!((status.code(), stderr.len()), (Some(0), 0), "{stderr:#?}");
}

/// Interfaces enough to fill a pipe several times.
fn many_interfaces(dir: &Path) -> String {
    let recorded =
        fs::read_to_string(fixture("net-kernel-6.18").join("proc/net/dev")).expect("a recorded file");
    let header: String = recorded.split_inclusive('\n').take(2).collect();
    let rows: String = (0..5000)
        .map(|n| format!("long-interface-name-{n:05}: {n} 1 0 0 0 0 0 0 2 3 0 0 0 0 0 0\n"))
        .collect();
    fs::create_dir_all(dir.join("proc/net")).expect("a directory");
    fs::write(dir.join("proc/net/dev"), header + &rows).expect("it can be written");
    NET.replace("veth0", "long-*")
}

/// A reader that stalls makes the plugin wait: it does not grow, and goes on where it was.
#[test]
fn stdout_is_a_full_pipe() {
    let dir = dir();
    let config = many_interfaces(dir.path());
    let mut plugin = command(dir.path(), &config);
    plugin.env("HOST_PROC", dir.path().join("proc"));
    let mut child = plugin.spawn().expect("the plugin starts");
    let mut stdout = child.stdout.take().expect("stdout is a pipe");
    let status = format!("/proc/{}/status", child.id());
    let memory = || -> u64 {
        let text = fs::read_to_string(&status).expect("the plugin runs");
        let line = text.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).expect("a size")
    };
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(b"\n").expect("the plugin reads its stdin");
    // It stands in write(2) once the pipe is full.
    let wchan = format!("/proc/{}/stat", child.id());
    wait_until("the pipe is full", || {
        let first = fs::read_to_string(&wchan).expect("the plugin runs");
        thread::sleep(Duration::from_millis(100));
        first.contains(" S ") && fs::read_to_string(&wchan).expect("the plugin runs") == first
    });
    let before = memory();
    let end = Instant::now() + while_it_lasts();
    let mut triggers = 0;
    while Instant::now() < end {
        stdin.write_all(b"\n").expect("the plugin reads its stdin");
        triggers += 1;
        thread::sleep(Duration::from_millis(10));
    }
    let grown = memory().saturating_sub(before);
    println!("grown by {grown} KiB while {triggers} triggers came");
    assert!(grown < 256, "grown by {grown} KiB while {triggers} triggers came");
    drop(stdin);
    let mut text = Vec::new();
    stdout.read_to_end(&mut text).expect("the rest can be read");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let metrics = influx::read(&text).expect("no line is broken");
    // The gather that stood, and one for all the triggers that came meanwhile.
    assert_eq!(metrics.len(), 2 * 5000, "after {triggers} triggers");
    assert!(metrics.chunks(5000).all(|gather| gather.iter().all(|metric| metric.time == gather[0].time)));
}

#[test]
fn stdout_closed_in_mid_line() {
    let dir = dir();
    let config = many_interfaces(dir.path());
    let mut plugin = command(dir.path(), &config);
    plugin.env("HOST_PROC", dir.path().join("proc"));
    let mut child = plugin.spawn().expect("the plugin starts");
    let mut stdout = child.stdout.take().expect("stdout is a pipe");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(b"\n").expect("the plugin reads its stdin");
    stdout.read_exact(&mut [0; 1000]).expect("lines come");
    drop(stdout);
    let mut status = None;
    wait_until("the plugin ends, stdin still open", || {
        status = child.try_wait().expect("the plugin can be waited for");
        status.is_some()
    });
    let mut stderr = String::new();
    child.stderr.take().expect("stderr is a pipe").read_to_string(&mut stderr).expect("stderr can be read");
    assert_eq!((status.and_then(|status| status.code()), stderr.as_str()), (Some(0), ""));
}

/// Telegraf takes what it has read for a line when the pipe ends: a kill at any moment must leave whole lines.
#[test]
fn killed_in_mid_gather() {
    let dir = dir();
    let config = many_interfaces(dir.path());
    let mut cut = 0;
    for n in 0..30 {
        let mut plugin = command(dir.path(), &config);
        plugin.env("HOST_PROC", dir.path().join("proc"));
        let mut child = plugin.spawn().expect("the plugin starts");
        let mut stdout = child.stdout.take().expect("stdout is a pipe");
        child.stdin.as_mut().expect("stdin is a pipe").write_all(b"\n").expect("the plugin reads its stdin");
        // Some of it, so that the pipe, which is full, is written to again.
        let mut text = vec![0; n * 12_000 + 1];
        stdout.read_exact(&mut text).expect("lines come");
        child.kill().expect("it can be killed");
        stdout.read_to_end(&mut text).expect("the rest can be read");
        child.wait().expect("it ends");
        let metrics = influx::read(&text).expect("whole lines only");
        cut += usize::from(metrics.len() < 5000);
    }
    println!("{cut} of 30 gathers were cut off");
    assert!(cut > 15, "{cut} of 30 gathers were cut off");
}

/// A disk that is full may have room again: the plugin says so and stays.
#[test]
fn stdout_is_a_full_disk() {
    let dir = dir();
    let mut plugin = command(dir.path(), NET);
    plugin.stdout(File::options().write(true).open("/dev/full").expect("/dev/full"));
    let mut child = plugin.spawn().expect("the plugin starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    for _ in 0..3 {
        stdin.write_all(b"\n").expect("the plugin reads its stdin");
        thread::sleep(Duration::from_millis(100));
        assert!(child.try_wait().expect("the plugin can be waited for").is_none(), "it has ended");
    }
    drop(stdin);
    let output = child.wait_with_output().expect("the plugin ends");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr, "E! [inputs.net] cannot write to stdout: ENOSPC: No space left on device\n");
    let mut once = command(dir.path(), NET);
    once.arg("--once").stdout(File::options().write(true).open("/dev/full").expect("/dev/full"));
    assert_eq!(once.status().expect("the plugin runs").code(), Some(1));
}

/// Telegraf may end its reading of stderr: the plugin's work does not depend on it.
#[test]
fn stderr_closed_or_full() {
    let dir = dir();
    // There is no ss, so each gather has something to say.
    for full in [false, true] {
        let (reader, writer) = pipe().expect("a pipe");
        if full {
            // As far as it goes, by a descriptor that does not wait.
            let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
            let mut filler = File::options();
            let filler = filler.write(true).custom_flags(nix::libc::O_NONBLOCK).open(path);
            let mut filler = filler.expect("the pipe opens");
            while filler.write(&[b'x'; 4096]).is_ok() {}
        }
        let reader = full.then_some(reader);
        let mut plugin = command(dir.path(), &format!("{SOCKETS}{NET}"));
        plugin.args(["--debug"]).stderr(writer);
        let mut child = plugin.spawn().expect("the plugin starts");
        drop(plugin);
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        stdin.write_all(&[b'\n'; 50]).expect("the plugin reads its stdin");
        drop(stdin);
        let output = child.wait_with_output().expect("the plugin ends");
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout.starts_with(b"net,"));
        drop(reader);
    }
}

/// Without stdin, stdout and stderr the first files that it opens would get their numbers: whatever becomes of it, it must not
/// write into them, nor hang.
#[test]
fn all_of_them_closed() {
    let dir = dir();
    let config = write(dir.path(), "plugin.conf", &format!("{SOCKETS}{NET}"));
    fake(dir.path(), "ss", ANSWER);
    let binary = support::plugin();
    for closed in ["0<&-", "1>&-", "2>&-", "0<&- 1>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"] {
        for flags in ["", "--once"] {
            let script =
                format!("exec '{}' --config '{config}' {flags} {closed}", binary.get_program().display());
            let mut child = Command::new("/bin/sh")
                .args(["-c", &script])
                .env_clear()
                .env("PATH", dir.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("a shell starts");
            wait_until(&format!("it ends with {closed} {flags}"), || {
                child.try_wait().expect("it can be waited for").is_some()
            });
            assert!(child.wait().expect("it has ended").code().is_some(), "{closed} {flags}");
            let text = fs::read_to_string(&config).expect("the configuration");
            assert_eq!(text, format!("{SOCKETS}{NET}"), "it wrote into its configuration");
        }
    }
}

#[test]
fn stopped_and_continued() {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    is_well(&mut plugin);
    plugin.signal(Signal::SIGSTOP);
    plugin.send(b"\n\n\n");
    assert!(
        plugin.stdout.recv_timeout(Duration::from_millis(300)).is_err(),
        "it gathers while it is stopped"
    );
    plugin.signal(Signal::SIGCONT);
    assert!(plugin.line().starts_with("net,"));
    is_well(&mut plugin);
    assert_eq!(plugin.eof().0.code(), Some(0));
}

/// Stopped beyond the deadline of the program that it runs: the run has failed by then, and the next one is good.
#[test]
fn stopped_in_a_run_of_ss() {
    let dir = dir();
    hanging_ss(dir.path());
    let mut plugin = Execd::start(dir.path(), &format!("{}{NET}", SOCKETS.replace("60s", "500ms")));
    plugin.send(b"\n");
    let pids = hanging_pids(dir.path());
    plugin.signal(Signal::SIGSTOP);
    thread::sleep(Duration::from_secs(1));
    plugin.signal(Signal::SIGCONT);
    assert!(plugin.line().starts_with("net,"));
    assert!(plugin.complaint().contains("timed out"));
    wait_until("no process is left", || !pids.iter().any(|pid| running(*pid)));
    fake(dir.path(), "ss", ANSWER);
    assert_eq!(plugin.gather().len(), 1);
}

/// The clock of the whole machine, set back and forth while the plugin gathers: deadlines and the timer do not see it. Only root
/// of a machine may set it; a time namespace has clocks of its own, but not this one. So a library in front of the plugin says
/// what time it is.
#[test]
fn the_clock_set_back() {
    let Some(library) = fake_clock() else {
        skipped("needs a C compiler for a clock that goes backwards");
        return;
    };
    let dir = dir();
    fake(dir.path(), "ss", ANSWER);
    let mut plugin = command(dir.path(), &format!("{}{NET}", SOCKETS.replace("60s", "20s")));
    plugin.env("LD_PRELOAD", library.path().join("clock.so")).args(["--poll-interval", "50ms"]);
    plugin.env("CLOCK_FILE", dir.path().join("clock"));
    let plugin = Execd::spawn(plugin);
    let mut times = Vec::new();
    for offset in [0_i64, -3600, 3600, -1_000_000_000, 0] {
        write(dir.path(), "clock", &offset.to_string());
        // What was gathered before the clock changed may still come.
        for _ in 0..4 {
            let lines = plugin.gathered();
            assert_eq!(lines.len(), 1, "at {offset} s: {lines:#?}");
            times.push(
                influx::read(format!("{}\n", lines[0]).as_bytes()).expect("line protocol")[0].time
                    / 1_000_000_000,
            );
        }
    }
    let now = times[0];
    for offset in [-3600, 3600, -1_000_000_000] {
        assert!(times.iter().any(|time| (time - now - offset).abs() < 1000), "{offset}: {times:?}");
    }
    let (status, _, stderr) = plugin.eof();
    assert_eq!((status.code(), stderr.len()), (Some(0), 0), "{stderr:#?}");
}

/// A library that moves `CLOCK_REALTIME` by the seconds in the file `CLOCK_FILE`; `None` without a C compiler.
fn fake_clock() -> Option<tempfile::TempDir> {
    const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    long result = syscall(SYS_clock_gettime, clock, time);
    const char *path = getenv("CLOCK_FILE");
    FILE *file = clock == CLOCK_REALTIME && path ? fopen(path, "r") : NULL;
    long offset;
    if (file) {
        if (fscanf(file, "%ld", &offset) == 1) time->tv_sec += offset;
        fclose(file);
    }
    return (int)result;
}
"#;
    let dir = dir();
    write(dir.path(), "clock.c", SOURCE);
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o", "clock.so", "clock.c"]).current_dir(dir.path());
    compiler.status().is_ok_and(|status| status.success()).then_some(dir)
}

/// Sets a soft limit of a running process, as the user that it runs as.
fn limit(mut prlimit: Command, pid: i32, resource: &str, limit: u64) {
    let status = prlimit.args([format!("--pid={pid}"), format!("--{resource}={limit}:")]).status();
    assert!(status.expect("util-linux is installed").success(), "prlimit --{resource}={limit}");
}

#[test]
fn no_more_descriptors() {
    let dir = dir();
    fake(dir.path(), "ss", ANSWER);
    let mut plugin = Execd::start(dir.path(), &format!("{SOCKETS}{NET}"));
    assert_eq!(plugin.gather().len(), 1);
    let descriptors = plugin.descriptors();
    // From not one more to enough: what needs more fails and says so, and all is well again afterwards.
    let mut failed = 0;
    for most in 3..32 {
        limit(Command::new("prlimit"), plugin.pid(), "nofile", most);
        plugin.send(b"\n");
        thread::sleep(Duration::from_millis(100));
        limit(Command::new("prlimit"), plugin.pid(), "nofile", 1024);
        // What was gathered at last without the limit ends with this.
        plugin.gather();
        thread::sleep(Duration::from_millis(50));
        let said: Vec<_> = plugin.stderr.try_iter().collect();
        while plugin.stdout.try_recv().is_ok() {}
        assert!(
            said.iter().all(|line| line.starts_with("E! ") && line.contains("Too many open files")),
            "{said:#?}"
        );
        failed += usize::from(!said.is_empty());
        assert_eq!(plugin.gather().len(), 1, "after {most}");
        assert_eq!(plugin.descriptors(), descriptors, "after {most}");
        assert!(children(plugin.pid()).is_empty(), "after {most}");
    }
    assert!((5..29).contains(&failed), "{failed} gathers of 29 lacked descriptors");
}

/// The limit of processes is one of a user, and root has none.
#[test]
fn no_more_processes() {
    let dir = dir();
    fake(dir.path(), "ss", ANSWER);
    let mut plugin = unprivileged(dir.path());
    plugin
        .args(["--config", &write(dir.path(), "plugin.conf", &format!("{SOCKETS}{NET}"))])
        .env("PATH", dir.path());
    let recorded = dir.path().join("proc/net");
    fs::create_dir_all(&recorded).expect("a directory");
    fs::copy(fixture("net-kernel-6.18").join("proc/net/dev"), recorded.join("dev")).expect("a recorded file");
    plugin.env("HOST_PROC", dir.path().join("proc")).env("HOST_SYS", "/nonexistent");
    plugin.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut plugin = Execd::spawn(plugin);
    assert_eq!(plugin.gather().len(), 1);
    for _ in 0..2 {
        limit(as_nobody(&find("prlimit")), plugin.pid(), "nproc", 1);
        assert_eq!(plugin.gather(), [""; 0]);
        let said = plugin.complaint();
        assert!(
            said.starts_with("E! [inputs.socketstat] ss ") && said.contains("temporarily unavailable"),
            "{said}"
        );
        limit(as_nobody(&find("prlimit")), plugin.pid(), "nproc", 10_000);
        assert_eq!(plugin.gather().len(), 1);
    }
    assert!(plugin.eof().2.is_empty());
}

/// As nobody, without a capability and without a way to any, in a network namespace: the same metrics as root's.
#[test]
fn no_privilege_is_needed() {
    if !namespace::enter("no_privilege_is_needed") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    let server = listener.accept().expect("the other end").0;
    let udp = UdpSocket::bind("[::1]:0").expect("a socket");
    udp.connect("[::1]:9").expect("it connects");
    let dir = dir();
    let mut gathered = Vec::new();
    for source in ["netlink", "ss", "procfs"] {
        let config = format!(
            "[[inputs.socketstat]]\n  protocols = [\"tcp\", \"udp\"]\n  source = \"{source}\"\n[[inputs.net]]\n  interfaces = [\"*\"]\n"
        );
        let config = write(dir.path(), "plugin.conf", &config);
        let mut of_both = Vec::new();
        for mut plugin in [support::plugin(), unprivileged(dir.path())] {
            plugin
                .args(["--once", "--config", &config])
                .env("PATH", std::env::var_os("PATH").expect("PATH is set"));
            let output = plugin.output().expect("the plugin runs");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{stderr}");
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            let mut lines: Vec<String> =
                text.lines().map(|line| line.rsplit_once(' ').expect("a time").0.to_owned()).collect();
            lines.sort();
            of_both.push(lines);
        }
        assert_eq!(of_both[0], of_both[1], "{source}");
        assert!(
            of_both[0].iter().filter(|line| line.starts_with("socketstat,")).count() >= 3,
            "{of_both:#?}"
        );
        gathered.push(of_both.swap_remove(0).len());
    }
    println!("{gathered:?} metrics of netlink, ss and procfs");
    drop((client, server, udp));
}
