//! The strings and gauges of single sockets, kept until it is known which sockets have a line.

use crate::inputs::socketstat::socket::{Protocol, Socket};

/// The sockets of a gather.
#[derive(Debug, Default)]
pub(super) struct Notes {
    text: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// The ends of state, netid and congestion control in the text.
    ends: [usize; 4],
    recv_q: Option<u64>,
    send_q: Option<u64>,
    sample: Option<usize>,
}

/// One socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note<'a> {
    pub(super) state: &'a [u8],
    pub(super) netid: &'a [u8],
    pub(super) congestion: &'a [u8],
    pub(super) recv_q: Option<u64>,
    pub(super) send_q: Option<u64>,
    /// The place of its gauges.
    pub(super) sample: Option<usize>,
}

impl Notes {
    /// Adds a socket, and returns its place.
    pub(super) fn add(&mut self, protocol: Protocol, socket: &Socket<'_>, sample: Option<usize>) -> usize {
        let state = if protocol.has_state() { socket.state.name() } else { b"" };
        let netid = if protocol.has_netid() { socket.netid } else { b"" };
        let start = self.text.len();
        let ends = [state, netid, socket.congestion.unwrap_or_default()].map(|text| {
            self.text.extend_from_slice(text);
            self.text.len()
        });
        let ends = [start, ends[0], ends[1], ends[2]];
        self.rows.push(Row { ends, recv_q: socket.recv_q, send_q: socket.send_q, sample });
        self.rows.len() - 1
    }

    pub(super) fn get(&self, place: usize) -> Option<Note<'_>> {
        let Row { ends: [start, state, netid, congestion], recv_q, send_q, sample } =
            *self.rows.get(place)?;
        let text = |start, end| self.text.get(start..end).unwrap_or_default();
        Some(Note {
            state: text(start, state),
            netid: text(state, netid),
            congestion: text(netid, congestion),
            recv_q,
            send_q,
            sample,
        })
    }

    /// Removes all sockets.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.rows.clear();
    }
}
