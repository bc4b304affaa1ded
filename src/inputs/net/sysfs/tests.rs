use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A directory with one interface `name` whose `file` holds `text`.
fn class_net(name: &[u8], file: &str, text: &[u8]) -> (TempDir, ClassNet) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join(OsStr::from_bytes(name));
    fs::create_dir(&directory).expect("it can be made");
    fs::write(directory.join(file), text).expect("it can be written");
    let class_net = ClassNet::open(root.path());
    (root, class_net)
}

fn speed(text: &[u8]) -> i64 {
    let (_root, class_net) = class_net(b"eth0", "speed", text);
    class_net.speed(b"eth0")
}

fn flags(text: &[u8]) -> Option<u32> {
    let (_root, class_net) = class_net(b"eth0", "flags", text);
    class_net.flags(b"eth0")
}

#[test]
fn a_speed_is_a_number_or_unknown() {
    for (text, expected) in [
        (&b"1000\n"[..], 1000),
        (b"400000", 400_000),
        (b"-1\n", -1),
        (b"0\n", 0),
        (b"4294967295\n", -1),
        (b"", -1),
        (b"\n", -1),
        (b"fast\n", -1),
        (b"1000 Mbit\n", -1),
        (b"\xff\xfe", -1),
        (b"99999999999999999999\n", -1),
    ] {
        assert_eq!(speed(text), expected, "{}", text.escape_ascii());
    }
    // More than such a file ever holds: no part of it is taken for the whole.
    assert_eq!(speed(&[b'1'; 4096]), -1);
}

#[test]
fn flags_are_hexadecimal() {
    for (text, expected) in [
        (&b"0x1003\n"[..], Some(0x1003)),
        (b"0x9", Some(0x9)),
        (b"0xffffffff\n", Some(u32::MAX)),
        (b"0x100000000\n", None),
        (b"1003\n", None),
        (b"0x\n", None),
        (b"0xup\n", None),
        (b"", None),
    ] {
        assert_eq!(flags(text), expected, "{}", text.escape_ascii());
    }
}

#[test]
fn an_interface_that_is_not_there_is_unknown() {
    let (root, class_net) = class_net(b"eth0", "speed", b"1000\n");
    assert_eq!((class_net.speed(b"eth1"), class_net.flags(b"eth1")), (-1, None));
    assert_eq!(class_net.flags(b"eth0"), None, "a file that is missing");
    fs::remove_dir_all(root.path().join("eth0")).expect("it can be removed");
    assert_eq!(class_net.speed(b"eth0"), -1, "vanished since the directory was opened");
    let none = ClassNet::open(&root.path().join("none"));
    for unknown in [none, ClassNet::unknown()] {
        assert_eq!((unknown.speed(b"eth0"), unknown.flags(b"eth0")), (-1, None));
    }
}

#[test]
fn a_directory_or_a_pipe_in_the_place_of_a_file_is_unknown() {
    let (root, class_net) = class_net(b"eth0", "flags", b"0x1003\n");
    fs::create_dir(root.path().join("eth0/speed")).expect("it can be made");
    assert_eq!(class_net.speed(b"eth0"), -1);
    fs::remove_file(root.path().join("eth0/flags")).expect("it can be removed");
    nix::unistd::mkfifo(&root.path().join("eth0/flags"), Mode::S_IRWXU).expect("it can be made");
    assert_eq!(class_net.flags(b"eth0"), None, "and does not hold the gather up");
}

#[test]
fn odd_names_are_names() {
    for name in [&b"eth0.100"[..], b"veth@x", b"eth0:1", b"...", b"a b", b"\xe9th0", "é0".as_bytes()] {
        let (_root, class_net) = class_net(name, "speed", b"25000\n");
        assert_eq!(class_net.speed(name), 25000, "{}", name.escape_ascii());
    }
}

#[test]
fn no_name_leads_out_of_the_directory() {
    let root = tempfile::tempdir().expect("a temporary directory");
    fs::write(root.path().join("speed"), "1000\n").expect("it can be written");
    fs::create_dir(root.path().join("net")).expect("it can be made");
    fs::write(root.path().join("net/speed"), "1000\n").expect("it can be written");
    let class_net = ClassNet::open(&root.path().join("net"));
    let absolute = root.path().as_os_str().as_bytes();
    for name in [&b""[..], b".", b"..", b"../net", b"eth0/..", b"eth0\0", absolute] {
        assert_eq!(class_net.speed(name), -1, "{}", name.escape_ascii());
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(text in prop::collection::vec(any::<u8>(), 0..100), name in prop::collection::vec(any::<u8>(), 0..20)) {
        let (_root, class_net) = class_net(b"eth0", "speed", &text);
        prop_assert!(class_net.speed(b"eth0") >= -1 || text.contains(&b'-'));
        prop_assert!(name == b"eth0" || class_net.speed(&name) == -1);
    }
}
