use std::path::Path;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use super::children::has_exited;
use super::*;

fn shell_with(
    children: &Children,
    script: &str,
    timeout: Duration,
    on_output: &mut dyn FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), CommandError> {
    let args = ["-c", script];
    let command = Command { program: Path::new("/bin/sh"), args: &args, path: OsStr::new("/usr/bin:/bin") };
    children.run(&command, Instant::now() + timeout, 1024 * 1024, on_output)
}

fn shell(script: &str, timeout: Duration) -> (Result<(), CommandError>, Vec<u8>) {
    let mut out = Vec::new();
    let outcome = shell_with(&Children::default(), script, timeout, &mut |part| {
        out.extend_from_slice(part);
        Ok(())
    });
    (outcome, out)
}

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);

#[test]
fn output_is_complete_and_the_environment_is_minimal() {
    let (outcome, out) = shell("printf 'a\\nb'; env | sort", LONG);
    outcome.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("a\nbLC_ALL=C\n"), "{text}");
    assert!(!text.contains("HOME="), "{text}");
}

#[test]
fn errors_name_exit_code_signal_and_stderr() {
    let (outcome, _) = shell("echo broken >&2; exit 7", LONG);
    assert_eq!(outcome.unwrap_err().to_string(), "ended with exit code 7: \"broken\"");
    let (outcome, _) = shell("kill -9 $$", LONG);
    assert_eq!(outcome.unwrap_err().to_string(), "ended with signal 9");
}

#[test]
fn a_hanging_child_times_out() {
    for script in [
        "sleep 60",
        "trap '' TERM; echo row; sleep 60",
        "sleep 60 & exit 0",
        "exec >&- 2>&-; sleep 60",
        "while :; do echo x >&2; done",
    ] {
        let started = Instant::now();
        let (outcome, _) = shell(script, SHORT);
        assert!(matches!(outcome, Err(CommandError::TimedOut { .. })), "{script}: {outcome:?}");
        assert!(started.elapsed() < Duration::from_secs(10), "{script}");
    }
}

#[test]
fn output_beyond_the_limit_ends_the_run() {
    let (outcome, _) = shell("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", LONG);
    assert_eq!(outcome.unwrap_err().to_string(), "printed more than 1 MiB");
}

#[test]
fn a_child_reaped_elsewhere_is_a_separate_error() {
    let children = Children::default();
    let outcome = shell_with(&children, "echo $$", LONG, &mut |part| {
        let pid = String::from_utf8_lossy(part).trim().parse().expect("a process id");
        nix::sys::wait::waitpid(Pid::from_raw(pid), None).expect("it ends");
        Ok(())
    });
    let error = outcome.unwrap_err();
    assert!(matches!(error, CommandError::Wait(_)), "{error:?}");
    assert!(error.to_string().starts_with("cannot tell how it ended: No child"), "{error}");
}

#[test]
fn a_stopped_child_has_not_exited_and_an_exited_one_is_not_reaped() {
    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

    let script = "kill -STOP $$; exit 3";
    let mut child = std::process::Command::new("/bin/sh").args(["-c", script]).spawn().expect("a shell");
    let pid = group::id(&child).expect("a process id");
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED));
    assert_eq!(stopped, Ok(WaitStatus::Stopped(pid, Signal::SIGSTOP)));
    assert!(!has_exited(&child).expect("it exists"));
    kill(pid, Signal::SIGCONT).expect("it is stopped");
    while !has_exited(&child).expect("it exists") {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(has_exited(&child).expect("it is a zombie"));
    assert_eq!(child.wait().expect("it is not reaped").code(), Some(3));
    assert!(has_exited(&child).is_err());
}

#[test]
fn after_close_no_child_is_started_and_run_does_not_return() {
    let children = std::sync::Arc::new(Children::default());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("started");
    children.close();
    let (report, reported) = std::sync::mpsc::channel();
    let script = format!("echo > {}", file.display());
    std::thread::spawn(move || {
        let outcome = shell_with(&children, &script, LONG, &mut |_| Ok(()));
        report.send(outcome.is_ok())
    });
    assert!(reported.recv_timeout(Duration::from_millis(300)).is_err());
    assert!(!file.exists());
}

#[test]
fn programs_are_found_in_absolute_entries_only() {
    assert_eq!(find_program("sh", OsStr::new("bin:/nowhere:/bin")).unwrap(), Path::new("/bin/sh"));
    assert_eq!(find_program("sh", OsStr::new("bin:.")).unwrap_err().to_string(), "sh not found on PATH");
    assert!(find_program("etc", OsStr::new("/")).is_err());
}
