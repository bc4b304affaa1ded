//! Unix sockets, whose names are text that any user chooses.

use super::*;

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
