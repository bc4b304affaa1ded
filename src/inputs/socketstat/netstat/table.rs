//! The socket table that `netstat -an` prints, line by line.
//!
//! Source: `protopr` in `usr.bin/netstat/inet.c` of FreeBSD and NetBSD and in `netstat.tproj/inet.c` of Apple's
//! `network_cmds`, `netdomainpr` in `usr.bin/netstat/inet.c` of OpenBSD. All print sections of a title, a header
//! and rows. The columns' order comes from the header; none of those before the state is ever empty, so
//! cells are counted from the left. A section's title and header are only printed where it has a row: where there
//! is no socket at all, nothing is.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::inputs::socketstat::socket::{Endpoint, Protocol, Socket, State};
use crate::inputs::source::Skipped;
use crate::lines::TOO_LONG;
use crate::netstat::{FirstLine, cells};
use crate::number::parse_decimal;

/// Reads one run's output and hands on the sockets of one protocol.
#[derive(Debug)]
pub struct Table {
    protocol: Protocol,
    states: u32,
    first: FirstLine,
    section: Section,
    seen_header: bool,
    /// Whether this is the table of Linux's netstat.
    of_linux: bool,
    skipped: Skipped,
    local: Vec<u8>,
    remote: Vec<u8>,
}

/// What the last title or header announced.
#[derive(Clone, Copy, Debug)]
enum Section {
    /// Nothing yet, or no table of sockets whose columns are known.
    Other,
    /// A table with these columns.
    Sockets(SocketColumns),
}

/// At which cell of a row each column stands.
#[derive(Clone, Copy, Debug)]
struct SocketColumns {
    recv_q: Option<usize>,
    send_q: Option<usize>,
    local: usize,
    remote: usize,
    state: Option<usize>,
}

/// What the first cell of a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proto {
    Known(Protocol),
    /// A socket of another kind: `icm4`, `ip6`, `ip 4` (two cells), `divert`.
    Other,
}

/// What came of a whole output.
#[derive(Debug)]
pub struct Summary {
    /// The malformed rows.
    pub skipped: Skipped,
    /// Nothing was printed, which is how netstat says that there is no socket of the kind.
    pub empty: bool,
}

impl Table {
    /// A parser for the sockets of `protocol`, tcp or udp, in `states`.
    #[must_use]
    pub fn new(protocol: Protocol, states: u32) -> Self {
        Self {
            protocol,
            states,
            first: FirstLine::default(),
            section: Section::Other,
            seen_header: false,
            of_linux: false,
            skipped: Skipped::default(),
            local: Vec::new(),
            remote: Vec::new(),
        }
    }

    /// Takes the next line; `None` stands for one too long to be kept.
    pub fn line(&mut self, line: Option<&[u8]>, each: &mut dyn FnMut(&Socket<'_>)) {
        let Some(line) = line else {
            self.skipped.add(None, TOO_LONG);
            return;
        };
        self.first.see(line);
        match cells(line).next() {
            // FreeBSD and macOS end a table that changed meanwhile with `Some tcp sockets may have been deleted.`
            None | Some(b"Some") => {}
            Some(b"Active") => {
                self.of_linux |= is_title_of_linux(line);
                self.section = Section::Other;
            }
            Some(b"Proto") => {
                self.section =
                    SocketColumns::of(line, self.protocol).map_or(Section::Other, Section::Sockets);
                self.seen_header |= matches!(self.section, Section::Sockets(_));
            }
            Some(proto) => {
                let read = match self.section {
                    Section::Sockets(columns) => self.row(columns, proto, line, each).is_some(),
                    // A header that is not understood costs its rows.
                    Section::Other => proto_of(proto) != Some(Proto::Known(self.protocol)),
                };
                if !read {
                    self.skipped.add(None, line);
                }
            }
        }
    }

    /// Ends the output.
    ///
    /// # Errors
    /// Where it was no table of sockets: its first line, quoted.
    pub fn finish(self) -> Result<Summary, String> {
        match self.first.quoted() {
            Some(first) if self.of_linux || !self.seen_header => Err(format!(
                "printed unexpected output, expected a table of {} sockets, got {first}",
                self.protocol
            )),
            first => Ok(Summary { skipped: self.skipped, empty: first.is_none() }),
        }
    }

    /// Reads one row. `None` where it cannot be read.
    fn row(
        &mut self,
        columns: SocketColumns,
        proto: &[u8],
        line: &[u8],
        each: &mut dyn FnMut(&Socket<'_>),
    ) -> Option<()> {
        if proto_of(proto)? != Proto::Known(self.protocol) {
            return Some(());
        }
        let cell = |column: usize| cells(line).nth(column);
        let queue = |column: Option<usize>| match column {
            None => Some(None),
            Some(column) => parse_decimal(cell(column)?).map(Some),
        };
        let (recv_q, send_q) = (queue(columns.recv_q)?, queue(columns.send_q)?);
        let local_port = split_address(cell(columns.local)?, &mut self.local)?;
        let remote_port = split_address(cell(columns.remote)?, &mut self.remote)?;
        let state = match columns.state.filter(|_| self.protocol.has_state()) {
            Some(column) => state_of(cell(column)?)?,
            // A datagram socket is connected where it has a peer.
            None if self.remote == b"*" => State::Text(b"UNCONN"),
            None => State::Text(b"ESTAB"),
        };
        // A state that ss does not know either is listed.
        if state.number().is_none_or(|number| self.states & (1 << number) != 0) {
            each(&Socket {
                local: Endpoint::Text { address: &self.local, port: local_port },
                remote: Endpoint::Text { address: &self.remote, port: remote_port },
                state,
                recv_q,
                send_q,
                ..Socket::default()
            });
        }
        Some(())
    }
}

impl SocketColumns {
    /// Reads a header: `Proto Recv-Q Send-Q Local Address Foreign Address (state)`, where `State` and `TCP-State`
    /// are other spellings of the last, and other columns may stand between or after. `None` where the addresses,
    /// or the state of a protocol that has one, are not among them.
    fn of(line: &[u8], protocol: Protocol) -> Option<Self> {
        let (mut recv_q, mut send_q, mut local, mut remote, mut state) = (None, None, None, None, None);
        let names = cells(line)
            // The second word of a column's name; what it runs together with is the next column.
            .map(|name| name.strip_prefix(b"Address").unwrap_or(name))
            .filter(|name| !name.is_empty());
        for (column, name) in names.enumerate() {
            let known = match name {
                b"Recv-Q" => &mut recv_q,
                b"Send-Q" => &mut send_q,
                b"Local" => &mut local,
                b"Foreign" => &mut remote,
                b"(state)" | b"State" | b"TCP-State" => &mut state,
                _ => continue,
            };
            // macOS has a second column `state` with -v: the first is the connection's.
            known.get_or_insert(column);
        }
        if protocol.has_state() && state.is_none() {
            return None;
        }
        Some(Self { recv_q, send_q, local: local?, remote: remote?, state })
    }
}

/// Whether a section's title is one of net-tools' netstat, which splits addresses with colons: the others say
/// `(including servers)` or nothing.
fn is_title_of_linux(line: &[u8]) -> bool {
    [&b"(servers and established)"[..], b"(w/o servers)", b"(only servers)"]
        .iter()
        .any(|title| memchr::memmem::find(line, title).is_some())
}

/// Reads a protocol cell: `tcp`, `tcp4`, `tcp6`, `tcp46` (both families), `toe4` (FreeBSD: a TCP connection that the
/// network card runs), `udp` likewise. `None` where it is no name of a protocol.
fn proto_of(cell: &[u8]) -> Option<Proto> {
    let name =
        [&b"46"[..], b"4", b"6"].into_iter().find_map(|family| cell.strip_suffix(family)).unwrap_or(cell);
    match name {
        b"tcp" | b"toe" => Some(Proto::Known(Protocol::Tcp)),
        b"udp" => Some(Proto::Known(Protocol::Udp)),
        _ => (!name.is_empty() && name.iter().all(u8::is_ascii_lowercase)).then_some(Proto::Other),
    }
}

/// Reads a state of `tcpstates` in `netinet/tcp_fsm.h`, or the number that stands for one that netstat does not know:
/// ss calls such a state `UNKNOWN`. FreeBSD adds `*` to the state of a connection that has yet to send its SYN or FIN.
fn state_of(cell: &[u8]) -> Option<State<'static>> {
    Some(State::Text(match cell.strip_suffix(b"*").unwrap_or(cell) {
        b"CLOSED" => b"UNCONN",
        b"LISTEN" => b"LISTEN",
        b"TIME_WAIT" => b"TIME-WAIT",
        b"SYN_SENT" => b"SYN-SENT",
        b"SYN_RCVD" => b"SYN-RECV",
        b"ESTABLISHED" => b"ESTAB",
        b"CLOSE_WAIT" => b"CLOSE-WAIT",
        b"FIN_WAIT_1" => b"FIN-WAIT-1",
        b"CLOSING" => b"CLOSING",
        b"LAST_ACK" => b"LAST-ACK",
        b"FIN_WAIT_2" => b"FIN-WAIT-2",
        other => parse_decimal(other.strip_prefix(b"-").unwrap_or(other)).map(|_| b"UNKNOWN")?,
    }))
}

/// Splits an address cell at its last dot, returns the port and writes the address as ss would: an IPv6 address in
/// brackets, its zone after them. `*` stands for any on either side and stays: netstat does not say of which family,
/// and ss prints `*` for a socket of both. `None` where it is no address and port.
fn split_address<'a>(cell: &'a [u8], address: &mut Vec<u8>) -> Option<&'a [u8]> {
    let dot = memchr::memrchr(b'.', cell)?;
    let (host, port) = (cell.get(..dot)?, cell.get(dot + 1..)?);
    if port != b"*" && parse_decimal(port).is_none_or(|port| port > u64::from(u16::MAX)) {
        return None;
    }
    let zone = memchr::memchr(b'%', host).unwrap_or(host.len());
    let (ip, zone) = host.split_at(zone);
    let text = std::str::from_utf8(ip).ok()?;
    address.clear();
    if text.parse::<Ipv6Addr>().is_ok() {
        address.push(b'[');
        address.extend_from_slice(ip);
        address.push(b']');
    } else if text == "*" || text.parse::<Ipv4Addr>().is_ok() {
        address.extend_from_slice(ip);
    } else {
        return None;
    }
    address.extend_from_slice(zone);
    Some(port)
}
