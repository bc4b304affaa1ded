//! One socket, as any source reports it.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use super::field::TcpInfo;
pub use super::protocol::Protocol;
use super::state;
use crate::number::parse_decimal;

/// One socket. What the source does not know is empty or `None`, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Socket<'a> {
    /// This host's end.
    pub local: Endpoint<'a>,
    /// The other end.
    pub remote: Endpoint<'a>,
    /// Its state.
    pub state: State<'a>,
    /// The kind of a unix or packet socket as ss names it (`u_str`, `p_raw`).
    pub netid: &'a [u8],
    /// Bytes in the receive queue.
    pub recv_q: Option<u64>,
    /// Bytes in the send queue.
    pub send_q: Option<u64>,
    /// The inode number; 0 where no file belongs to the socket (any more).
    pub inode: Option<u64>,
    /// The user id of its owner.
    pub uid: Option<u32>,
    /// The kernel's cookie: no two sockets since boot have the same.
    pub cookie: Option<u64>,
    /// The inode number of its cgroup's directory in cgroup v2.
    pub cgroup: Option<u64>,
    /// What TCP counts and measures.
    pub tcp: TcpInfo<'a>,
    /// The name of the congestion control algorithm.
    pub congestion: Option<&'a [u8]>,
}

/// One end of a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// An address and a port (of a raw socket: its protocol; 0: any).
    Inet {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// The device that the socket is bound to.
        device: Device<'a>,
        /// Whether an IPv6 socket takes no IPv4.
        v6only: bool,
    },
    /// The path of a unix socket (an abstract one begins with NUL; empty: no name) and an inode number.
    Unix {
        /// The path, as the kernel keeps it.
        path: &'a [u8],
        /// The inode number.
        inode: u32,
    },
    /// What a packet socket takes, and from where.
    Packet {
        /// The ether type.
        protocol: u16,
        /// The device that the socket is bound to.
        device: Device<'a>,
    },
    /// What a program printed: an address or path, and a port, device or inode number. May be empty.
    Text {
        /// Address or path.
        address: &'a [u8],
        /// Port, device or inode number.
        port: &'a [u8],
    },
}

/// A network device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device<'a> {
    /// None in particular.
    #[default]
    Any,
    /// The one with this index, whose name is not looked up yet.
    Index(u32),
    /// The one with this name.
    Name(&'a [u8]),
}

impl Device<'_> {
    /// The device with this index; 0 stands for none.
    #[must_use]
    pub const fn of_index(index: u32) -> Self {
        if index == 0 { Self::Any } else { Self::Index(index) }
    }
}

impl<'a> Endpoint<'a> {
    /// The address; `None` where there is none (unix, packet) or the text is not one. ss's `*` is the unspecified
    /// IPv6 address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
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

    /// The port; 0 where it is any. `None` where there is none or the text is not one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match *self {
            Self::Inet { port, .. } => Some(port),
            Self::Text { port: b"*", .. } => Some(0),
            Self::Text { port, .. } => parse_decimal(port)?.try_into().ok(),
            _ => None,
        }
    }

    /// The name of the device that the socket is bound to.
    #[must_use]
    pub fn device(&self) -> Option<Cow<'a, [u8]>> {
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

    /// Sets the name of a device of which only the index is known.
    pub fn name_device(&mut self, name: impl FnOnce(u32) -> &'a [u8]) {
        if let Self::Inet { device, .. } | Self::Packet { device, .. } = self
            && let Device::Index(index) = *device
        {
            *device = Device::Name(name(index));
        }
    }
}

/// `[fe80::1]%eth0` and `127.0.0.1%lo` as address and device.
fn split_device(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'%', text) {
        Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
        None => (text, None),
    }
}

/// An address without its IPv6 mapping: `::ffff:10.1.2.3` is `10.1.2.3`.
#[must_use]
pub fn unmapped(address: IpAddr) -> IpAddr {
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
    /// By the kernel's number (`TCP_ESTABLISHED` is 1).
    Number(u8),
    /// An SCTP association's, by the kernel's number.
    Association(u8),
    /// As ss prints it.
    Text(&'a [u8]),
}

impl<'a> State<'a> {
    /// ss's name of it; empty where it is not known.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        match self {
            Self::Unknown => b"",
            Self::Number(number) => state::name(number),
            Self::Association(number) => state::association_name(number),
            Self::Text(text) => text,
        }
    }

    /// The kernel's number of it, where it has one.
    #[must_use]
    pub fn number(self) -> Option<u8> {
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
    fn text_is_parsed_when_somebody_asks() {
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
    fn a_mapped_address_is_its_v4_address() {
        let unmapped = |text: &str| unmapped(text.parse().unwrap()).to_string();
        assert_eq!(unmapped("::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(unmapped("10.1.2.3"), "10.1.2.3");
        assert_eq!(unmapped("::1"), "::1");
    }
}
