use super::*;
use crate::inputs::socketstat::state::listed;

/// What `strace -e trace=sendmsg -e write` shows of ss 6.1, but for `idiag_ext` (ss also asks for the congestion
/// control) and for packet sockets (it also asks for rings, filter and fanout).
#[test]
#[cfg(target_endian = "little")]
fn asks_as_ss_does() {
    let request = encode(Protocol::Tcp, AF_INET, listed(Protocol::Tcp), 9);
    let mut expected = vec![72, 0, 0, 0, 20, 0, 1, 3, 9, 0, 0, 0, 0, 0, 0, 0, 2, 6, 2, 0, 0x37, 0xb, 0, 0];
    expected.resize(72, 0);
    assert_eq!(request, expected);

    let request = encode(Protocol::Raw, AF_INET6, listed(Protocol::Raw), 9);
    assert_eq!(&request[16..24], [10, 255, 0, 0, 2, 0, 0, 0]);

    let request = encode(Protocol::Unix, AF_UNIX, listed(Protocol::Unix), 9);
    assert_eq!(request.len(), 40);
    assert_eq!(&request[16..32], [1, 0, 0, 0, 0x37, 0xb, 0, 0, 0, 0, 0, 0, 0x15, 0, 0, 0]);

    let request = encode(Protocol::Packet, AF_PACKET, listed(Protocol::Packet), 9);
    assert_eq!(request.len(), 36);
    assert_eq!(&request[16..28], [17, 0, 0, 0, 0, 0, 0, 0, 0x11, 0, 0, 0]);
}

#[test]
fn asks_only_tcp_for_its_counters_and_both_families_of_the_internet() {
    for protocol in [Protocol::Udp, Protocol::Raw, Protocol::Dccp, Protocol::Sctp] {
        assert_eq!(encode(protocol, AF_INET, 0, 0)[18], 0);
        assert_eq!(families(protocol), [AF_INET, AF_INET6]);
    }
}
