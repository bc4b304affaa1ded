//! The command line: flags, Go's spellings of them, and exit codes.

use crate::support;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs the plugin with these arguments, an empty PATH and recorded `/proc` and `/sys`.
fn run(arguments: &[&str]) -> Output {
    let recorded = Path::new(ROOT).join("fixtures/net-kernel-6.18");
    let mut plugin = support::plugin();
    plugin.args(arguments).stdin(Stdio::null());
    plugin.env("HOST_PROC", recorded.join("proc")).env("HOST_SYS", recorded.join("sys"));
    plugin.output().expect("the plugin runs")
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
fn the_sample_is_printed_as_it_stands() {
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
    // The recorded host has two interfaces that are up, and protocol statistics.
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
            "--debug",
            "--version",
            "--help",
        ] {
            assert!(help.contains(named), "{flag} does not name {named}: {help}");
        }
    }
}

#[test]
fn go_spellings_are_taken() {
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
fn a_misspelt_flag_is_answered_with_the_nearest() {
    let output = run(&["--poll-intervall", "1s"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--poll-interval"), "{}", text(&output.stderr));
}

#[test]
fn debug_shows_what_is_silent_otherwise() {
    let config = format!("{ROOT}/fixtures/net-snmp-missing");
    let mut plugin = support::plugin();
    plugin.args(["--once", "--debug", "--config", &format!("{config}/plugin.conf")]);
    plugin.env("HOST_PROC", format!("{config}/proc")).env("HOST_SYS", format!("{config}/sys"));
    let output = plugin.output().expect("the plugin runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("D! [inputs.net] "), "{}", text(&output.stderr));
}
