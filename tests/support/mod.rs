//! What the integration tests share: the binary under test, fakes of the programs that it runs, a network namespace with
//! sockets of every kind, a reader of ss's output that knows nothing of the library, and what a test needs of the machine.

pub mod execd;
pub mod namespace;
pub mod needs;
pub mod rare;
pub mod reference;
pub mod skip;
pub mod telegraf;
pub mod unprivileged;
pub mod zoo;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub use skip::skipped;

/// The binary under test, with nothing in its environment. `PLUGIN_UNDER_TEST` may name another one, behind the program that
/// runs it and its flags: one for another processor, in QEMU.
pub fn plugin() -> Command {
    let words = std::env::var("PLUGIN_UNDER_TEST").unwrap_or_default();
    let mut words = words.split_whitespace();
    let own = assert_cmd::cargo::cargo_bin!("telegraf-execd-network");
    let mut command = words.next().map_or_else(|| Command::new(own), Command::new);
    command.args(words).env_clear();
    command
}

/// Whether QEMU runs the binary under test.
pub fn emulated() -> bool {
    std::env::var_os("PLUGIN_UNDER_TEST").is_some()
}

/// Puts an executable shell script into `dir`.
///
/// Another process writes the file: were it open for writing in this one, a child forked meanwhile by another test would
/// inherit the descriptor, and running the script would fail with "Text file busy".
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

/// A directory with the library `NAME.so`, for `LD_PRELOAD`; `None` where there is no C compiler.
pub fn preload(name: &str, source: &str) -> Option<tempfile::TempDir> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &format!("{name}.c"), source);
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o", &format!("{name}.so"), &format!("{name}.c")]);
    compiler.current_dir(dir.path()).status().is_ok_and(|status| status.success()).then_some(dir)
}

/// Puts an ss into `dir` that never ends, nor its child, that ignores SIGTERM, and that writes both process ids to `pids`.
pub fn hanging_ss(dir: &Path) {
    let pids = dir.join("pids");
    let body = format!(
        "trap '' TERM\n/bin/sleep 1000 &\necho $$ $! > '{0}.new'\n/bin/mv '{0}.new' '{0}'\nwait\nwait\n",
        pids.display()
    );
    fake(dir, "ss", &body);
}

/// The processes of [`hanging_ss`], once they run.
pub fn hanging_pids(dir: &Path) -> Vec<i32> {
    wait_until("ss runs", || dir.join("pids").exists());
    let pids = fs::read_to_string(dir.join("pids")).expect("the process ids can be read");
    pids.split_whitespace().map(|pid| pid.parse().expect("a process id")).collect()
}

/// Waits until `done` holds. The limit only ends a test that has failed: it is far above what is needed.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < limit, "waited 30 s in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the process `pid` runs (a zombie has ended).
pub fn running(pid: i32) -> bool {
    // The file is gone when the process is: any other state than zombie counts as running.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}
