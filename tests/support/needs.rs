//! What a test needs of the machine. Where it is missing the test is skipped, which is said and counted.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::run::notes_of_this_run;
use super::{namespace, test_name};

/// Says on the real standard output why a test does not run here, and notes it for the count at the end of the run. Where
/// `REQUIRE_ALL` is set that is a failure.
pub fn skipped(why: &str) {
    let test = test_name();
    // Inside a namespace this process's output goes to the test outside, which says it again.
    say(&format!("SKIPPED: {test}: {why}"));
    assert!(std::env::var_os("REQUIRE_ALL").is_none(), "no test may be skipped here: {why}");
    if !namespace::inside() {
        // The first of a run starts a new file: an older run may have left one.
        static BEGUN: OnceLock<()> = OnceLock::new();
        let path = notes_of_this_run();
        BEGUN.get_or_init(|| drop(std::fs::remove_file(&path)));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let noted = file.and_then(|mut file| file.write_all(format!("{test}: {why}\n").as_bytes()));
        noted.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Writes a line to the real standard output: the harness keeps what a passing test prints with `println!`.
pub fn say(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").expect("the test's stdout can be written");
}

/// Whether these programs are on PATH; says so if not.
pub fn needs(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| find(program).is_none());
    if let Some(program) = missing {
        skipped(&format!("needs {program} on PATH"));
    }
    missing.is_none()
}

/// The path of a program on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// Whether this process may ask the kernel for sockets; says so if not.
pub fn needs_sock_diag() -> bool {
    let (kind, flags) = (SockType::Raw, SockFlag::SOCK_CLOEXEC);
    let opened = socket(AddressFamily::Netlink, kind, flags, SockProtocol::NetlinkSockDiag);
    if let Err(error) = &opened {
        skipped(&format!("needs netlink sockets of the kind sock_diag: {error}"));
    }
    opened.is_ok()
}
