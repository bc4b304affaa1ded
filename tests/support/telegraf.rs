//! Runs the real Telegraf.
//!
//! Uses `TELEGRAF_BIN`, or builds Telegraf once from its Go module into the target directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::execd::children;
use super::needs::find;
use super::skip::{say, skipped};
use super::{namespace, running, telegraf_build, wait_until, write};

/// The path of Telegraf, or why there is none.
fn telegraf() -> &'static Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(path) = std::env::var_os("TELEGRAF_BIN") {
            return Ok(path.into());
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
        let telegraf = telegraf_build::path(target);
        if !telegraf.exists() {
            if find("go").is_none() {
                return Err("needs TELEGRAF_BIN, or Go to build Telegraf".to_owned());
            }
            say(&format!("Building Telegraf at {}: about 90 s, once", telegraf.display()));
            telegraf_build::build(&telegraf)?;
        }
        Ok(telegraf)
    })
}

/// The path of Telegraf inside a network namespace. `None` outside, where the test has run or was skipped.
pub fn telegraf_in_own_network() -> Option<PathBuf> {
    match telegraf() {
        Ok(telegraf) => namespace::enter_with(&[("TELEGRAF_BIN", telegraf)]).then(|| telegraf.clone()),
        Err(why) => {
            skipped(why);
            None
        }
    }
}

/// A running Telegraf with one `inputs.execd`. Its directory is the PATH of the plugin.
pub struct Telegraf {
    pub child: Child,
    pub dir: TempDir,
}

impl Telegraf {
    /// Starts Telegraf. `plugin` is the plugin's configuration, `execd` are further options of `inputs.execd`, `inputs` are
    /// further sections.
    pub fn start(telegraf: &Path, dir: TempDir, plugin: &str, execd: &str, inputs: &str) -> Self {
        let ours = write(dir.path(), "plugin.conf", plugin);
        let binary = assert_cmd::cargo::cargo_bin!("telegraf-execd-network").display();
        let section = format!(
            r#"[[inputs.execd]]
  command = ["{binary}", "--config", "{ours}"]
  restart_delay = "1s"
  data_format = "influx"
{execd}
{inputs}"#
        );
        Self::with_inputs(telegraf, dir, &section)
    }

    /// Starts Telegraf with only the sections `inputs`.
    pub fn with_inputs(telegraf: &Path, dir: TempDir, inputs: &str) -> Self {
        Self::with_output(telegraf, dir, "", inputs)
    }

    /// Starts Telegraf with further options of its output, and only the sections `inputs`.
    pub fn with_output(telegraf: &Path, dir: TempDir, output: &str, inputs: &str) -> Self {
        let path = dir.path().display();
        let config = format!(
            r#"[agent]
  interval = "1s"
  flush_interval = "1s"
  omit_hostname = true
  skip_processors_after_aggregators = true
[[outputs.file]]
  files = ["{path}/metrics"]
  data_format = "influx"
{output}
{inputs}"#
        );
        let config = write(dir.path(), "telegraf.conf", &config);
        let log = File::create(dir.path().join("log")).expect("a log");
        let child = Command::new(telegraf)
            .args(["--config", &config])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("Telegraf starts");
        Self { child, dir }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id fits")
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("Telegraf can be signalled");
    }

    /// The complete lines of line protocol so far.
    pub fn metrics(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("metrics")).unwrap_or_default();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).expect("the log can be read")
    }

    /// Waits for a number of further lines that contain `part`.
    pub fn wait_for(&self, more: usize, part: &str) {
        let count = || self.metrics().iter().filter(|line| line.contains(part)).count();
        let before = count();
        wait_until(&format!("{more} lines with {part}; Telegraf's log:\n{}", self.log()), || {
            count() >= before + more
        });
    }

    /// The process id of the plugin, once it runs.
    pub fn plugin(&self) -> i32 {
        let mut found = Vec::new();
        wait_until("our binary runs", || {
            found = children(self.pid()).into_iter().filter(|pid| running(*pid)).collect();
            found.len() == 1
        });
        found[0]
    }

    pub fn wait(&mut self) {
        wait_until("Telegraf ends", || self.child.try_wait().expect("it can be waited for").is_some());
    }

    /// Stops Telegraf as a service manager does, and checks that `processes` have ended too.
    pub fn stop(mut self, processes: &[i32]) -> String {
        self.signal(Signal::SIGTERM);
        self.wait();
        for pid in processes {
            wait_until("no process is left", || !running(*pid));
        }
        self.log()
    }
}

impl Drop for Telegraf {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // A failed test must not leave Telegraf behind. Errors cannot be reported here.
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            println!("Telegraf's log:\n{}", self.log());
        }
    }
}

/// The errors and warnings in Telegraf's log from or about the plugin.
pub fn complaints(log: &str) -> Vec<&str> {
    // When Telegraf stops a process it may log this about its own pipes (also with /bin/cat).
    let own_race = "read |0: file already closed";
    let ours = log.lines().filter(|line| line.contains("[inputs.") && !line.ends_with(own_race));
    ours.filter(|line| line.contains(" E! ") || line.contains(" W! ")).collect()
}
