use std::collections::BTreeMap;

use proptest::prelude::*;

use super::table::{Links, Table};
use super::{Gathered, RunFailure, gather, is_loopback, runs};
use crate::inputs::net::counters::COUNTERS;
use crate::platform::Platform;

fn table(output: &[u8]) -> Result<Links, String> {
    let mut table = Table::default();
    for line in output.split(|byte| *byte == b'\n') {
        table.line(Some(line));
    }
    table.finish()
}

/// `NAME counter=value...`, counters that are not known left out.
fn shown(name: &[u8], counters: &[Option<u64>]) -> String {
    let known =
        COUNTERS.iter().zip(counters).filter_map(|(counter, value)| value.map(|value| (counter, value)));
    let known = known.map(|(counter, value)| format!(" {counter}={value}"));
    String::from_utf8_lossy(name).into_owned() + &known.collect::<String>()
}

fn rows(output: &str) -> (Vec<String>, u64) {
    let links = table(output.as_bytes()).expect("a header is there");
    (links.rows.iter().map(|row| shown(&row.cell, &row.counters)).collect(), links.skipped)
}

/// The answers of the fakes: the command line with its output, or why it fails.
type Answers<'a> = [(&'a str, Result<&'a str, &'a str>)];

/// Gathers from answers, and says which commands were run.
fn gathered(platform: Platform, answers: &Answers<'_>) -> (Gathered, Vec<String>) {
    let answers: BTreeMap<_, _> = answers.iter().copied().collect();
    let mut ran = Vec::new();
    let gathered = gather(platform, &mut |program, args, each| {
        let command = format!("{program} {}", args.join(" "));
        let answer = answers.get(command.as_str()).copied().unwrap_or(Err("no such answer"));
        ran.push(command.clone());
        answer
            .map_err(|error| RunFailure::from(format!("{command} {error}")))?
            .lines()
            .for_each(|line| each(Some(line.as_bytes())));
        Ok(())
    });
    (gathered, ran)
}

fn names(gathered: &Gathered) -> Vec<(String, Option<bool>)> {
    gathered
        .interfaces()
        .map(|(name, found)| (String::from_utf8_lossy(name).into_owned(), found.up))
        .collect()
}

fn values(gathered: &Gathered) -> Vec<String> {
    gathered.interfaces().map(|(name, found)| shown(name, &found.counters)).collect()
}

#[test]
fn cells_are_known_by_the_headers_names() {
    let (links, skipped) = rows(
        "Name Mtu Network Address Drops Oerrs Obytes Ierrs Time Idrops Ipkts Opkts Ibytes
em0 1500 <Link#1> 00:1b:21:aa:bb:cc 1 2 3 4 5 6 7 8 9
em0 - 10.0.0.0/24 10.0.0.1 - - 11 - - - 12 13 14
tun0* 1500 <Link#2> 21 22 23 24 25 26 27 28 29
",
    );
    let expected = [
        "em0 bytes_sent=3 bytes_recv=9 packets_sent=8 packets_recv=7 err_in=4 err_out=2 drop_in=6 drop_out=1",
        "tun0* bytes_sent=23 bytes_recv=29 packets_sent=28 packets_recv=27 err_in=24 err_out=22 drop_in=26 drop_out=21",
    ];
    assert_eq!((links.iter().map(String::as_str).collect::<Vec<_>>(), skipped), (expected.to_vec(), 0));
}

#[test]
fn errors_and_drops_in_one_are_taken_for_neither() {
    let (links, skipped) = rows(
        "Name    Mtu   Network     Address              Ipkts Ifail    Opkts Ofail Colls
vio0    1500  <Link>      fe:e1:ba:d0:01:02        1     2        3     4     5
",
    );
    assert_eq!((links, skipped), (vec!["vio0 packets_sent=3 packets_recv=1".to_owned()], 0));
}

#[test]
fn what_has_no_value_is_not_kept() {
    let (links, skipped) = rows(
        "Name Mtu Network Address Ibytes Obytes Drop
em0 1500 <Link#1 00:1b:21:aa:bb:cc - 7 -3
lo0 - <Link#2> lo0 18446744073709551615 0 0
",
    );
    let expected = vec![
        "em0 bytes_sent=7".to_owned(),
        "lo0 bytes_sent=0 bytes_recv=18446744073709551615 drop_out=0".to_owned(),
    ];
    assert_eq!((links, skipped), (expected, 0));
}

#[test]
fn rows_that_cannot_be_read_are_counted_and_cost_no_other() {
    let header = "Name Mtu Network Address Ibytes Obytes";
    let good = "em0 1500 <Link#1> 00:1b:21:aa:bb:cc 1 2";
    for bad in [
        "em1",
        "em1 1500",
        "em1 1500 <Link#2>",
        "em1 1500 <Link#2> 00:1b:21:aa:bb:cc",
        "em1 1500 <Link#2> 00:1b:21:aa:bb:cc 1",
        "em1 1500 <Link#2> 00:1b:21:aa:bb:cc 12",
        "em1 1500 <Link#2> 12",
        "em1 1500 <Link#2> 00:1b:21:aa:bb:cc 1 2 3",
        "em1 1500 <Link#2> 1 2 3",
        "em1 1500 <Link#2> 00:1b:21:aa:bb:cc1 2",
        "em1 1500 <Link#2> 00:1b:21:aa:bb:cc 1 x",
        "em1 1500 <Link#2> 00:1b:21:aa:bb:cc 1 18446744073709551616",
        "em1131072 <Link#2> 00:1b:21:aa:bb:cc 1 2",
        "<Link#2> 00:1b:21:aa:bb:cc 1 2",
        "* 1500 <Link#2> 00:1b:21:aa:bb:cc 1 2",
    ] {
        let (links, skipped) = rows(&format!("{header}\n{good}\n{bad}\n\n{good}\r\n"));
        assert_eq!((links.len(), skipped), (2, 1), "{bad}");
    }
    let mut long = Table::default();
    long.line(Some(header.as_bytes()));
    long.line(None);
    assert_eq!(long.finish().map(|links| links.skipped), Ok(1));
}

#[test]
fn a_second_header_governs_what_follows() {
    let (links, skipped) = rows(
        "Name Mtu Network Address Ibytes Obytes
em0 1500 <Link#1> 00:1b:21:aa:bb:cc 1 2
Name Mtu Network Address Ipkts Opkts
em0 1500 <Link#1> 00:1b:21:aa:bb:cc 3 4
Name Mtu
em0 1500 <Link#1> 00:1b:21:aa:bb:cc 5 6
",
    );
    assert_eq!(links, ["em0 bytes_sent=2 bytes_recv=1", "em0 packets_sent=4 packets_recv=3"]);
    assert_eq!(skipped, 1);
}

#[test]
fn an_output_without_a_header_is_foreign_and_quoted() {
    assert_eq!(table(b" \n\r\n"), Err("printed nothing, expected a table of interfaces".to_owned()));
    for (output, first) in [
        ("usage: netstat [-i]\nName\n", "usage: netstat [-i]"),
        ("Name Mtu Network Address\nem0 1500 <Link#1> 1 2\n", "Name Mtu Network Address"),
        ("em0 1500 <Link#1> 1 2\n", "em0 1500 <Link#1> 1 2"),
    ] {
        let expected = format!("printed unexpected output, expected a table of interfaces, got \"{first}\"");
        assert_eq!(table(output.as_bytes()), Err(expected));
    }
}

#[test]
fn the_width_of_the_names_is_the_headers_or_the_longest_names() {
    let width = |output: &str| table(output.as_bytes()).map(|links| links.name_width);
    assert_eq!(width("Name  Mtu   Network  Address  Ibytes\nlo0 1 <Link#1> 1\n"), Ok(5));
    assert_eq!(width("Name Mtu Network Address Ibytes\nutun10 1 <Link#1> 1\n"), Ok(6));
}

const IBYTES: &str = "Name    Mtu   Network     Address              Ibytes     Obytes
vio0    1500  <Link>      fe:e1:ba:d0:01:02         1          2
gone0   1500  <Link>      fe:e1:ba:d0:01:03         3          4
";
const IDROP: &str = "Name    Mtu   Network     Address              Ipkts Idrop    Opkts Odrop Colls
vio0    1500  <Link>      fe:e1:ba:d0:01:02       10     5       11     2     0
";
const IERRS: &str = "Name    Mtu   Network     Address              Ipkts Ierrs    Opkts Oerrs Colls
vio0    1500  <Link>      fe:e1:ba:d0:01:02       12     1       13     3     0
new0*   1500  <Link>      fe:e1:ba:d0:01:04        0     0        0     0     0
";

#[test]
fn several_runs_are_put_together_by_name() {
    let (gathered, ran) = gathered(
        Platform::OpenBsd,
        &[("netstat -inbv", Ok(IBYTES)), ("netstat -indv", Ok(IDROP)), ("netstat -inev", Ok(IERRS))],
    );
    assert_eq!(ran, ["netstat -inbv", "netstat -indv", "netstat -inev"]);
    assert_eq!((gathered.errors.as_slice(), gathered.skipped), (&[][..], 0));
    assert_eq!(
        values(&gathered),
        [
            "gone0 bytes_sent=4 bytes_recv=3",
            "new0 packets_sent=0 packets_recv=0 err_in=0 err_out=0",
            "vio0 bytes_sent=2 bytes_recv=1 packets_sent=11 packets_recv=10 err_in=1 err_out=3 drop_in=5 drop_out=2",
        ]
    );
    let up = |name: &str, up| (name.to_owned(), Some(up));
    assert_eq!(names(&gathered), [up("gone0", true), up("new0", false), up("vio0", true)]);
}

#[test]
fn a_run_that_fails_costs_only_what_it_alone_gives() {
    let (gathered, _) = gathered(
        Platform::OpenBsd,
        &[("netstat -inbv", Err("timed out")), ("netstat -indv", Ok("oops")), ("netstat -inev", Ok(IERRS))],
    );
    let errors = [
        "netstat -inbv timed out",
        "netstat -indv printed unexpected output, expected a table of interfaces, got \"oops\"",
    ];
    assert_eq!(gathered.errors, errors);
    assert_eq!(
        values(&gathered),
        [
            "new0 packets_sent=0 packets_recv=0 err_in=0 err_out=0",
            "vio0 packets_sent=13 packets_recv=12 err_in=1 err_out=3",
        ]
    );
}

#[test]
fn rows_of_one_name_are_one_interface_only_where_links_bear_no_number() {
    let netbsd = "Name Mtu Network Address Ibytes Obytes
wm0 1500 <Link> 00:1b:21:0a:0b:0c 1 2
wm0 1500 <Link> 00:1b:21:0a:0b:0c 1 2
";
    let (found, _) =
        gathered(Platform::NetBsd, &[("netstat -inbv", Ok(netbsd)), ("netstat -indv", Ok(IDROP))]);
    assert_eq!(found.errors, [""; 0]);
    assert_eq!(values(&found).last().map(String::as_str), Some("wm0 bytes_sent=2 bytes_recv=1"));

    let freebsd = "Name Mtu Network Address Ibytes Obytes
bridge1 1500 <Link#1> 58:9c:fc:00:11:22 1 2
em0 1500 <Link#2> 58:9c:fc:00:11:23 3 4
bridge1 1500 <Link#3> 58:9c:fc:00:11:24 5 6
";
    let (found, _) = gathered(Platform::FreeBsd, &[("netstat -ibdnW", Ok(freebsd))]);
    assert_eq!(
        found.errors,
        ["netstat -ibdnW printed more than one interface as \"bridge1\"; skipping them"]
    );
    assert_eq!(values(&found), ["em0 bytes_sent=4 bytes_recv=3"]);
}

/// A table of macOS up to 11, whose names have 5 characters, with these rows.
fn narrow(rows: &[&str]) -> String {
    let header = "Name  Mtu   Network       Address            Ipkts Ierrs     Ibytes    Opkts Oerrs     Obytes  Coll Drop";
    format!("{header}\n{}\n", rows.join("\n"))
}

const UTUN10: &str = "utun1 1500  <Link#21>     310     0      40021      118     0      11822     0    0";
const UTUN11: &str = "utun1 1500  <Link#22>     11     0       1402        9     0       1011     0    0";
const GIF0: &str = "gif0* 1280  <Link#2>      0     0          0        0     0          0     0    0";
const EN0: &str = "en0   1500  <Link#4>    a4:83:e7:01:02:03  882     2 900     331     0  511     0  118";

#[test]
fn cut_names_are_resolved_by_asking_for_each() {
    let (all, utun10, utun11) = (narrow(&[GIF0, EN0, UTUN10, UTUN11]), narrow(&[UTUN10]), narrow(&[UTUN11]));
    let (found, ran) = gathered(
        Platform::MacOs,
        &[
            ("netstat -ibdnl", Ok(&all)),
            ("ifconfig -l", Ok("lo0 gif0 en0 utun10 utun11\n")),
            ("netstat -ibdnl -I utun10", Ok(&utun10)),
            ("netstat -ibdnl -I utun11", Ok(&utun11)),
        ],
    );
    assert_eq!(found.errors, [""; 0]);
    assert_eq!(
        ran,
        ["netstat -ibdnl", "ifconfig -l", "netstat -ibdnl -I utun10", "netstat -ibdnl -I utun11"]
    );
    let up = |name: &str, up| (name.to_owned(), up);
    let expected = [up("en0", Some(true)), up("gif0", Some(false)), up("utun10", None), up("utun11", None)];
    assert_eq!(names(&found), expected);
    assert!(
        values(&found).last().is_some_and(|row| row.contains("bytes_recv=1402 ")),
        "{:?}",
        values(&found)
    );
}

#[test]
fn names_that_cannot_be_cut_need_no_ifconfig() {
    let (found, ran) = gathered(Platform::MacOs, &[("netstat -ibdnl", Ok(&narrow(&[GIF0, EN0])))]);
    assert_eq!((found.errors.as_slice(), ran.len(), names(&found).len()), (&[][..], 1, 2));
}

#[test]
fn a_name_as_wide_as_its_column_is_whole_where_no_longer_one_can_be_meant() {
    let all = narrow(&[UTUN10]);
    let run =
        |listed| gathered(Platform::MacOs, &[("netstat -ibdnl", Ok(&all)), ("ifconfig -l", Ok(listed))]);
    let (found, ran) = run("utun1 en0");
    assert_eq!((found.errors.len(), ran.len(), names(&found)), (0, 2, vec![("utun1".to_owned(), None)]));
    // Two that can be meant are asked for, and here nobody answers.
    let (found, ran) = run("utun1 utun10 en0");
    assert_eq!(found.errors, ["netstat -ibdnl -I utun1 no such answer (and 1 more)"]);
    assert_eq!((ran.len(), names(&found).len()), (4, 0));
}

#[test]
fn cut_names_that_cannot_be_resolved_are_skipped() {
    let all = narrow(&[EN0, UTUN10, UTUN11]);
    let (found, _) =
        gathered(Platform::MacOs, &[("netstat -ibdnl", Ok(&all)), ("ifconfig -l", Err("is not there"))]);
    assert_eq!(
        found.errors,
        ["ifconfig -l is not there: the name \"utun1\" may be truncated; skipping it (and 1 more)"]
    );
    assert_eq!(names(&found), [("en0".to_owned(), Some(true))]);

    // A netstat that ignores -I says nothing of one interface; one that is gone is no fault.
    let none = narrow(&[]);
    let (found, _) = gathered(
        Platform::MacOs,
        &[
            ("netstat -ibdnl", Ok(&all)),
            ("ifconfig -l", Ok("en0 utun10 utun11")),
            ("netstat -ibdnl -I utun10", Ok(&all)),
            ("netstat -ibdnl -I utun11", Ok(&none)),
        ],
    );
    assert_eq!(found.errors, ["netstat -ibdnl -I utun10 printed more than one interface"]);
    assert_eq!(names(&found), [("en0".to_owned(), Some(true))]);
}

#[test]
fn each_system_gets_its_runs() {
    assert_eq!(runs(Platform::FreeBsd), [["-ibdnW"]]);
    assert_eq!(runs(Platform::MacOs), [["-ibdnl"]]);
    assert_eq!(runs(Platform::OpenBsd), [["-inbv"], ["-indv"], ["-inev"]]);
    assert_eq!(runs(Platform::NetBsd), [["-inbv"], ["-indv"]]);
}

#[test]
fn loopback_is_known_by_its_name() {
    for (name, expected) in
        [("lo", true), ("lo0", true), ("lo12", true), ("lo0a", false), ("log0", false), ("plo0", false)]
    {
        assert_eq!(is_loopback(name.as_bytes()), expected, "{name}");
    }
}

proptest! {
    #[test]
    fn no_output_makes_it_panic(output in proptest::collection::vec(any::<u8>(), 0..2000)) {
        // The header that a table needs does not come about by chance.
        prop_assert!(table(&output).is_err());
    }

    #[test]
    fn no_row_makes_it_panic(text in "((Name|em0|utun1\\*?) [ <>Link#Ibytes.:0-9a-f\\n\\t-]{0,60}\\n){0,20}") {
        let output = format!("Name Mtu Network Address Ibytes Obytes Drop\n{text}");
        prop_assert!(table(output.as_bytes()).is_ok());
        let list = text.replace('\n', " ");
        for platform in Platform::ALL {
            let (found, _) = gathered(platform, &[
                ("netstat -ibdnW", Ok(&output)), ("netstat -ibdnl", Ok(&output)), ("netstat -inbv", Ok(&output)),
                ("netstat -indv", Ok(&output)), ("netstat -inev", Ok(&output)), ("ifconfig -l", Ok(&list)),
            ]);
            prop_assert!(found.interfaces().all(|(name, _)| !name.is_empty()));
        }
    }

    #[test]
    fn a_row_comes_back_as_it_was(
        counters in any::<[Option<u64>; 4]>(),
        down in any::<bool>(),
        address in proptest::option::of("[0-9a-f]{2}(:[0-9a-f]{2}){5}"),
    ) {
        let cells = counters.map(|counter| counter.map_or_else(|| "-".to_owned(), |value| value.to_string())).join(" ");
        let (mark, address) = (if down { "*" } else { "" }, address.unwrap_or_default());
        let output = format!("Name Mtu Network Address Obytes Ibytes Opkts Ipkts\nem0{mark} 1500 <Link#1> {address} {cells}\n");
        let (found, _) = gathered(Platform::FreeBsd, &[("netstat -ibdnW", Ok(&output))]);
        let all: Vec<_> = found.interfaces().collect();
        prop_assert_eq!(all.len(), 1);
        prop_assert_eq!(&all[0].1.counters[..4], &counters[..]);
        prop_assert_eq!(all[0].1.up, Some(!down));
    }
}
