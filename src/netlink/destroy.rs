//! Notifications about closed TCP sockets: the multicast groups `SKNLGRP_INET_TCP_DESTROY` and
//! `SKNLGRP_INET6_TCP_DESTROY`.
//!
//! Each is a `SOCK_DIAG_BY_FAMILY` message with sequence number 0 and the socket's last `tcp_info`. The kernel drops
//! messages when the queue is full, and counts them.
//!
//! Sources: `sock_diag`(7), `include/uapi/linux/sock_diag.h`, `sock_diag_broadcast_destroy` in `net/core/sock_diag.c`,
//! `tcp_diag` in `net/ipv4/inet_diag.c`.

use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::SockProtocol;
use nix::sys::socket::sockopt::RcvBuf;

use super::channel::KernelChannel;
use super::message::{Messages, SOCK_DIAG_BY_FAMILY};

/// `1 << (SKNLGRP_INET_TCP_DESTROY - 1) | 1 << (SKNLGRP_INET6_TCP_DESTROY - 1)`.
const GROUPS: u32 = 1 << 0 | 1 << 2;
/// The size of the receive queue to request, in bytes. An unprivileged process gets less (`net.core.rmem_max`).
const QUEUE: usize = 32 * 1024 * 1024;
/// How many bytes of the queue one message takes, with the kernel's bookkeeping.
const QUEUED_MESSAGE: usize = 1280;
/// The maximum number of messages per call of `drain`, since they may arrive faster than they are read.
const MOST: u64 = 4096;
/// The size of the receive buffer: more than any message has.
const DATAGRAM: usize = 8 * 1024;
/// `SK_MEMINFO_DROPS`: the index of the drop count in the result of `SO_MEMINFO`.
const DROPS: usize = 8;

/// A subscription to these notifications.
#[derive(Debug)]
pub(crate) struct Destroyed {
    channel: KernelChannel,
    buffer: Vec<u8>,
    /// How many messages the queue holds, at least.
    room: usize,
}

/// Waits for the messages of a subscription, while others take them.
#[derive(Debug)]
pub struct Waiter(OwnedFd);

impl Waiter {
    /// Waits until a message arrives or `timeout` has passed.
    ///
    /// # Errors
    /// The errno of poll(2).
    pub fn wait(&self, timeout: Duration) -> Result<(), Errno> {
        let timeout = PollTimeout::try_from(timeout.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

/// What [`Destroyed::drain`] found in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Messages about sockets.
    pub(crate) messages: u64,
    /// Malformed messages.
    pub(crate) malformed: u64,
}

impl Destroyed {
    /// Subscribes.
    ///
    /// # Errors
    /// The errno of the system call that failed.
    pub(crate) fn subscribe() -> Result<Self, Errno> {
        let channel = KernelChannel::open(SockProtocol::NetlinkSockDiag, GROUPS, QUEUE)?;
        // Without this the kernel drops all messages from a loss on until the queue is empty.
        without_overrun_errors(&channel)?;
        let room = nix::sys::socket::getsockopt(&channel.socket(), RcvBuf)? / QUEUED_MESSAGE;
        Ok(Self { channel, buffer: vec![0; DATAGRAM], room: room.max(1) })
    }

    /// How many messages the queue holds, at least.
    #[must_use]
    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    /// What waits for its messages.
    ///
    /// # Errors
    /// Where there is no descriptor left.
    pub fn waiter(&self) -> Result<Waiter, Errno> {
        nix::unistd::dup(self.channel.socket()).map(Waiter)
    }

    /// Hands the payload of each message that is queued to `each`, up to some thousands of them.
    ///
    /// # Errors
    /// The errno of recvmsg(2). The subscription is then unusable.
    pub(crate) fn drain(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<Drained, Errno> {
        let mut drained = Drained::default();
        while drained.messages < MOST {
            let length = match self.channel.receive_now(&mut self.buffer) {
                Ok(Some(length)) => length,
                Ok(None) => break,
                // Messages were dropped; `lost` counts them.
                Err(Errno::ENOBUFS) => continue,
                Err(errno) => return Err(errno),
            };
            let Some(datagram) = self.buffer.get(..length) else {
                drained.malformed += 1;
                continue;
            };
            for message in Messages(datagram) {
                match message {
                    Ok(message) if message.kind == SOCK_DIAG_BY_FAMILY => {
                        drained.messages += 1;
                        each(message.payload);
                    }
                    Ok(_) => {}
                    Err(_) => drained.malformed += 1,
                }
            }
        }
        Ok(drained)
    }

    /// How many messages the kernel has dropped since the subscription. The count wraps at 32 bits.
    ///
    /// # Errors
    /// The errno of getsockopt(2), or `ENOTSUP` if this kernel does not count them.
    pub(crate) fn lost(&self) -> Result<u32, Errno> {
        // Larger than the result of any kernel, so that nothing is truncated.
        let mut info = [0_u32; 32];
        let mut length = libc::socklen_t::try_from(size_of::<[u32; 32]>()).unwrap_or(0);
        // SAFETY: getsockopt(2) with an open descriptor and a buffer of `length` bytes.
        #[allow(unsafe_code)]
        let outcome = unsafe {
            libc::getsockopt(
                self.channel.socket().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_MEMINFO,
                info.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        Errno::result(outcome)?;
        let filled = length as usize / size_of::<u32>();
        info.get(..filled).and_then(|info| info.get(DROPS)).copied().ok_or(Errno::ENOTSUP)
    }
}

/// Drops what does not fit into the queue without an error (`NETLINK_NO_ENOBUFS`): it is counted either way.
fn without_overrun_errors(channel: &KernelChannel) -> Result<(), Errno> {
    let on: libc::c_int = 1;
    // SAFETY: setsockopt(2) with an open descriptor and a value of the length that is said.
    #[allow(unsafe_code)]
    let outcome = unsafe {
        libc::setsockopt(
            channel.socket().as_raw_fd(),
            libc::SOL_NETLINK,
            libc::NETLINK_NO_ENOBUFS,
            (&raw const on).cast(),
            libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0),
        )
    };
    Errno::result(outcome).map(drop)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_closed_connection_is_reported() {
        let mut destroyed = Destroyed::subscribe().expect("the kernel takes subscriptions");
        assert!(destroyed.room() > 50);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        drop((client, listener.accept().unwrap(), listener));
        let limit = Instant::now() + Duration::from_secs(30);
        let mut found = false;
        let waiter = destroyed.waiter().unwrap();
        while !found && Instant::now() < limit {
            waiter.wait(Duration::from_millis(100)).unwrap();
            let drained = destroyed
                .drain(&mut |payload| found |= payload.get(4..6) == Some(&port.to_be_bytes()[..]))
                .unwrap();
            assert_eq!(drained.malformed, 0);
        }
        assert!(found, "the client's socket was not reported");
        destroyed.lost().expect("this kernel counts drops");
    }
}
