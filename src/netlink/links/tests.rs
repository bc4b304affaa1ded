use std::time::Duration;

use super::*;
use crate::netlink::dump::Dumper;
use crate::netlink::message::HEADER;

fn message(payload: &[u8]) -> Message<'_> {
    Message { kind: RTM_NEWLINK, flags: 0, sequence: 0, port: 0, payload }
}

fn payload(name: &str, flags: u32) -> Vec<u8> {
    let header = [&[0; 8][..], &flags.to_ne_bytes(), &[0; 4]].concat();
    let request = Request::one(0).push(&header).attribute(IFLA_IFNAME, &[name.as_bytes(), b"\0"].concat());
    request.finish(0)[HEADER..].to_vec()
}

#[test]
fn a_link_is_its_name_and_flags() {
    let bytes = payload("eth0", 0x1003);
    assert_eq!(link(&message(&bytes)), Some(Link { name: b"eth0".to_vec(), flags: 0x1003 }));
    for end in 0..bytes.len() {
        // A truncated name has no end either.
        assert!(link(&message(&bytes[..end])).is_none_or(|link| link.flags == 0x1003), "{end}");
    }
}

#[test]
fn this_system_has_a_loopback() {
    let dumper = SharedDumper::new(Dumper::new(SockProtocol::NetlinkRoute));
    let links = match links(&dumper, Instant::now() + Duration::from_secs(60)) {
        Ok(links) => links,
        Err(error) => return crate::skip::skipped(&format!("needs NETLINK_ROUTE: {error}")),
    };
    assert!(links.iter().any(|link| link.flags & 0x8 != 0), "{links:?}");
}
