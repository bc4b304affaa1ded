//! The command line: flags, the forms that Go accepts, and exit codes.

use crate::support;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The plugin with some arguments, an empty PATH, and recorded `/proc` and `/sys`.
fn command(arguments: &[&str]) -> Command {
    let recorded = Path::new(ROOT).join("fixtures/net-kernel-6.18");
    let mut plugin = support::plugin();
    plugin.args(arguments).stdin(Stdio::null());
    plugin.env("HOST_PROC", recorded.join("proc")).env("HOST_SYS", recorded.join("sys"));
    plugin
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the plugin runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the plugin writes UTF-8")
}

/// The lines of stdout without their timestamps.
fn metrics(output: &Output) -> Vec<String> {
    let cut = |line: &str| line.rsplit_once(' ').expect("a timestamp").0.to_owned();
    text(&output.stdout).lines().map(cut).collect()
}

#[test]
fn the_sample_is_printed_unchanged() {
    let sample = fs::read_to_string(Path::new(ROOT).join("plugin.conf.sample")).expect("the sample");
    for flag in ["--sample-config", "-sample_config", "-sample-config"] {
        let output = run(&[flag]);
        assert_eq!(output.status.code(), Some(0), "{flag}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), sample, "{flag}");
    }
}

#[test]
fn without_a_file_the_sample_is_the_configuration() {
    let sample = format!("{ROOT}/plugin.conf.sample");
    let (without, with) = (run(&["--once"]), run(&["--once", "--config", &sample]));
    assert_eq!(metrics(&without), metrics(&with));
    assert_eq!(text(&without.stderr), text(&with.stderr));
    assert_eq!(without.status, with.status);
    // Two interfaces that are up, and the protocol statistics.
    assert_eq!(metrics(&without).iter().filter(|line| line.starts_with("net,")).count(), 3);
}

#[test]
fn version_and_help_go_to_stdout() {
    for flag in ["--version", "-version"] {
        let output = run(&[flag]);
        assert_eq!(output.status.code(), Some(0));
        let version = format!("telegraf-execd-network {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(text(&output.stdout), version);
    }
    for flag in ["--help", "-help", "-h"] {
        let output = run(&[flag]);
        assert_eq!(output.status.code(), Some(0), "{flag}");
        let help = text(&output.stdout);
        for named in [
            "--config",
            "--once",
            "--poll-interval",
            "--influx-uint-support",
            "--sample-config",
            "--sources",
            "--check",
            "--debug",
            "--version",
            "--help",
        ] {
            assert!(help.contains(named), "{flag} does not name {named}: {help}");
        }
    }
}

#[test]
fn flags_are_accepted_as_in_go() {
    let config = format!("{ROOT}/fixtures/net-kernel-6.18/plugin.conf");
    let long = run(&["--config", &config, "--once", "--influx-uint-support"]);
    assert_eq!(long.status.code(), Some(0), "{}", text(&long.stderr));
    assert!(text(&long.stdout).contains("u,"));
    let equals = format!("--config={config}");
    let go_equals = format!("-config={config}");
    for arguments in [
        ["-config", &config, "-once", "-influx_uint_support"].as_slice(),
        &[&go_equals, "-once", "-influx-uint-support"],
        &[&equals, "--once", "--influx_uint_support"],
        &[
            "-config",
            &config,
            "-poll_interval",
            "10s",
            "-poll_interval_disabled",
            "-once",
            "-influx-uint-support",
        ],
    ] {
        let output = run(arguments);
        assert_eq!(metrics(&output), metrics(&long), "{arguments:?}: {}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

/// Underscores and a leading dash belong to the value.
#[test]
fn values_are_not_rewritten() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    support::write(dir.path(), "-my_file", "[[inputs.net]]\n  interfaces = [\"veth0\"]\n");
    for arguments in [
        ["-config", "-my_file"].as_slice(),
        &["--config", "-my_file"],
        &["-config=-my_file"],
        &["--config=-my_file"],
    ] {
        let output = command(arguments).arg("--once").current_dir(&dir).output().expect("the plugin runs");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.starts_with(b"net,interface=veth0 "), "{arguments:?}");
    }
    let file = dir.path().join(OsStr::from_bytes(b"\xff_file"));
    fs::copy(dir.path().join("-my_file"), file).expect("the file can be copied");
    for flag in [b"-config=\xff_file", b"--config=\xff_file".as_slice()] {
        let output = command(&["--once"]).arg(OsStr::from_bytes(flag)).current_dir(&dir).output();
        assert_eq!(output.expect("the plugin runs").status.code(), Some(0), "{}", flag.escape_ascii());
    }
}

/// As Go's strconv.ParseBool parses them.
#[test]
fn switches_take_a_value_as_in_go() {
    let config = format!("{ROOT}/fixtures/net-kernel-6.18/plugin.conf");
    let unsigned = |value: &str| {
        let output = run(&["--once", "--config", &config, &format!("-influx_uint_support{value}")]);
        assert_eq!(output.status.code(), Some(0), "{value}: {}", text(&output.stderr));
        text(&output.stdout).contains("u,")
    };
    for value in ["", "=1", "=t", "=T", "=true", "=TRUE", "=True"] {
        assert!(unsigned(value), "{value}");
    }
    for value in ["=0", "=f", "=F", "=false", "=FALSE", "=False"] {
        assert!(!unsigned(value), "{value}");
    }
    for value in ["=", "=yes", "=tRUE", "=2"] {
        let output = run(&["--once", &format!("--influx-uint-support{value}")]);
        assert_eq!(output.status.code(), Some(2), "{value}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains("--influx-uint-support") && stderr.contains("true or false"), "{stderr}");
    }
}

/// SIGINT and SIGTERM end the plugin while it waits for a reader of its output.
#[test]
fn signals_end_the_printing_flags_too() {
    for flag in ["--sources", "--sample-config", "--check"] {
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let (_reader, writer) = support::execd::full_pipe();
            let mut child = command(&[flag]).stdout(writer).spawn().expect("the plugin starts");
            let pid = Pid::from_raw(child.id().try_into().expect("a process id fits"));
            support::wait_until("it waits for the reader", || {
                // The main thread blocks in write(1, ...).
                let call = fs::read_to_string(format!("/proc/{pid}/syscall")).expect("it runs");
                call.split(' ').nth(1) == Some("0x1")
            });
            kill(pid, signal).expect("it can be signalled");
            let mut status = None;
            support::wait_until(&format!("{flag} ends by {signal}"), || {
                status = child.try_wait().expect("it can be waited for");
                status.is_some()
            });
            assert_eq!(status.and_then(|status| status.code()), Some(0), "{flag}, {signal}");
        }
    }
}

/// Telegraf may lose the last line of a process that exits at once, so the plugin waits before it exits, unless the reader
/// is not Telegraf.
#[test]
fn the_exit_after_a_configuration_error_is_delayed() {
    let took = |arguments: &[&str]| {
        let begin = Instant::now();
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
        begin.elapsed()
    };
    let missing = ["--config", "/nonexistent"];
    for arguments in [&missing[..], &["--nonsense"]] {
        let shortest = (0..5).map(|_| took(arguments)).min();
        assert!(shortest >= Some(Duration::from_millis(100)), "{arguments:?}: {shortest:?}");
    }
    for flag in ["--once", "--check"] {
        // On a busy machine some runs are slower, but not all.
        let shortest = (0..50).map(|_| took(&[&missing[..], &[flag]].concat())).min();
        assert!(shortest < Some(Duration::from_millis(100)), "{flag}: {shortest:?}");
    }
}

/// Runs `--check` on a configuration, with the recorded host and without ss.
fn check(config: &str) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    run(&["--check", "--config", &support::write(dir.path(), "plugin.conf", config)])
}

#[test]
fn check_describes_each_input() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    support::fake(dir.path(), "ss", "echo it ran > \"${0%/*}/ran\"\n");
    let config = "\
[[inputs.net]]
  alias = \"edge\\n\"
  interfaces = [\"eth*\", \"lo\"]
  ignore_protocol_stats = true
[[inputs.socketstat]]
  protocols = [\"tcp\", \"unix\"]
  source = \"ss\"
[[inputs.net]]
[[inputs.socketstat]]
  source = \"netstat\"
";
    let config = support::write(dir.path(), "plugin.conf", config);
    let output =
        command(&["--check", "--config", &config]).env("PATH", dir.path()).output().expect("the plugin runs");
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let stdout = text(&output.stdout);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[0], "inputs.net::edge : source procfs, interfaces eth*, lo");
    assert_eq!(lines[1], "inputs.socketstat: source ss, protocols tcp, unix");
    assert_eq!(lines[2], "inputs.net: source procfs, interfaces that are up and not loopback, interface=all");
    let netstat = "inputs.socketstat: protocols tcp, udp: source netstat does not work on this host: ";
    assert!(lines[3].starts_with(netstat), "{stdout}");
    assert_eq!(lines[4], "4 inputs, sources procfs and ss, 1 input without a working source");
    assert_eq!(lines.len(), 5);
    assert!(!dir.path().join("ran").exists(), "--check ran ss");
}

#[test]
fn check_counts_the_inputs() {
    let one = check("[[inputs.net]]\n");
    assert_eq!(one.status.code(), Some(0));
    assert!(text(&one.stdout).ends_with("\n1 input, source procfs\n"), "{}", text(&one.stdout));
    let none = check("[[inputs.socketstat]]\n  source = \"ss\"\n");
    assert_eq!(none.status.code(), Some(0));
    assert!(text(&none.stdout).contains("iproute2"), "{}", text(&none.stdout));
    assert!(text(&none.stdout).ends_with("\n1 input without a working source\n"), "{}", text(&none.stdout));
}

#[test]
fn check_reports_configuration_errors() {
    for (config, complaint) in [
        (
            "[[inputs.net]]\n  interfacs = [\"lo\"]\n",
            "/plugin.conf:2: inputs.net.interfacs: unknown option; did you mean",
        ),
        ("", "no input is configured"),
        (
            "[[inputs.socketstat]]\n  source = \"tcpdump\"\n",
            "/plugin.conf:2: inputs.socketstat.source: unknown source",
        ),
    ] {
        let output = check(config);
        let stderr = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{config}: {stderr}");
        assert!(stderr.starts_with("E! ") && stderr.contains(complaint), "{stderr}");
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let name = dir.path().to_str().expect("temporary paths are UTF-8");
    for (path, complaint) in [(name.to_owned(), "Is a directory"), (format!("{name}/none"), "No such file")] {
        let output = run(&["--check", "--config", &path]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        let expected =
            format!("E! [telegraf-execd-network] {path}: cannot read the configuration: {complaint}");
        assert!(stderr.starts_with(&expected), "{stderr}");
    }
}

#[test]
fn check_of_a_file_without_permission() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config = support::write(dir.path(), "plugin.conf", "[[inputs.net]]\n");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o200)).expect("the file is ours");
    let mut plugin = support::unprivileged::unprivileged(dir.path());
    let output = plugin.args(["--check", "--config", &config]).output().expect("the plugin runs");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("cannot read the configuration: Permission denied"), "{stderr}");
}

#[test]
fn bad_usage_is_exit_code_2() {
    for arguments in [
        ["--nonsense"].as_slice(),
        &["--config"],
        &["--poll-interval", "soon", "--once"],
        &["--poll-interval", "-1s", "--once"],
        &["--poll-interval", "0s", "--once"],
        &["--once=yes"],
        &["stray"],
        &["--config", "/nonexistent/plugin.conf", "--once"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let stderr = text(&output.stderr);
        let named = arguments[0].trim_start_matches('-').split('=').next().unwrap_or_default();
        assert!(stderr.starts_with("E! ") && stderr.contains(named), "{arguments:?}: {stderr}");
    }
    let missing = text(&run(&["--config", "/nonexistent/plugin.conf", "--once"]).stderr);
    assert!(missing.contains("/nonexistent/plugin.conf"), "{missing}");
}

#[test]
fn the_error_for_a_misspelt_flag_suggests_the_nearest() {
    let output = run(&["--poll-intervall", "1s"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--poll-interval"), "{}", text(&output.stderr));
}

#[test]
fn debug_enables_debug_messages() {
    let config = format!("{ROOT}/fixtures/net-snmp-missing");
    let mut plugin = support::plugin();
    plugin.args(["--once", "--debug", "--config", &format!("{config}/plugin.conf")]);
    plugin.env("HOST_PROC", format!("{config}/proc")).env("HOST_SYS", format!("{config}/sys"));
    let output = plugin.output().expect("the plugin runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("D! [inputs.net] "), "{}", text(&output.stderr));
}
