//! Tests that cannot run on this machine: they say so, and are counted at the end of the run.
//!
//! A part of the library's unit tests too.

use std::fs::OpenOptions;
use std::io::Write as _;

/// In the environment of a test that another test runs, says where: that one hears what it says, and notes it.
pub const WITHIN: &str = "TEST_WITHIN_ANOTHER";

/// Says on the real standard output why a test does not run here, and notes it for `tests/skipped.rs`. Where `REQUIRE_ALL`
/// is set that is a failure.
pub fn skipped(why: &str) {
    let test = test_name();
    say(&format!("SKIPPED: {test}: {why}"));
    assert!(std::env::var_os("REQUIRE_ALL").is_none(), "no test may be skipped here: {why}");
    if std::env::var_os(WITHIN).is_some() {
        return;
    }
    // Beside the test binaries, by the process that starts all of a run.
    let name = format!("skipped-in-run-{}", std::os::unix::process::parent_id());
    let path = std::env::current_exe().expect("a test has a file").with_file_name(name);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let noted = file.and_then(|mut file| file.write_all(format!("{test}: {why}\n").as_bytes()));
    noted.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Writes a line to the real standard output: of what a passing test prints with `println!` nothing is seen.
pub fn say(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").expect("the test's stdout can be written");
}

/// The name of the test that calls this, as `--exact` takes it: the harness names the thread of a test after it.
pub fn test_name() -> String {
    std::thread::current().name().expect("called on the thread of the test").to_owned()
}
