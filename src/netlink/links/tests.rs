use super::*;

fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + payload.len()).unwrap();
    let mut message = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], payload].concat();
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

fn link(name: &str, flags: u32) -> Vec<u8> {
    let mut payload = [&[0; 8][..], &flags.to_ne_bytes(), &[0; 4]].concat();
    let length = u16::try_from(4 + name.len() + 1).unwrap();
    payload.extend_from_slice(&[&length.to_ne_bytes()[..], &IFLA_IFNAME.to_ne_bytes()].concat());
    payload.extend_from_slice(name.as_bytes());
    payload.push(0);
    message(RTM_NEWLINK, &payload)
}

#[test]
fn links_are_read_to_the_end_of_the_dump() {
    let datagram =
        [link("lo", 0x10049), link("eth0", 0x1003), link("down0", 0x1002), message(DONE, &[0; 4])].concat();
    let mut interfaces = HashMap::new();
    assert_eq!(take(&datagram, &mut interfaces), Ok(true));
    assert_eq!(interfaces[&b"lo"[..]], Status { up: true, loopback: true });
    assert_eq!(interfaces[&b"eth0"[..]], Status { up: true, loopback: false });
    assert_eq!(interfaces[&b"down0"[..]], Status { up: false, loopback: false });
}

#[test]
fn a_refusal_is_an_error() {
    let refused = message(ERROR, &(-1_i32).to_ne_bytes());
    assert_eq!(take(&refused, &mut HashMap::new()), Err(Errno::EPERM));
}

#[test]
fn a_cut_answer_is_an_error_or_lacks_its_end() {
    let datagram = [link("eth0", 1), message(DONE, &[0; 4])].concat();
    for end in 0..datagram.len() {
        let outcome = take(&datagram[..end], &mut HashMap::new());
        assert!(matches!(outcome, Ok(false) | Err(Errno::EPROTO)), "{end}: {outcome:?}");
    }
}

#[test]
fn this_system_has_a_loopback() {
    let interfaces = interfaces().expect("the kernel answers");
    assert!(interfaces.values().any(|status| status.loopback), "{interfaces:?}");
}
