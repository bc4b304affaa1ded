//! Not a test: cargo runs test binaries in the order of their names, and so ends with this one. It says how many tests of the
//! run were skipped, and why.

#[path = "support/run.rs"]
mod run;

use std::fs;
use std::io::ErrorKind;

fn main() {
    // Other programs that run tests ask each binary for its tests first.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let notes = run::notes_of_this_run();
    let skipped = match fs::read_to_string(&notes) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => panic!("{}: {error}", notes.display()),
    };
    println!("\n{} tests skipped", skipped.lines().count());
    if !skipped.is_empty() {
        skipped.lines().for_each(|line| println!("    {line}"));
        println!();
        fs::remove_file(&notes).unwrap_or_else(|error| panic!("{}: {error}", notes.display()));
    }
}
