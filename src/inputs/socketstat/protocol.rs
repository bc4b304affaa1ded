//! The protocols of sockets.

use std::fmt;

/// A protocol, as in the option `protocols` and the long options of ss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP over IPv4 and IPv6.
    Tcp,
    /// UDP over IPv4 and IPv6.
    Udp,
    /// Raw IPv4 and IPv6 sockets.
    Raw,
    /// Unix domain sockets.
    Unix,
    /// Packet (link layer) sockets.
    Packet,
    /// DCCP.
    Dccp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Every protocol, in the order of Telegraf's documentation.
    pub const ALL: [Self; 7] =
        [Self::Tcp, Self::Udp, Self::Raw, Self::Unix, Self::Packet, Self::Dccp, Self::Sctp];

    /// The name in the configuration, in the `proto` tag and in ss's long option.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Raw => "raw",
            Self::Unix => "unix",
            Self::Packet => "packet",
            Self::Dccp => "dccp",
            Self::Sctp => "sctp",
        }
    }

    /// The protocol with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// Whether a socket's state is a field (connection-oriented transports only).
    #[must_use]
    pub const fn has_state(self) -> bool {
        matches!(self, Self::Tcp | Self::Dccp | Self::Sctp)
    }

    /// Whether the ends of its sockets have ports. (The ports of raw sockets are IP protocols.)
    pub(super) const fn has_ports(self) -> bool {
        !matches!(self, Self::Unix | Self::Packet)
    }

    /// Whether a connection has a server and a client.
    pub(super) const fn has_service(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp | Self::Dccp | Self::Sctp)
    }

    /// Whether a socket's netid (`u_str`, `p_raw`) is a field.
    #[must_use]
    pub const fn has_netid(self) -> bool {
        matches!(self, Self::Unix | Self::Packet)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
