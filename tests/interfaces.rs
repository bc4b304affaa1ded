//! Interfaces of a network namespace that are added, removed and changed between the gathers of one process.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use crate::support::namespace::{enter, run};

fn ip(arguments: &str) {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    assert!(run("ip", &arguments), "ip {arguments:?}");
}

/// Triggers a gather. Returns the names and speeds of the interfaces, sorted by name.
fn gather(stdin: &mut ChildStdin, stdout: &mut BufReader<ChildStdout>) -> Vec<(String, String)> {
    stdin.write_all(b"\n").expect("the plugin reads");
    let mut interfaces = Vec::new();
    loop {
        let mut line = String::new();
        assert_ne!(stdout.read_line(&mut line).expect("the plugin writes"), 0, "it ended");
        if line.starts_with("net,interface=all ") {
            interfaces.sort();
            return interfaces;
        }
        let name = line.strip_prefix("net,interface=").and_then(|rest| rest.split(' ').next());
        let speed = line.split("speed=").nth(1).and_then(|rest| rest.split('i').next());
        interfaces.push((name.expect("a name").to_owned(), speed.expect("a speed").to_owned()));
    }
}

#[test]
fn changes_between_gathers_are_seen() {
    if !enter() {
        return;
    }
    // Mounts the /sys of this network namespace, in a mount namespace for the plugin.
    let program = assert_cmd::cargo::cargo_bin!("telegraf-execd-network");
    let mut child = Command::new("unshare")
        .args(["-m", "sh", "-c", "mount -t sysfs sysfs /sys && exec \"$0\""])
        .arg(program)
        .env_remove("HOST_PROC")
        .env_remove("HOST_SYS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the plugin starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut seen = || gather(&mut stdin, &mut stdout);
    let named = |names: &[(&str, &str)]| {
        names.iter().map(|(name, speed)| ((*name).to_owned(), (*speed).to_owned())).collect::<Vec<_>>()
    };

    assert_eq!(seen(), named(&[]), "no interface is up but the loopback");
    ip("link add veth0 type veth peer name veth1");
    assert_eq!(seen(), named(&[]), "they are down");
    ip("link set veth0 up");
    let first = seen();
    assert_eq!(first.len(), 1, "{first:?}");
    ip("link set veth1 up");
    assert_eq!(seen(), named(&[("veth0", "10000"), ("veth1", "10000")]));
    assert_eq!(seen(), named(&[("veth0", "10000"), ("veth1", "10000")]), "nothing has changed");
    ip("link set veth1 down");
    ip("link set veth1 name other1");
    ip("link set other1 up");
    assert_eq!(seen(), named(&[("other1", "10000"), ("veth0", "10000")]));
    ip("link set veth0 down");
    assert_eq!(seen(), named(&[("other1", "10000")]));
    ip("link del veth0");
    assert_eq!(seen(), named(&[]), "its peer went with it");

    for number in 0..100 {
        ip(&format!("link add many{number} type veth peer name peer{number}"));
        ip(&format!("link set many{number} up"));
    }
    assert_eq!(seen().len(), 100, "many changes at once");
    ip("link set peer7 up");
    assert_eq!(seen().len(), 101);
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}
