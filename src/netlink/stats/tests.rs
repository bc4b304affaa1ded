use std::time::Duration;

use super::*;
use crate::netlink::testing::{Kernel, message, recorded};

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn the_shorter_structure_of_an_older_kernel_has_fewer_counters() {
    let bytes: Vec<u8> = (1..=25_u64).flat_map(u64::to_ne_bytes).collect();
    let newer = Statistics::new(&bytes);
    assert_eq!((newer.get(0), newer.get(24), newer.get(25)), (Some(1), Some(25), None));
    let older = Statistics::new(&bytes[..24 * 8 + 4]);
    assert_eq!((older.get(23), older.get(24)), (Some(24), None));
    assert_eq!(Statistics::new(&[]).get(0), None);
}

#[test]
fn recorded_counters_equal_those_of_rtm_getlink() {
    let kernel = Kernel::default()
        .answers(RTM_GETSTATS, &recorded("stats.bin"))
        .answers(18, &recorded("links-with-stats.bin"));
    let (mut counters, mut of_links) = (Vec::new(), Vec::new());
    let dumper = kernel.dumper();
    let interrupted =
        list(&dumper, deadline(), &mut |index, all| counters.push((index, all.bytes().to_vec())));
    assert_eq!(interrupted, Ok(false));
    let each = &mut |index, all: Statistics<'_>| of_links.push((index, all.bytes().to_vec()));
    super::super::links::list_statistics(&dumper, deadline(), each).expect("it is whole");
    assert_eq!(counters.len(), 13);
    assert_eq!(counters, of_links);
    // Two packets with 54 bytes each were sent to v0.
    let sent = |all: &[u8]| (Statistics::new(all).get(1), Statistics::new(all).get(3));
    assert!(counters.iter().any(|(_, all)| sent(all) == (Some(2), Some(108))));
}

#[test]
fn an_answer_without_the_counters_is_malformed() {
    for payload in [&[0; 12][..], &[0; 3], &[0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 0]] {
        let mut answer = message(RTM_NEWSTATS, 2, payload);
        answer.extend(message(3, 2, &[0; 4]));
        let kernel = Kernel::default().answers(RTM_GETSTATS, &answer);
        assert_eq!(list(&kernel.dumper(), deadline(), &mut |_, _| {}), Err(DumpError::Malformed));
    }
}
