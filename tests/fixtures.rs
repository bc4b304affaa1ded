//! Runs the real binary once for every directory of `fixtures/` with a `plugin.conf`, and compares its output.
//!
//! | file | meaning |
//! |---|---|
//! | `plugin.conf` | the configuration |
//! | `args` | further flags, one per line |
//! | `env` | further environment variables, `NAME=value` per line |
//! | `proc/`, `sys/` | the directories for `HOST_PROC` and `HOST_SYS` |
//! | `ss/PROTO.txt`, `.err`, `.exit` | stdout, stderr and exit code of a fake ss for `--PROTO` |
//! | `netstat/ARGS.txt`, `ifconfig/ARGS.txt` | output of a fake for the arguments, joined by `_` |
//! | `expected.out` | stdout, sorted, without timestamps |
//! | `expected.err` | stderr; without this file there must be no `E!` and no `W!` line |
//! | `exit` | the exit code, if it is not 0 |
//! | `needs_sock_diag` | the case needs a host where netlink lists sockets |
//! | `ORIGIN` | where the case comes from |
//!
//! A program without a directory is not on PATH. `$CASE` is replaced with the directory, in `args`, `env` and `expected.err`.

use crate::support;
use crate::support::needs::{is_about_this_host, sock_diag};
use crate::support::skip::{say, skipped};
use crate::support::{big_endian, emulated};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// Prints the files named after the last argument that starts with `--`.
const SS: &str = r"
for argument; do case $argument in --*) name=${argument#--} ;; -V) name=${name:-version} ;; esac; done
";
/// Prints the file named after all arguments.
const OTHER: &str = "IFS=_\nname=\"$*\"\n";
/// Prints the files for `name`. The end of every fake.
const ANSWER: &str = r#"
[ -e "$files/$name.txt" ] || [ -e "$files/$name.exit" ] || { echo "no answer for '$name'" >&2; exit 99; }
if [ -e "$files/$name.err" ]; then /bin/cat "$files/$name.err" >&2; fi
if [ -e "$files/$name.txt" ]; then /bin/cat "$files/$name.txt"; fi
if [ -e "$files/$name.exit" ]; then read -r code < "$files/$name.exit"; exit "$code"; fi
"#;

#[test]
fn every_case_has_the_expected_output() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root)
        .expect("fixtures/ can be read")
        .map(|entry| entry.expect("fixtures/ can be read").path())
        .filter(|path| path.join("plugin.conf").exists())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "fixtures/ holds no case");
    let failures: Vec<String> = cases
        .iter()
        .filter(|case| can_run(case))
        .map(|case| (case, faults_of_case(case)))
        .filter(|(_, faults)| !faults.is_empty())
        .map(|(case, faults)| format!("== {}\n{}\n", case.display(), faults.join("\n")))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// Runs a case and returns its faults. Tries again after a timeout: the fakes answer at once, but the machine may be busy.
fn faults_of_case(case: &Path) -> Vec<String> {
    let mut tries = 5;
    loop {
        let output = run(case);
        let late = String::from_utf8_lossy(&output.stderr).contains("timed out (option timeout)");
        let faults = faults(case, &output);
        tries -= 1;
        if faults.is_empty() || !late || tries == 0 {
            return faults;
        }
    }
}

/// Whether this host has what the case needs. Reports a skipped test if not.
fn can_run(case: &Path) -> bool {
    if case.join("needs_sock_diag").exists() && emulated() {
        say(&format!("{}: not in QEMU, which lacks NETLINK_SOCK_DIAG", case.display()));
        return false;
    }
    let missing = if case.join("needs_sock_diag").exists() { sock_diag().err() } else { None };
    if let Some(why) = &missing {
        skipped(&format!("{} {why}", case.display()));
    }
    missing.is_none()
}

/// Runs the binary for one case.
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
    let mut proc = case.join("proc");
    if proc.is_dir() {
        if support::is_big_endian() {
            let turned = path.path().join("proc");
            big_endian::copy_tables(&proc, &turned);
            proc = turned;
        }
        // A case without sys/ must not see this host's /sys.
        plugin.env("HOST_PROC", &proc).env("HOST_SYS", case.join("sys"));
    }
    let here = |line: &str| line.replace("$CASE", &case.display().to_string());
    plugin.args(text(case, "args").unwrap_or_default().lines().map(here));
    for line in text(case, "env").unwrap_or_default().lines().map(here) {
        let (name, value) = line.split_once('=').expect("env holds NAME=value lines");
        plugin.env(name, value);
    }
    let mut output = plugin.output().expect("the plugin runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    output.stderr = stderr.replace(&path.path().display().to_string(), &case.display().to_string()).into();
    output
}

/// The content of an optional file of the case.
fn text(case: &Path, name: &str) -> Option<String> {
    let path = case.join(name);
    path.exists()
        .then(|| fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The differences between `output` and what the case expects.
fn faults(case: &Path, output: &Output) -> Vec<String> {
    let mut faults = Vec::new();
    let code = text(case, "exit").map_or(0, |code| code.trim().parse().expect("exit holds a number"));
    if output.status.code() != Some(code) {
        faults.push(format!("exit code {code} expected, got {}", output.status));
    }
    if !case.join("ORIGIN").exists() {
        faults.push("no ORIGIN".to_owned());
    }
    let (lines, times) = without_timestamps(&String::from_utf8_lossy(&output.stdout), &mut faults);
    // All lines of an input have the same timestamp.
    let inputs = text_lossy(&case.join("plugin.conf")).matches("[inputs.").count();
    if times > inputs {
        faults.push(format!("{times} timestamps for {inputs} inputs"));
    }
    if !case.join("expected.out").exists() {
        faults.push("no expected.out".to_owned());
    }
    let mut expected = owned_lines(&text(case, "expected.out").unwrap_or_default());
    expected.sort();
    faults.extend(difference("stdout", &expected, &lines));

    let stderr = String::from_utf8_lossy(&output.stderr).replace(&case.display().to_string(), "$CASE");
    let stderr: Vec<String> =
        stderr.lines().filter(|line| !is_about_this_host(line)).map(str::to_owned).collect();
    if let Some(expected) = text(case, "expected.err") {
        faults.extend(difference("stderr", &owned_lines(&expected), &stderr));
    } else {
        let quiet = |line: &&String| line.starts_with("I! ") || line.starts_with("D! ");
        let loud = stderr.iter().filter(|line| !quiet(line));
        faults.extend(loud.map(|line| format!("stderr: unexpected {line}")));
    }
    let long = stderr.iter().filter(|line| line.len() >= 1000);
    faults.extend(long.map(|line| format!("stderr: a line of {} bytes", line.len())));
    faults
}

fn owned_lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The content of a file that may not be UTF-8. Empty if it cannot be read, for instance a directory.
fn text_lossy(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The lines of `stdout`, sorted and without timestamps, and the number of different timestamps.
fn without_timestamps(stdout: &str, faults: &mut Vec<String>) -> (Vec<String>, usize) {
    let mut times = BTreeSet::new();
    let mut lines = Vec::new();
    for line in stdout.lines() {
        match line.rsplit_once(' ') {
            Some((metric, time)) if time.len() == 19 && time.bytes().all(|byte| byte.is_ascii_digit()) => {
                times.insert(time);
                lines.push(metric.to_owned());
            }
            _ => faults.push(format!("stdout: no timestamp in nanoseconds: {line}")),
        }
    }
    if !stdout.is_empty() && !stdout.ends_with('\n') {
        faults.push("stdout: the last line has no end".to_owned());
    }
    lines.sort();
    (lines, times.len())
}

/// The lines that only one of the two has. If they only differ in order or repetition, both in full.
fn difference(what: &str, expected: &[String], got: &[String]) -> Vec<String> {
    if expected == got {
        return Vec::new();
    }
    let only = |word: &str, these: &[String], those: &[String]| -> Vec<String> {
        let lines = these.iter().filter(|line| !those.contains(line));
        lines.map(|line| format!("{what}: {word} {line}")).collect()
    };
    let mut lines = only("missing   ", expected, got);
    lines.extend(only("unexpected", got, expected));
    if lines.is_empty() {
        lines.push(format!("{what}: expected {expected:#?}\ngot {got:#?}"));
    }
    lines
}
