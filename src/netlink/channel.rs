//! The netlink socket. Nothing else in this module talks to the kernel.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname, recvmsg,
    sendto, setsockopt, socket,
};

/// The connection that a dump uses. Tests replace it with recorded datagrams.
pub trait Channel: Send {
    /// The port of this socket, which is in the header of each answer.
    fn port(&self) -> u32;

    /// Sends a request.
    ///
    /// # Errors
    /// The errno of sendto(2).
    fn send(&mut self, request: &[u8]) -> Result<(), Errno>;

    /// Waits for the next datagram from the kernel and returns its length. A truncated datagram has a length larger than
    /// that of `buffer`.
    ///
    /// # Errors
    /// `ETIME` if no datagram arrives by `deadline`, otherwise the errno of poll(2) or recvmsg(2).
    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, Errno>;
}

/// A socket on which the kernel reports changes; the tests put recorded datagrams in its place.
pub trait Events: Send {
    /// Takes the next datagram off the queue and returns its length, which is more than that of `buffer` where it was cut;
    /// `None` where the queue is empty. Never waits.
    ///
    /// # Errors
    /// `ENOBUFS` where the queue had no room and reports were lost, else the errno of recvmsg(2).
    fn queued(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Errno>;
}

/// A netlink socket. It needs no privilege.
#[derive(Debug)]
pub struct KernelChannel {
    socket: OwnedFd,
    port: u32,
}

impl KernelChannel {
    /// Opens a socket of `protocol` that joins the multicast groups of the mask `groups`. Its queue holds `queue` bytes, or
    /// as many as the system permits.
    ///
    /// # Errors
    /// The errno of socket(2), bind(2), setsockopt(2) or getsockname(2).
    pub fn open(protocol: SockProtocol, groups: u32, queue: usize) -> Result<Self, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        // Only CAP_NET_ADMIN may exceed net.core.rmem_max, which limits the second option.
        if setsockopt(&socket, RcvBufForce, &queue).is_err() {
            setsockopt(&socket, RcvBuf, &queue)?;
        }
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        let port = getsockname::<NetlinkAddr>(socket.as_raw_fd())?.pid();
        Ok(Self { socket, port })
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The length of the next datagram from the kernel, or `None` if the queue is empty.
    pub(super) fn receive_now(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        loop {
            // With MSG_TRUNC the length is that of the whole datagram, even if the buffer is shorter.
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let mut parts = [IoSliceMut::new(buffer)];
            match recvmsg::<NetlinkAddr>(self.socket.as_raw_fd(), &mut parts, None, flags) {
                // Port 0 is the kernel. Privileged processes can send to this socket too.
                Ok(received) if received.address.is_some_and(|from| from.pid() == 0) => {
                    return Ok(Some(received.bytes));
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(errno) => return Err(errno),
            }
        }
    }

    fn wait(&self, deadline: Instant) -> Result<(), Errno> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Errno::ETIME);
        }
        // Rounded up: poll(2) takes milliseconds, and does not wait for 0 of them.
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], timeout) {
            // After a signal or a timeout the caller checks the queue and the deadline again.
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }
}

impl Events for KernelChannel {
    fn queued(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        self.receive_now(buffer)
    }
}

impl Channel for KernelChannel {
    fn port(&self) -> u32 {
        self.port
    }

    fn send(&mut self, request: &[u8]) -> Result<(), Errno> {
        sendto(self.socket.as_raw_fd(), request, &NetlinkAddr::new(0, 0), MsgFlags::empty()).map(drop)
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, Errno> {
        loop {
            if Instant::now() >= deadline {
                return Err(Errno::ETIME);
            }
            // The kernel prepares the next datagram of a dump while this one is received, so poll(2) is rarely needed.
            match self.receive_now(buffer)? {
                Some(length) => return Ok(length),
                None => self.wait(deadline)?,
            }
        }
    }
}
