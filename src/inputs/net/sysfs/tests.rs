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
    assert_eq!((none.speed(b"eth0"), none.flags(b"eth0")), (-1, None));
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

/// A directory as that of sysfs, with one interface.
fn with_files(files: &[(&str, &str)]) -> (TempDir, ClassNet) {
    let (root, class_net) = class_net(b"eth0", "uevent", b"INTERFACE=eth0\nIFINDEX=5\n");
    for (name, text) in files {
        fs::write(root.path().join("eth0").join(name), text).expect("it can be written");
    }
    (root, class_net)
}

#[test]
fn texts_lose_one_newline() {
    for (text, expected) in
        [("up\n", "up"), ("a b\n\n", "a b\n"), (" x ", " x "), ("\n", ""), ("", ""), ("\\\n", "\\")]
    {
        let (_root, class_net) = with_files(&[("ifalias", text)]);
        assert_eq!(class_net.text(b"eth0", "ifalias"), expected.as_bytes());
    }
    let long = "x".repeat(255);
    let (_root, class_net) = with_files(&[("ifalias", &format!("{long}\n"))]);
    assert_eq!(class_net.text(b"eth0", "ifalias"), long.as_bytes());
}

#[test]
fn statistics_are_found_by_their_names() {
    let (root, class_net) = class_net(b"eth0", "uevent", b"");
    fs::create_dir(root.path().join("eth0/statistics")).expect("it can be made");
    fs::write(root.path().join("eth0/statistics/rx_missed_errors"), "18446744073709551615\n")
        .expect("written");
    assert_eq!(class_net.statistic(b"eth0", Statistic::RX_MISSED_ERRORS), Some(u64::MAX));
    assert_eq!(class_net.statistic(b"eth0", Statistic::RX_DROPPED), None);
    assert_eq!(class_net.statistic(b"eth0", Statistic(99)), None);
}

#[test]
fn links_lead_to_the_bus_and_to_the_master() {
    let (root, class_net) = with_files(&[]);
    assert_eq!((class_net.is_on_bus(b"eth0"), class_net.master(b"eth0")), (false, Vec::new()));
    std::os::unix::fs::symlink("../../../0000:00:03.0", root.path().join("eth0/device")).expect("a link");
    std::os::unix::fs::symlink("../br 0", root.path().join("eth0/master")).expect("a link");
    assert_eq!((class_net.is_on_bus(b"eth0"), class_net.master(b"eth0")), (true, b"br 0".to_vec()));
}

#[test]
fn the_kind_is_told_by_what_is_there() {
    let veth = [("iflink", "6\n"), ("type", "1\n")];
    let event = |kind: &str| format!("DEVTYPE={kind}\nINTERFACE=eth0\nIFINDEX=5\n");
    for (files, expected) in [
        (vec![("uevent", event("bridge"))], "bridge"),
        (vec![("uevent", event("wlan"))], ""),
        (vec![("tun_flags", String::from("0x1002\n"))], "tun"),
        (vec![("iflink", String::from("5\n"))], ""),
        (vec![("iflink", String::from("0\n"))], ""),
        (veth.map(|(name, text)| (name, String::from(text))).to_vec(), "veth"),
        // A tunnel, whose iflink is the interface that it goes through.
        (vec![("iflink", String::from("6\n")), ("type", String::from("768\n"))], ""),
        // A macvlan.
        (
            [veth.as_slice(), &[("lower_eth1", "")]]
                .concat()
                .iter()
                .map(|(n, t)| (*n, (*t).to_owned()))
                .collect(),
            "",
        ),
    ] {
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let (_root, class_net) = with_files(&files);
        assert_eq!(class_net.kind(b"eth0"), expected.as_bytes(), "{files:?}");
    }
    let (root, class_net) = with_files(&veth);
    std::os::unix::fs::symlink("../../../0000:00:03.0", root.path().join("eth0/device")).expect("a link");
    assert_eq!(class_net.kind(b"eth0"), b"physical");
    assert_eq!(class_net.kind(b"eth1"), b"");
}

proptest! {
    #[test]
    fn garbage_never_panics(text in prop::collection::vec(any::<u8>(), 0..100), name in prop::collection::vec(any::<u8>(), 0..20)) {
        let (_root, class_net) = class_net(b"eth0", "speed", &text);
        prop_assert!(class_net.speed(b"eth0") >= -1 || text.contains(&b'-'));
        prop_assert!(name == b"eth0" || class_net.speed(&name) == -1);
    }
}
