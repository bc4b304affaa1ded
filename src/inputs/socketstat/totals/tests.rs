use super::*;
use crate::inputs::socketstat::field::{CONTRACT, FIELDS, Width};

/// A `tcp_info` whose counters have these values, in the order of the contract.
fn info(counters: [u64; 6]) -> Vec<u8> {
    let mut info = vec![0; 240];
    for (field, value) in CONTRACT.iter().zip(counters) {
        let width = if field.width == Width::U64 { 8 } else { 4 };
        let start = if cfg!(target_endian = "big") { 8 - width } else { 0 };
        let bytes = &value.to_ne_bytes()[start..start + width];
        info[field.offset..field.offset + width].copy_from_slice(bytes);
    }
    info
}

struct Gather(Totals);

impl Gather {
    fn new() -> Self {
        Self(Totals::new(CONTRACT.iter(), false, false))
    }

    /// The growth of each of the sockets, which have the same value in all counters; `None` for a repeat.
    fn dump(&mut self, sockets: &[(u64, u64)]) -> Vec<Option<u64>> {
        self.0.begin();
        sockets.iter().map(|&(id, value)| self.row(id, [value; 6]).map(|growth| growth[0])).collect()
    }

    fn whole(&mut self, sockets: &[(u64, u64)]) -> Vec<Option<u64>> {
        let growth = self.dump(sockets);
        self.0.commit();
        growth
    }

    fn closed(&mut self, id: u64, value: u64) -> Option<u64> {
        let mut growth = [7; 6];
        let told = self.0.closed(id, &TcpInfo::Raw(&info([value; 6])), &mut growth);
        (told != Ended::Repeated).then_some(growth[0])
    }

    fn row(&mut self, id: u64, counters: [u64; 6]) -> Option<[u64; 6]> {
        let mut growth = [7; 6];
        self.0.row(id, &TcpInfo::Raw(&info(counters)), Owner::default(), &mut growth).then_some(growth)
    }
}

#[test]
fn growth_is_counted_since_the_last_complete_dump() {
    let mut gather = Gather::new();
    assert!(gather.0.is_first());
    assert_eq!(gather.whole(&[(1, 100), (2, 50)]), [Some(100), Some(50)]);
    assert!(!gather.0.is_first());
    assert_eq!(gather.whole(&[(2, 51), (3, 9), (1, 100)]), [Some(1), Some(9), Some(0)]);
    // Two dumps that fail.
    assert_eq!(gather.dump(&[(1, 110)]), [Some(10)]);
    assert_eq!(gather.dump(&[(1, 120), (4, 7)]), [Some(20), Some(7)]);
    assert_eq!(gather.whole(&[(1, 130), (4, 8)]), [Some(30), Some(8)]);
    assert_eq!(gather.whole(&[(1, 130), (4, 8)]), [Some(0), Some(0)]);
}

#[test]
fn a_socket_counts_once_per_dump() {
    let mut gather = Gather::new();
    assert_eq!(gather.whole(&[(1, 5), (1, 6), (2, 1)]), [Some(5), None, Some(1)]);
    assert_eq!(gather.whole(&[(1, 8), (3, 1), (1, 9), (3, 2)]), [Some(3), Some(1), None, None]);
    assert_eq!(gather.whole(&[(1, 9), (3, 2)]), [Some(1), Some(1)]);
}

#[test]
fn a_missed_socket_is_kept_for_two_gathers() {
    let mut gather = Gather::new();
    gather.whole(&[(1, 5), (2, 5)]);
    gather.whole(&[(1, 5)]);
    gather.whole(&[(1, 5)]);
    assert_eq!(gather.whole(&[(1, 5), (2, 8)]), [Some(0), Some(3)]);
    for _ in 0..3 {
        gather.whole(&[(1, 5)]);
    }
    assert_eq!(gather.whole(&[(2, 8)]), [Some(8)]);
}

#[test]
fn a_smaller_counter_belongs_to_a_new_connection() {
    let mut gather = Gather::new();
    gather.whole(&[(1, 1000)]);
    assert_eq!(gather.whole(&[(1, 10)]), [Some(10)]);
    // One that went round its 32 bits did not go back.
    let near = u64::from(u32::MAX) - 1;
    gather.whole(&[(1, near)]);
    gather.0.begin();
    assert_eq!(gather.row(1, [near + 8, near + 9, 5, 6, 7, 8]), Some([8, 9, 7, 8, 9, 10]));
}

#[test]
fn without_counters_the_last_ones_are_kept() {
    let mut gather = Gather::new();
    gather.whole(&[(1, 5)]);
    gather.0.begin();
    let mut growth = [7; 6];
    assert!(gather.0.row(1, &TcpInfo::Unknown, Owner::default(), &mut growth));
    assert!(gather.0.row(2, &TcpInfo::Unknown, Owner::default(), &mut growth));
    assert_eq!(growth, [0; 6]);
    gather.0.commit();
    assert_eq!(gather.whole(&[(1, 6), (2, 6)]), [Some(1), Some(6)]);
}

#[test]
fn connections_of_ss_are_counted() {
    let mut totals = Totals::new(CONTRACT.iter(), false, true);
    let mut growth = [0; 6];
    assert!(totals.told().all(|told| !told));
    totals.begin();
    totals.row(
        1,
        &TcpInfo::Printed(&[Some(1), None, Some(u64::MAX), None, None, Some(2)]),
        Owner::default(),
        &mut growth,
    );
    assert_eq!(growth, [1, 0, u32::MAX.into(), 0, 0, 2]);
    totals.commit();
    assert!(totals.told().all(|told| told));
    totals.begin();
    totals.row(
        1,
        &TcpInfo::Printed(&[Some(4), None, None, None, None, Some(2)]),
        Owner::default(),
        &mut growth,
    );
    assert_eq!(growth, [3, 0, 1, 0, 0, 0]);
}

#[test]
fn counters_that_the_kernel_does_not_have_are_unknown() {
    let mut totals = Totals::new(FIELDS.iter().filter(|field| field.is_counter()), false, true);
    totals.begin();
    let mut growth = vec![0; FIELDS.len()];
    totals.row(1, &TcpInfo::Raw(&[0; 136]), Owner::default(), &mut growth);
    let told = totals.told().filter(|told| *told).count();
    assert_eq!(told, 3, "bytes_acked, bytes_received, retrans_total");
}

#[test]
fn totals_start_again_with_another_source() {
    let mut gather = Gather::new();
    gather.whole(&[(1, 5)]);
    gather.0.reset();
    assert!(gather.0.is_first());
    assert_eq!(gather.whole(&[(1, 6)]), [Some(6)]);
}

#[test]
fn memory_is_freed() {
    let mut gather = Gather::new();
    gather.whole(&(0..10_000).map(|id| (id, 1)).collect::<Vec<_>>());
    for _ in 0..6 {
        gather.whole(&[(1, 1)]);
    }
    assert!(gather.0.known.ids.capacity() < 1000 && gather.0.next.ids.capacity() < 1000);
    // Vectors grow to twice what they hold; the rest is not touched, so it takes no memory.
    let bytes = size_of::<u64>() + size_of::<Mark>() + 4 * gather.0.words;
    assert_eq!(bytes, 42);
}

#[test]
fn a_closed_connection_is_counted_once() {
    let mut gather = Gather::new();
    gather.whole(&[(1, 100), (2, 100), (3, 100)]);
    // 1 is listed and ends behind that; 2 has ended before; 3 is missed; 4 was never listed.
    assert_eq!(gather.dump(&[(1, 110)]), [Some(10)]);
    assert_eq!(gather.closed(1, 115), Some(5));
    assert_eq!(gather.closed(2, 130), Some(30));
    assert_eq!(gather.closed(4, 9), Some(9));
    assert_eq!(gather.closed(1, 115), None, "told twice");
    gather.0.commit();
    gather.dump(&[]);
    assert_eq!(gather.closed(3, 101), Some(1));
    gather.0.commit();
    assert_eq!(gather.whole(&[(5, 1)]), [Some(1)]);
    assert_eq!(gather.0.known.ids, [5], "what has ended is forgotten");
}

#[test]
fn the_first_owner_of_a_connection_is_remembered() {
    let mut totals = Totals::new(CONTRACT.iter(), true, true);
    let owner = |uid| Owner { uid: Some(uid), cgroup: Some(7) };
    let mut growth = [0; 6];
    totals.begin();
    totals.row(1, &TcpInfo::Raw(&info([1; 6])), owner(1000), &mut growth);
    totals.commit();
    assert_eq!((totals.owner(1), totals.owner(2)), (Some(owner(1000)), None));
    totals.begin();
    totals.commit();
    totals.begin();
    let told = totals.closed(1, &TcpInfo::Raw(&info([2; 6])), &mut growth);
    assert_eq!((told, growth[0]), (Ended::Seen(owner(1000)), 1));
    assert_eq!(totals.closed(2, &TcpInfo::Raw(&info([2; 6])), &mut growth), Ended::Unseen);
}

#[test]
fn a_connection_is_remembered_until_it_closes() {
    let mut gather = Gather(Totals::new(CONTRACT.iter(), false, true));
    // 1 is reset, and its process closes it long after; 2 goes to TIME-WAIT.
    gather.whole(&[(1, 100), (2, 5)]);
    let mut growth = [7; 6];
    gather.0.begin();
    gather.0.row(2, &TcpInfo::Unknown, Owner::default(), &mut growth);
    gather.0.commit();
    for _ in 0..9 {
        gather.whole(&[]);
    }
    assert_eq!(gather.0.known.ids, [1]);
    gather.0.begin();
    assert_eq!(gather.closed(1, 103), Some(3));
    gather.0.commit();
    gather.whole(&[]);
    assert!(gather.0.known.ids.is_empty());
}

#[test]
fn the_memory_for_connections_that_never_close_is_bounded() {
    let mut gather = Gather(Totals::new(CONTRACT.iter(), false, true));
    for part in 0..8_u64 {
        gather.whole(&(0..20_000).map(|id| (part * 20_000 + id, 1)).collect::<Vec<_>>());
    }
    for _ in 0..5 {
        gather.whole(&[(1_000_000, 1)]);
    }
    assert_eq!(gather.0.known.ids.len(), MOST_AWAITED + 1);
    gather.0.begin();
    assert_eq!(gather.closed(159_999, 4), Some(3), "the latest ones are kept");
    assert_eq!(gather.closed(0, 4), Some(4), "the first ones are not");
}

#[test]
fn connections_closed_before_the_first_gather_are_not_growth() {
    let mut gather = Gather(Totals::new(CONTRACT.iter(), false, true));
    let mut growth = [7; 6];
    // In TIME-WAIT, before and after its end is told.
    gather.0.begin();
    gather.0.row(1, &TcpInfo::Unknown, Owner::default(), &mut growth);
    for _ in 0..2 {
        gather.0.commit();
        gather.0.begin();
        gather.0.row(1, &TcpInfo::Unknown, Owner::default(), &mut growth);
    }
    assert_eq!(gather.closed(1, 9), None);
}
