//! The tables' lines.
//!
//! Sources: proc(5) and, in the kernel, `get_tcp4_sock` (`net/ipv4/tcp_ipv4.c`), `udp4_format_sock`, `raw_sock_seq_show`
//! and their IPv6 likes, `unix_seq_show` (`net/unix/af_unix.c`), `packet_seq_show` (`net/packet/af_packet.c`).

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use procfs_core::net::{TcpNetEntries, UdpNetEntries};
use procfs_core::{ExplicitSystemInfo, FromBufReadSI};

use crate::inputs::socketstat::address::{parts, push_address, push_inode, push_port};
use crate::inputs::socketstat::interfaces::Interfaces;
use crate::inputs::socketstat::netid::{self, push_ether_type, push_interface};
use crate::inputs::socketstat::socket::{Protocol, Socket};
use crate::inputs::socketstat::source::{Note, Sink, SourceError};
use crate::inputs::socketstat::state;
use crate::lines::TOO_LONG;
use crate::quote::quote;

/// `__SO_ACCEPTCON`: the flag of a listening unix socket.
const LISTENING: u32 = 1 << 16;
/// `SS_CONNECTED`. The kernel prints `SS_CONNECTING` for a socket that is established but not accepted yet: it has no
/// inode, and ss does not list it.
const CONNECTED: u8 = 3;

/// Reads one table, line by line. A line that is no row costs that row.
#[derive(Debug)]
pub struct Table<'a> {
    protocol: Protocol,
    system: ExplicitSystemInfo,
    interfaces: &'a mut Interfaces,
    /// Addresses and ports of the row at hand.
    text: Vec<u8>,
    /// Lines so far.
    number: u64,
    /// The first line where it is not the header that is due.
    not_header: Option<String>,
    lost: u64,
    /// Number and text of the first line that was lost.
    first_lost: Option<(u64, String)>,
}

impl<'a> Table<'a> {
    /// A table of `protocol`, with addresses in the byte order of the machine that wrote it.
    #[must_use]
    pub const fn new(protocol: Protocol, little_endian: bool, interfaces: &'a mut Interfaces) -> Self {
        // Only the byte order matters for sockets.
        let system = ExplicitSystemInfo {
            boot_time_secs: 0,
            ticks_per_second: 0,
            page_size: 0,
            is_little_endian: little_endian,
        };
        Self {
            protocol,
            system,
            interfaces,
            text: Vec::new(),
            number: 0,
            not_header: None,
            lost: 0,
            first_lost: None,
        }
    }

    /// Takes the next line (`None` for one that is too long) and hands its socket to `sink` if ss would list it.
    pub fn line(&mut self, line: Option<&[u8]>, sink: &mut dyn Sink) {
        self.number += 1;
        let text = line.unwrap_or(TOO_LONG);
        if self.number == 1 {
            self.not_header = (!is_header(self.protocol, text)).then(|| quote(text));
        }
        if self.number == 1 || self.not_header.is_some() {
            return;
        }
        match line.ok_or(NoRow).and_then(|line| self.row(line)) {
            Ok(Some(socket)) => sink.socket(&socket),
            Ok(None) => {}
            Err(NoRow) => {
                self.lost += 1;
                self.first_lost.get_or_insert_with(|| (self.number, quote(text)));
            }
        }
    }

    /// Ends the table of the file `path`: what there is to say about it.
    ///
    /// # Errors
    /// When it was not such a table.
    pub fn finish(self, path: &Path) -> Result<Option<Note>, SourceError> {
        let path = path.display();
        let expected = format!("expected the header of the {} sockets", self.protocol);
        if let Some(line) = self.not_header {
            return Err(SourceError::Failed(format!("procfs: {path}:1: {expected}, found {line}")));
        }
        if self.number == 0 {
            return Err(SourceError::Failed(format!("procfs: {path}: {expected}, found nothing")));
        }
        Ok(self.first_lost.map(|(number, line)| Note::Warning {
            key: "procfs: lines left out",
            text: format!(
                "procfs: {path}: {} lines left out that are no socket's, the first is line {number}: {line}",
                self.lost
            ),
        }))
    }

    fn row<'b>(&'b mut self, line: &'b [u8]) -> Result<Listed<'b>, NoRow> {
        self.text.clear();
        match self.protocol {
            Protocol::Unix => unix(line, &mut self.text),
            Protocol::Packet => packet(line, &mut self.text, self.interfaces),
            _ => inet(self.protocol, line, &self.system, &mut self.text),
        }
    }
}

/// A line's socket, or `None` for one that ss does not list without `-a`.
type Listed<'a> = Option<Socket<'a>>;

/// A line that is no row.
#[derive(Debug, PartialEq, Eq)]
struct NoRow;

fn is_header(protocol: Protocol, line: &[u8]) -> bool {
    let wanted: &[u8] = match protocol {
        Protocol::Unix => b"Inode",
        Protocol::Packet => b"Iface",
        _ => b"local_address",
    };
    line.split(u8::is_ascii_whitespace).any(|word| word == wanted)
}

/// tcp, udp and raw. The crate reads whole tables and skips their header: it gets an empty one.
fn inet<'a>(
    protocol: Protocol,
    line: &[u8],
    system: &ExplicitSystemInfo,
    text: &'a mut Vec<u8>,
) -> Result<Listed<'a>, NoRow> {
    let table = (&b"\n"[..]).chain(line);
    let (local, remote, state, receive, send) = if protocol == Protocol::Tcp {
        let row = TcpNetEntries::from_buf_read(table, system).map_err(|_| NoRow)?.0.pop().ok_or(NoRow)?;
        (row.local_address, row.remote_address, row.state.to_u8(), row.rx_queue, row.tx_queue)
    } else {
        let row = UdpNetEntries::from_buf_read(table, system).map_err(|_| NoRow)?.0.pop().ok_or(NoRow)?;
        (row.local_address, row.remote_address, row.state.to_u8(), row.rx_queue, row.tx_queue)
    };
    if state::listed(protocol) & (1 << state) == 0 {
        return Ok(None);
    }
    let mut push = |address: SocketAddr| {
        push_address(text, address.ip(), false);
        let end = text.len();
        push_port(text, address.port());
        [end, text.len()]
    };
    let [[local_addr, local_port], [remote_addr, remote_port]] = [local, remote].map(&mut push);
    let [local_addr, local_port, remote_addr, remote_port] =
        parts(text, [local_addr, local_port, remote_addr, remote_port]);
    Ok(Some(Socket {
        local_addr,
        local_port,
        remote_addr,
        remote_port,
        state: state::name(state),
        recv_q: Some(receive.into()),
        send_q: Some(send.into()),
        ..Socket::default()
    }))
}

/// `Num RefCount Protocol Flags Type St Inode Path`, where the path may hold blanks and follows one.
fn unix<'a>(line: &'a [u8], text: &'a mut Vec<u8>) -> Result<Listed<'a>, NoRow> {
    let mut rest = line;
    let [_number, _references, _protocol] = [word(&mut rest)?, word(&mut rest)?, word(&mut rest)?];
    let flags: u32 = hexadecimal(word(&mut rest)?)?;
    let kind = hexadecimal(word(&mut rest)?)?;
    let state: u8 = hexadecimal(word(&mut rest)?)?;
    let inode = decimal(word(&mut rest)?)?;
    if flags & LISTENING != 0 || state != CONNECTED {
        return Ok(None);
    }
    push_inode(text, inode);
    let path = rest.strip_prefix(b" ").filter(|path| !path.is_empty());
    Ok(Some(Socket {
        local_addr: path.unwrap_or(b"*"),
        local_port: text,
        netid: netid::unix(kind),
        ..Socket::default()
    }))
}

/// `sk RefCnt Type Proto Iface R Rmem User Inode`.
fn packet<'a>(line: &[u8], text: &'a mut Vec<u8>, interfaces: &mut Interfaces) -> Result<Listed<'a>, NoRow> {
    let mut rest = line;
    let [_socket, _references] = [word(&mut rest)?, word(&mut rest)?];
    let kind = decimal(word(&mut rest)?)?;
    let ether_type = hexadecimal(word(&mut rest)?)?;
    // -1 where the interface is gone.
    let interface: i32 = decimal(word(&mut rest)?)?;
    let _running = word(&mut rest)?;
    let memory: u32 = decimal(word(&mut rest)?)?;
    push_ether_type(text, ether_type);
    let end = text.len();
    push_interface(text, interface.cast_unsigned(), interfaces);
    let [local_addr, local_port] = parts(text, [end, text.len()]);
    Ok(Some(Socket {
        local_addr,
        local_port,
        remote_addr: b"*",
        netid: netid::packet(kind),
        recv_q: Some(memory.into()),
        ..Socket::default()
    }))
}

/// Takes the next word off the front.
fn word<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], NoRow> {
    let text = rest.trim_ascii_start();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let (word, tail) = text.split_at_checked(end).ok_or(NoRow)?;
    *rest = tail;
    if word.is_empty() { Err(NoRow) } else { Ok(word) }
}

fn decimal<T: FromStr>(word: &[u8]) -> Result<T, NoRow> {
    str::from_utf8(word).map_err(|_| NoRow)?.parse().map_err(|_| NoRow)
}

fn hexadecimal<T: TryFrom<u32>>(word: &[u8]) -> Result<T, NoRow> {
    let number = u32::from_str_radix(str::from_utf8(word).map_err(|_| NoRow)?, 16).map_err(|_| NoRow)?;
    T::try_from(number).map_err(|_| NoRow)
}

#[cfg(test)]
mod tests;
