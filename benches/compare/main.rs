//! The contenders side by side; `benches/run` documents the options.
//!
//! This process builds what is to be measured, then starts itself again in a network namespace of its own, where it
//! makes the sockets and interfaces, runs the contenders in turn and prints the report. Two more roles are processes
//! of the same binary: one that holds sockets, and one that does the bare kernel dump.
#![allow(clippy::format_push_string, reason = "a report is made once: plain goes before fast")]

#[cfg(target_os = "linux")]
mod contender;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod plot;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod results;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod setup;
#[cfg(target_os = "linux")]
mod statistics;
#[cfg(target_os = "linux")]
mod targets;
#[cfg(target_os = "linux")]
mod telegraf;

/// Whatever goes wrong ends the run with a word about it.
#[cfg(target_os = "linux")]
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[cfg(target_os = "linux")]
fn main() -> Result<()> {
    match options::parse(lexopt::Parser::from_env())? {
        options::Role::Hold { sockets, first } => load::hold(sockets, first),
        options::Role::Dump => kernel::dump(),
        options::Role::Measure(options) if setup::is_inside() => run::all(&options),
        options::Role::Measure(_) => setup::enter(),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("The comparison needs Linux.");
}
