//! Reports tests that cannot run on this machine. They are counted at the end of the run.
//!
//! Also used by the library's unit tests.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Set in the environment of a test that another test runs, to the place where it runs. The outer test reads its
/// output, and records skipped tests.
pub const WITHIN: &str = "TEST_WITHIN_ANOTHER";

/// Reports why a test is skipped on the real standard output, and records it for `tests/skipped.rs`. Fails if `REQUIRE_ALL`
/// is set.
pub fn skipped(why: &str) {
    let test = test_name();
    say(&format!("SKIPPED: {test}: {why}"));
    assert!(std::env::var_os("REQUIRE_ALL").is_none(), "no test may be skipped here: {why}");
    if std::env::var_os(WITHIN).is_some() {
        return;
    }
    // In the directory of the test binaries, named after the process that starts the whole run.
    let name = format!("skipped-in-run-{}", std::os::unix::process::parent_id());
    let path = std::env::current_exe().expect("a test has a file").with_file_name(name);
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let noted = file.and_then(|mut file| file.write_all(format!("{test}: {why}\n").as_bytes()));
    noted.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Writes a line to the real standard output, since the test harness hides the output of passing tests.
pub fn say(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").expect("the test's stdout can be written");
}

/// The name of the calling test, as `--exact` expects it. The harness gives this name to the thread.
pub fn test_name() -> String {
    std::thread::current().name().expect("called on the thread of the test").to_owned()
}
