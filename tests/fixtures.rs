//! Runs the real binary once over every directory of `fixtures/` that holds a `plugin.conf`, and compares what it writes.
//!
//! | in the directory | meaning |
//! |---|---|
//! | `plugin.conf` | the configuration |
//! | `args` | further flags, one a line |
//! | `env` | further variables, `NAME=value` a line |
//! | `proc/`, `sys/` | what `HOST_PROC` and `HOST_SYS` name |
//! | `ss/PROTO.txt`, `.err`, `.exit` | what a fake ss writes to stdout and stderr for `--PROTO`, and its exit code |
//! | `netstat/ARGS.txt`, `ifconfig/ARGS.txt` | what those print for the arguments, joined by `_` |
//! | `expected.out` | stdout, sorted, without timestamps |
//! | `expected.err` | stderr; where it is absent there must be no `E!` and no `W!` line |
//! | `exit` | the exit code, where it is not 0 |
//! | `ORIGIN` | where the case comes from |
//!
//! A program without a directory is not on PATH. `$CASE` stands for the directory, in `args`, `env` and `expected.err`.

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// Answers the last argument that starts with `--` from the files of that name.
const SS: &str = r#"
for argument; do case $argument in --*) name=${argument#--} ;; -V) name=${name:-version} ;; esac; done
"#;
/// Answers from the file named after all arguments.
const OTHER: &str = "IFS=_\nname=\"$*\"\n";
/// What every fake does once it knows the `name` of its answer.
const ANSWER: &str = r#"
[ -e "$files/$name.txt" ] || [ -e "$files/$name.exit" ] || { echo "no answer for '$name'" >&2; exit 99; }
if [ -e "$files/$name.err" ]; then /bin/cat "$files/$name.err" >&2; fi
if [ -e "$files/$name.txt" ]; then /bin/cat "$files/$name.txt"; fi
if [ -e "$files/$name.exit" ]; then read -r code < "$files/$name.exit"; exit "$code"; fi
"#;

#[test]
fn every_case_gives_what_it_expects() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root)
        .expect("fixtures/ can be read")
        .map(|entry| entry.expect("fixtures/ can be read").path())
        .filter(|path| path.join("plugin.conf").exists())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "fixtures/ holds no case");
    let mut failures = String::new();
    let mut failed = 0;
    for case in &cases {
        let wrong = faults(case, &run(case));
        if !wrong.is_empty() {
            failed += 1;
            write!(failures, "\n== {}\n{wrong}", case.display()).expect("a String takes all");
        }
    }
    assert!(failed == 0, "{failed} of {} cases failed{failures}", cases.len());
}

/// Runs the binary over one case.
fn run(case: &Path) -> Output {
    let path = tempfile::tempdir().expect("a temporary directory");
    for (program, name) in [("ss", SS), ("netstat", OTHER), ("ifconfig", OTHER)] {
        let files = case.join(program);
        if files.is_dir() {
            support::fake(path.path(), program, &format!("files='{}'\n{name}{ANSWER}", files.display()));
        }
    }
    let mut plugin = support::plugin();
    plugin.arg("--config").arg(case.join("plugin.conf")).arg("--once").env("PATH", path.path());
    if case.join("proc").is_dir() {
        // Without a sys/ of its own the case must not see this host's.
        plugin.env("HOST_PROC", case.join("proc")).env("HOST_SYS", case.join("sys"));
    }
    let here = |line: &str| line.replace("$CASE", &case.display().to_string());
    plugin.args(text(case, "args").unwrap_or_default().lines().map(here));
    for line in text(case, "env").unwrap_or_default().lines().map(here) {
        let (name, value) = line.split_once('=').expect("env holds NAME=value lines");
        plugin.env(name, value);
    }
    plugin.output().expect("the plugin runs")
}

/// The text of an optional file of the case.
fn text(case: &Path, name: &str) -> Option<String> {
    let path = case.join(name);
    path.exists().then(|| fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// What in `output` is not as the case expects, as text; empty where all is well.
fn faults(case: &Path, output: &Output) -> String {
    let mut wrong = String::new();
    let expected = text(case, "exit").map_or(0, |code| code.trim().parse().expect("exit holds a number"));
    if output.status.code() != Some(expected) {
        wrong += &format!("exit code {expected} expected, got {}\n", output.status);
    }
    for (needed, name) in [("ORIGIN", "ORIGIN"), ("expected.out", "expected.out")] {
        if !case.join(needed).exists() {
            wrong += &format!("no {name}\n");
        }
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    let (lines, stamps) = without_timestamps(&stdout, &mut wrong);
    let inputs = text_lossy(&case.join("plugin.conf")).matches("[[inputs.").count();
    if stamps > inputs {
        wrong += &format!("{stamps} timestamps for {inputs} inputs\n");
    }
    let mut expected: Vec<String> =
        text(case, "expected.out").unwrap_or_default().lines().map(str::to_owned).collect();
    expected.sort();
    wrong += &difference("stdout", &expected, &lines);

    let stderr = String::from_utf8_lossy(&output.stderr).replace(&case.display().to_string(), "$CASE");
    let stderr: Vec<String> = stderr.lines().map(str::to_owned).collect();
    if let Some(expected) = text(case, "expected.err") {
        wrong += &difference("stderr", &expected.lines().map(str::to_owned).collect::<Vec<_>>(), &stderr);
    } else {
        for line in stderr.iter().filter(|line| !line.starts_with("I! ") && !line.starts_with("D! ")) {
            wrong += &format!("stderr: unexpected {line}\n");
        }
    }
    for line in stderr.iter().filter(|line| line.len() >= 1000) {
        wrong += &format!("stderr: a line of {} bytes\n", line.len());
    }
    wrong
}

/// A file that need not be UTF-8; empty where it cannot be read, as where the case makes it a directory.
fn text_lossy(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The lines of `stdout` sorted, each without its timestamp, and how many timestamps there were.
fn without_timestamps(stdout: &str, wrong: &mut String) -> (Vec<String>, usize) {
    let mut stamps = BTreeSet::new();
    let mut lines = Vec::new();
    for line in stdout.lines() {
        match line.rsplit_once(' ') {
            Some((metric, stamp)) if stamp.len() == 19 && stamp.bytes().all(|byte| byte.is_ascii_digit()) => {
                stamps.insert(stamp.to_owned());
                lines.push(metric.to_owned());
            }
            _ => *wrong += &format!("stdout: no timestamp in nanoseconds: {line}\n"),
        }
    }
    if !stdout.is_empty() && !stdout.ends_with('\n') {
        *wrong += "stdout: the last line has no end\n";
    }
    lines.sort();
    (lines, stamps.len())
}

/// The lines that only one of the two has, or both in full where they differ in order or repetition alone.
fn difference(what: &str, expected: &[String], got: &[String]) -> String {
    if expected == got {
        return String::new();
    }
    let mut text = String::new();
    for line in expected.iter().filter(|line| !got.contains(line)) {
        text += &format!("{what}: missing    {line}\n");
    }
    for line in got.iter().filter(|line| !expected.contains(line)) {
        text += &format!("{what}: unexpected {line}\n");
    }
    if text.is_empty() {
        text = format!("{what}: expected {expected:#?}\ngot {got:#?}\n");
    }
    text
}
