//! Damaged tables.

use proptest::prelude::*;

use super::*;

/// The local end and the peer.
fn halves(row: &Row) -> [&[String]; 2] {
    let (local, peer) = row.ends.split_at(2);
    [local, peer]
}

#[test]
fn a_row_truncated_anywhere_has_no_wrong_number() {
    for (version, protocol) in
        VERSIONS.iter().flat_map(|version| Protocol::ALL.map(|protocol| (version, protocol)))
    {
        let text = recorded(version, protocol);
        let Some((header, table)) = text.split_once('\n') else { continue };
        if read(protocol, text.as_bytes()).is_none() {
            // Older versions do not know sctp.
            continue;
        }
        for line in table.lines().filter(|line| !line.starts_with(char::is_whitespace)) {
            let row = |line: &str| {
                read(protocol, format!("{header}\n{line}\n").as_bytes()).expect("a table").0.pop()
            };
            let whole = row(line).expect("a row");
            for end in 0..line.len() {
                let Some(cut) = row(line.get(..end).expect("ASCII")) else { continue };
                // The last word may be truncated, which cannot be detected. Nothing else may differ.
                let ([local, peer], [whole_local, whole_peer]) = (halves(&cut), halves(&whole));
                let what = format!("{version} {line:?} truncated at {end}");
                assert_eq!(local, whole_local, "{what}");
                assert!(whole_peer.join(":").starts_with(&peer.join(":")), "{what}");
                // Without brackets, the last part of an IPv6 address looks like a port.
                let open =
                    whole_peer.first().is_some_and(|address| address.contains(':') && !address.contains('['));
                assert!(open || peer.first() == whole_peer.first(), "{what}");
                assert_eq!(
                    (cut.queues, cut.state, cut.netid),
                    (whole.queues, whole.state.clone(), whole.netid.clone())
                );
            }
        }
    }
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop::sample::select(Protocol::ALL.to_vec())
}

/// Parts of rows, and other bytes.
fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[0-9]{0,21}".prop_map(String::into_bytes),
        "[*/@a-z:`%.-]{0,9}".prop_map(String::into_bytes),
        "\\[[0-9a-f:]{0,9}\\]?(%lo)?:[0-9*]{0,5}".prop_map(String::into_bytes),
        "(bytes_acked|segs_in|state):?[0-9]{0,3}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..6),
    ]
}

proptest! {
    #[test]
    fn garbage_never_panics(protocol in protocol(), text in prop::collection::vec(any::<u8>(), 0..300)) {
        read(protocol, &text);
        for header in [TCP, UNIX] {
            let table = read(protocol, &[header.as_bytes(), &text].concat());
            prop_assert!(table.is_some(), "behind its header nothing makes a table none");
        }
    }

    #[test]
    fn near_rows_never_panic(
        protocol in protocol(),
        lines in prop::collection::vec((" ?", prop::collection::vec(word(), 0..9)), 0..6),
    ) {
        let lines: Vec<Vec<u8>> = lines.into_iter().map(|(start, words)| [start.into_bytes(), words.join(&b' ')].concat()).collect();
        let text = [UNIX.as_bytes(), &lines.join(&b'\n')].concat();
        let (rows, _) = read(protocol, &text).expect("a table");
        prop_assert!(rows.len() <= lines.len());
        for row in rows {
            let [local_addr, _, remote_addr, _] = &row.ends;
            prop_assert!(!row.netid.is_empty() && !row.state.is_empty());
            prop_assert!(protocol != Protocol::Unix || !(local_addr.is_empty() || remote_addr.is_empty()));
        }
    }

    #[test]
    fn a_row_is_read_as_it_was_written(
        queues in any::<[u64; 2]>(), ports in any::<[u16; 2]>(), address in any::<std::net::Ipv6Addr>(), pads in [1..20_usize, 1..20_usize],
    ) {
        let [first, second] = pads.map(|width| " ".repeat(width));
        let row = format!("ESTAB{first}{} {}{second}[{address}]%x:{} *:{}{first}", queues[0], queues[1], ports[0], ports[1]);
        let found = rows(Protocol::Tcp, &format!("{TCP}{row}\n"));
        let ends = [format!("[{address}]%x"), ports[0].to_string(), String::from("*"), ports[1].to_string()];
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!((&found[0].ends, found[0].queues), (&ends, queues.map(Some)));
    }

    #[test]
    fn a_unix_row_is_read_as_it_was_written(
        path in "[/@][ -~]{0,40}", inodes in any::<[i32; 2]>(), width in 1..20_usize,
    ) {
        let row = format!("{path} {}{}* {}", inodes[0], " ".repeat(width), inodes[1]);
        let expected = [path, inodes[0].to_string(), String::from("*"), inodes[1].to_string()];
        prop_assert_eq!(unix_row(&row), Some(expected));
    }
}
