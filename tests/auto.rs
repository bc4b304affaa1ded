//! The log messages of `source = "auto"` about its choice.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};

use crate::support::needs::needs_sock_diag;
use crate::support::{fake, plugin, preload, skipped, write};

/// The second input's metric shows that the first input is done.
const CONFIG: &str = "[[inputs.socketstat]]\nprotocols = ['tcp']\n[[inputs.net]]\ninterfaces = ['none']\n";

/// Triggers a gather and reads its lines.
fn gather(stdin: &mut ChildStdin, stdout: &mut BufReader<ChildStdout>) -> Vec<String> {
    stdin.write_all(b"\n").expect("the plugin reads");
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.starts_with("net,interface=all ")) {
        let mut line = String::new();
        assert_ne!(stdout.read_line(&mut line).expect("the plugin writes"), 0, "it ended: {lines:?}");
        lines.push(line);
    }
    lines
}

/// Runs the plugin with `directory` as PATH, and calls each of `between` before a gather. Returns the log.
fn log(directory: &Path, between: &[&dyn Fn()]) -> Vec<String> {
    log_with(directory, &[], between)
}

/// Like [`log`], with more environment variables.
fn log_with(directory: &Path, environment: &[(&str, &Path)], between: &[&dyn Fn()]) -> Vec<String> {
    let config = write(directory, "plugin.conf", CONFIG);
    let mut child = plugin()
        .args(["--config", &config])
        .env("PATH", directory)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the plugin starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    for change in between {
        change();
        gather(&mut stdin, &mut stdout);
    }
    drop(stdin);
    let mut log = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("the plugin logs UTF-8");
    assert!(child.wait().expect("it ends").success(), "{log}");
    log.lines().map(str::to_owned).collect()
}

#[test]
fn a_source_that_cannot_start_is_skipped() {
    if !needs_sock_diag() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    fake(directory.path(), "ss", "");
    // It exists, so it is chosen, but it cannot be started.
    fake(directory.path(), "install", "printf '#!/nonexistent/interpreter\\n' > \"${0%/*}/ss\"");
    let broken = || {
        let install = std::process::Command::new(directory.path().join("install")).status();
        assert!(install.expect("it runs").success());
    };
    let log = log(directory.path(), &[&broken, &|| {}, &|| {}]);
    let [first, second] = log.as_slice() else { panic!("{log:#?}") };
    assert_eq!(first, "I! [inputs.socketstat] sockets are read from source ss");
    let expected =
        "I! [inputs.socketstat] sockets are read from source netlink (ss: ss -in --tcp cannot start: ";
    assert!(second.starts_with(expected), "{second}");
}

#[test]
fn a_change_of_source_is_logged() {
    if !needs_sock_diag() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let table = "echo 'State Recv-Q Send-Q Local Address:Port Peer Address:Port'";
    let install = || fake(directory.path(), "ss", table);
    let remove = || std::fs::remove_file(directory.path().join("ss")).expect("it can be removed");
    let log = log(directory.path(), &[&install, &|| {}, &remove]);
    let [first, second] = log.as_slice() else { panic!("{log:#?}") };
    assert_eq!(first, "I! [inputs.socketstat] sockets are read from source ss");
    let expected = "I! [inputs.socketstat] sockets are read from source netlink (ss: ss not found on PATH";
    assert!(second.starts_with(expected), "{second}");
}

#[test]
fn a_source_that_fails_in_three_gathers_in_a_row_is_skipped() {
    if !needs_sock_diag() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    fake(directory.path(), "ss", "echo 'not ss'");
    let log = log(directory.path(), &[&|| {}, &|| {}, &|| {}, &|| {}, &|| {}]);
    let [first, failure, second] = log.as_slice() else { panic!("{log:#?}") };
    assert_eq!(first, "I! [inputs.socketstat] sockets are read from source ss");
    let reason = "ss -in --tcp printed unexpected output, expected the header of ss, got \"not ss\"";
    assert_eq!(*failure, format!("E! [inputs.socketstat] {reason}"));
    let expected = format!(
        "I! [inputs.socketstat] sockets are read from source netlink (ss: failed in 3 gathers in a row: {reason})"
    );
    assert_eq!(*second, expected);
}

/// Like systemd's `RestrictAddressFamilies` without `AF_NETLINK`. `ss` then silently reads `/proc`.
#[test]
fn without_netlink_the_missing_counters_of_ss_are_logged() {
    const SOURCE: &str = r"
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int socket(int family, int type, int protocol) {
    if (family == AF_NETLINK) { errno = EAFNOSUPPORT; return -1; }
    return (int)syscall(SYS_socket, family, type, protocol);
}
";
    let Some(library) = preload("family", SOURCE) else {
        skipped("needs a C compiler to simulate a system without netlink");
        return;
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    fake(directory.path(), "ss", "echo 'State Recv-Q Send-Q Local Address:Port Peer Address:Port'");
    let library = library.path().join("family.so");
    let log = log_with(directory.path(), &[("LD_PRELOAD", &library)], &[&|| {}, &|| {}]);
    let [source, counters, interfaces] = log.as_slice() else { panic!("{log:#?}") };
    assert_eq!(source, "I! [inputs.socketstat] sockets are read from source ss");
    assert!(
        counters.starts_with("I! [inputs.socketstat] ss: cannot use netlink, so there are no TCP counters")
    );
    let expected =
        "I! [inputs.net] interfaces are read from source procfs (netlink: cannot list the interfaces: ";
    assert!(interfaces.starts_with(expected), "{interfaces}");
}
