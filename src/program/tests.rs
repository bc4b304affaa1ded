use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Program, RunError, command_line};
use crate::command::Children;

const LIMIT: u64 = 1024 * 1024;

fn script(directory: &Path, text: &str) {
    // Written by another process: a child forked meanwhile would keep the file open, and it could not be run.
    let file = directory.join("netstat");
    let status = Command::new("/bin/sh")
        .args(["-c", "printf '%s' \"$1\" > \"$0\""])
        .arg(&file)
        .arg(format!("#!/bin/sh\n{text}"))
        .status();
    assert!(status.expect("a shell starts").success());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("the mode can be set");
}

fn program(path: &OsStr) -> Program {
    Program::new("netstat", path, Arc::new(Children::default()))
}

fn run(program: &mut Program, args: &[&str]) -> (Result<(), RunError>, Vec<Option<Vec<u8>>>) {
    let mut lines = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    let result = program.run(args, deadline, LIMIT, &mut |line| {
        lines.push(line.map(<[u8]>::to_vec));
        Ok(())
    });
    (result, lines)
}

#[test]
fn lines_are_passed_on_and_the_environment_is_minimal() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    script(directory.path(), "echo \"$*\"; echo \"$LC_ALL:${LIBXO_OPTIONS-unset}\"; printf last");
    let (result, lines) = run(&mut program(directory.path().as_os_str()), &["-an", "-p", "tcp"]);
    result.expect("it succeeds");
    let expected: [&[u8]; 3] = [b"-an -p tcp", b"C:unset", b"last"];
    assert_eq!(lines, expected.map(|line| Some(line.to_vec())));
}

#[test]
fn a_missing_program_and_a_failing_one_are_different_errors() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut netstat = program(directory.path().as_os_str());
    let (result, _) = run(&mut netstat, &["-i"]);
    let error = result.expect_err("there is none");
    assert!(matches!(error, RunError::Missing(_)), "{error:?}");
    assert_eq!(error.to_string(), "netstat not found on PATH");

    script(directory.path(), "echo 'netstat: illegal option -- e' >&2; exit 1");
    let (result, _) = run(&mut netstat, &["-inev"]);
    let error = result.expect_err("it fails");
    assert!(matches!(error, RunError::Failed(_)), "{error:?}");
    let text = r#"netstat -inev ended with exit code 1: "netstat: illegal option -- e""#;
    assert_eq!(error.to_string(), text);

    script(directory.path(), "echo well");
    let (result, lines) = run(&mut netstat, &["-i"]);
    result.expect("it succeeds");
    assert_eq!(lines, [Some(b"well".to_vec())]);
}

#[test]
fn messages_name_the_command() {
    assert_eq!(command_line("netstat", &["-an", "-p", "tcp"]), "netstat -an -p tcp");
    assert_eq!(command_line("ifconfig", &[]), "ifconfig");
}

#[test]
fn a_rejected_line_ends_the_run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    script(directory.path(), "while :; do echo usage; done");
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut reject = |_: Option<&[u8]>| Err(String::from("printed no table"));
    let result = program(directory.path().as_os_str()).run(&["-i"], deadline, LIMIT, &mut reject);
    assert_eq!(result.expect_err("it is rejected").to_string(), "netstat -i printed no table");
}
