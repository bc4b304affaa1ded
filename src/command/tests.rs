use super::*;

fn shell(script: &str, timeout: Duration) -> (Result<(), CommandError>, Vec<u8>) {
    let children = Children::default();
    let mut out = Vec::new();
    let outcome = children.run(
        &Command { program: Path::new("/bin/sh"), args: &["-c", script], path: OsStr::new("/usr/bin:/bin") },
        Instant::now() + timeout,
        1024 * 1024,
        &mut |part| {
            out.extend_from_slice(part);
            Ok(())
        },
    );
    (outcome, out)
}

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);

#[test]
fn output_arrives_whole_and_the_environment_is_bare() {
    let (outcome, out) = shell("printf 'a\\nb'; env | sort", LONG);
    outcome.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("a\nbLC_ALL=C\n"), "{text}");
    assert!(!text.contains("HOME="), "{text}");
}

#[test]
fn exit_code_signal_and_stderr_are_told() {
    let (outcome, _) = shell("echo broken >&2; exit 7", LONG);
    let error = outcome.unwrap_err();
    assert_eq!(error.to_string(), "ended with exit code 7");
    assert_eq!(error.stderr(), b"broken\n");
    let (outcome, _) = shell("kill -9 $$", LONG);
    assert_eq!(outcome.unwrap_err().to_string(), "ended with signal 9");
}

#[test]
fn the_deadline_ends_whatever_hangs() {
    for script in [
        "sleep 60",
        "trap '' TERM; echo row; sleep 60",
        "sleep 60 & exit 0",
        "exec >&- 2>&-; sleep 60",
        "while :; do echo x >&2; done",
    ] {
        let started = Instant::now();
        let (outcome, _) = shell(script, SHORT);
        assert!(matches!(outcome, Err(CommandError::Deadline { .. })), "{script}: {outcome:?}");
        assert!(started.elapsed() < Duration::from_secs(10), "{script}");
    }
}

#[test]
fn a_flood_ends_at_the_limit() {
    let (outcome, _) = shell("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", LONG);
    assert_eq!(outcome.unwrap_err().to_string(), "printed more than 1 MiB");
}

#[test]
fn after_close_nothing_starts_and_nothing_is_reported() {
    let children = std::sync::Arc::new(Children::default());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("started");
    children.close();
    let (report, reported) = std::sync::mpsc::channel();
    let script = format!("echo > {}", file.display());
    std::thread::spawn(move || {
        let command =
            Command { program: Path::new("/bin/sh"), args: &["-c", &script], path: OsStr::new("/bin") };
        report.send(children.run(&command, Instant::now() + LONG, 1, &mut |_| Ok(())).is_ok())
    });
    assert!(reported.recv_timeout(Duration::from_millis(300)).is_err());
    assert!(!file.exists());
}

#[test]
fn programs_are_found_in_absolute_entries_only() {
    assert_eq!(find_program("sh", OsStr::new("bin:/nowhere:/bin")).unwrap(), Path::new("/bin/sh"));
    assert_eq!(find_program("sh", OsStr::new("bin:.")).unwrap_err(), "no program sh on PATH");
    assert!(find_program("etc", OsStr::new("/")).is_err());
}
