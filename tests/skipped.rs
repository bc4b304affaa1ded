//! Not a test: cargo runs test binaries in the order of their names, and so ends with this one. It says how many tests of the
//! run were skipped, and why.

use std::fs;
use std::os::unix::process::parent_id;
use std::path::Path;

fn main() -> std::io::Result<()> {
    // Other programs that run tests ask each binary for its tests first.
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
        // Those of runs that ended before they came here go too.
        if name.to_string_lossy().starts_with("skipped-in-run-") {
            fs::remove_file(entry.path())?;
        }
    }
    println!("\n{} tests skipped", skipped.lines().count());
    skipped.lines().for_each(|line| println!("    {line}"));
    println!();
    Ok(())
}
