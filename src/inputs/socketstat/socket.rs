//! One socket as any source reports it, and how it becomes a `socketstat` metric.

use std::fmt;

use crate::metric::{Metric, Value};

/// A family of sockets, by the name that `protocols` and ss's long options use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// The protocol of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// Whether a socket's state is a field (connection-oriented transports only).
    #[must_use]
    pub const fn has_state(self) -> bool {
        matches!(self, Self::Tcp | Self::Dccp | Self::Sctp)
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

/// The counters of a TCP socket, named as ss prints them, in the order of the fields.
pub const COUNTERS: [&str; 6] =
    ["bytes_acked", "bytes_received", "segs_out", "segs_in", "data_segs_out", "data_segs_in"];

/// One socket. What the source does not know stays empty or `None`: it is left out, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Socket<'a> {
    /// Local address, path or protocol, as ss prints it.
    pub local_addr: &'a [u8],
    /// Local port, device or inode.
    pub local_port: &'a [u8],
    /// Remote address or path.
    pub remote_addr: &'a [u8],
    /// Remote port or inode.
    pub remote_port: &'a [u8],
    /// State in ss's names (`ESTAB`, `CLOSE-WAIT`); empty where unknown. Written for tcp, dccp and sctp only.
    pub state: &'a [u8],
    /// Kind of a unix or packet socket (`u_str`, `p_raw`); empty where unknown. Written for those two only.
    pub netid: &'a [u8],
    /// Bytes in the receive queue.
    pub recv_q: Option<u64>,
    /// Bytes in the send queue.
    pub send_q: Option<u64>,
    /// [`COUNTERS`], each where known.
    pub counters: [Option<u64>; COUNTERS.len()],
}

impl Socket<'_> {
    /// Hands this socket's metric to `add`.
    pub fn metric(&self, protocol: Protocol, add: &mut dyn FnMut(&Metric<'_>)) {
        let tags = [
            ("local_addr", self.local_addr),
            ("local_port", self.local_port),
            ("proto", protocol.name().as_bytes()),
            ("remote_addr", self.remote_addr),
            ("remote_port", self.remote_port),
        ];
        let mut fields = [("", Value::Unsigned(0)); 4 + COUNTERS.len()];
        let mut used = 0;
        let mut push = |name, value| {
            fields[used] = (name, value);
            used += 1;
        };
        if protocol.has_state() && !self.state.is_empty() {
            push("state", Value::Text(self.state));
        }
        if protocol.has_netid() && !self.netid.is_empty() {
            push("netid", Value::Text(self.netid));
        }
        if let Some(bytes) = self.recv_q {
            push("recv_q", Value::Unsigned(bytes));
        }
        if let Some(bytes) = self.send_q {
            push("send_q", Value::Unsigned(bytes));
        }
        for (name, counter) in COUNTERS.iter().zip(self.counters) {
            if let Some(count) = counter {
                push(name, Value::Unsigned(count));
            }
        }
        add(&Metric { name: "socketstat", tags: &tags, fields: &fields[..used] });
    }
}
