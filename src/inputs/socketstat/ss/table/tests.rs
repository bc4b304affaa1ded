use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::inputs::socketstat::field::printed as counters_of;
use crate::inputs::socketstat::print::printed;

/// A socket with owned texts, for comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// The local address and port, then the remote ones.
    ends: [String; 4],
    state: String,
    netid: String,
    queues: [Option<u64>; 2],
    counters: [Option<u64>; PRINTED],
}

fn row_of(socket: &Socket<'_>) -> Row {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Row {
        ends: printed(socket),
        state: text(socket.state.name()),
        netid: text(socket.netid),
        queues: [socket.recv_q, socket.send_q],
        counters: counters_of(&socket.tcp),
    }
}

/// Parses a table. `None` if it is not one.
fn read(protocol: Protocol, text: &[u8]) -> Option<(Vec<Row>, Vec<Diagnostic>)> {
    let (mut table, mut rows) = (SsTable::new(protocol), Vec::new());
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // There is no line after the last newline.
    lines.pop_if(|line| line.is_empty());
    for line in lines {
        table.line(Some(line), &mut |socket| rows.push(row_of(socket))).ok()?;
    }
    let notes = table.finish(&mut |socket| rows.push(row_of(socket))).ok()?;
    Some((rows, notes))
}

fn rows(protocol: Protocol, text: &str) -> Vec<Row> {
    let (rows, notes) = read(protocol, text.as_bytes()).expect("a table");
    assert_eq!(notes, [], "{text}");
    rows
}

const TCP: &str = "State Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n";
const UNIX: &str = "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n";

/// The ends of the TCP row `ends`, or `None` if it was skipped.
fn tcp_ends(ends: &str) -> Option<[String; 4]> {
    let text = format!("{TCP}ESTAB 0 0 {ends}\n");
    read(Protocol::Tcp, text.as_bytes()).expect("a table").0.pop().map(|row| row.ends)
}

/// The ends of the row of a unix socket.
fn unix_row(ends: &str) -> Option<[String; 4]> {
    let text = format!("{UNIX}u_str ESTAB 0 0 {ends}\n");
    read(Protocol::Unix, text.as_bytes()).expect("a table").0.pop().map(|row| row.ends)
}

fn owned(ends: [&str; 4]) -> [String; 4] {
    ends.map(str::to_owned)
}

/// The recorded output of a version of ss; empty if it does not know the protocol.
fn recorded(version: &str, protocol: Protocol) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let path = root.join(format!("ss-{version}/ss/{protocol}.txt"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const VERSIONS: [&str; 3] = ["3.12.0", "4.3.0", "6.1.0"];

#[test]
fn three_versions_give_the_same_series() {
    // The tags are as each version prints them. Only newer versions print the brackets of an IPv6 address and its
    // interface, 3.12 prints any address as `*`, and older versions print the names of well-known Ethernet types.
    let comparable = |row: &Row| {
        row.ends.clone().map(|end| match end.as_str() {
            "[2048]" => String::from("ip"),
            "0.0.0.0" => String::from("*"),
            end => end.split('%').next().unwrap_or_default().replace(['[', ']'], ""),
        })
    };
    let mut compared = 0;
    for protocol in Protocol::ALL {
        let table = |version| -> BTreeMap<[String; 4], Row> {
            let (rows, notes) = read(protocol, recorded(version, protocol).as_bytes()).unwrap_or_default();
            assert_eq!(notes, [], "{protocol} {version}");
            let count = rows.len();
            let table: BTreeMap<_, _> = rows.into_iter().map(|row| (comparable(&row), row)).collect();
            assert_eq!(table.len(), count, "{protocol} {version}: two sockets of one name");
            table
        };
        let newest = table("6.1.0");
        for version in ["3.12.0", "4.3.0"] {
            let older = table(version);
            // 3.12 does not list packet sockets, and neither older version knows sctp.
            if older.is_empty() {
                continue;
            }
            let names = |table: &BTreeMap<[String; 4], Row>| table.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&older), names(&newest), "{protocol} {version}");
            for (old, new) in older.values().zip(newest.values()) {
                compared += 1;
                assert_eq!(old.queues, new.queues, "{protocol} {version} {:?}", new.ends);
                if protocol.has_state() {
                    assert_eq!(old.state, new.state, "{protocol} {version} {:?}", new.ends);
                }
                // 3.12 prints a sequenced packet socket as a datagram socket.
                let sequenced = (version, new.netid.as_str()) == ("3.12.0", "u_seq");
                assert_eq!(old.netid, if sequenced { "u_dgr" } else { &new.netid }, "{protocol} {version}");
                for (old, new) in old.counters.iter().zip(new.counters).filter(|(old, _)| old.is_some()) {
                    assert_eq!(*old, new, "{protocol} {version}");
                }
            }
        }
    }
    assert!(compared > 40, "only {compared} sockets were compared");
}

#[test]
fn the_header_decides_the_columns() {
    let row = "127.0.0.1:1 127.0.0.1:9";
    for (header, front, state, netid) in [
        ("Recv-Q Send-Q Local Address:Port Peer Address:PortProcess", "7 9", "", ""),
        ("State Recv-Q Send-Q Local Address:Port Peer Address:Port", "ESTAB 7 9", "ESTAB", ""),
        ("Netid Recv-Q Send-Q Local Address:Port Peer Address:Port", "udp 7 9", "", "udp"),
        ("Netid  State      Recv-Q Send-Q     Local Address:Port", "udp UNCONN 7 9", "UNCONN", "udp"),
        ("NetidState Recv-Q Send-QLocal Address:PortPeer Address:Port", "udp UNCONN 7 9", "UNCONN", "udp"),
    ] {
        for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Raw] {
            let found = rows(protocol, &format!("{header}\n{front} {row}\n"));
            let [found] = found.as_slice() else { panic!("{header}: {found:?}") };
            assert_eq!((found.state.as_str(), found.netid.as_str()), (state, netid), "{header}");
            assert_eq!(found.queues, [Some(7), Some(9)]);
            assert_eq!(found.ends, ["127.0.0.1", "1", "127.0.0.1", "9"]);
        }
    }
}

#[test]
fn other_output_is_refused_and_quoted() {
    for text in ["usage: ss", "Send-Q Recv-Q Local", "Recv-Q Send-Q", " \u{1b}[31m"] {
        let error = SsTable::new(Protocol::Tcp).line(Some(text.as_bytes()), &mut |_| {}).err();
        let expected =
            format!("printed unexpected output, expected the header of ss, got {}", quote(text.as_bytes()));
        assert_eq!(error, Some(expected));
    }
    let error = SsTable::new(Protocol::Tcp).line(None, &mut |_| {}).expect_err("no header");
    assert!(error.contains("more than 64 KiB"), "{error}");
    let error = SsTable::new(Protocol::Tcp).finish(&mut |_| {}).err();
    assert_eq!(error.as_deref(), Some("printed nothing, expected the header of ss"));
}

#[test]
fn addresses_are_split_at_the_last_colon() {
    assert_eq!(tcp_ends("127.0.0.1:80 10.0.0.1:4444"), Some(owned(["127.0.0.1", "80", "10.0.0.1", "4444"])));
    assert_eq!(tcp_ends("[::1]:80 [fe80::1]%eth0:1"), Some(owned(["[::1]", "80", "[fe80::1]%eth0", "1"])));
    assert_eq!(
        tcp_ends("[::ffff:127.0.0.1]:80 127.0.0.1%lo:1"),
        Some(owned(["[::ffff:127.0.0.1]", "80", "127.0.0.1%lo", "1"]))
    );
    assert_eq!(tcp_ends("*:80 *:*"), Some(owned(["*", "80", "*", "*"])));
    assert_eq!(tcp_ends("::1:58 ::1:*"), Some(owned(["::1", "58", "::1", "*"])));
}

#[test]
fn a_short_or_truncated_row_is_skipped() {
    for bad in [
        "ESTAB",
        "ESTAB 0",
        "ESTAB 0 0",
        "ESTAB 0 0 127.0.0.1:1",
        "ESTAB 0 0 127.0.0.1:1 127.0.0.1",
        "ESTAB 0 0 127.0.0.1:1 127.0.0.1:",
        "ESTAB 0 0 127.0.0.1:1 [::ffff:127.0",
        "ESTAB x 0 127.0.0.1:1 127.0.0.1:9",
        "ESTAB 0 -1 127.0.0.1:1 127.0.0.1:9",
        "ESTAB 0 18446744073709551616 127.0.0.1:1 127.0.0.1:9",
        "0 0 127.0.0.1:1 127.0.0.1:9",
    ] {
        let text = format!("{TCP}{bad}\n\t bytes_acked:5\nESTAB 0 0 1.1.1.1:1 2.2.2.2:2\n");
        let (rows, notes) = read(Protocol::Tcp, text.as_bytes()).expect("a table");
        let [row] = rows.as_slice() else { panic!("{bad}: {rows:?}") };
        assert_eq!(row.counters, [None; PRINTED], "the details belong to the row that is skipped");
        let [Diagnostic { text, .. }] = notes.as_slice() else { panic!("{bad}: {notes:?}") };
        assert_eq!(*text, format!("ss --tcp: skipped 1 malformed rows, first: {}", quote(bad.as_bytes())));
    }
}

#[test]
fn a_line_that_is_too_long_is_skipped_with_its_details() {
    let (mut table, mut rows) = (SsTable::new(Protocol::Tcp), Vec::new());
    let mut each = |socket: &Socket<'_>| rows.push(row_of(socket));
    let lines: [Option<&[u8]>; 4] = [
        Some(b"State Recv-Q Send-Q Local Address:Port"),
        Some(b"ESTAB 1 2 1.1.1.1:1 2.2.2.2:2"),
        None,
        Some(b"\t bytes_acked:5"),
    ];
    for line in lines {
        assert_eq!(table.line(line, &mut each), Ok(()));
    }
    let notes = table.finish(&mut each).expect("a table");
    assert_eq!((rows.len(), notes.len()), (1, 1));
    assert_eq!(rows.first().map(|row| row.counters), Some([None; PRINTED]));
}

#[test]
fn details_belong_to_the_socket_above() {
    let text = format!(
        "{TCP}ESTAB 0 0 1.1.1.1:1 2.2.2.2:2\n\t cubic rto:204 bytes_sent:9 bytes_acked:1 segs_out:3\n\
         \tbytes_received:2 segs_in:4 data_segs_out:5 data_segs_in:6\r\n\nESTAB 0 0 1.1.1.1:3 2.2.2.2:4\n"
    );
    let found = rows(Protocol::Tcp, &text);
    let counters: Vec<_> = found.iter().map(|row| row.counters).collect();
    assert_eq!(counters, [[1, 2, 3, 4, 5, 6].map(Some), [None; PRINTED]]);
}

#[test]
fn only_whole_words_are_counters() {
    let counters = |details: &str| {
        let text = format!("{TCP}ESTAB 0 0 1.1.1.1:1 2.2.2.2:2\n\t {details}\n");
        rows(Protocol::Tcp, &text).pop().expect("a row").counters
    };
    for details in [
        "bytes_acked",
        "bytes_acked:",
        "bytes_acked:-1",
        "bytes_acked:1x",
        "xbytes_acked:1",
        "bytes_acked:1,2",
        "bytes_acked:18446744073709551616",
        "(bytes_acked:1)",
        "bytes_acked 1",
    ] {
        assert_eq!(counters(details), [None; PRINTED], "{details}");
    }
    assert_eq!(counters("bytes_acked:18446744073709551615").first(), Some(&Some(u64::MAX)));
    assert_eq!(
        counters("bytes_acked:1 bytes_acked:2").first(),
        Some(&Some(2)),
        "the last counts, as in Telegraf"
    );
}

#[test]
fn details_without_a_socket_are_reported_unless_blank() {
    let (rows, notes) =
        read(Protocol::Tcp, format!("{TCP}\t segs_in:1\n\t\n  \n").as_bytes()).expect("a table");
    assert!(rows.is_empty());
    let [Diagnostic { level: Level::Warn, text, .. }] = notes.as_slice() else { panic!("{notes:?}") };
    assert_eq!(text, "ss --tcp: skipped 1 lines of details without a socket above them");
}

#[test]
fn an_sctp_association_is_below_its_socket() {
    let text = format!("{TCP}LISTEN 0 128 *:80 *:*\n`- ESTAB 3 4 10.0.0.1%eth0:80 10.0.0.2:5\n");
    let found = rows(Protocol::Sctp, &text);
    let states: Vec<_> = found.iter().map(|row| row.state.as_str()).collect();
    assert_eq!(states, ["LISTEN", "ESTAB"]);
    assert_eq!(found.last().map(|row| row.queues), Some([Some(3), Some(4)]));
}

#[test]
fn a_packet_sockets_peer_has_no_port() {
    let text = "Netid Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n\
        p_raw 5018 0 *:lo *\np_dgr 1 0 [2048]:eth0.100 *   \n";
    let found = rows(Protocol::Packet, text);
    let ends: Vec<_> = found.iter().map(|row| row.ends.each_ref().map(String::as_str)).collect();
    assert_eq!(ends, [["*", "lo", "*", ""], ["[2048]", "eth0.100", "*", ""]]);
}

#[test]
fn unix_paths_may_contain_anything() {
    for path in [
        "*",
        "/run/a.sock",
        "@abstract",
        "/run/str with space.sock",
        "/run/comma,equals=x 7",
        "/run/x 7 8",
        "/run/a  b",
        " /run/a",
        "/run/x ",
        "/run/x 7 /y",
        "/run/x *",
        "/run/x * 5",
        "/run/5 7 * 9",
        "7",
        "a:b",
        "@",
    ] {
        // Padded on both sides, as ss does.
        for (before, between, behind) in [("", " ", ""), ("", "            ", "  "), ("      ", "  ", "")] {
            let row = format!("{before}{path} 326186{between}* 326185{behind}");
            let expected = Some(owned([path.trim_start(), "326186", "*", "326185"]));
            assert_eq!(unix_row(&row), expected, "{row:?}");
        }
    }
}

#[test]
fn a_unix_peer_may_have_a_path() {
    for (row, expected) in [
        ("* 12 /run/peer 34", ["*", "12", "/run/peer", "34"]),
        ("* 12   @peer name 34", ["*", "12", "@peer name", "34"]),
        ("/run/a b 12   /run/c d 34", ["/run/a b", "12", "/run/c d", "34"]),
        ("/run/a 7 b 12 @x 34", ["/run/a 7 b", "12", "@x", "34"]),
        ("/run/a 12 relative 34", ["/run/a", "12", "relative", "34"]),
        ("@a 12 /x 7 34", ["@a", "12", "/x 7", "34"]),
        ("* 12 * 0", ["*", "12", "*", "0"]),
    ] {
        assert_eq!(unix_row(row), Some(owned(expected)), "{row:?}");
    }
}

#[test]
fn inodes_may_be_negative() {
    let expected = Some(owned(["/run/a", "-2147483648", "*", "-1"]));
    assert_eq!(unix_row("/run/a -2147483648   * -1"), expected);
    assert_eq!(unix_row("* -5 /run/a -6"), Some(owned(["*", "-5", "/run/a", "-6"])));
    for bad in [
        "/run/a - * 1",
        "/run/a --1 * 1",
        "/run/a 1 * -",
        "/run/a 1 * x",
        "/run/a * 1",
        "* 1",
        "1",
        "/run/a 1 *",
    ] {
        assert_eq!(unix_row(bad), None, "{bad:?}");
    }
}

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

/// The output of ss 6.1 for a path with line breaks and text that looks like a row.
#[test]
fn a_row_forged_by_a_path_is_skipped() {
    let header = "Netid State Recv-Q Send-Q            Local Address:Port   Peer Address:Port Process";
    let column = header.find(":Port").unwrap() - "/run/genuine".len();
    let line = |path: &str, inode: u32| {
        let gap = " ".repeat(column + "/run/genuine".len() - 26 - path.len());
        format!("u_str ESTAB 0      0      {gap}{path} {inode}            * {}       ", inode + 1)
    };
    let peer = header.rfind(":Port").unwrap();
    let aligned = |path: &str| {
        let mut text = line(path, 101);
        text.truncate(header.find(":Port").unwrap() + 4);
        text.push_str(&" ".repeat(peer - text.len() - 1));
        text + "* 102       "
    };
    let genuine_row = aligned("/run/genuine");
    for forged in [
        "u_str ESTAB 0      0      /tmp/x\nu_str ESTAB 9 9 /forged 1 * 2\n 5            * 6",
        "u_str ESTAB 0      0      /tmp/x 1 * 2\nu_str ESTAB 9 9 /forged 1 * 2\nu_str ESTAB 9 9 /y 5            * 6",
    ] {
        for text in [
            format!("{header}\n{forged}\n{genuine_row}\n"),
            format!("{header}\n{genuine_row}\n{forged}\n{genuine_row}\n"),
        ] {
            let (rows, notes) = read(Protocol::Unix, text.as_bytes()).expect("a table");
            assert!(rows.iter().all(|row| row.ends[0] == "/run/genuine"), "{text}{rows:#?}");
            assert!(!rows.is_empty() && notes.len() == 1, "{text}{rows:#?}{notes:#?}");
        }
    }
}
