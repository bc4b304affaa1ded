use std::time::Duration;

use super::*;
use crate::netlink::testing::{Kernel, message, recorded};

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn a_shorter_structure_of_an_older_kernel_has_fewer_counters() {
    let bytes: Vec<u8> = (1..=30_u64).flat_map(u64::to_ne_bytes).collect();
    let newer = Statistics::read(&bytes);
    assert_eq!((newer.get(0), newer.get(24), newer.get(25)), (Some(1), Some(25), None));
    let older = Statistics::read(&bytes[..24 * 8 + 4]);
    assert_eq!((older.get(23), older.get(24)), (Some(24), None));
    assert_eq!(Statistics::read(&[]).get(0), None);
}

#[test]
#[cfg(target_endian = "little")]
fn recorded_counters_are_those_of_the_links() {
    let kernel = Kernel::default()
        .answers(RTM_GETSTATS, &recorded("stats.bin"))
        .answers(18, &recorded("links-with-stats.bin"));
    let (mut counters, mut of_links) = (Vec::new(), Vec::new());
    let dumper = kernel.dumper();
    assert_eq!(list(&dumper, deadline(), &mut |index, all| counters.push((index, all))), Ok(false));
    super::super::links::list_statistics(&dumper, deadline(), &mut |index, all| of_links.push((index, all)))
        .expect("it is whole");
    assert_eq!(counters.len(), 13);
    assert_eq!(counters, of_links);
    // Two packets with 54 bytes each were sent to v0.
    assert!(counters.iter().any(|(_, all)| (all.get(1), all.get(3)) == (Some(2), Some(108))));
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
