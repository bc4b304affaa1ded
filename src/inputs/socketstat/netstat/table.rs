//! Parses the socket table of `netstat -an`.
//!
//! Source: `protopr` in `usr.bin/netstat/inet.c` of FreeBSD and NetBSD and in `netstat.tproj/inet.c` of Apple's
//! `network_cmds`, `netdomainpr` in `usr.bin/netstat/inet.c` of OpenBSD. All print sections of a title, a header and
//! rows. The header gives the order of the columns. No column before the state is ever empty, so cells are counted from
//! the left. A section without rows has no title and no header, so without any socket the output is empty.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::inputs::socketstat::socket::{Endpoint, Protocol, Socket, State};
use crate::inputs::source::Skipped;
use crate::lines::TOO_LONG;
use crate::netstat::{FirstLine, cells};
use crate::number::parse_decimal;

/// Parses the output of one run, line by line, and passes on the sockets of one protocol.
#[derive(Debug)]
pub struct NetstatTable {
    protocol: Protocol,
    states: u32,
    first: FirstLine,
    section: Section,
    seen_header: bool,
    /// Whether this is the output of Linux's netstat.
    is_linux: bool,
    skipped: Skipped,
    local: Vec<u8>,
    remote: Vec<u8>,
}

/// The section that the current line belongs to.
#[derive(Clone, Copy, Debug)]
enum Section {
    /// No section yet, or one without the expected columns.
    Other,
    /// A table of sockets with these columns.
    Sockets(SocketColumns),
}

/// The index of each column in a row.
#[derive(Clone, Copy, Debug)]
struct SocketColumns {
    recv_q: Option<usize>,
    send_q: Option<usize>,
    local: usize,
    remote: usize,
    state: Option<usize>,
}

/// The protocol in the first cell of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proto {
    Known(Protocol),
    /// Another protocol: `icm4`, `ip6`, `ip 4` (two cells), `divert`.
    Other,
}

/// The summary of one output.
#[derive(Debug)]
pub struct Summary {
    /// The malformed rows.
    pub skipped: Skipped,
    /// Whether the output was empty: there are no such sockets.
    pub empty: bool,
}

impl NetstatTable {
    /// A parser for the sockets of `protocol` (tcp or udp) in `states`.
    #[must_use]
    pub fn new(protocol: Protocol, states: u32) -> Self {
        Self {
            protocol,
            states,
            first: FirstLine::default(),
            section: Section::Other,
            seen_header: false,
            is_linux: false,
            skipped: Skipped::default(),
            local: Vec::new(),
            remote: Vec::new(),
        }
    }

    /// Takes the next line, or `None` for one that is too long.
    pub fn line(&mut self, line: Option<&[u8]>, each: &mut dyn FnMut(&Socket<'_>)) {
        let Some(line) = line else {
            self.skipped.add(None, TOO_LONG);
            return;
        };
        self.first.see(line);
        match cells(line).next() {
            // FreeBSD and macOS end a table that changed during the run with `Some tcp sockets may have been deleted.`
            None | Some(b"Some") => {}
            Some(b"Active") => {
                self.is_linux |= is_linux_title(line);
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
                    // Rows below an unknown header are skipped.
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
    /// When it is not a table of sockets. The message quotes the first line.
    pub fn finish(self) -> Result<Summary, String> {
        match self.first.quoted() {
            Some(first) if self.is_linux || !self.seen_header => Err(format!(
                "printed unexpected output, expected a table of {} sockets, got {first}",
                self.protocol
            )),
            first => Ok(Summary { skipped: self.skipped, empty: first.is_none() }),
        }
    }

    /// Parses one row. `None` if it is malformed.
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
            // A datagram socket with a peer is connected.
            None if self.remote == b"*" => State::Text(b"UNCONN"),
            None => State::Text(b"ESTAB"),
        };
        // A state that ss does not know is always listed.
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
    /// Parses a header: `Proto Recv-Q Send-Q Local Address Foreign Address (state)`. The last may also be `State` or
    /// `TCP-State`, and there may be other columns between or after. `None` if an address is missing, or the state of a
    /// protocol that has one.
    fn of(line: &[u8], protocol: Protocol) -> Option<Self> {
        let (mut recv_q, mut send_q, mut local, mut remote, mut state) = (None, None, None, None, None);
        let names = cells(line)
            // The second word of a column's name may run together with the next column.
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
            // With -v macOS has two columns `state`. The first is the state of the connection.
            known.get_or_insert(column);
        }
        if protocol.has_state() && state.is_none() {
            return None;
        }
        Some(Self { recv_q, send_q, local: local?, remote: remote?, state })
    }
}

/// Whether a section's title is from Linux's netstat (net-tools), which prints addresses in another format. The others
/// print `(including servers)` or nothing in parentheses.
fn is_linux_title(line: &[u8]) -> bool {
    [&b"(servers and established)"[..], b"(w/o servers)", b"(only servers)"]
        .iter()
        .any(|title| memchr::memmem::find(line, title).is_some())
}

/// Parses a protocol: `tcp`, `tcp4`, `tcp6`, `tcp46` (both families), `toe4` (FreeBSD: TCP offloaded to the network card),
/// `udp` and so on. `None` if it is not the name of a protocol.
fn proto_of(cell: &[u8]) -> Option<Proto> {
    let name =
        [&b"46"[..], b"4", b"6"].into_iter().find_map(|family| cell.strip_suffix(family)).unwrap_or(cell);
    match name {
        b"tcp" | b"toe" => Some(Proto::Known(Protocol::Tcp)),
        b"udp" => Some(Proto::Known(Protocol::Udp)),
        _ => (!name.is_empty() && name.iter().all(u8::is_ascii_lowercase)).then_some(Proto::Other),
    }
}

/// Translates a state of `tcpstates` in `netinet/tcp_fsm.h` to the name that ss prints. netstat prints a number for a
/// state that it does not know; ss calls it `UNKNOWN`. FreeBSD appends `*` if the SYN or FIN is not sent yet.
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

/// Splits an address cell at its last dot. Returns the port and writes the address as ss prints it: an IPv6 address in
/// brackets, followed by its zone. `*`, any address or port, stays: netstat does not print the family, and ss prints `*`
/// for a socket of both families. `None` if it is not an address and port.
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
