//! Runs of the real binary whose output is collected.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::execd::{Execd, dir};
use crate::support::{fake, plugin, write};

/// What the runs printed.
pub struct Log {
    /// All of stderr.
    pub stderr: String,
    /// Stdout of the runs that print no metrics.
    pub stdout: String,
    /// The preloaded library that makes system calls fail.
    library: PathBuf,
}

impl Log {
    pub fn new(library: PathBuf) -> Self {
        Self { stderr: String::new(), stdout: String::new(), library }
    }

    /// A run with this configuration and an empty PATH.
    pub fn run(&mut self, config: &str) -> Run<'_> {
        let dir = dir();
        let mut plugin = plugin();
        plugin.args(["--config", &write(dir.path(), "plugin.conf", config)]).env("PATH", dir.path());
        plugin.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Run { log: self, dir, plugin }
    }

    /// Runs the binary with only these flags.
    pub fn flags(&mut self, flags: &[&str]) {
        let output = plugin().args(flags).stdin(Stdio::null()).output().expect("the plugin runs");
        self.add(&output.stderr, &output.stdout);
    }

    fn add(&mut self, stderr: &[u8], stdout: &[u8]) {
        self.stderr += &String::from_utf8_lossy(stderr);
        self.stdout += &String::from_utf8_lossy(stdout);
    }
}

/// A run that is being prepared.
pub struct Run<'a> {
    log: &'a mut Log,
    pub dir: TempDir,
    pub plugin: Command,
}

impl Run<'_> {
    /// Adds a program to PATH.
    pub fn fake(self, name: &str, body: &str) -> Self {
        fake(self.dir.path(), name, body);
        self
    }

    /// Makes a system call fail.
    pub fn fault(mut self, name: &str) -> Self {
        self.plugin.env("LD_PRELOAD", &self.log.library).env("FAULT", name);
        self
    }

    /// Uses files for `HOST_PROC`, which `prepare` writes.
    pub fn host(mut self, prepare: impl FnOnce(&Path)) -> Self {
        let net = self.dir.path().join("proc/net");
        std::fs::create_dir_all(&net).expect("a directory");
        prepare(&net);
        self.plugin.env("HOST_PROC", self.dir.path().join("proc"));
        self.plugin.env("HOST_SYS", self.dir.path().join("sys"));
        self
    }

    /// Runs `--check` and collects its output.
    pub fn check(mut self) {
        let output = self.plugin.arg("--check").output().expect("the plugin runs");
        self.log.add(&output.stderr, &output.stdout);
    }

    /// Gathers once.
    pub fn once(mut self) {
        let output = self.plugin.args(["--once", "--debug"]).output().expect("the plugin runs");
        self.log.add(&output.stderr, b"");
    }

    /// Gathers several times, and calls `between` after each.
    pub fn gathers(mut self, count: usize, mut between: impl FnMut(&Path)) {
        self.plugin.stdin(Stdio::piped()).arg("--debug");
        let mut running = Execd::spawn(self.plugin);
        for _ in 0..count {
            running.send(b"\n");
            running.lines_before("end,");
            between(self.dir.path());
        }
        let (status, _, stderr) = running.eof();
        assert_eq!(status.code(), Some(0), "{stderr:#?}");
        for line in stderr {
            self.log.add(format!("{line}\n").as_bytes(), b"");
        }
    }
}
