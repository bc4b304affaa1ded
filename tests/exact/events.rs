//! Forged messages about closed connections, in formats that this kernel does not use, sent to the real binary.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, sendto, socket,
};

use super::{gather, moved, start};
use crate::support::execd::dir;
use crate::support::{self, plugin, skipped};

/// Makes the kernel the sender of every datagram, so that the plugin accepts forged events.
const FROM_THE_KERNEL: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/netlink.h>
#include <sys/socket.h>
ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    ssize_t (*next)(int, struct msghdr *, int) = dlsym(RTLD_NEXT, "recvmsg");
    ssize_t length = next(fd, message, flags);
    if (length >= 0 && message->msg_name && message->msg_namelen >= sizeof(struct sockaddr_nl))
        ((struct sockaddr_nl *)message->msg_name)->nl_pid = 0;
    return length;
}
"#;

/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;
/// `INET_DIAG_ULP_INFO`.
const ULP_INFO: u16 = 19;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).expect("a short attribute");
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The kernel's message about the end of a connection from port 80 to `port`, with these attributes.
fn event(family: u8, port: u16, attributes: &[u8]) -> Vec<u8> {
    let mut payload = vec![family, 7, 0, 0, 0, 80];
    payload.extend(port.to_be_bytes());
    payload.resize(44, 1);
    // The cookie, then fields that are 0 for a closed connection.
    payload.extend(u64::from(port).to_ne_bytes());
    payload.resize(72, 0);
    payload.extend(attributes);
    let length = u32::try_from(payload.len() + 16).expect("a short message");
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(20_u16.to_ne_bytes());
    message.resize(16, 0);
    message.extend(payload);
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

/// `tcp_info` of this length, with byte counters of 1000.
fn info(length: usize) -> Vec<u8> {
    let mut info = vec![0; length.max(136)];
    info[120..128].copy_from_slice(&1000_u64.to_ne_bytes());
    info[128..136].copy_from_slice(&1000_u64.to_ne_bytes());
    info.truncate(length);
    attribute(2, &info)
}

#[test]
fn events_in_other_formats_are_counted() {
    if !support::namespace::enter() {
        return;
    }
    let Some(library) = support::preload("kernel", FROM_THE_KERNEL) else {
        return skipped("needs a C compiler for forged events");
    };
    let sender = raw_socket();
    let nested = attribute(NESTED | ULP_INFO, &[attribute(1, b"tls"), info(248)].concat());
    let good = [
        event(2, 1, &info(248)),
        event(10, 2, &info(4000)),
        event(2, 3, &info(136)),
        event(2, 4, &[nested.clone(), info(248)].concat()),
        event(2, 5, &[info(280), nested.clone()].concat()),
        [event(2, 6, &info(248)), event(10, 7, &info(144))].concat(),
    ];
    let bad = [
        event(2, 8, &nested),
        event(2, 9, &[]),
        event(2, 10, &[3, 0, 2, 0]),
        event(2, 11, &[])[..60].to_vec(),
    ];
    for (forged_counts, (closed, lost)) in [(false, (0, 0)), (true, (7, 4))] {
        let dir = dir();
        let mut command = plugin();
        if forged_counts {
            command.env("LD_PRELOAD", library.path().join("kernel.so"));
        }
        let mut execd = start(command, dir.path(), "  group_by = [\"family\"]\n");
        gather(&mut execd);
        for datagram in good.iter().chain(&bad) {
            // SKNLGRP_INET_TCP_DESTROY.
            if sendto(sender.as_raw_fd(), datagram, &NetlinkAddr::new(0, 1), MsgFlags::empty()).is_err() {
                return skipped("needs CAP_NET_ADMIN for forged events");
            }
        }
        let gathered = gather(&mut execd);
        let internal = |name: &str| gathered.internal[name];
        assert_eq!((internal("closed"), internal("closed_lost")), (closed, lost), "{gathered:?}");
        if forged_counts {
            assert_eq!(moved(&gathered), (7000, 7000));
            assert_eq!(gathered.groups["family=ipv6,proto=tcp"]["closed"], 2);
        }
        execd.eof();
    }
}

/// More events between two gathers than are kept, each for a different group.
#[test]
fn too_many_events_take_bounded_memory() {
    const ENDED: u32 = 400_000;
    if !support::namespace::enter() {
        return;
    }
    let Some(library) = support::preload("kernel", FROM_THE_KERNEL) else {
        return skipped("needs a C compiler for forged events");
    };
    let sender = raw_socket();
    let dir = dir();
    let mut command = plugin();
    command.env("LD_PRELOAD", library.path().join("kernel.so"));
    let keys = "  group_by = [\"remote_addr\", \"remote_port\"]\n  max_series = 1\n";
    let mut execd = start(command, dir.path(), keys);
    gather(&mut execd);
    let mut datagram = event(2, 1, &info(248));
    for number in 0..ENDED {
        if number % 500 == 0 {
            // The plugin has time to take them off the queue, or else few are kept.
            sleep(Duration::from_millis(2));
        }
        // The remote address and the cookie.
        datagram[16 + 24..16 + 28].copy_from_slice(&number.to_be_bytes());
        datagram[16 + 44..16 + 48].copy_from_slice(&number.to_ne_bytes());
        if sendto(sender.as_raw_fd(), &datagram, &NetlinkAddr::new(0, 1), MsgFlags::empty()).is_err() {
            return skipped("needs CAP_NET_ADMIN for forged events");
        }
    }
    let gathered = gather(&mut execd);
    let (closed, lost) = (gathered.internal["closed"], gathered.internal["closed_lost"]);
    assert_eq!(closed + lost, u64::from(ENDED), "{closed} {lost}");
    let peak = support::peak(&execd.child).expect("it runs");
    println!("{closed} counted, {lost} lost, at most {peak} KiB");
    assert!(closed > 0 && lost > 0 && peak < 300_000, "{closed} counted, {lost} lost, {peak} KiB");
    execd.eof();
}

fn raw_socket() -> OwnedFd {
    let protocol = SockProtocol::NetlinkSockDiag;
    socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).expect("a netlink socket")
}
