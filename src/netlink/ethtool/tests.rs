use std::time::Duration;

use nix::errno::Errno;

use super::*;
use crate::netlink::genl;
use crate::netlink::testing::{Kernel, error, message, recorded};

/// `GENL_ID_CTRL`.
const CONTROLLER: u16 = 0x10;
/// The family's number when it was recorded.
const RECORDED: u16 = 21;

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn modes(answer: &[u8]) -> (Vec<(u32, LinkMode)>, Result<(), DumpError>) {
    let kernel = Kernel::default().answers(RECORDED, answer);
    let mut modes = Vec::new();
    let outcome = list(&kernel.dumper(), RECORDED, deadline(), &mut |index, mode| modes.push((index, mode)));
    (modes, outcome)
}

#[test]
fn recorded_link_modes_are_parsed() {
    let kernel = Kernel::default().answers(CONTROLLER, &recorded("family.bin"));
    assert_eq!(genl::family(&kernel.dumper(), FAMILY, deadline()), Ok(RECORDED));
    let (modes, outcome) = modes(&recorded("linkmodes.bin"));
    assert_eq!(outcome, Ok(()));
    let full = LinkMode { speed: 10_000, duplex: Some(1) };
    assert!(modes.len() >= 8, "{modes:?}");
    assert!(modes.iter().filter(|(_, mode)| *mode == full).count() >= 6, "{modes:?}");
}

#[test]
fn link_modes_before_an_error_are_kept() {
    let whole = recorded("linkmodes.bin");
    let all = modes(&whole).0;
    // In the place of the message that ends it.
    let mut failed = whole[..whole.len() - 20].to_vec();
    failed.extend(error(Errno::ENODEV));
    assert_eq!(modes(&failed), (all, Err(DumpError::Refused(Errno::ENODEV))));
}

#[test]
fn an_answer_truncated_anywhere_is_an_error() {
    let whole = recorded("linkmodes.bin");
    for end in 0..whole.len() {
        assert!(modes(&whole[..end]).1.is_err(), "{end}");
    }
}

#[test]
fn a_message_without_a_device_is_malformed() {
    let mut answer = message(RECORDED, 2, &[4, 1, 0, 0, 8, 0, 5, 0, 1, 0, 0, 0]);
    answer.extend(message(3, 2, &[0; 4]));
    assert_eq!(modes(&answer).1, Err(DumpError::Malformed));
}
