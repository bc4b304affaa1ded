use super::*;

#[test]
fn lists_the_states_that_ss_lists() {
    let names = |protocol| -> Vec<&str> {
        let listed = listed(protocol);
        (1..12)
            .filter(|state| listed & (1 << state) != 0)
            .map(|state| str::from_utf8(name(state)).unwrap())
            .collect()
    };
    let connected = ["ESTAB", "SYN-SENT", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "LAST-ACK", "CLOSING"];
    for protocol in [Protocol::Tcp, Protocol::Unix, Protocol::Dccp, Protocol::Sctp] {
        assert_eq!(names(protocol), connected);
    }
    for protocol in [Protocol::Udp, Protocol::Raw] {
        assert_eq!(names(protocol), ["ESTAB"]);
    }
    assert_eq!(names(Protocol::Packet), ["UNCONN"]);
}
