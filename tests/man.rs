//! Compares the manual pages with the program: they list every flag, option and exit code of the program, and no
//! others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use telegraf_execd_network::{cli, config, inputs};

use crate::support::execd::{command, dir};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/man").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of one section.
fn section<'p>(page: &'p str, title: &str) -> &'p str {
    let start = page.split_once(&format!("\n.Sh {title}\n")).expect("the section").1;
    start.split("\n.Sh ").next().expect("its text")
}

/// What the first group of `pattern` matches in `text`.
fn all(text: &str, pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).expect("a constant pattern compiles");
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

fn names(options: &[&str]) -> BTreeSet<String> {
    options.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn flags_are_those_of_the_program() {
    let page = page("telegraf-execd-network.1");
    let described = all(&page, r"(?m)^\.It Fl Fl ([a-z-]+(?: Ar [A-Z]+)?)$");
    let described: BTreeSet<String> = described.iter().map(|flag| flag.replace(" Ar ", " ")).collect();
    assert_eq!(described, all(cli::HELP, r"(?m)^  --([a-z-]+(?: [A-Z]+)?) "));
    let synopsis = all(section(&page, "SYNOPSIS"), r"Fl Fl ([a-z-]+(?: Ar [A-Z]+)?)");
    let synopsis: BTreeSet<String> = synopsis.iter().map(|flag| flag.replace(" Ar ", " ")).collect();
    assert_eq!(synopsis, described);
    assert!(section(&page, "EXAMPLES").contains("\n  precision = \"1s\"\n"));
}

#[test]
fn exit_codes_are_those_of_the_program() {
    let described = all(section(&page("telegraf-execd-network.1"), "EXIT STATUS"), r"(?m)^\.It (\d+)$");
    let dir = dir();
    let run = |config: &str, flag: &str| {
        let output = command(dir.path(), config).arg(flag).output().expect("the binary runs");
        output.status.code().expect("an exit code").to_string()
    };
    let missing = "[[inputs.socketstat]]\n  source = \"ss\"\n";
    let codes = [run("", "--version"), run(missing, "--once"), run("[[inputs.unknown]]\n", "--once")];
    assert_eq!(described, codes.into());
}

#[test]
fn options_are_those_of_the_program() {
    let page = page("execd-network.conf.5");
    let items = |title| all(section(&page, title), r"(?m)^\.It Ic ([a-z0-9_]+)$");
    for known in inputs::known() {
        let title = match known.name {
            "net" => "NETWORK INTERFACES",
            "socketstat" => "SOCKETS",
            other => panic!("inputs.{other} has no section"),
        };
        assert_eq!(items(title), names((known.options)()), "inputs.{}", known.name);
    }
    let global = all(section(&page, "OPTIONS OF EVERY SECTION"), r"Ic ([a-z_]+)");
    assert_eq!(global, names(config::global_options()));
}
