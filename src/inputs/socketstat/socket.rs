//! A socket, as every source returns it.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use super::field::TcpInfo;
pub use super::protocol::Protocol;
use super::state;
use crate::number::parse_decimal;

/// One socket. Values that the source does not have are empty or `None`, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Socket<'a> {
    /// The local end.
    pub local: Endpoint<'a>,
    /// The remote end.
    pub remote: Endpoint<'a>,
    /// The state.
    pub state: State<'a>,
    /// The type of a unix or packet socket, as ss prints it (`u_str`, `p_raw`).
    pub netid: &'a [u8],
    /// Bytes in the receive queue.
    pub recv_q: Option<u64>,
    /// Bytes in the send queue.
    pub send_q: Option<u64>,
    /// The inode number; 0 if no process holds the socket, for instance in TIME-WAIT.
    pub inode: Option<u64>,
    /// The user id of the owner.
    pub uid: Option<u32>,
    /// The kernel's cookie, unique since boot.
    pub cookie: Option<u64>,
    /// The cgroup (v2), as the inode number of its directory.
    pub cgroup: Option<u64>,
    /// TCP counters and measurements.
    pub tcp: TcpInfo<'a>,
    /// The name of the congestion control algorithm.
    pub congestion: Option<&'a [u8]>,
}

/// One end of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// Not known.
    #[default]
    Unknown,
    /// An IP address and a port.
    Inet {
        /// The address.
        address: IpAddr,
        /// The port (for raw sockets, the protocol); 0 for any.
        port: u16,
        /// The device that the socket is bound to.
        device: Device<'a>,
        /// Whether an IPv6 socket accepts IPv6 only.
        v6only: bool,
    },
    /// One end of a unix socket.
    Unix {
        /// The path, as the kernel stores it: empty without a name, with a leading NUL if abstract.
        path: &'a [u8],
        /// The inode number.
        inode: u32,
    },
    /// The local end of a packet socket.
    Packet {
        /// The Ethernet protocol type.
        protocol: u16,
        /// The device that the socket is bound to.
        device: Device<'a>,
    },
    /// Text that a program printed. Both may be empty.
    Text {
        /// The address or path.
        address: &'a [u8],
        /// The port, device or inode number.
        port: &'a [u8],
    },
}

/// A network device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device<'a> {
    /// Any device.
    #[default]
    Any,
    /// A device by its index, before its name is looked up.
    Index(u32),
    /// A device by its name.
    Name(&'a [u8]),
}

impl Device<'_> {
    /// The device with an index; 0 is any.
    #[must_use]
    pub(crate) const fn of_index(index: u32) -> Self {
        if index == 0 { Self::Any } else { Self::Index(index) }
    }
}

impl<'a> Endpoint<'a> {
    /// The IP address, if there is one. The text `*`, as ss prints it, is the unspecified IPv6 address.
    #[must_use]
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match *self {
            Self::Inet { address, .. } => Some(address),
            Self::Text { address: b"*", .. } => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
            Self::Text { address, .. } => {
                let address = split_device(address).0;
                let address =
                    address.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(address);
                std::str::from_utf8(address).ok()?.parse().ok()
            }
            _ => None,
        }
    }

    /// The port, if there is one; 0 for any.
    #[must_use]
    pub(crate) fn port(&self) -> Option<u16> {
        match *self {
            Self::Inet { port, .. } => Some(port),
            Self::Text { port: b"*", .. } => Some(0),
            Self::Text { port, .. } => parse_decimal(port)?.try_into().ok(),
            _ => None,
        }
    }

    /// The name of the device that the socket is bound to.
    #[must_use]
    pub(crate) fn device(&self) -> Option<Cow<'a, [u8]>> {
        let device = match *self {
            Self::Inet { device, .. } | Self::Packet { device, .. } => device,
            Self::Text { address, .. } => split_device(address).1.map_or(Device::Any, Device::Name),
            _ => Device::Any,
        };
        match device {
            Device::Any => None,
            Device::Index(index) => Some(Cow::Owned(format!("if{index}").into_bytes())),
            Device::Name(name) => Some(Cow::Borrowed(name)),
        }
    }

    /// Replaces the index of a device with its name.
    pub(crate) fn name_device(&mut self, name: impl FnOnce(u32) -> &'a [u8]) {
        if let Self::Inet { device, .. } | Self::Packet { device, .. } = self
            && let Device::Index(index) = *device
        {
            *device = Device::Name(name(index));
        }
    }
}

/// Splits `[fe80::1]%eth0` or `127.0.0.1%lo` into address and device.
fn split_device(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'%', text) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}

/// Converts an IPv4-mapped IPv6 address to IPv4: `::ffff:10.1.2.3` to `10.1.2.3`.
#[must_use]
pub(crate) fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, Ipv4Addr::into),
        IpAddr::V4(_) => address,
    }
}

/// The state of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State<'a> {
    /// Not known.
    #[default]
    Unknown,
    /// The kernel's number (`TCP_ESTABLISHED` is 1).
    Number(u8),
    /// The kernel's number for the state of an SCTP association.
    Association(u8),
    /// The name that ss prints.
    Text(&'a [u8]),
}

impl<'a> State<'a> {
    /// The name that ss prints; empty if not known.
    #[must_use]
    pub(crate) fn name(self) -> &'a [u8] {
        match self {
            Self::Unknown => b"",
            Self::Number(number) => state::name(number),
            Self::Association(number) => state::association_name(number),
            Self::Text(text) => text,
        }
    }

    /// The kernel's number, if there is one. SCTP associations have numbers of their own, so `None`.
    #[must_use]
    pub(crate) fn number(self) -> Option<u8> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) => state::number_of_name(text),
            Self::Unknown | Self::Association(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_parsed_on_demand() {
        let end = |address: &'static str, port: &'static str| Endpoint::Text {
            address: address.as_bytes(),
            port: port.as_bytes(),
        };
        let address = |text| end(text, "1").address().map(|address| address.to_string());
        assert_eq!(address("10.1.2.3%eth0").as_deref(), Some("10.1.2.3"));
        assert_eq!(address("[fe80::1]%eth0").as_deref(), Some("fe80::1"));
        assert_eq!(address("::1").as_deref(), Some("::1"));
        assert_eq!(address("*").as_deref(), Some("::"));
        assert_eq!(address("/run/x.sock"), None);
        assert_eq!(end("*", "*").port(), Some(0));
        assert_eq!(end("*", "443").port(), Some(443));
        assert_eq!(end("*", "65536").port(), None);
        assert_eq!(end("[fe80::1]%eth0", "1").device().as_deref(), Some(&b"eth0"[..]));
        assert_eq!(end("*", "1").device(), None);
    }

    #[test]
    fn a_mapped_address_becomes_ipv4() {
        let unmapped = |text: &str| unmapped(text.parse().unwrap()).to_string();
        assert_eq!(unmapped("::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(unmapped("10.1.2.3"), "10.1.2.3");
        assert_eq!(unmapped("::1"), "::1");
    }
}
