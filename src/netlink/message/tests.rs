use super::*;

fn header(length: u32, kind: u16) -> Vec<u8> {
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(INTERRUPTED.to_ne_bytes());
    bytes.extend(7_u32.to_ne_bytes());
    bytes.extend(4711_u32.to_ne_bytes());
    bytes
}

#[test]
fn splits_a_datagram_into_messages() {
    let mut datagram = header(19, SOCK_DIAG_BY_FAMILY);
    datagram.extend(b"abc\0");
    datagram.extend(header(20, DONE));
    datagram.extend((-2_i32).to_ne_bytes());
    let messages: Vec<_> = Messages(&datagram).map(Result::unwrap).collect();
    let first =
        Message { kind: SOCK_DIAG_BY_FAMILY, flags: INTERRUPTED, sequence: 7, port: 4711, payload: b"abc" };
    assert_eq!(messages[0], first);
    assert_eq!(messages[1].errno(), 2);
    assert_eq!(messages.len(), 2);
}

#[test]
fn the_padding_of_the_last_message_may_be_missing() {
    let mut datagram = header(17, DONE);
    datagram.push(0);
    let messages: Vec<_> = Messages(&datagram).collect();
    assert_eq!(messages.len(), 1);
    // Without an errno: the dump has ended.
    assert_eq!(messages[0].as_ref().unwrap().errno(), 0);
}

#[test]
fn stops_at_an_invalid_length() {
    for length in [0, 15, 17, u32::MAX] {
        let datagram = header(length, DONE);
        assert_eq!(Messages(&datagram).collect::<Vec<_>>(), [Err(Malformed)], "{length}");
    }
    assert_eq!(Messages(&[0]).collect::<Vec<_>>(), [Err(Malformed)]);
}

#[test]
fn the_smallest_errno_does_not_overflow() {
    let payload = i32::MIN.to_ne_bytes();
    let message = Message { kind: ERROR, flags: 0, sequence: 0, port: 0, payload: &payload };
    assert_eq!(message.errno(), i32::MAX);
}

#[test]
fn reads_attributes_without_their_flags() {
    let mut bytes = Vec::new();
    bytes.extend(6_u16.to_ne_bytes());
    bytes.extend((0x8000_u16 | 5).to_ne_bytes());
    bytes.extend(b"xy\0\0");
    bytes.extend(4_u16.to_ne_bytes());
    bytes.extend(9_u16.to_ne_bytes());
    let attributes: Vec<_> = Attributes(&bytes).collect();
    assert_eq!(attributes, [Ok((5, &b"xy"[..])), Ok((9, &b""[..]))]);
    let cut: Vec<_> = Attributes(&bytes[..5]).collect();
    assert_eq!(cut, [Err(Malformed)]);
}
