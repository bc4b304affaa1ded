//! Faults of stdin, stdout and stderr.
//!
//! `FAULT_SECONDS` (default 3) is how long a fault lasts in tests that wait. The effects of a stalled reader show within
//! the first second, so the default is short.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use crate::checks::influx;
use crate::support;
use crate::support::execd::{ANSWER, Execd, NET, SOCKETS, command, dir, fixture, full_pipe};
use crate::support::{fake, wait_until, write};

/// How long a fault lasts.
fn while_it_lasts() -> Duration {
    let seconds =
        std::env::var("FAULT_SECONDS").map_or(3, |text| text.parse().expect("FAULT_SECONDS is a number"));
    Duration::from_secs(seconds)
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
fn a_flood_of_newlines_makes_no_backlog() {
    let dir = dir();
    // Each gather runs a program, so it is slower than the newlines.
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
fn only_newlines_count_in_binary_data_on_stdin() {
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
fn a_line_of_100_mib_without_a_newline() {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    plugin.is_well();
    let before = plugin.memory("VmHWM");
    for _ in 0..100 {
        plugin.send(&vec![b'x'; 1024 * 1024]);
    }
    let grown = plugin.memory("VmHWM") - before;
    println!("100 MiB took {grown} KiB");
    assert!(grown < 1024, "{grown} KiB");
    assert!(plugin.stdout.try_recv().is_err(), "a gather without a newline");
    plugin.is_well();
    assert_eq!(plugin.eof().0.code(), Some(0));
}

/// Enough interfaces to fill a pipe several times.
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

/// If the reader stalls, the plugin waits without using more memory, and then continues.
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
    // It blocks in write(2) once the pipe is full.
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
    // The gather that was blocked, and one for all triggers in the meantime. One more if the last trigger was read after
    // that one had begun.
    assert!([2 * 5000, 3 * 5000].contains(&metrics.len()), "{} after {triggers} triggers", metrics.len());
    assert!(metrics.chunks(5000).all(|gather| gather.iter().all(|metric| metric.time == gather[0].time)));
}

#[test]
fn stdout_closed_in_the_middle_of_a_line() {
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

/// Telegraf parses an unfinished last line too, so a kill at any moment must leave whole lines.
#[test]
fn killed_during_a_gather() {
    let dir = dir();
    let config = many_interfaces(dir.path());
    let mut cut = 0;
    for n in 0..30 {
        let mut plugin = command(dir.path(), &config);
        plugin.env("HOST_PROC", dir.path().join("proc"));
        let mut child = plugin.spawn().expect("the plugin starts");
        let mut stdout = child.stdout.take().expect("stdout is a pipe");
        child.stdin.as_mut().expect("stdin is a pipe").write_all(b"\n").expect("the plugin reads its stdin");
        // Reads some of it, so that there is room in the full pipe.
        let mut text = vec![0; n * 12_000 + 1];
        stdout.read_exact(&mut text).expect("lines come");
        child.kill().expect("it can be killed");
        stdout.read_to_end(&mut text).expect("the rest can be read");
        child.wait().expect("it ends");
        let metrics = influx::read(&text).expect("whole lines only");
        cut += usize::from(metrics.len() < 5000);
    }
    println!("{cut} of 30 gathers were interrupted");
    assert!(cut > 15, "{cut} of 30 gathers were interrupted");
}

/// A full disk may have room again later, so the plugin logs an error and continues.
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

/// The same at the limit of the file size (`ulimit -f`): the file may be truncated later.
#[test]
fn stdout_is_a_file_at_the_size_limit() {
    let dir = dir();
    let out = dir.path().join("out");
    let plugin = command(dir.path(), NET);
    let limited = format!("ulimit -f 1; exec \"$0\" \"$@\" >> '{}'", out.display());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &limited]).arg(plugin.get_program()).args(plugin.get_args());
    shell.env_clear().envs(plugin.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut plugin = Execd::spawn(shell);
    let mut gathers = 0;
    // A line is about 150 bytes, and the limit is 512 or 1,024.
    let complaint = loop {
        plugin.send(b"\n");
        gathers += 1;
        assert!(gathers < 100, "the limit is not reached");
        match plugin.stderr.recv_timeout(Duration::from_millis(100)) {
            Ok(complaint) => break complaint,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("it has ended: {}", plugin.finish().0),
        }
    };
    assert_eq!(complaint, "E! [inputs.net] cannot write to stdout: EFBIG: File too large");
    File::options().write(true).truncate(true).open(&out).expect("the file can be emptied");
    plugin.send(b"\n");
    wait_until("it writes again", || {
        // The rest of the line that did not fit comes first.
        fs::read_to_string(&out).expect("it can be read").lines().any(|line| line.starts_with("net,"))
    });
    assert_eq!(plugin.eof().0.code(), Some(0));
}

/// The plugin continues if Telegraf does not read stderr.
#[test]
fn stderr_closed_or_full() {
    let dir = dir();
    // There is no ss, so each gather logs an error.
    for full in [false, true] {
        let (reader, writer) = full_pipe();
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

/// Without stdin, stdout and stderr, the first files that the plugin opens would get descriptors 0 to 2. It must not write
/// to these files, nor hang.
#[test]
fn stdin_stdout_and_stderr_closed() {
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
            assert_eq!(text, format!("{SOCKETS}{NET}"), "the plugin wrote to its configuration");
        }
    }
}
