//! One run of `cargo test`, which starts several test binaries.

use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};

/// Where the tests that are skipped are noted, a line each, by the process that starts all test binaries of a run.
pub fn notes_of_this_run() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("skipped-in-run-{}", parent_id()))
}
