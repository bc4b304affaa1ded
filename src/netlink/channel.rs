//! The netlink socket: the only part that talks to the kernel.

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

/// What a dump needs of the kernel's side; the tests put recorded datagrams in its place.
pub trait Channel: Send {
    /// The port of this socket, which the kernel's answers carry.
    fn port(&self) -> u32;

    /// Sends a request.
    ///
    /// # Errors
    /// The errno of sendto(2).
    fn send(&mut self, request: &[u8]) -> Result<(), Errno>;

    /// Waits for the next datagram from the kernel and returns its length, which is more than that of `buffer`
    /// where it was cut.
    ///
    /// # Errors
    /// `ETIME` where none came by `deadline`, else the errno of poll(2) or recvmsg(2).
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
    /// Opens one of `protocol` that hears the multicast groups of the mask `groups` and may queue `queue` bytes, as far as the system permits.
    ///
    /// # Errors
    /// The errno of socket(2), bind(2), setsockopt(2) or getsockname(2).
    pub fn open(protocol: SockProtocol, groups: u32, queue: usize) -> Result<Self, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
        // Only CAP_NET_ADMIN may pass net.core.rmem_max; the other option is cut down to it.
        if setsockopt(&socket, RcvBufForce, &queue).is_err() {
            setsockopt(&socket, RcvBuf, &queue)?;
        }
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        let port = getsockname::<NetlinkAddr>(socket.as_raw_fd())?.pid();
        Ok(Self { socket, port })
    }

    /// The socket itself.
    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The length of the next datagram from the kernel, or `None` where none is queued.
    pub(super) fn receive_now(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        loop {
            // With MSG_TRUNC the length is that of the datagram, even where the buffer is shorter.
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let mut parts = [IoSliceMut::new(buffer)];
            match recvmsg::<NetlinkAddr>(self.socket.as_raw_fd(), &mut parts, None, flags) {
                // Port 0 is the kernel; a privileged process could send here too.
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
        // Rounded up: poll(2) counts in milliseconds, and 0 would not wait.
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], timeout) {
            // A signal, or nothing yet: the caller looks again, and at the time.
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
            // The kernel fills the next datagram of a dump while it hands over this one: rarely is there a wait.
            match self.receive_now(buffer)? {
                Some(length) => return Ok(length),
                None => self.wait(deadline)?,
            }
        }
    }
}
