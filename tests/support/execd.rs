//! Runs the plugin as Telegraf does: a process that gathers at each newline.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, pipe2};
use tempfile::TempDir;

use super::needs::is_about_this_host;
use super::{plugin, running, wait_until, write};

/// A section with one line per gather.
pub const NET: &str = "[[inputs.net]]\n  interfaces = [\"veth0\"]\n  ignore_protocol_stats = true\n";
/// A section with TCP sockets from ss.
pub const SOCKETS: &str =
    "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  source = \"ss\"\n  timeout = \"60s\"\n";
/// The body of a fake ss with one socket.
pub const ANSWER: &str = "echo 'State Recv-Q Send-Q Local Address:Port Peer Address:Port'\necho 'ESTAB 0 0 127.0.0.1:1 127.0.0.1:2'\n";

/// A fixture's directory.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A temporary directory for a test.
pub fn dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// The plugin with its configuration in `dir`, which is also its PATH, and recorded `/proc` and `/sys`.
pub fn command(dir: &Path, config: &str) -> Command {
    let mut plugin = plugin();
    let recorded = fixture("net-kernel-6.18");
    plugin.args(["--config", &write(dir, "plugin.conf", config)]).env("PATH", dir);
    plugin.env("HOST_PROC", recorded.join("proc")).env("HOST_SYS", recorded.join("sys"));
    plugin.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    plugin
}

/// A running plugin: its stdin, and its output line by line.
pub struct Execd {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    pub stdout: Receiver<String>,
    pub stderr: Receiver<String>,
}

impl Execd {
    pub fn spawn(mut plugin: Command) -> Self {
        let mut child = plugin.spawn().expect("the plugin starts");
        let stdout = lines(child.stdout.take().expect("stdout is a pipe"));
        let stderr = lines(child.stderr.take().expect("stderr is a pipe"));
        let stdin = child.stdin.take();
        Self { child, stdin, stdout, stderr }
    }

    pub fn start(dir: &Path, config: &str) -> Self {
        Self::spawn(command(dir, config))
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().expect("stdin is open").write_all(bytes).expect("the plugin reads its stdin");
    }

    pub fn signal(&self, signal: Signal) {
        kill(pid(&self.child), signal).expect("the plugin can be signalled");
    }

    /// The next line of stdout.
    pub fn line(&self) -> String {
        self.stdout.recv_timeout(Duration::from_secs(120)).expect("a line within 2 minutes")
    }

    /// The next line of stderr.
    pub fn complaint(&self) -> String {
        self.stderr.recv_timeout(Duration::from_secs(120)).expect("a log line within 2 minutes")
    }

    /// Triggers a gather of a configuration that ends with [`NET`]. Returns the lines of the other sections.
    pub fn gather(&mut self) -> Vec<String> {
        self.send(b"\n");
        self.gathered()
    }

    /// The lines of the current gather, like [`Execd::gather`].
    pub fn gathered(&self) -> Vec<String> {
        self.lines_before("net,interface=veth0 ")
    }

    /// The lines before one that starts with `end`.
    pub fn lines_before(&self, end: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line.starts_with(end) {
                return lines;
            }
            lines.push(line);
        }
    }

    /// Checks with a gather of [`NET`] alone that the plugin works.
    pub fn is_well(&mut self) {
        while self.stdout.try_recv().is_ok() {}
        self.send(b"\n");
        assert!(self.line().starts_with("net,"));
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        pid(&self.child).as_raw()
    }

    /// How many descriptors are open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("the plugin runs").count()
    }

    /// A value in KiB from `/proc/PID/status`: `VmHWM`, the peak memory, or `VmRSS`, the current memory.
    pub fn memory(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the plugin runs");
        let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let value = value.and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok());
        value.unwrap_or_else(|| panic!("no {line} in {status}"))
    }

    /// Waits for the end. Returns the exit status and the remaining lines of stdout and stderr.
    pub fn finish(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        let mut status = None;
        wait_until("the plugin ends", || {
            status = self.child.try_wait().expect("the plugin can be waited for");
            status.is_some()
        });
        (status.expect("it has ended"), self.stdout.iter().collect(), self.stderr.iter().collect())
    }

    pub fn eof(mut self) -> (ExitStatus, Vec<String>, Vec<String>) {
        self.stdin = None;
        self.finish()
    }
}

pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id fits"))
}

/// A full pipe.
pub fn full_pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
    // Through another descriptor, which does not block.
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let mut filler = File::options()
        .write(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)
        .expect("the pipe opens");
    while filler.write(&[b'x'; 4096]).is_ok() {}
    (reader, writer)
}

/// The children of a process, including zombies.
pub fn children(parent: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").expect("/proc can be listed");
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        // A process that has ended by now is not a child.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    })
    .collect()
}

/// The processes that still run, of those whose ids are in a file.
pub fn left(pids: &Path) -> Vec<i32> {
    let pids = fs::read_to_string(pids).unwrap_or_default();
    let pids = pids.split_whitespace().map(|pid| pid.parse().expect("a process id"));
    pids.filter(|pid| running(*pid)).collect()
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let line = line.expect("output is UTF-8");
            // The test may have ended already.
            if !is_about_this_host(&line) && sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
