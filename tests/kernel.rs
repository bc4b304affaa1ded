//! Runs tests in virtual machines with Debian's kernels, which support protocols that few other kernels have.
//! `tests/kernel/run` boots the kernels that `tests/kernel/fetch` has downloaded, and this test binary runs there.

mod inside;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::needs::needs;
use crate::support::skip::WITHIN;
use crate::support::skipped;

/// The filter for the tests that run in the machine: all of `tests/kernel/inside.rs`.
const INSIDE: &str = "kernel::inside::";

#[test]
fn the_inside_tests_pass_on_every_kernel() {
    if !needs(&["qemu-system-x86_64", "busybox", "modprobe", "cpio"]) {
        return;
    }
    let Ok(kernels) = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/kernel")) else {
        return skipped("needs a kernel: tests/kernel/fetch");
    };
    // All at the same time: each takes half a minute, and most of that one processor.
    let machines: Vec<(PathBuf, Child)> =
        kernels.map(|kernel| start(kernel.expect("a directory").path())).collect();
    assert!(!machines.is_empty(), "target/kernel is empty: tests/kernel/fetch");
    let ended: Vec<(PathBuf, Output)> = machines
        .into_iter()
        .map(|(kernel, machine)| (kernel, machine.wait_with_output().expect("it ends")))
        .collect();
    for (kernel, output) in ended {
        let kernel = kernel.display();
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        print!("{kernel}\n{stdout}{stderr}");
        assert!(output.status.success(), "{kernel}: {}", output.status);
        let result = stdout.lines().rfind(|line| line.starts_with("test result: ok. "));
        assert!(
            result.is_some_and(|line| !line.contains(" 0 passed")),
            "{kernel}: no test ran in the machine"
        );
        let skips = stdout.lines().filter_map(|line| line.split_once("SKIPPED: "));
        skips.for_each(|(_, what)| skipped(&format!("{kernel}: {what}")));
    }
}

fn start(kernel: PathBuf) -> (PathBuf, Child) {
    let machine = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel/run"))
        .arg(&kernel)
        .arg(std::env::current_exe().expect("a test has a file"))
        .args(["--nocapture", "--include-ignored", "--test-threads=1", INSIDE])
        .env(WITHIN, "a virtual machine")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    (kernel, machine.expect("tests/kernel/run starts"))
}
