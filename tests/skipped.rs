//! Not a test: reports how many tests of the run were skipped, and why. cargo runs test binaries in the order of their
//! names, so this is the last one.

use std::fs;
use std::os::unix::process::parent_id;
use std::path::Path;

fn main() -> std::io::Result<()> {
    // Other test runners list the tests of each binary first.
    if std::env::args().any(|argument| argument == "--list") {
        return Ok(());
    }
    let this_run = format!("skipped-in-run-{}", parent_id());
    let mut skipped = String::new();
    let binary = std::env::current_exe()?;
    for entry in fs::read_dir(binary.parent().unwrap_or(Path::new("")))? {
        let entry = entry?;
        let name = entry.file_name();
        if name == this_run.as_str() {
            skipped = fs::read_to_string(entry.path())?;
        }
        // Also removes files of earlier runs that did not reach this binary.
        if name.to_string_lossy().starts_with("skipped-in-run-") {
            fs::remove_file(entry.path())?;
        }
    }
    println!("\n{} tests skipped", skipped.lines().count());
    skipped.lines().for_each(|line| println!("    {line}"));
    println!();
    Ok(())
}
