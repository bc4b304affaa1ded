//! More groups than lines, and single sockets.

use super::*;

#[test]
fn groups_over_the_limit_are_one_line() {
    let mut groups = groups(&options(&["service"], Some(3)), &["rtt"]);
    let services = [(1, 80, 500), (2, 81, 400), (3, 82, 300), (4, 83, 1)];
    let sockets = |grow: [u64; 4]| {
        let socket = |((cookie, port, bytes), grow)| Connection::new(cookie, (9, port), bytes + grow);
        services.into_iter().zip(grow).map(socket).collect::<Vec<_>>()
    };
    rows(&mut groups, Protocol::Tcp, &sockets([0; 4])).commit();
    let (lines, warning) = write(&mut groups, Instant::now());
    let names = ["proto=tcp,service=80", "proto=tcp,service=81", "proto=tcp,service=other"];
    assert_eq!(lines.keys().collect::<Vec<_>>(), names);
    assert_eq!(lines[names[2]]["sockets"], 2);
    assert_eq!(lines[names[2]]["rtt_max"], 100);
    assert_eq!(warning.unwrap(), "max_series = 3: 2 of 4 groups are summed up in lines tagged other");

    // 82 is larger than 81 by less than half; 81 keeps its line.
    rows(&mut groups, Protocol::Tcp, &sockets([100, 50, 74, 0])).commit();
    let (lines, warning) = write(&mut groups, Instant::now());
    assert_eq!(lines.keys().collect::<Vec<_>>(), names);
    assert_eq!(
        field(&lines, "bytes_acked").iter().map(|line| line.1.unwrap()).collect::<Vec<_>>(),
        [100, 50, 74]
    );
    assert_eq!(warning, None);

    // Now by half: 81's total stays as it was, and other takes its growth.
    rows(&mut groups, Protocol::Tcp, &sockets([200, 60, 174, 1])).commit();
    let (lines, _) = write(&mut groups, Instant::now());
    assert_eq!(
        field(&lines, "bytes_acked"),
        [
            ("proto=tcp,service=80", Some(200)),
            ("proto=tcp,service=82", Some(100)),
            (names[2], Some(74 + 10 + 1))
        ]
    );
    // 81 comes back and goes on from its own total.
    rows(&mut groups, Protocol::Tcp, &sockets([200, 1060, 174, 1])).commit();
    let (lines, _) = write(&mut groups, Instant::now());
    assert_eq!(
        field(&lines, "bytes_acked"),
        [
            ("proto=tcp,service=80", Some(200)),
            ("proto=tcp,service=81", Some(50 + 1000)),
            (names[2], Some(85))
        ]
    );
}

#[test]
fn a_service_may_be_called_other() {
    let names = [("80".to_owned(), "other".to_owned())];
    let options = GroupOptions { port_names: names.into(), ..options(&["service"], Some(2)) };
    let mut groups = groups(&options, &[]);
    for grow in 0..3 {
        let sockets: Vec<_> = (0..4)
            .map(|port| Connection::new(port, (9, 79 + u16::try_from(port).unwrap()), 100 + grow))
            .collect();
        let lines = gather(&mut groups, &sockets);
        assert_eq!(field(&lines, "sockets").iter().map(|line| line.1.unwrap()).sum::<u64>(), 4);
        assert_eq!(field(&lines, "bytes_acked").iter().map(|line| line.1.unwrap()).sum::<u64>(), 4 * grow);
        assert!(lines.contains_key("proto=tcp,service=other"));
    }
}

#[test]
fn groups_are_remembered_for_an_hour_and_four_per_line() {
    let mut all = groups(&options(&["service"], Some(0)), &[]);
    let begin = Instant::now();
    let step = |groups: &mut Groups, sockets: &[Connection], minutes: u64| {
        rows(groups, Protocol::Tcp, sockets).commit();
        write(groups, begin + Duration::from_secs(60 * minutes)).0.len()
    };
    assert_eq!(step(&mut all, &[Connection::new(1, (9, 80), 1), Connection::new(2, (9, 81), 1)], 0), 2);
    assert_eq!(step(&mut all, &[Connection::new(2, (9, 81), 1)], 1), 2);
    assert_eq!(step(&mut all, &[], 60), 2);
    assert_eq!(step(&mut all, &[], 61), 2);
    assert_eq!(step(&mut all, &[], 62), 1);
    assert_eq!(all.table.groups.len(), 1);

    let mut few = groups(&options(&["service"], Some(2)), &[]);
    for port in 0..100 {
        assert!(step(&mut few, &[Connection::new(port, (9, u16::try_from(port).unwrap() + 1), 1)], 0) <= 2);
        assert!(few.table.groups.len() <= 8 + 1, "{}", few.table.groups.len());
    }
    let crowd: Vec<_> =
        (1..1000).map(|port| Connection::new(port, (9, u16::try_from(port).unwrap()), 1)).collect();
    step(&mut few, &crowd, 0);
    assert!(few.table.groups.len() <= 8 + 1);
}

#[test]
fn single_sockets_are_limited() {
    let mut groups = groups(&options(&[], Some(2)), &["rtt"]);
    let sockets = |grow: u64| {
        [(1, 500), (2, 400), (3, 300)].map(|(cookie, bytes)| {
            Connection::new(cookie, (9, u16::try_from(cookie).unwrap()), bytes + grow * cookie)
        })
    };
    let line =
        |port| format!("local_addr=10.0.0.1,local_port=9,proto=tcp,remote_addr=10.0.0.1,remote_port={port}");
    let other = "local_addr=other,local_port=other,proto=tcp,remote_addr=other,remote_port=other";
    let lines = gather(&mut groups, &sockets(0));
    // A line per socket has what the socket has.
    assert_eq!(field(&lines, "bytes_acked"), [(&*line(1), Some(500)), (other, Some(0))]);
    assert_eq!(lines[&line(1)]["rtt"], 100);
    assert_eq!(lines[other]["sockets"], 2);
    // The third outgrows the first, whose counters stay what they were.
    let lines = gather(&mut groups, &sockets(10));
    assert_eq!(field(&lines, "bytes_acked"), [(&*line(3), Some(30)), (other, Some(10 + 20))]);
    assert!(!lines[&line(3)].contains_key("bytes_received"), "ss prints no 0");
}

#[test]
fn sockets_with_the_same_tags_are_separate_lines_with_their_strings() {
    let mut groups = groups(&options(&[], Some(9)), &["congestion"]);
    let mut dump = groups.dump(Protocol::Udp).unwrap();
    let end = Endpoint::Text { address: b"*", port: b"53" };
    let socket = Socket {
        local: end,
        remote: end,
        recv_q: Some(7),
        state: State::Text(b"UNCONN"),
        ..Socket::default()
    };
    (0..3).for_each(|_| dump.add(&socket));
    dump.commit();
    let mut dump = groups.dump(Protocol::Tcp).unwrap();
    dump.add(&Socket { state: State::Number(8), congestion: Some(b"cubic"), ..socket });
    dump.commit();
    let mut lines = Vec::new();
    groups.write(Instant::now(), &mut |metric| lines.push(format!("{:?}", metric.fields)));
    lines.sort();
    let udp = "[(\"recv_q\", Unsigned(7))]";
    let tcp = "[(\"state\", Text([67, 76, 79, 83, 69, 45, 87, 65, 73, 84])), (\"recv_q\", Unsigned(7)), \
               (\"congestion\", Text([99, 117, 98, 105, 99]))]";
    assert_eq!(lines, [udp, udp, udp, tcp]);
}
