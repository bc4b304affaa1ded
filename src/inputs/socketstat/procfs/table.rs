//! Parses the socket tables of `/proc/net`.
//!
//! Sources: proc(5) and, in the kernel, `get_tcp4_sock` (`net/ipv4/tcp_ipv4.c`), `udp4_format_sock`, `raw_sock_seq_show`
//! and their IPv6 counterparts, `unix_seq_show` (`net/unix/af_unix.c`), `packet_seq_show` (`net/packet/af_packet.c`).

use std::collections::HashSet;
use std::net::IpAddr;

use crate::inputs::socketstat::netid;
use crate::inputs::socketstat::socket::{Device, Endpoint, Protocol, Socket, State};
use crate::inputs::socketstat::state::{CLOSE, ESTABLISHED, LISTEN};
use crate::inputs::source::{Cause, Skipped};
use crate::lines::TOO_LONG;
use crate::number::parse_decimal;

/// `TCP_NEW_SYN_RECV`, the last of the kernel's states.
const NEW_SYN_RECV: u8 = 12;
/// `__SO_ACCEPTCON`: the flag of a listening unix socket.
const LISTENING: u32 = 1 << 16;
/// `SS_UNCONNECTED`.
const UNCONNECTED: u8 = 1;
/// `SS_CONNECTED`. The kernel prints `SS_CONNECTING` for a connection that is not accepted yet: it has no inode, and ss
/// does not list it.
const CONNECTED: u8 = 3;

/// Parses one table, line by line. Malformed rows are skipped.
///
/// The kernel lists some sockets twice while others open and close. Duplicates are dropped.
#[derive(Debug)]
pub struct ProcTable {
    protocol: Protocol,
    states: u32,
    little_endian: bool,
    /// How many lines were read so far.
    number: u64,
    /// The first line, if it is not the expected header.
    not_header: Option<Vec<u8>>,
    skipped: Skipped,
    seen: HashSet<Identity>,
}

/// Identifies a socket: addresses, ports and inode.
type Identity = (End, End, u64);
type End = (IpAddr, u16);

impl ProcTable {
    /// A parser for the table of `protocol` that returns the sockets in `states`. Addresses are in the byte order of the
    /// machine that wrote the table.
    #[must_use]
    pub fn new(protocol: Protocol, states: u32, little_endian: bool) -> Self {
        Self {
            protocol,
            states,
            little_endian,
            number: 0,
            not_header: None,
            skipped: Skipped::default(),
            seen: HashSet::new(),
        }
    }

    /// Takes the next line, or `None` for one that is too long. Returns its socket if it is in one of the states.
    pub fn line<'a>(&mut self, line: Option<&'a [u8]>) -> Option<Socket<'a>> {
        self.number += 1;
        let text = line.unwrap_or(TOO_LONG);
        if self.number == 1 {
            self.not_header = (!is_header(self.protocol, text)).then(|| text.to_vec());
        }
        if self.number == 1 || self.not_header.is_some() {
            return None;
        }
        let socket = line.and_then(|line| match self.protocol {
            Protocol::Unix => unix(line),
            Protocol::Packet => packet(line),
            _ => inet(line, self.little_endian),
        });
        let Some(socket) = socket else {
            self.skipped.add(Some(self.number), text);
            return None;
        };
        let state = socket.state.number()?;
        (self.states & (1 << state) != 0 && self.is_new(&socket)).then_some(socket)
    }

    /// Ends the table and returns the skipped rows.
    ///
    /// # Errors
    /// When the first line is not the expected header.
    pub fn finish(self) -> Result<Skipped, Cause> {
        let expected = format!("expected the header of the {} sockets, got ", self.protocol);
        match self.not_header {
            Some(line) => Err(Cause::new(expected).at(1, &line)),
            None if self.number == 0 => Err(Cause::new(expected + "nothing")),
            None => Ok(self.skipped),
        }
    }

    fn is_new(&mut self, socket: &Socket<'_>) -> bool {
        let end = |end: &Endpoint<'_>| end.address().zip(end.port());
        match (end(&socket.local), end(&socket.remote), socket.inode) {
            (Some(local), Some(remote), Some(inode)) => self.seen.insert((local, remote, inode)),
            _ => true,
        }
    }
}

fn is_header(protocol: Protocol, line: &[u8]) -> bool {
    let wanted: &[u8] = match protocol {
        Protocol::Unix => b"Inode",
        Protocol::Packet => b"Iface",
        _ => b"local_address",
    };
    line.split(u8::is_ascii_whitespace).any(|word| word == wanted)
}

/// tcp, udp and raw: `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode`.
fn inet(line: &[u8], little_endian: bool) -> Option<Socket<'_>> {
    let mut words = Words(line);
    let _slot = words.next()?;
    let local = end(words.next()?, little_endian)?;
    let remote = end(words.next()?, little_endian)?;
    let state = u8::try_from(hexadecimal(words.next()?)?).ok()?;
    let (send_q, recv_q) = split(words.next()?, b':')?;
    let [_timer, _retransmits] = [words.next()?, words.next()?];
    let uid = parse_decimal(words.next()?)?;
    let _timeout = words.next()?;
    let inode = parse_decimal(words.next()?)?;
    Some(Socket {
        local,
        remote,
        state: State::Number(Some(state).filter(|state| *state <= NEW_SYN_RECV)?),
        recv_q: Some(hexadecimal(recv_q)?.into()),
        send_q: Some(hexadecimal(send_q)?.into()),
        uid: uid.try_into().ok(),
        inode: Some(inode),
        ..Socket::default()
    })
}

/// `0100007F:0050`: 32-bit words in the byte order of the machine, then the port.
fn end(word: &[u8], little_endian: bool) -> Option<Endpoint<'static>> {
    let (address, port) = split(word, b':')?;
    let mut octets = [0; 16];
    let (words, rest) = address.as_chunks::<8>();
    let (places, _) = octets.as_chunks_mut::<4>();
    for (place, word) in places.iter_mut().zip(words) {
        let word = hexadecimal(word)?;
        *place = if little_endian { word.to_le_bytes() } else { word.to_be_bytes() };
    }
    let address = match (words.len(), rest) {
        (1, []) => IpAddr::from(*octets.first_chunk::<4>()?),
        (4, []) => IpAddr::from(octets),
        _ => return None,
    };
    let port = u16::try_from(hexadecimal(port)?).ok()?;
    Some(Endpoint::Inet { address, port, device: Device::Any, v6only: false })
}

/// `Num RefCount Protocol Flags Type St Inode Path`. The path follows one space and may contain more.
fn unix(line: &[u8]) -> Option<Socket<'_>> {
    let mut words = Words(line);
    let [_number, _references, _protocol] = [words.next()?, words.next()?, words.next()?];
    let flags = hexadecimal(words.next()?)?;
    let kind = u16::try_from(hexadecimal(words.next()?)?).ok()?;
    let state = u8::try_from(hexadecimal(words.next()?)?).ok()?;
    let inode = u32::try_from(parse_decimal(words.next()?)?).ok()?;
    let state = match state {
        _ if flags & LISTENING != 0 => State::Number(LISTEN),
        CONNECTED => State::Number(ESTABLISHED),
        UNCONNECTED => State::Number(CLOSE),
        _ => State::Unknown,
    };
    Some(Socket {
        local: Endpoint::Unix { path: words.0.strip_prefix(b" ").unwrap_or_default(), inode },
        state,
        netid: netid::unix(kind),
        inode: Some(inode.into()),
        ..Socket::default()
    })
}

/// `sk RefCnt Type Proto Iface R Rmem User Inode`.
fn packet(line: &[u8]) -> Option<Socket<'_>> {
    let mut words = Words(line);
    let [_socket, _references] = [words.next()?, words.next()?];
    let kind = u16::try_from(parse_decimal(words.next()?)?).ok()?;
    let protocol = u16::try_from(hexadecimal(words.next()?)?).ok()?;
    // -1 if the device is gone.
    let device = match words.next()? {
        b"-1" => u32::MAX,
        index => u32::try_from(parse_decimal(index)?).ok()?,
    };
    let _running = words.next()?;
    let memory = u32::try_from(parse_decimal(words.next()?)?).ok()?;
    Some(Socket {
        local: Endpoint::Packet { protocol, device: Device::of_index(device) },
        remote: Endpoint::Text { address: b"*", port: b"" },
        state: State::Number(CLOSE),
        netid: netid::packet(kind),
        recv_q: Some(memory.into()),
        uid: words.next().and_then(parse_decimal).and_then(|uid| uid.try_into().ok()),
        inode: words.next().and_then(parse_decimal),
        ..Socket::default()
    })
}

/// Splits the rest of a line into words.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.0.trim_ascii_start();
        let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}

fn split(word: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, word)?;
    Some((word.get(..at)?, word.get(at + 1..)?))
}

/// Parses hexadecimal digits without a sign, up to 32 bits.
fn hexadecimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        number.checked_mul(16)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests;
