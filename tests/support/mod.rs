//! Shared by the integration tests: the binary under test, fakes of the programs that it runs, a network namespace with
//! sockets of every kind, an independent parser of ss's output, and checks of what a test needs.

pub mod big_endian;
pub mod execd;
#[cfg(target_os = "linux")]
pub mod gathers;
#[cfg(target_os = "linux")]
pub mod links;
pub mod namespace;
pub mod needs;
#[cfg(target_os = "linux")]
pub mod once;
#[cfg(target_arch = "x86_64")]
pub mod rare;
pub mod reference;
pub mod skip;
#[cfg(target_os = "linux")]
pub mod sock_diag;
#[cfg(target_os = "linux")]
pub mod tcp_info;
pub mod telegraf;
mod telegraf_build;
pub mod unprivileged;
pub mod zoo;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub use skip::skipped;

/// The binary under test, with an empty environment.
///
/// `PLUGIN_UNDER_TEST` replaces it with another command line: QEMU with its flags, and a binary for another
/// architecture.
pub fn plugin() -> Command {
    let words = std::env::var("PLUGIN_UNDER_TEST").unwrap_or_default();
    let mut words = words.split_whitespace();
    let own = assert_cmd::cargo::cargo_bin!("telegraf-execd-network");
    let mut command = words.next().map_or_else(|| Command::new(own), Command::new);
    command.args(words).env_clear();
    command
}

/// Whether the binary under test runs in QEMU.
pub fn emulated() -> bool {
    std::env::var_os("PLUGIN_UNDER_TEST").is_some()
}

/// Whether the binary under test is for a big-endian machine, as s390x is.
pub fn is_big_endian() -> bool {
    cfg!(target_endian = "big")
        || std::env::var("PLUGIN_UNDER_TEST").is_ok_and(|words| words.contains("s390x"))
}

/// Writes an executable shell script to `dir`.
///
/// Another process writes the file. If this process had it open for writing, a child forked by another test could inherit
/// the descriptor, and running the script would fail with "Text file busy".
pub fn fake(dir: &Path, name: &str, body: &str) {
    let mut install = Command::new("/bin/sh")
        .args(["-c", "/bin/cat > \"$0\" && /bin/chmod 755 \"$0\""])
        .arg(dir.join(name))
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let mut script = install.stdin.take().expect("the shell's stdin is a pipe");
    write!(script, "#!/bin/sh\n{body}").expect("the shell reads the script");
    drop(script);
    assert!(install.wait().expect("the shell ends").success(), "the fake {name} was not written");
}

/// Writes `text` to `name` in `dir` and returns the path as an argument.
pub fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path.into_os_string().into_string().expect("temporary paths are UTF-8")
}

/// Compiles the library `NAME.so` for `LD_PRELOAD` in a new directory. `None` without a C compiler.
pub fn preload(name: &str, source: &str) -> Option<tempfile::TempDir> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &format!("{name}.c"), source);
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o", &format!("{name}.so"), &format!("{name}.c")]);
    compiler.current_dir(dir.path()).status().is_ok_and(|status| status.success()).then_some(dir)
}

/// The peak of the resident memory of a process, in KiB; `None` once it has ended.
pub fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}

/// Writes a fake ss to `dir` that ignores SIGTERM and never ends. Neither does its child. It writes both process ids
/// to `pids`.
pub fn hanging_ss(dir: &Path) {
    let pids = dir.join("pids");
    let body = format!(
        "trap '' TERM\n/bin/sleep 1000 &\necho $$ $! > '{0}.new'\n/bin/mv '{0}.new' '{0}'\nwait\nwait\n",
        pids.display()
    );
    fake(dir, "ss", &body);
}

/// The process ids of [`hanging_ss`], once it runs.
pub fn hanging_pids(dir: &Path) -> Vec<i32> {
    wait_until("ss runs", || dir.join("pids").exists());
    let pids = fs::read_to_string(dir.join("pids")).expect("the process ids can be read");
    pids.split_whitespace().map(|pid| pid.parse().expect("a process id")).collect()
}

/// Splits a line of line protocol into measurement and tags, and the fields. No field may contain a space or a comma.
pub fn parse_line(line: &str) -> (String, BTreeMap<String, String>) {
    let mut parts = line.rsplitn(3, ' ');
    let (_, fields, series) = (parts.next(), parts.next(), parts.next());
    let fields = fields.expect("fields").split(',').map(|field| field.split_once('=').expect("a field"));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    (series.expect("a measurement").to_owned(), fields.collect())
}

/// Waits until `done` returns true. Only a failing test reaches the time limit.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < limit, "timed out after 30 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process `pid` runs. A zombie does not.
pub fn running(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}
