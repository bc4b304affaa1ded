//! A running plugin with `inputs.net` that gathers on request.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::needs::find;
use super::write;

/// A running plugin. The protocol statistics are the last metric of each gather.
pub struct Gatherer {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    _dir: tempfile::TempDir,
}

impl Gatherer {
    /// Starts the plugin with one section `[[inputs.net]]` that has these options, in a mount namespace where `/sys`
    /// shows the interfaces of this network namespace.
    pub fn start(options: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let program = assert_cmd::cargo::cargo_bin!("telegraf-execd-network");
        let mut command = with_own_sysfs(program, false);
        command.args(["--config", &config(dir.path(), options)]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the plugin starts");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, stdin, stdout, _dir: dir }
    }

    /// The lines of the next gather, without timestamps and without the protocol statistics.
    pub fn gather(&mut self) -> Vec<String> {
        self.stdin.as_mut().expect("it runs").write_all(b"\n").expect("the plugin reads");
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).expect("the plugin writes"), 0, "it ended");
            if line.starts_with("net,interface=all ") {
                return lines;
            }
            lines.push(line.rsplit_once(' ').expect("a timestamp").0.to_owned());
        }
    }

    /// Closes stdin and waits for the end of the plugin.
    pub fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().expect("it ends").success());
    }
}

/// Writes a configuration with one section.
pub fn config(dir: &Path, options: &str) -> String {
    write(dir, "net.conf", &format!("[[inputs.net]]\n{options}\n"))
}

/// A command that runs a program with an empty environment and with a `/sys` that shows the interfaces of this
/// network namespace. With `powerless`, it runs as nobody without capabilities.
pub fn with_own_sysfs(program: &Path, powerless: bool) -> Command {
    let script = "mount -t sysfs sysfs /sys && exec \"$@\"";
    let mut command = Command::new(find("unshare").expect("util-linux is installed"));
    command.args(["-m", "sh", "-c", script, "sh"]);
    if powerless {
        command.arg("setpriv");
        // In a user namespace, root may be the only user.
        let users = std::fs::read_to_string("/proc/self/uid_map").expect("/proc is there");
        if users.split_whitespace().nth(2).is_some_and(|count| count.len() > 5) {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        }
        command.args(["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]);
    }
    command.arg(program).env_clear().env("PATH", std::env::var_os("PATH").expect("PATH is set"));
    command
}
