//! The integration tests, one module per file. They share one binary, so that the library is linked only once.
//!
//! Add new files here. `cargo test --test integration live::` runs the tests of one file.

#[cfg(target_os = "linux")]
#[path = "../fuzz/src/lib.rs"]
mod checks;
mod support;

// With recorded data, on any system.
mod auto;
mod cli;
mod corpus;
mod fixtures;
mod man;
#[cfg(target_os = "linux")]
mod netlink_replay;
#[cfg(target_os = "linux")]
mod properties;
mod readme;

// The process: signals and stdin, faults, long runs.
#[cfg(target_os = "linux")]
mod execd;
#[cfg(target_os = "linux")]
mod faults_children;
#[cfg(target_os = "linux")]
mod faults_execd;
#[cfg(target_os = "linux")]
mod faults_memory;
#[cfg(target_os = "linux")]
mod faults_proc;
#[cfg(target_os = "linux")]
mod faults_process;
#[cfg(target_os = "linux")]
mod messages;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod times;

// In a network namespace.
#[cfg(target_os = "linux")]
mod exact;
#[cfg(target_os = "linux")]
mod groups;
#[cfg(target_os = "linux")]
mod interfaces;
#[cfg(target_os = "linux")]
mod interfaces_churn;
#[cfg(target_os = "linux")]
mod interfaces_sources;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod kernel;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod netlink_vs_ss;
#[cfg(target_os = "linux")]
mod procfs_vs_ss;

// With the real Telegraf.
#[cfg(target_os = "linux")]
mod hostile_telegraf;
#[cfg(target_os = "linux")]
mod telegraf;

/// A file that is not listed above would not be compiled, and its tests would never run.
#[test]
fn every_file_here_is_a_module() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for entry in std::fs::read_dir(here).expect("tests/ can be listed") {
        let name = entry.expect("tests/ can be listed").file_name();
        let name = name.to_str().expect("names are UTF-8");
        if let Some(module) = name.strip_suffix(".rs").filter(|name| !["main", "skipped"].contains(name)) {
            let line = format!("\nmod {module};\n");
            assert!(include_str!("main.rs").contains(&line), "tests/main.rs does not list {name}");
        }
    }
}
