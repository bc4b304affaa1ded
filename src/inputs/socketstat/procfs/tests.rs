use std::fs;
use std::time::Duration;

use super::*;
use crate::inputs::socketstat::state::listed;

const HEADER: &str = "  sl  local_address rem_address   st\n";
const ROW: &str =
    "0: 0100007F:0001 0100007F:0002 01 00000000:00000000 00:00000000 00000000 0 0 1 1 0000000000000000\n";

fn query(protocol: Protocol, timeout: Duration) -> Query {
    let deadline = Instant::now() + timeout;
    Query { protocol, states: listed(protocol), tcp_info: false, congestion: false, deadline }
}

fn dump(net: &Path, protocol: Protocol) -> (usize, Result<Vec<Diagnostic>, SourceError>) {
    let mut count = 0;
    let query = query(protocol, Duration::from_secs(60));
    let result = Procfs::new(net.to_owned(), Names::Own).dump(&query, &mut |_| count += 1);
    (count, result)
}

#[test]
fn reads_the_tables_of_both_families() {
    let net = tempfile::tempdir().unwrap();
    let net = net.path();
    let missing = format!("there is no {0}/tcp and no {0}/tcp6", net.display());
    let (_, result) = dump(net, Protocol::Tcp);
    let Err(SourceError::Unavailable(cause)) = result else { panic!("{result:?}") };
    assert!(cause.to_string().ends_with(&missing), "{cause}");
    assert!(probe(net).unwrap_err().to_string().ends_with(&missing));

    fs::write(net.join("tcp6"), format!("{HEADER}{ROW}")).unwrap();
    assert!(matches!(dump(net, Protocol::Tcp), (1, Ok(notes)) if notes.is_empty()));
    fs::write(net.join("tcp"), format!("{HEADER}{ROW}")).unwrap();
    assert!(matches!(dump(net, Protocol::Tcp), (2, Ok(notes)) if notes.is_empty()));
    probe(net).unwrap();

    // The table of another protocol is enough.
    fs::remove_file(net.join("tcp")).unwrap();
    fs::remove_file(net.join("tcp6")).unwrap();
    fs::write(net.join("unix"), "").unwrap();
    probe(net).unwrap();
}

#[test]
fn has_no_table_of_dccp_and_sctp() {
    let net = Path::new("/proc/net");
    for protocol in [Protocol::Dccp, Protocol::Sctp] {
        assert!(!PROTOCOLS.contains(&protocol));
        assert!(matches!(dump(net, protocol), (0, Err(SourceError::Unsupported(_)))));
    }
}

#[test]
fn malformed_lines_of_each_family_are_reported() {
    let net = tempfile::tempdir().unwrap();
    for name in ["udp", "udp6"] {
        fs::write(net.path().join(name), format!("{HEADER}{ROW}x\n{}", ROW.replace(" 1 1 ", " 2 1 ")))
            .unwrap();
    }
    let (count, notes) = dump(net.path(), Protocol::Udp);
    assert_eq!((count, notes.unwrap().len()), (4, 2));
}

#[test]
fn other_file_types_are_an_error() {
    let net = tempfile::tempdir().unwrap();
    fs::create_dir(net.path().join("udp")).unwrap();
    assert!(matches!(dump(net.path(), Protocol::Udp), (0, Err(SourceError::Failed(_)))));
    nix::unistd::mkfifo(&net.path().join("raw"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(dump(net.path(), Protocol::Raw), (0, Err(SourceError::Failed(_)))));
    fs::write(net.path().join("net"), "").unwrap();
    let below_a_file = dump(&net.path().join("net"), Protocol::Tcp);
    assert!(matches!(below_a_file, (0, Err(SourceError::Unavailable(_)))));
}

#[test]
fn an_endless_file_times_out() {
    let net = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/zero", net.path().join("unix")).unwrap();
    let query = query(Protocol::Unix, Duration::from_millis(50));
    let result = Procfs::new(net.path().to_owned(), Names::Own).dump(&query, &mut |_| {});
    let Err(SourceError::Failed(cause)) = result else { panic!("{result:?}") };
    assert!(cause.to_string().ends_with("timed out (option timeout)"), "{cause}");
}
