use super::*;

#[test]
fn flags_are_read_by_their_bits() {
    let status = |up, loopback| Status { up, loopback };
    assert_eq!(Status::of_flags(0x0), status(false, false));
    assert_eq!(Status::of_flags(0x1003), status(true, false));
    assert_eq!(Status::of_flags(0x9), status(true, true));
    assert_eq!(Status::of_flags(0x8), status(false, true));
    assert_eq!(Status::of_flags(!0x9), status(false, false));
}

#[test]
fn the_system_has_a_loopback_interface() {
    let environment = Environment::of_process();
    let interfaces = match interfaces(&environment, Instant::now()) {
        Ok(interfaces) => interfaces,
        Err(error) => return crate::skip::skipped(&format!("needs a list of interfaces: {error}")),
    };
    let (name, _) = interfaces.iter().find(|(_, status)| status.loopback).expect("a loopback interface");
    assert!(name.starts_with(b"lo"), "{name:?}");
}
