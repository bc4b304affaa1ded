//! What `source = "auto"` says of its choice, gather after gather.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};

use support::{fake, plugin, write};

/// The second input's metric shows that the first has gathered.
const CONFIG: &str = "[[inputs.socketstat]]\nprotocols = ['tcp']\n[[inputs.net]]\ninterfaces = ['none']\n";

/// Asks for a gather and reads its lines.
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

/// Runs the plugin with `directory` as PATH; `between` is called before each of the gathers. What it logged.
fn log(directory: &Path, between: &[&dyn Fn()]) -> Vec<String> {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/net-kernel-6.18/proc");
    let config = write(directory, "plugin.conf", CONFIG);
    let mut child = plugin()
        .args(["--config", &config])
        .env("PATH", directory)
        .env("HOST_PROC", recorded)
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
fn one_that_cannot_start_is_passed_over() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fake(directory.path(), "ss", "");
    // It is there, so it is chosen; but it cannot be started.
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
fn another_choice_is_said() {
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
