use std::time::Duration;

use super::*;
use crate::netlink::message::{HEADER, INTERRUPTED};
use crate::netlink::request::Request;
use crate::netlink::testing::{Kernel, message};

const NEW: u16 = 16;
const GONE: u16 = 17;
const GET: u16 = 18;
const DONE: u16 = 3;
const NAME: u16 = 3;
const WIRELESS: u16 = 11;
const ALIAS: u16 = 20;

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn link(kind: u16, index: i32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut request = Request::one(0).push(&[0; 4]).push(&index.to_ne_bytes()).push(&[0; 8]);
    for (kind, value) in attributes {
        request = request.attribute(*kind, value);
    }
    message(kind, 0, &request.finish(0)[HEADER..])
}

fn named(index: i32, name: &str) -> Vec<u8> {
    link(NEW, index, &[(NAME, name.as_bytes())])
}

/// A list of devices, with these flags at its end.
fn list(flags: u16, devices: &[(i32, &str)]) -> Vec<u8> {
    let mut answer: Vec<u8> = devices.iter().flat_map(|(index, name)| named(*index, name)).collect();
    answer.extend(message(DONE, flags, &[0; 4]));
    answer
}

fn table(kernel: &Kernel) -> LinkTable {
    LinkTable::with_events(kernel.dumper(), kernel.subscribe())
}

fn names(table: &LinkTable) -> Vec<(u32, String)> {
    table.links.iter().map(|(index, link)| (*index, String::from_utf8_lossy(&link.name).into())).collect()
}

fn owned(names: &[(u32, &str)]) -> Vec<(u32, String)> {
    names.iter().map(|(index, name)| (*index, (*name).to_owned())).collect()
}

#[test]
fn the_list_is_asked_once_and_then_follows_the_messages() {
    let kernel = Kernel::default().answers(GET, &list(0, &[(1, "lo"), (2, "eth0")]));
    let mut table = table(&kernel);
    table.refresh(deadline()).expect("a list");
    assert_eq!(names(&table), owned(&[(1, "lo"), (2, "eth0")]));
    kernel.reports(Ok(named(2, "wan0")));
    kernel.reports(Ok([named(3, "eth1"), link(GONE, 1, &[])].concat()));
    table.refresh(deadline()).expect("no list");
    assert_eq!(names(&table), owned(&[(2, "wan0"), (3, "eth1")]));
    assert_eq!((kernel.asked(), kernel.subscribed()), (vec![GET], 1));
}

#[test]
fn devices_that_went_are_told_even_where_another_has_their_index() {
    let kernel = Kernel::default().answers(GET, &list(0, &[(1, "lo"), (2, "eth0")]));
    let mut table = table(&kernel);
    table.refresh(deadline()).expect("a list");
    kernel.reports(Ok([link(GONE, 2, &[]), named(2, "other")].concat()));
    assert_eq!(table.follow(), Some(BTreeSet::from([2])));
    assert_eq!(names(&table), owned(&[(1, "lo"), (2, "other")]));
    assert_eq!(table.follow(), Some(BTreeSet::new()));
}

#[test]
fn an_attribute_that_is_missing_is_gone() {
    let kernel = Kernel::default().answers(GET, &list(0, &[]));
    let mut table = table(&kernel);
    table.refresh(deadline()).expect("a list");
    kernel.reports(Ok(link(NEW, 2, &[(NAME, b"eth0"), (ALIAS, b"uplink")])));
    assert!(table.follow().is_some());
    // What says less of a device says nothing of its alias.
    kernel.reports(Ok(link(NEW, 2, &[(NAME, b"wan0"), (WIRELESS, b"event")])));
    assert!(table.follow().is_some());
    let link = table.get(2).expect("it is there");
    assert_eq!((link.name.as_slice(), link.alias.as_slice()), (&b"wan0"[..], &b"uplink"[..]));
    kernel.reports(Ok(named(2, "wan0")));
    assert!(table.follow().is_some());
    assert_eq!(table.get(2).map(|link| link.alias.len()), Some(0));
}

#[test]
fn lost_messages_make_it_ask_again() {
    for lost in [
        Err(Errno::ENOBUFS),
        Ok(vec![1, 2, 3]),
        Ok(link(NEW, 2, &[])),
        Ok(link(NEW, 9, &[(NAME, b"wlan0"), (WIRELESS, b"event")])),
        Ok(vec![0; MESSAGE + 1]),
    ] {
        let kernel = Kernel::default()
            .answers(GET, &list(0, &[(2, "eth0")]))
            .answers(GET, &list(0, &[(2, "wan0"), (3, "eth1")]));
        let mut table = table(&kernel);
        table.refresh(deadline()).expect("a list");
        kernel.reports(lost);
        assert_eq!(table.follow(), None);
        table.refresh(deadline()).expect("another list");
        assert_eq!(names(&table), owned(&[(2, "wan0"), (3, "eth1")]));
        assert_eq!(kernel.asked(), [GET, GET]);
        assert_eq!(kernel.subscribed(), 1);
    }
}

#[test]
fn a_socket_that_fails_is_opened_again() {
    let kernel = Kernel::default().answers(GET, &list(0, &[(2, "eth0")]));
    let mut table = table(&kernel);
    table.refresh(deadline()).expect("a list");
    kernel.reports(Err(Errno::ENOTCONN));
    table.refresh(deadline()).expect("another list");
    assert_eq!((kernel.asked(), kernel.subscribed()), (vec![GET, GET], 2));
}

#[test]
fn an_interrupted_list_is_asked_again() {
    let kernel = Kernel::default()
        .answers(GET, &list(INTERRUPTED, &[(2, "eth0")]))
        .answers(GET, &list(0, &[(2, "eth0"), (3, "eth1")]));
    let mut table = table(&kernel);
    table.refresh(deadline()).expect("a list");
    assert_eq!(names(&table), owned(&[(2, "eth0"), (3, "eth1")]));
    assert_eq!(kernel.asked(), [GET, GET]);
}

#[test]
fn a_list_that_is_always_interrupted_counts_and_is_asked_at_each_refresh() {
    let kernel = Kernel::default().answers(GET, &list(INTERRUPTED, &[(2, "eth0")]));
    let mut table = table(&kernel);
    for _ in 0..2 {
        kernel.reports_during(GET, Ok(named(2, "wan0")));
        table.refresh(deadline()).expect("a list");
        assert_eq!(kernel.asked().len(), ATTEMPTS as usize);
        assert_eq!(names(&table), owned(&[(2, "eth0")]), "messages before the last list are older");
        assert_eq!(table.follow(), Some(BTreeSet::new()));
    }
}

#[test]
fn messages_that_come_during_the_list_count() {
    let kernel = Kernel::default().answers(GET, &list(0, &[(2, "eth0"), (3, "eth1")]));
    kernel.reports_during(GET, Ok([named(2, "wan0"), link(GONE, 3, &[])].concat()));
    let mut table = table(&kernel);
    table.refresh(deadline()).expect("a list");
    assert_eq!(names(&table), owned(&[(2, "wan0")]));
}

#[test]
fn the_kernel_reports_what_happens() {
    let route = SharedDumper::new(crate::netlink::dump::Dumper::new(SockProtocol::NetlinkRoute));
    let mut table = LinkTable::new(route);
    if let Err(error) = table.refresh(deadline()) {
        return crate::skip::skipped(&format!("needs NETLINK_ROUTE: {error}"));
    }
    assert!(table.links().any(Link::is_loopback));
    assert!(table.follow().is_some());
}
