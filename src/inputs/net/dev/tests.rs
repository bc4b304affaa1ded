use proptest::prelude::*;

use super::*;

/// A recorded file of a case.
fn recorded(case: &str, file: &str) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("fixtures").join(case).join("proc/net").join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The kernels whose files are recorded.
const KERNELS: [&str; 3] = ["net-kernel-2.6", "net-kernel-4-icmpmsg", "net-kernel-6.18"];
const HEADER: &str = "Inter-|   Receive                                                |  Transmit\n \
    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";

/// The interfaces in a table, and how many lines were skipped.
fn devices(text: &[u8]) -> (Vec<(Vec<u8>, Counters)>, u64) {
    let (mut devices, mut found) = (Devices::default(), Vec::new());
    for line in text.split(|byte| *byte == b'\n') {
        let device = devices.line(Some(line));
        found.extend(device.map(|device| (device.name.to_vec(), device.counters())));
    }
    (found, devices.finish().map_or(0, |skipped| skipped.count()))
}

#[test]
fn each_counter_is_found_by_its_column() {
    let (found, skipped) =
        devices(format!("{HEADER}  eth0: 1 2 3 4 5 6 7 8 11 12 13 14 15 16 17 18\n").as_bytes());
    let [bytes_sent, bytes_recv, packets_sent, packets_recv] = [11, 1, 12, 2];
    let [err_in, err_out, drop_in, drop_out] = [3, 13, 4, 14];
    let counters =
        [bytes_sent, bytes_recv, packets_sent, packets_recv, err_in, err_out, drop_in, drop_out].map(Some);
    assert_eq!((found, skipped), (vec![(b"eth0".to_vec(), counters)], 0));

    // In another order and with a column that no kernel has yet.
    let text = "x\n face |drop new errs packets bytes|bytes drop errs packets\n eth0:4 0 3 2 1 11 14 13 12\n";
    assert_eq!(devices(text.as_bytes()).0, [(b"eth0".to_vec(), counters)]);
}

#[test]
fn each_statistic_with_a_column_of_its_own_is_found() {
    let mut devices = Devices::default();
    HEADER.lines().for_each(|line| assert!(devices.line(Some(line.as_bytes())).is_none()));
    let line = b"  eth0: 1 2 3 4 5 6 7 8 11 12 13 14 15 16 17 18";
    let device = devices.line(Some(line)).expect("an interface");
    let known: Vec<_> = (0..STATISTICS.len())
        .map(Statistic)
        .filter_map(|statistic| Some((statistic.name(), device.statistic(statistic)?)))
        .collect();
    let expected = [
        ("rx_packets", 2),
        ("tx_packets", 12),
        ("rx_bytes", 1),
        ("tx_bytes", 11),
        ("rx_errors", 3),
        ("tx_errors", 13),
        ("tx_dropped", 14),
        ("multicast", 8),
        ("collisions", 16),
        ("rx_fifo_errors", 5),
        ("tx_fifo_errors", 15),
        ("rx_compressed", 7),
        ("tx_compressed", 18),
    ];
    assert_eq!(known, expected);
}

#[test]
fn names_may_hold_what_the_kernel_lets_them() {
    let values = "0 ".repeat(16);
    for name in ["eth0.100", "br-1a2b", "veth@x", "eth0:1", "a:b:c", "\u{e9}0", "|", "12"] {
        let (found, skipped) = devices(format!("{HEADER}{name:>6}:{values}\n").as_bytes());
        let names: Vec<_> = found.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
        assert_eq!((names.as_slice(), skipped), ([name.into()].as_slice(), 0));
    }
    let odd = [HEADER.as_bytes(), b"\xe9th0: ", values.as_bytes()].concat();
    assert_eq!(devices(&odd).0.first().map(|(name, _)| name.as_slice()), Some(&b"\xe9th0"[..]));
}

#[test]
fn a_line_that_is_no_interfaces_is_lost_alone() {
    let good = format!("eth1:{}", " 5".repeat(16));
    for bad in [
        "eth0 1 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8",
        "eth0: 1 2 3 4 5 6 7 8 1 2 3 4 5 6 7",
        "eth0: x 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8",
        "eth0: -1 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8",
        "eth0: 18446744073709551616 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8",
        "eth0:",
        "    : 1 2 3 4 5 6 7 8 1 2 3 4 5 6 7 8",
        ":",
    ] {
        let (found, skipped) = devices(format!("{HEADER}{bad}\n{good}\n").as_bytes());
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_slice()).collect();
        assert_eq!((names.as_slice(), skipped), ([&b"eth1"[..]].as_slice(), 1), "{bad}");
    }
    let mut devices = Devices::default();
    HEADER.lines().for_each(|line| assert!(devices.line(Some(line.as_bytes())).is_none()));
    assert!(devices.line(None).is_none());
    let skipped = devices.finish().expect("a header was there");
    let said = skipped.diagnostic("key", "dev").expect("a row was skipped").text;
    assert_eq!(said, "dev: skipped 1 malformed rows, first: line 3: \"(a line of more than 64 KiB)\"");
}

#[test]
fn the_largest_counters_are_kept() {
    let (found, _) = devices(format!("{HEADER}eth0:{}", " 18446744073709551615".repeat(16)).as_bytes());
    assert_eq!(found, [(b"eth0".to_vec(), [Some(u64::MAX); COUNTERS.len()])]);
}

#[test]
fn without_a_header_there_is_no_table() {
    for text in
        ["", "\n\n", "eth0: 1 2 3\n", "a|b|c\n", " face |bytes packets errs|bytes packets errs drop\n"]
    {
        let mut devices = Devices::default();
        text.lines().for_each(|line| assert!(devices.line(Some(line.as_bytes())).is_none()));
        assert!(devices.finish().is_none(), "{text:?}");
    }
}

#[test]
fn a_table_cut_at_any_byte_gives_no_wrong_number() {
    for kernel in KERNELS {
        let text = recorded(kernel, "dev");
        let (whole, _) = devices(&text);
        assert!(!whole.is_empty(), "{kernel}");
        for end in 0..text.len() {
            // Only the last column can be cut without a trace, and that one is not read.
            let (found, _) = devices(text.get(..end).unwrap_or_default());
            assert!(whole.starts_with(&found), "{kernel} cut at {end}: {found:?}");
        }
    }
}

/// Lines of bytes that these formats are made of, and others.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"0123456789 :|\n-".to_vec()),
        2 => prop::sample::select(b"bytespackerdoTU".to_vec()),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..200)
}

proptest! {
    #[test]
    fn garbage_never_panics(text in garbage()) {
        devices(&text);
        let (found, _) = devices(&[HEADER.as_bytes(), &text].concat());
        prop_assert!(found.iter().all(|(name, counters)| !name.is_empty() && counters.iter().all(Option::is_some)));
    }

    #[test]
    fn what_is_written_is_read(values in prop::collection::vec(any::<u64>(), 16), name in "[a-z][a-z0-9.:@-]{0,13}[a-z0-9]") {
        let words: Vec<String> = values.iter().map(u64::to_string).collect();
        let (found, skipped) = devices(format!("{HEADER}{name}:{}\n", words.join(" ")).as_bytes());
        prop_assert_eq!(skipped, 0);
        let counters = [8, 0, 9, 1, 2, 10, 3, 11].map(|column: usize| values.get(column).copied());
        prop_assert_eq!(found, vec![(name.into_bytes(), counters)]);
    }
}
