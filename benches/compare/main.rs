//! Compares the contenders. `benches/run` documents the options.
//!
//! This process builds the contenders, then starts itself again in a new network namespace, where it creates the sockets
//! and interfaces, runs the contenders in turn and prints the report. The same binary has two more roles: it holds sockets,
//! and it does the bare kernel dump.
#![allow(
    clippy::format_push_string,
    reason = "a report is made once, so simple code matters more than speed"
)]

#[cfg(target_os = "linux")]
mod contender;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod mode;
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

/// Any error ends the run with a message.
#[cfg(target_os = "linux")]
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[cfg(target_os = "linux")]
fn main() -> Result<()> {
    match options::parse(lexopt::Parser::from_env())? {
        options::Role::Hold { sockets, first } => load::hold(sockets, first),
        options::Role::Dump { tcp_info } => kernel::dump(tcp_info),
        options::Role::Measure(options) if setup::is_inside() => run::all(&options),
        options::Role::Measure(_) => setup::enter(),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("The comparison needs Linux.");
}
