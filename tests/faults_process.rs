//! The plugin as a process: signals at any moment, SIGSTOP, clock changes, resource limits, no privileges.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::checks::influx;
use crate::support;
use crate::support::execd::{ANSWER, Execd, NET, SOCKETS, children, command, dir, fixture};
use crate::support::needs::{find, needs, needs_sock_diag};
use crate::support::unprivileged::{as_nobody, unprivileged};
use crate::support::{fake, hanging_pids, hanging_ss, namespace, running, skipped, wait_until, write};
use nix::sys::signal::Signal;

/// Signals while the loader runs, while the handlers are installed, or later. Before the handlers are installed a signal
/// may kill the process, afterwards it must not.
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

/// Whether a process has handlers for the trigger signals.
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
    plugin.is_well();
    let (descriptors, memory) = (plugin.descriptors(), plugin.memory("VmHWM"));
    for n in 0..10_000 {
        plugin.signal([Signal::SIGUSR1, Signal::SIGUSR2, Signal::SIGHUP][n % 3]);
    }
    assert!(plugin.line().starts_with("net,"));
    plugin.is_well();
    // The last signals may have triggered one more gather.
    wait_until("its descriptors are as before", || plugin.descriptors() == descriptors);
    assert!(plugin.memory("VmHWM") - memory < 1024);
    let (status, _, stderr) = plugin.eof();
    assert_eq!((status.code(), stderr.len()), (Some(0), 0), "{stderr:#?}");
}

#[test]
fn stopped_and_continued() {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    plugin.is_well();
    plugin.signal(Signal::SIGSTOP);
    plugin.send(b"\n\n\n");
    assert!(
        plugin.stdout.recv_timeout(Duration::from_millis(300)).is_err(),
        "it gathers while it is stopped"
    );
    plugin.signal(Signal::SIGCONT);
    assert!(plugin.line().starts_with("net,"));
    plugin.is_well();
    assert_eq!(plugin.eof().0.code(), Some(0));
}

/// Stopped for longer than the timeout of ss: this run fails, and the next one succeeds.
#[test]
fn stopped_while_ss_runs() {
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

/// The process id of a reaped child may be reused by another process group, which must not be killed.
#[test]
fn no_signal_to_the_group_of_a_reaped_child() {
    let dir = dir();
    fake(dir.path(), "ss", ANSWER);
    let config = format!("{}{NET}", SOCKETS.replace("60s", "500ms"));
    let Some(mut plugin) = with_library(dir.path(), &config, REAPING) else { return };
    let record = dir.path().join("record");
    plugin.env("RECORD", &record);
    let mut plugin = Execd::spawn(plugin);
    for _ in 0..3 {
        assert_eq!(plugin.gather().len(), 1);
    }
    fake(dir.path(), "ss", "exit 1");
    plugin.gather();
    fake(dir.path(), "ss", "exec /bin/sleep 1000");
    plugin.gather();
    // A run may kill twice: at its end, and when a signal ends the plugin.
    hanging_ss(dir.path());
    plugin.send(b"\n");
    hanging_pids(dir.path());
    plugin.signal(Signal::SIGTERM);
    assert_eq!(plugin.finish().0.code(), Some(0));
    let record = fs::read_to_string(record).expect("children were reaped");
    let mut reaped = Vec::new();
    for line in record.lines() {
        match line.split_once(' ').expect("a word and a number") {
            ("reaped", pid) => reaped.push(pid),
            (_, pid) => assert!(!reaped.contains(&pid), "killed after it was reaped: {pid} in\n{record}"),
        }
    }
    assert!(reaped.len() >= 5, "{record}");
}

/// If the parent ignores SIGCHLD, the plugin inherits this, the kernel reaps children itself, and their exit status is
/// lost. The plugin's children must not inherit ignored or blocked signals.
#[test]
fn sigchld_ignored_by_the_parent() {
    let dir = dir();
    let signals = dir.path().join("signals");
    let answer =
        format!("/bin/grep -E '^Sig(Ign|Blk)' /proc/self/status > '{}'\n{ANSWER}", signals.display());
    fake(dir.path(), "ss", &answer);
    let mut plugin = through_a_shell("trap '' CHLD XFSZ USR2", dir.path(), &format!("{SOCKETS}{NET}"));
    plugin.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut plugin = Execd::spawn(plugin);
    for _ in 0..3 {
        assert_eq!(plugin.gather().len(), 1, "{:?}", plugin.stderr.try_iter().collect::<Vec<_>>());
    }
    let signals = fs::read_to_string(signals).expect("ss ran");
    // Signals from 32 on do not matter.
    let of_ss: Vec<u64> = masks(&signals).iter().map(|mask| mask & 0x7fff_ffff).collect();
    // A shell starts what runs in the background with SIGQUIT ignored, and the plugin passes this on.
    let own = fs::read_to_string("/proc/self/status").expect("/proc is there");
    let own = own.lines().find(|line| line.starts_with("SigIgn")).expect("it has signals");
    let quit = masks(own)[0] & 1 << (Signal::SIGQUIT as u32 - 1);
    assert_eq!(of_ss, [0, quit], "blocked and ignored: {signals}");
    let (status, _, stderr) = plugin.eof();
    assert_eq!((status.code(), stderr.len()), (Some(0), 0), "{stderr:#?}");
}

/// The sets of signals in lines such as `SigIgn: 0000000000000004`.
fn masks(lines: &str) -> Vec<u64> {
    let masks = lines.split_whitespace().skip(1).step_by(2);
    masks.map(|mask| u64::from_str_radix(mask, 16).expect("a number")).collect()
}

/// Starts the plugin from a shell that runs `first` before.
fn through_a_shell(first: &str, dir: &Path, config: &str) -> Command {
    let plugin = command(dir, config);
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("{first}; exec \"$0\" \"$@\"")])
        .arg(plugin.get_program())
        .args(plugin.get_args());
    shell.env_clear().envs(plugin.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

/// All signals share one pipe.
#[test]
fn few_descriptors_are_open() {
    let dir = dir();
    let mut plugin = Execd::start(dir.path(), NET);
    plugin.is_well();
    let link = |fd: &str| fs::read_link(format!("/proc/{}/fd/{fd}", plugin.pid())).expect("it is open");
    let standard = ["0", "1", "2"].map(link);
    let mut ends = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{}/fd", plugin.pid())).expect("the plugin runs") {
        *ends.entry(link(&entry.expect("an entry").file_name().to_string_lossy())).or_insert(0) += 1;
    }
    // The plugin may have inherited other pipes from the test. Of its own pipe it has both ends.
    ends.retain(|target, count| {
        !standard.contains(target) && target.to_string_lossy().starts_with("pipe:") && *count > 1
    });
    assert_eq!(ends.values().collect::<Vec<_>>(), [&2], "{ends:?}");
}

/// Changes of the system clock do not affect deadlines or the timer. A preloaded library changes the clock, since only root
/// may set the real one, and time namespaces do not include it.
#[test]
fn the_clock_set_back() {
    let dir = dir();
    fake(dir.path(), "ss", ANSWER);
    let config = format!("{}{NET}", SOCKETS.replace("60s", "20s"));
    let Some(mut plugin) = with_library(dir.path(), &config, CLOCK) else { return };
    plugin.args(["--poll-interval", "50ms"]).env("CLOCK_FILE", dir.path().join("clock"));
    let plugin = Execd::spawn(plugin);
    let mut times = Vec::new();
    for offset in [0_i64, -3600, 3600, -1_000_000_000, 0] {
        write(dir.path(), "clock", &offset.to_string());
        // Lines from before the change may still arrive.
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

/// Moves `CLOCK_REALTIME` by the seconds in the file `CLOCK_FILE`.
const CLOCK: &str = r#"
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

/// Appends to the file `RECORD` which process groups are killed and which children are reaped, in order.
const REAPING: &str = r#"
static void record(const char *what, int pid) {
    int file = open(getenv("RECORD"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    dprintf(file, "%s %d\n", what, pid);
    close(file);
}
pid_t waitpid(pid_t pid, int *status, int options) {
    pid_t reaped = wait4(pid, status, options, NULL);
    if (reaped > 0) record("reaped", reaped);
    return reaped;
}
int killpg(pid_t group, int signal) {
    record("killed", group);
    return kill(-group, signal);
}
"#;

/// A plugin with the preloaded library `source`, which is compiled into the directory. `None` without a C compiler.
fn with_library(dir: &Path, config: &str, source: &str) -> Option<Command> {
    const HEADERS: &str = "#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
";
    write(dir, "library.c", &format!("{HEADERS}{source}"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o", "library.so", "library.c"]).current_dir(dir);
    if !compiler.status().is_ok_and(|status| status.success()) {
        skipped("needs a C compiler for a preloaded library");
        return None;
    }
    let mut plugin = command(dir, config);
    plugin.env("LD_PRELOAD", dir.join("library.so"));
    Some(plugin)
}

/// Sets a soft limit of a running process, as the same user.
fn limit(mut prlimit: Command, pid: i32, resource: &str, limit: u64) {
    let status = prlimit.args([format!("--pid={pid}"), format!("--{resource}={limit}:")]).status();
    assert!(status.expect("util-linux is installed").success(), "prlimit --{resource}={limit}");
}

#[test]
fn no_more_descriptors() {
    if !needs(&["prlimit"]) {
        return;
    }
    let dir = dir();
    fake(dir.path(), "ss", ANSWER);
    // Uses ss, netlink and the files of /proc, in this order. The last shows that the gather is done.
    let kernel = "[[inputs.socketstat]]\n  protocols = [\"packet\"]\n  source = \"netlink\"\n  tagpass = { local_addr = [\"none\"] }\n";
    let mut plugin = Execd::start(dir.path(), &format!("{SOCKETS}{kernel}{NET}"));
    assert_eq!(plugin.gather().len(), 1);
    let descriptors = plugin.descriptors();
    // With one more descriptor, two more and so on. If they are too few, the gather fails with a message, and works again
    // afterwards.
    let mut failed = 0;
    for most in 0..32 {
        limit(Command::new("prlimit"), plugin.pid(), "nofile", most);
        plugin.send(b"\n");
        thread::sleep(Duration::from_millis(100));
        limit(Command::new("prlimit"), plugin.pid(), "nofile", 1024);
        // The gather may have started after the limit was lifted. It then ends with this line.
        plugin.gather();
        thread::sleep(Duration::from_millis(50));
        let said: Vec<_> = plugin.stderr.try_iter().collect();
        while plugin.stdout.try_recv().is_ok() {}
        for line in &said {
            assert!(line.starts_with("E! ") && line.contains(": raise ulimit -n"), "{said:#?}");
            assert!(!line.contains("set HOST_PROC"), "{said:#?}");
        }
        failed += usize::from(!said.is_empty());
        assert_eq!(plugin.gather().len(), 1, "after {most}");
        // On a busy machine the gather triggered above may still run.
        wait_until(&format!("its descriptors after {most} are as before"), || {
            plugin.descriptors() == descriptors && children(plugin.pid()).is_empty()
        });
    }
    assert!((3..29).contains(&failed), "{failed} gathers of 32 lacked descriptors");
}

/// The same at start.
#[test]
fn too_few_descriptors_to_start() {
    let dir = dir();
    let mut plugin = through_a_shell("ulimit -n 4", dir.path(), NET);
    let output = plugin.stdin(Stdio::null()).output().expect("a shell runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.starts_with("E! [telegraf-execd-network] ") && stderr.contains("raise ulimit -n"),
        "{stderr}"
    );
}

/// The line of a socket may be ten times as long as its row in ss, so the lines of a table have their own limit.
#[test]
fn a_table_of_millions_of_the_shortest_rows() {
    let header = "echo 'Recv-Q Send-Q Local Address:Port Peer Address:Port'\n";
    // The second has longer lines, so it reaches the limit sooner.
    for (rows, what, tag) in [
        ("/usr/bin/yes '0 0 a:1 b:2' | /usr/bin/head -c 251658240", "240 MiB", 1),
        ("exec /usr/bin/yes '0 0 a:1 b:2'", "without end", 1000),
    ] {
        let dir = dir();
        fake(dir.path(), "ss", &format!("{header}{rows}\n"));
        let sockets = SOCKETS.replace("\"tcp\"", "\"udp\"").replace("60s", "10m");
        let sockets = format!("{sockets}  tags = {{ dc = \"{}\" }}\n", "x".repeat(tag));
        let mut plugin = Execd::start(dir.path(), &format!("{sockets}{NET}"));
        let begin = Instant::now();
        plugin.send(b"\n");
        assert!(plugin.line().starts_with("net,"), "{what}: a part of the table was written");
        let (took, memory) = (begin.elapsed(), plugin.memory("VmHWM") / 1024);
        println!("{what}: {took:?}, at most {memory} MiB, now {} MiB", plugin.memory("VmRSS") / 1024);
        assert!(memory < 280, "{what}: {memory} MiB");
        let said = plugin.complaint();
        assert!(said.starts_with("E! [inputs.socketstat] ") && said.contains("more than 128 MiB"), "{said}");
        fake(dir.path(), "ss", &format!("{header}echo '0 0 a:1 b:2'\n"));
        assert_eq!(plugin.gather().len(), 1, "{what}");
        assert_eq!(plugin.eof().2, [""; 0], "{what}");
    }
}

/// The limit of processes is per user, and root has none.
#[test]
fn no_more_processes() {
    if !needs(&["prlimit"]) {
        return;
    }
    let prlimit = find("prlimit").expect("it is there");
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
        limit(as_nobody(&prlimit), plugin.pid(), "nproc", 1);
        assert_eq!(plugin.gather(), [""; 0]);
        let said = plugin.complaint();
        assert!(
            said.starts_with("E! [inputs.socketstat] ss ") && said.contains("temporarily unavailable"),
            "{said}"
        );
        limit(as_nobody(&prlimit), plugin.pid(), "nproc", 10_000);
        assert_eq!(plugin.gather().len(), 1);
    }
    assert!(plugin.eof().2.is_empty());
}

/// The user nobody, without capabilities, gets the same metrics as root, in a network namespace.
#[test]
fn no_privilege_is_needed() {
    if !needs(&["ss", "setpriv"]) || !needs_sock_diag() || !namespace::enter() {
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
