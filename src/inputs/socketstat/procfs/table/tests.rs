use proptest::prelude::*;

use super::*;
use crate::inputs::socketstat::print::printed;
use crate::inputs::socketstat::state::listed;

const INET: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const TAIL: &str = "00:00000000 00000000     0        0 326068 1 00000000820ffb87 20 0 0 10 -1";
const UNIX: &str = "Num       RefCount Protocol Flags    Type St Inode Path";
const PACKET: &str = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode";

/// Formats a socket as one line.
fn shown(socket: &Socket<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let [local, local_port, remote, remote_port] = printed(socket);
    let ends = format!("{local}:{local_port} {remote}:{remote_port}");
    let state = if socket.netid.is_empty() { text(socket.state.name()) } else { String::new() };
    format!("{}|{state} {ends} {:?} {:?}", text(socket.netid), socket.recv_q, socket.send_q)
}

fn read(protocol: Protocol, little: bool, lines: &[&[u8]]) -> (Vec<String>, Result<Skipped, Cause>) {
    let mut table = ProcTable::new(protocol, listed(protocol), little);
    let printed =
        lines.iter().filter_map(|line| table.line(Some(line)).map(|socket| shown(&socket))).collect();
    (printed, table.finish())
}

/// The diagnostic about the skipped rows.
fn said(skipped: &Skipped) -> Option<String> {
    skipped.diagnostic("key", "table").map(|diagnostic| diagnostic.text)
}

fn rows(protocol: Protocol, little: bool, lines: &[&str]) -> Vec<String> {
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    let (rows, note) = read(protocol, little, &lines);
    assert_eq!(said(&note.unwrap()), None);
    rows
}

#[test]
fn reads_addresses_in_both_byte_orders() {
    let row = |local, remote| format!("   3: {local} {remote} 01 00000005:000003E8 {TAIL}");
    let expected = ["|ESTAB 127.0.0.1:55090 10.0.0.2:80 Some(1000) Some(5)"];
    assert_eq!(rows(Protocol::Tcp, true, &[INET, &row("0100007F:D732", "0200000A:0050")]), expected);
    assert_eq!(rows(Protocol::Tcp, false, &[INET, &row("7F000001:D732", "0A000002:0050")]), expected);
    let expected = ["|ESTAB [fe80::1:2]:55090 [::ffff:10.0.0.2]:* Some(1000) Some(5)"];
    let little = row("000080FE000000000000000002000100:D732", "0000000000000000FFFF00000200000A:0000");
    assert_eq!(rows(Protocol::Udp, true, &[INET, &little]), expected);
    let big = row("FE800000000000000000000000010002:D732", "00000000000000000000FFFF0A000002:0000");
    assert_eq!(rows(Protocol::Udp, false, &[INET, &big]), expected);
}

#[test]
fn lists_the_states_that_ss_lists() {
    let table = |protocol, states: std::ops::RangeInclusive<u8>| {
        let row =
            |state| format!("0: 0100007F:{state:04X} 00000000:0000 {state:02X} 00000000:00000000 {TAIL}");
        let lines: Vec<String> = std::iter::once(INET.to_owned()).chain(states.map(row)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        rows(protocol, true, &lines)
            .iter()
            .map(|row| row[1..].split(' ').next().unwrap().to_owned())
            .collect()
    };
    let states: Vec<String> = table(Protocol::Tcp, 1..=12);
    let expected = ["ESTAB", "SYN-SENT", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "LAST-ACK", "CLOSING"];
    assert_eq!(states, expected);
    for protocol in [Protocol::Udp, Protocol::Raw] {
        assert_eq!(table(protocol, 1..=1) as Vec<String>, ["ESTAB"]);
        assert_eq!(table(protocol, 7..=7) as Vec<String>, [""; 0]);
    }
}

#[test]
fn keeps_the_whole_unix_path() {
    let row = |kind, flags, state, rest: &str| {
        format!("000000006ac4d8c3: 00000003 00000000 {flags} {kind} {state} {rest}")
    };
    let lines = [
        UNIX.to_owned(),
        row("0005", "00000000", "03", "326182 /run/zoo/seq with space.sock"),
        row("0001", "00000000", "03", "326186 /run/zoo/comma,equals=x 7 "),
        row("0001", "00000000", "03", "326187  begins with a blank"),
        row("0002", "00000000", "03", "    8"),
        row("0001", "00000000", "03", "    9 @with@nuls"),
        row("0001", "00010000", "01", "326176 /run/listening"),
        row("0001", "00000000", "02", "0 /run/not accepted"),
        row("0002", "00000000", "01", "326188"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let expected = [
        "u_seq| /run/zoo/seq with space.sock:326182 : None None",
        "u_str| /run/zoo/comma,equals=x 7 :326186 : None None",
        "u_str|  begins with a blank:326187 : None None",
        "u_dgr| *:8 : None None",
        "u_str| @with@nuls:9 : None None",
    ];
    assert_eq!(rows(Protocol::Unix, true, &lines), expected);
}

#[test]
fn reads_packet_sockets() {
    let lines = [
        PACKET,
        "00000000b5d787c1 3      3    0003   -1    1 5018   0      326096",
        "00000000dc9f7eda 3      2    0800   0     1 2505   0      326175",
    ];
    let expected = ["p_raw| *:if4294967295 *: Some(5018) None", "p_dgr| [2048]:* *: Some(2505) None"];
    assert_eq!(rows(Protocol::Packet, true, &lines), expected);
}

const OTHER: &str =
    "   9: 0100007F:D732 0100007F:0050 01 00000000:00000000 00:00000000 00000000 0 0 326069 1 0";

#[test]
fn a_malformed_line_is_skipped() {
    let good = format!("   3: 0100007F:D732 0100007F:0050 01 00000000:00000000 {TAIL}");
    let bad: [&[u8]; 6] = [
        b"",
        b"   4: 0100007F:D732 0100007F:0050",
        b"   5: 0100007F:D732 0100007F:0050 0F 00000000:00000000 00:00000000 00000000 0 0 1",
        b"   6: 01000\xff7F:D732 0100007F:0050 01 00000000:00000000 00:00000000 00000000 0 0 1",
        b"   7: 0100007F:D732 0100007F:0050 01 0000000:x 00:00000000 00000000 0 0 1",
        b"   8: 0100007F:FFFFF 0100007F:0050 01 00000000:00000000 00:00000000 00000000 0 0 1",
    ];
    let mut lines: Vec<&[u8]> = vec![INET.as_bytes(), good.as_bytes()];
    lines.extend(bad);
    lines.push(good.as_bytes());
    lines.push(OTHER.as_bytes());
    let (rows, skipped) = read(Protocol::Tcp, true, &lines);
    // The valid row is repeated: the kernel may list a socket twice while others open and close.
    assert_eq!(rows.len(), 2);
    let expected = "table: skipped 6 malformed rows, first: line 3: \"\"";
    assert_eq!(said(&skipped.unwrap()).as_deref(), Some(expected));
}

#[test]
fn a_line_that_is_too_long_is_skipped() {
    let mut table = ProcTable::new(Protocol::Unix, !0, true);
    assert!(table.line(Some(UNIX.as_bytes())).is_none());
    assert!(table.line(None).is_none());
    let text = said(&table.finish().unwrap()).unwrap();
    assert!(text.ends_with("64 KiB)\""), "{text}");
}

#[test]
fn a_table_without_a_header_is_refused() {
    let (rows, result) = read(Protocol::Tcp, true, &[b"Inter-|   Receive", INET.as_bytes()]);
    assert_eq!(rows, [""; 0]);
    let expected = "line 1: expected the header of the tcp sockets, got \"Inter-|   Receive\"";
    assert_eq!(result.unwrap_err().to_string(), expected);
    let (_, result) = read(Protocol::Unix, true, &[]);
    assert!(result.unwrap_err().to_string().ends_with("got nothing"));
}

proptest! {
    #[test]
    fn garbage_never_panics(lines: Vec<Vec<u8>>, words: Vec<prop::sample::Index>) {
        const WORDS: [&str; 9] = ["0:", "0100007F:0050", "01", "0:0", "é:", "-1", "ffffffff", "4294967296", " "];
        let made = words.iter().map(|word| WORDS[word.index(WORDS.len())]).collect::<Vec<_>>().join(" ");
        for (protocol, header) in [(Protocol::Tcp, INET), (Protocol::Raw, INET), (Protocol::Unix, UNIX), (Protocol::Packet, PACKET)] {
            let mut all: Vec<&[u8]> = vec![header.as_bytes(), made.as_bytes()];
            all.extend(lines.iter().map(Vec::as_slice));
            let (rows, note) = read(protocol, true, &all);
            prop_assert!(rows.len() < all.len());
            prop_assert!(note.is_ok());
        }
    }
}
