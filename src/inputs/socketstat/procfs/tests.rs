use std::fs;
use std::time::Duration;

use super::*;
use crate::inputs::socketstat::socket::Socket;

const HEADER: &str = "  sl  local_address rem_address   st\n";
const ROW: &str =
    "0: 0100007F:0001 0100007F:0002 01 00000000:00000000 00:00000000 00000000 0 0 1 1 0000000000000000\n";

#[derive(Default)]
struct Count(usize);

impl Sink for Count {
    fn socket(&mut self, _: &Socket<'_>) {
        self.0 += 1;
    }

    fn restart(&mut self) {
        panic!("tables are read once");
    }
}

fn dump(net: &Path, protocol: Protocol) -> (usize, Result<Vec<Note>, SourceError>) {
    let mut count = Count::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    let result = Procfs::new(net.to_owned(), Names::Own).dump(protocol, deadline, &mut count);
    (count.0, result)
}

#[test]
fn reads_what_there_is_of_both_families() {
    let net = tempfile::tempdir().unwrap();
    let net = net.path();
    let missing = format!("there is no {0}/tcp and no {0}/tcp6", net.display());
    let (_, result) = dump(net, Protocol::Tcp);
    let Err(SourceError::Unavailable(text)) = result else { panic!("{result:?}") };
    assert!(text.ends_with(&missing), "{text}");
    assert!(probe(net).unwrap_err().ends_with(&missing));

    fs::write(net.join("tcp6"), format!("{HEADER}{ROW}")).unwrap();
    assert!(matches!(dump(net, Protocol::Tcp), (1, Ok(notes)) if notes.is_empty()));
    fs::write(net.join("tcp"), format!("{HEADER}{ROW}{ROW}")).unwrap();
    assert!(matches!(dump(net, Protocol::Tcp), (3, Ok(notes)) if notes.is_empty()));
    probe(net).unwrap();

    // Another protocol's table is enough.
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
        assert!(matches!(dump(net, protocol), (0, Err(SourceError::Unavailable(_)))));
    }
}

#[test]
fn a_bad_line_of_each_family_is_told() {
    let net = tempfile::tempdir().unwrap();
    for name in ["udp", "udp6"] {
        fs::write(net.path().join(name), format!("{HEADER}{ROW}x\n{ROW}")).unwrap();
    }
    let (count, notes) = dump(net.path(), Protocol::Udp);
    assert_eq!((count, notes.unwrap().len()), (4, 2));
}

#[test]
fn what_is_no_file_is_an_error_and_no_hang() {
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
fn the_deadline_ends_a_dump_of_what_has_no_end() {
    let net = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/zero", net.path().join("unix")).unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);
    let result = Procfs::new(net.path().to_owned(), Names::Own).dump(Protocol::Unix, deadline, &mut Count(0));
    let Err(SourceError::Failed(text)) = result else { panic!("{result:?}") };
    assert!(text.ends_with("not read within the timeout"), "{text}");
}
