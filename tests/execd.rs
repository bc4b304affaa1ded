//! The execd protocol of the real binary: what triggers a gather, what ends the process, and when it writes.
//!
//! Time limits are generous, so that only a failure reaches them. Tests synchronize with named pipes and files, not with
//! sleeps.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::execd::{ANSWER, Execd, NET, SOCKETS, command, dir, fixture};
use crate::support::{fake, hanging_pids, hanging_ss, running, wait_until, write};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{mkfifo, pipe2};

#[test]
fn every_newline_and_signal_is_a_gather() {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    let mut seen = Vec::new();
    for _ in 0..3 {
        plugin.send(b"\n");
        seen.push(plugin.line());
    }
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP, Signal::SIGUSR1] {
        plugin.signal(signal);
        seen.push(plugin.line());
    }
    plugin.send(b"text before it is ignored\n");
    seen.push(plugin.line());
    let (status, rest, stderr) = plugin.eof();
    assert_eq!(status.code(), Some(0));
    assert!(rest.is_empty() && stderr.is_empty(), "{rest:?} {stderr:?}");
    let metric = |line: &str| line.rsplit_once(' ').map(|(metric, _)| metric.to_owned());
    assert!(seen.iter().all(|line| metric(line) == metric(&seen[0])), "{seen:#?}");
    seen.dedup();
    assert_eq!(seen.len(), 8, "each gather has its own time: {seen:#?}");
}

/// A newline triggers a gather at any position in the bytes that one read returns.
#[test]
fn a_newline_after_other_bytes_in_one_write() {
    for before in [0, 4095, 4096, 6000, 8191, 8192, 20_000] {
        let dir = dir();
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        let mut writer = File::from(writer);
        let input = [vec![b'x'; before], b"\n".to_vec()].concat();
        writer.write_all(&input).expect("it fits into the pipe");
        let mut plugin = command(dir.path(), NET);
        plugin.stdin(reader);
        let plugin = Execd::spawn(plugin);
        let line = plugin.stdout.recv_timeout(Duration::from_secs(20));
        assert!(line.is_ok_and(|line| line.starts_with("net,")), "{before} bytes before the newline");
        drop(writer);
        assert_eq!(plugin.finish().0.code(), Some(0));
    }
}

#[test]
fn triggers_during_a_gather_make_one_more() {
    let dir = dir();
    let (gate, started) = (dir.path().join("gate"), dir.path().join("started"));
    mkfifo(&gate, Mode::S_IRWXU).expect("a named pipe");
    // Each run waits for a line from the pipe.
    let body = format!("echo x >> '{}'\nread -r line < '{}'\n{ANSWER}", started.display(), gate.display());
    fake(dir.path(), "ss", &body);
    let mut plugin = Execd::start(dir.path(), SOCKETS);
    let runs = || fs::read_to_string(&started).unwrap_or_default().lines().count();
    plugin.send(b"\n");
    wait_until("the first gather runs", || runs() == 1);
    for _ in 0..5 {
        plugin.send(b"\n");
        plugin.signal(Signal::SIGUSR1);
    }
    // Gives the plugin time to see all triggers. On a slow machine they cause fewer gathers, not more.
    thread::sleep(Duration::from_millis(300));
    fs::write(&gate, "go\n").expect("the first run passes");
    plugin.line();
    wait_until("the second gather runs", || runs() == 2);
    fs::write(&gate, "go\n").expect("the second run passes");
    plugin.line();
    let (status, rest, stderr) = plugin.eof();
    assert_eq!((status.code(), runs()), (Some(0), 2), "{rest:?} {stderr:?}");
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn pending_gathers_are_done_after_the_end_of_stdin() {
    for (input, gathers) in
        [("", 0..=0), ("no newline", 0..=0), ("\n", 1..=1), ("\nno newline", 1..=1), ("\n\n", 1..=2)]
    {
        let dir = dir();
        let mut plugin = Execd::start(dir.path(), NET);
        plugin.send(input.as_bytes());
        let (status, stdout, stderr) = plugin.eof();
        assert_eq!(status.code(), Some(0), "{input:?}");
        assert!(gathers.contains(&stdout.len()), "{input:?}: {stdout:?}");
        assert!(stderr.is_empty(), "{input:?}: {stderr:?}");
    }
}

#[test]
fn the_end_of_stdin_does_not_interrupt_a_gather() {
    let dir = dir();
    let (gate, started) = (dir.path().join("gate"), dir.path().join("started"));
    mkfifo(&gate, Mode::S_IRWXU).expect("a named pipe");
    let body = format!("echo x >> '{}'\nread -r line < '{}'\n{ANSWER}", started.display(), gate.display());
    fake(dir.path(), "ss", &body);
    let mut plugin = Execd::start(dir.path(), SOCKETS);
    plugin.send(b"\n");
    wait_until("the gather runs", || started.exists());
    plugin.stdin = None;
    fs::write(&gate, "go\n").expect("the run passes");
    let (status, stdout, stderr) = plugin.finish();
    assert_eq!((status.code(), stdout.len()), (Some(0), 1), "{stdout:?} {stderr:?}");
}

#[test]
fn sigterm_and_sigint_end_it_at_once() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let dir = dir();
        let mut plugin = Execd::start(dir.path(), NET);
        plugin.send(b"\n");
        plugin.line();
        let asked = Instant::now();
        plugin.signal(signal);
        let (status, stdout, stderr) = plugin.finish();
        println!("{signal} idle: ended after {:?}", asked.elapsed());
        assert_eq!(status.code(), Some(0), "{signal}: {status}");
        assert!(stdout.is_empty() && stderr.is_empty(), "{stdout:?} {stderr:?}");
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
}

#[test]
fn sigterm_and_sigint_in_a_hung_gather_leave_no_child() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let dir = dir();
        hanging_ss(dir.path());
        let mut plugin = Execd::start(dir.path(), SOCKETS);
        plugin.send(b"\n");
        let pids = hanging_pids(dir.path());
        let asked = Instant::now();
        plugin.signal(signal);
        let (status, stdout, stderr) = plugin.finish();
        println!("{signal} in a hung gather: ended after {:?}", asked.elapsed());
        assert_eq!(status.code(), Some(0), "{signal}: {status}");
        assert!(stdout.is_empty() && stderr.is_empty(), "{stdout:?} {stderr:?}");
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        wait_until("no child is left", || !pids.iter().any(|pid| running(*pid)));
    }
}

/// Whether the kernel sends a signal when a descriptor of a process changes (`O_ASYNC`).
fn is_watching(pid: u32) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("the plugin runs");
    descriptors.flatten().any(|descriptor| {
        // It may be closed meanwhile.
        let info = fs::read_to_string(descriptor.path()).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        flags
            .is_some_and(|flags| i32::from_str_radix(flags.trim(), 8).is_ok_and(|flags| flags & 0o20000 != 0))
    })
}

#[test]
fn sigkill_leaves_no_child() {
    let dir = dir();
    hanging_ss(dir.path());
    let mut plugin = Execd::start(dir.path(), SOCKETS);
    plugin.send(b"\n");
    let pids = hanging_pids(dir.path());
    // The child runs before the plugin can say whom to kill.
    wait_until("the kernel will kill the child", || is_watching(plugin.child.id()));
    plugin.signal(Signal::SIGKILL);
    wait_until("no child is left", || !pids.iter().any(|pid| running(*pid)));
}

#[test]
fn a_timeout_kills_the_child_and_affects_only_its_protocol() {
    let dir = dir();
    hanging_ss(dir.path());
    let sockets = SOCKETS.replace("60s", "2s");
    let mut plugin = Execd::start(dir.path(), &format!("{sockets}{NET}"));
    plugin.send(b"\n");
    let pids = hanging_pids(dir.path());
    assert!(plugin.line().starts_with("net,"));
    wait_until("no child is left", || !pids.iter().any(|pid| running(*pid)));
    // Once ss works again, so does the plugin. On a busy machine a run of the good ss can time out too.
    fake(dir.path(), "ss", ANSWER);
    wait_until("it recovers", || {
        plugin.send(b"\n");
        plugin.lines_before("net,").iter().any(|line| line.starts_with("socketstat,"))
    });
    let (status, _, stderr) = plugin.eof();
    assert_eq!(status.code(), Some(0));
    assert_eq!(stderr.len(), 1, "{stderr:?}");
    assert!(stderr[0].starts_with("E! [inputs.socketstat] "), "{stderr:?}");
}

#[test]
fn a_missing_ss_is_logged_rarely_until_it_is_installed() {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), &format!("{SOCKETS}{NET}"));
    for _ in 0..130 {
        plugin.send(b"\n");
        assert!(plugin.line().starts_with("net,"));
    }
    fake(dir.path(), "ss", ANSWER);
    plugin.send(b"\n");
    let next = [plugin.line(), plugin.line()];
    assert!(next.iter().any(|line| line.starts_with("socketstat,")), "{next:?}");
    let (_, _, stderr) = plugin.eof();
    // Logged once, then every 60th time.
    let said: Vec<_> = stderr.iter().filter(|line| line.starts_with("E! [inputs.socketstat] ")).collect();
    assert_eq!(said.len(), 3, "{stderr:#?}");
    assert!(said[0].contains("iproute2"), "{said:#?}");
    assert!(said[1].contains("60") || said[1].contains("61"), "{said:#?}");
}

#[test]
fn a_closed_stdout_ends_the_plugin_normally() {
    let dir = dir();
    let mut child = command(dir.path(), NET).spawn().expect("the plugin starts");
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(b"\n").expect("the plugin reads its stdin");
    let mut status = None;
    wait_until("the plugin ends", || {
        status = child.try_wait().expect("the plugin can be waited for");
        status.is_some()
    });
    let mut stderr = String::new();
    child.stderr.take().expect("stderr is a pipe").read_to_string(&mut stderr).expect("stderr can be read");
    assert_eq!((status.and_then(|status| status.code()), stderr.as_str()), (Some(0), ""));
}

#[test]
fn an_internal_timer_gathers_too() {
    for flags in [["--poll-interval", "50ms"], ["-poll_interval", "50ms"]] {
        let dir = dir();
        let mut plugin = command(dir.path(), NET);
        plugin.args(flags);
        let plugin = Execd::spawn(plugin);
        for _ in 0..3 {
            plugin.line();
        }
        assert_eq!(plugin.eof().0.code(), Some(0));
    }
    let dir = dir();
    let mut plugin = command(dir.path(), NET);
    plugin.args(["-poll_interval", "1ms", "-poll_interval_disabled"]);
    let plugin = Execd::spawn(plugin);
    thread::sleep(Duration::from_millis(200));
    let (status, stdout, _) = plugin.eof();
    assert_eq!((status.code(), stdout), (Some(0), Vec::new()));
}

#[test]
fn signal_handlers_are_installed_before_the_configuration_is_read() {
    let dir = dir();
    let mut plugin = command(dir.path(), NET);
    let fifo = dir.path().join("slow.conf");
    mkfifo(&fifo, Mode::S_IRWXU).expect("a named pipe");
    plugin.arg("--config").arg(&fifo);
    let plugin = Execd::spawn(plugin);
    // A pipe can be opened so only once its reader is there: then the plugin waits for its configuration.
    let nonblocking = OFlag::O_NONBLOCK.bits();
    let mut config = None;
    wait_until("the plugin reads its configuration", || {
        config = OpenOptions::new().write(true).custom_flags(nonblocking).open(&fifo).ok();
        config.is_some()
    });
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP] {
        plugin.signal(signal);
    }
    let mut config = config.expect("the pipe is open");
    config.write_all(NET.as_bytes()).expect("the configuration is read");
    drop(config);
    plugin.line();
    assert_eq!(plugin.eof().0.code(), Some(0));
}

#[test]
fn writes_are_whole_lines_within_pipe_buf() {
    let dir = dir();
    let interfaces = 500;
    let mut dev =
        fs::read_to_string(fixture("net-kernel-6.18").join("proc/net/dev")).expect("a recorded file");
    dev.extend((0..interfaces).map(|n| {
        format!(
            "odd-name-{n:05}: {n} 1 0 0 0 0 0 0 2 3 0 0 0 0 0 0
"
        )
    }));
    fs::create_dir(dir.path().join("net")).expect("a directory");
    write(&dir.path().join("net"), "dev", &dev);
    // Packet mode: one read returns what one write wrote.
    let (reader, writer): (OwnedFd, OwnedFd) = pipe2(OFlag::O_DIRECT | OFlag::O_CLOEXEC).expect("a pipe");
    let mut plugin = command(dir.path(), &NET.replace("veth0", "odd-*"));
    plugin.env("HOST_PROC", dir.path()).arg("--once").stdout(writer);
    let mut child = plugin.spawn().expect("the plugin starts");
    drop(plugin);
    let mut reader = File::from(reader);
    let mut buffer = vec![0; 1 << 16];
    let (mut count, mut lines) = (0, 0);
    loop {
        let length = reader.read(&mut buffer).expect("the pipe can be read");
        let write = &buffer[..length];
        if write.is_empty() {
            break;
        }
        assert!(length <= 4096, "a write of {length} bytes");
        assert!(write.ends_with(b"\n"), "half a line: {}", String::from_utf8_lossy(write));
        lines += write.split(|byte| *byte == b'\n').count() - 1;
        count += 1;
    }
    assert_eq!((child.wait().expect("the plugin ends").code(), lines), (Some(0), interfaces));
    println!("{lines} lines in {count} writes");
}

#[test]
fn precision_rounds_the_time() {
    for (precision, unit) in [("1s", 1_000_000_000), ("1ms", 1_000_000)] {
        let dir = dir();
        let mut plugin = Execd::start(dir.path(), &format!("{NET}  precision = \"{precision}\"\n"));
        plugin.send(b"\n");
        let line = plugin.line();
        let time: u64 = line.rsplit(' ').next().and_then(|time| time.parse().ok()).expect("a timestamp");
        assert_eq!(time % unit, 0, "{line}");
    }
}
