//! Runs a test inside a new network namespace, without other sockets and without outside traffic.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use super::needs::needs;
use super::skip::{WITHIN, skipped, test_name};

const HERE: &str = "a network namespace";

/// Runs the calling test again, as a process in a new network namespace with the loopback up, and returns false. In that
/// process, returns true. If no namespace can be made, skips the test and returns false.
///
/// # Panics
/// When the test fails in the namespace.
pub fn enter() -> bool {
    enter_with(&[])
}

/// Like [`enter`], with more environment variables.
pub fn enter_with(environment: &[(&str, &Path)]) -> bool {
    if env::var_os(WITHIN).is_some_and(|place| place == HERE) {
        assert!(run("ip", &["link", "set", "lo", "up"]), "ip link set lo up");
        return true;
    }
    if !needs(&["unshare", "ip"]) {
        return false;
    }
    let Some(flags) = ["-n", "-rn"].into_iter().find(|flags| run("unshare", &[flags, "true"])) else {
        skipped("needs root or user namespaces for a network namespace");
        return false;
    };
    if !run("unshare", &[flags, "ip", "link", "set", "lo", "up"]) {
        skipped("needs netlink for the loopback of a network namespace");
        return false;
    }
    let test = test_name();
    let script = "ulimit -n \"$(ulimit -Hn)\"; exec \"$@\"";
    let output = Command::new("unshare")
        .args([flags, "sh", "-c", script, "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", &test, "--nocapture", "--include-ignored"])
        .env(WITHIN, HERE)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    print!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{test} failed in its namespace");
    let there = format!("SKIPPED: {test}: ");
    printed.lines().filter_map(|line| line.split_once(&there)).for_each(|(_, why)| skipped(why));
    false
}

/// Runs a program silently. Returns whether it exists and succeeded.
pub fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
