use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::inputs::socketstat::owners::Owners;
use crate::inputs::socketstat::select::PortSet;
use crate::inputs::socketstat::totals::Owner;

fn end() -> impl Strategy<Value = Endpoint<'static>> {
    let address = select(vec![
        "0.0.0.0",
        "0.0.0.1",
        "10.1.2.3",
        "10.1.2.4",
        "::ffff:10.1.2.3",
        "::",
        "::1",
        "::10.1.2.3",
        "2001:db8::1",
        "2001:db8::2:1",
    ]);
    let address = address.prop_map(|address| address.parse().unwrap());
    let device = select(vec![Device::Any, Device::Any, Device::Name(b"eth0")]);
    (address, select(vec![0, 22, 443]), device, any::<bool>())
        .prop_map(|(address, port, device, v6only)| Endpoint::Inet { address, port, device, v6only })
}

fn socket() -> impl Strategy<Value = (Socket<'static>, Option<Owner>)> {
    let state =
        select(vec![State::Number(1), State::Number(10), State::Association(1), State::Text(b"ESTAB")]);
    let owner = (select(vec![None, Some(0), Some(1)]), select(vec![None, Some(0), Some(1)]));
    let owner = proptest::option::of(owner.prop_map(|(uid, cgroup)| Owner { uid, cgroup }));
    (end(), end(), state, owner).prop_map(|(local, remote, state, owner)| {
        (Socket { local, remote, state, ..Socket::default() }, owner)
    })
}

proptest! {
    #[test]
    fn sockets_with_equal_parts_have_equal_tags(
        sockets in [socket(), socket()],
        tags in subsequence(Key::ALL.map(Key::name).to_vec(), 1..4),
        prefix in select(vec![None, Some(0), Some(8), Some(24)]),
        protocol in select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Raw]),
    ) {
        let tags: Vec<String> = tags.into_iter().map(str::to_owned).collect();
        let keys = Keys::of_option(&tags).unwrap().with_prefixes(prefix, prefix);
        let mut listening = PortSet::default();
        listening.insert(443);
        let mut owners = Owners::new(Path::new("/nonexistent"));
        let [one, other] = sockets.map(|(socket, owner)| {
            let known = Known { listening: &listening, owner, now: Instant::now() };
            let mut tags = Vec::new();
            keys.of_socket(protocol, &socket, &known, &mut owners, &mut tags);
            (of_socket(&keys, protocol, &socket, &known), tags)
        });
        if one.0.is_some() && one.0 == other.0 {
            prop_assert_eq!(one.1, other.1);
        } else if one.0.is_some() && other.0.is_some() {
            // Otherwise the parts are of no use. Owners without a name may have the same tags.
            prop_assert!(one.1 != other.1 || keys.iter().any(Key::needs_identity));
        }
    }
}
