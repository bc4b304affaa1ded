//! A metric per socket, with what ss prints of it as tags and fields.

use super::extra::{CONGESTION, ExtraFields};
use super::field::{self, CONTRACT, FIELDS};
use super::print::{push_host, push_service};
use super::socket::{Protocol, Socket, TcpInfo};
use crate::metric::{Metric, Value};

/// The most fields that ss's printout makes.
const PRINTED: usize = 4 + CONTRACT.len();
/// The most fields with the extra ones.
const ALL: usize = 4 + FIELDS.len() + 1;

/// Makes metrics of sockets, in one reused buffer.
#[derive(Debug, Default)]
pub struct Lines {
    text: Vec<u8>,
    extra: ExtraFields,
}

impl Lines {
    /// Lines with some fields more than ss prints.
    pub(super) fn new(extra: ExtraFields) -> Self {
        Self { text: Vec::new(), extra }
    }

    /// Hands a socket's metric to `add`.
    pub fn write(&mut self, protocol: Protocol, socket: &Socket<'_>, add: &mut dyn FnMut(&Metric<'_>)) {
        if self.extra.is_empty() {
            self.write_fields::<PRINTED>(protocol, socket, add);
        } else {
            self.write_fields::<ALL>(protocol, socket, add);
        }
    }

    /// As [`Lines::write`], with at most so many fields.
    fn write_fields<const MOST: usize>(
        &mut self,
        protocol: Protocol,
        socket: &Socket<'_>,
        add: &mut dyn FnMut(&Metric<'_>),
    ) {
        let text = &mut self.text;
        text.clear();
        push_host(text, &socket.local);
        let local_addr = text.len();
        push_service(text, &socket.local);
        let local_port = text.len();
        push_host(text, &socket.remote);
        let remote_addr = text.len();
        push_service(text, &socket.remote);
        let part = |start, end| text.get(start..end).unwrap_or_default();
        let tags = [
            ("local_addr", part(0, local_addr)),
            ("local_port", part(local_addr, local_port)),
            ("proto", protocol.name().as_bytes()),
            ("remote_addr", part(local_port, remote_addr)),
            ("remote_port", part(remote_addr, text.len())),
        ];
        let mut fields = [("", Value::Unsigned(0)); MOST];
        let mut used = 0;
        let mut push = |name, value| {
            if let Some((place, value)) = fields.get_mut(used).zip(value) {
                *place = (name, value);
                used += 1;
            }
        };
        let state = Some(socket.state.name()).filter(|text| protocol.has_state() && !text.is_empty());
        let netid = Some(socket.netid).filter(|text| protocol.has_netid() && !text.is_empty());
        push("state", state.map(Value::Text));
        push("netid", netid.map(Value::Text));
        push("recv_q", socket.recv_q.map(Value::Unsigned));
        push("send_q", socket.send_q.map(Value::Unsigned));
        for (field, counter) in CONTRACT.iter().zip(field::printed(&socket.tcp)) {
            push(field.name, counter.map(Value::Unsigned));
        }
        if let TcpInfo::Raw(info) = socket.tcp {
            for field in &self.extra.fields {
                push(field.name, field.read(info).map(Value::Unsigned));
            }
        }
        let congestion = socket.congestion.filter(|name| self.extra.congestion && !name.is_empty());
        push(CONGESTION, congestion.map(Value::Text));
        add(&Metric { name: "socketstat", tags: &tags, fields: fields.get(..used).unwrap_or_default() });
    }
}
