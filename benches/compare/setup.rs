//! Builds the contenders written in Go, and enters a namespace.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::{Result, options};

#[path = "../../tests/support/telegraf_build.rs"]
mod telegraf_build;

const OURS: &str = "BENCH_OURS";
const PEER: &str = "BENCH_PEER";
const TELEGRAF: &str = "TELEGRAF_BIN";
const STATIC: &str = "BENCH_STATIC";
const INSIDE: &str = "BENCH_IN_NAMESPACE";

/// Sets the loopback up, and mounts /sys with the interfaces of the namespace.
const INSIDE_SCRIPT: &str =
    r#"ip link set lo up && mount -t sysfs sysfs /sys && ulimit -n "$(ulimit -Hn)" && exec "$@""#;

/// Whether this process is the one in the namespace.
pub fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// The binary under test. The one that `cargo bench` builds also has what the dev-dependencies turn on in their
/// dependencies.
pub fn ours() -> PathBuf {
    env::var_os(OURS).unwrap_or_else(|| env!("CARGO_BIN_EXE_telegraf-execd-network").into()).into()
}

/// Telegraf's plugins with Telegraf's shim, if they could be built.
pub fn peer() -> Option<PathBuf> {
    env::var_os(PEER).map(PathBuf::from)
}

/// Telegraf, if it was given or could be built.
pub fn telegraf() -> Option<PathBuf> {
    env::var_os(TELEGRAF).map(PathBuf::from)
}

/// A static binary of this plugin, if one was given.
pub fn static_binary() -> Option<PathBuf> {
    env::var_os(STATIC).map(PathBuf::from)
}

/// Builds the contenders, and starts the measurements in a namespace.
pub fn enter() -> Result<()> {
    let flags = ["-nm", "-rnm"]
        .into_iter()
        .find(|flags| succeeds(Command::new("unshare").args([flags, "true"])))
        .ok_or("needs root or user namespaces for a network namespace")?;
    let mut inside = Command::new("unshare");
    inside
        .args([flags, "sh", "-c", INSIDE_SCRIPT, "sh"])
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1));
    inside.env(INSIDE, "1");
    let target =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().ok_or("the target directory has no parent")?;
    if succeeds(Command::new("go").arg("version")) {
        inside.env(PEER, build_peer(target)?);
        if let options::Role::Measure(options) = options::parse(lexopt::Parser::from_env())?
            && options.telegraf_sockets > 0
            && telegraf().is_none()
        {
            inside.env(TELEGRAF, build_telegraf(target)?);
        }
    } else {
        eprintln!("Go is not installed: Telegraf's own plugins do not take part.");
    }
    ended("the measurement", inside.status()?)
}

fn build_peer(target: &Path) -> Result<PathBuf> {
    let output = target.join("bench-peer");
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-o"]).arg(&output).arg(".");
    go.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer"));
    ended("go build in benches/peer", go.status()?)?;
    Ok(output)
}

/// The tests build it in the same directory.
fn build_telegraf(target: &Path) -> Result<PathBuf> {
    let telegraf = telegraf_build::path(target);
    if !telegraf.exists() {
        telegraf_build::build(&telegraf)?;
    }
    Ok(telegraf)
}

/// Returns an error if `what` failed.
pub fn ended(what: &str, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { Err(format!("{what} ended with {status}").into()) }
}

/// Runs a program silently. Returns whether it exists and succeeded.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The output of a program, or `unknown` if it does not exist.
pub fn says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let line = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    line.unwrap_or_else(|_| String::from("unknown"))
}
