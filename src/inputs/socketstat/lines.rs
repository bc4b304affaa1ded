//! Writes one metric per socket, with the tags and fields as ss prints them.

use std::path::Path;
use std::time::Instant;

use super::extra::{CONGESTION, ExtraFields};
use super::field::{self, CONTRACT, FIELDS};
use super::owners::Owners;
use super::print::{push_host, push_service};
use super::socket::{Protocol, Socket, TcpInfo};
use crate::metric::{Metric, Value};
use crate::quote::quote;

/// The maximum number of fields without `extra_fields`.
const PRINTED: usize = 4 + CONTRACT.len();
/// The maximum number of fields with `extra_fields`.
const ALL: usize = 4 + FIELDS.len() + 1;

/// Makes metrics from sockets, in one reused buffer.
#[derive(Debug, Default)]
pub struct Lines {
    text: Vec<u8>,
    extra: ExtraFields,
    tags: ExtraTags,
    owners: Option<Owners>,
}

/// The option `extra_tags`: the owners of a socket that become tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ExtraTags {
    user: bool,
    cgroup: bool,
    unit: bool,
}

impl ExtraTags {
    /// Parses the option.
    ///
    /// # Errors
    /// When a tag is unknown.
    pub(super) fn of_option(names: &[String]) -> Result<Self, String> {
        let mut tags = Self::default();
        for name in names {
            match name.as_str() {
                "user" => tags.user = true,
                "cgroup" => tags.cgroup = true,
                "unit" => tags.unit = true,
                _ => {
                    let name = quote(name.as_bytes());
                    return Err(format!("unknown tag {name}; allowed are user, cgroup, unit"));
                }
            }
        }
        Ok(tags)
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Lines {
    /// Makes metrics with extra fields and tags.
    pub(super) fn new(extra: ExtraFields, tags: ExtraTags, sys: &Path) -> Self {
        let owners = (!tags.is_empty()).then(|| Owners::new(sys));
        Self { text: Vec::new(), extra, tags, owners }
    }

    /// Passes a socket's metric to `add`.
    pub fn write(&mut self, protocol: Protocol, socket: &Socket<'_>, add: &mut dyn FnMut(&Metric<'_>)) {
        if self.extra.is_empty() {
            self.write_fields::<PRINTED>(protocol, socket, add);
        } else {
            self.write_fields::<ALL>(protocol, socket, add);
        }
    }

    /// Like [`Lines::write`], with at most `MOST` fields.
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
        let remote_port = text.len();
        let ends = self.owners.as_mut().map(|owners| push_owners(text, self.tags, socket, owners));
        let part = |start, end| text.get(start..end).unwrap_or_default();
        let [cgroup_end, unit_end, user_end] = ends.unwrap_or([remote_port; 3]);
        let tags = [
            ("cgroup", part(remote_port, cgroup_end)),
            ("local_addr", part(0, local_addr)),
            ("local_port", part(local_addr, local_port)),
            ("proto", protocol.name().as_bytes()),
            ("remote_addr", part(local_port, remote_addr)),
            ("remote_port", part(remote_addr, remote_port)),
            ("unit", part(cgroup_end, unit_end)),
            ("user", part(unit_end, user_end)),
        ];
        let tags: &[_] = if ends.is_some() { &tags } else { tags.get(1..6).unwrap_or_default() };
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
        add(&Metric { name: "socketstat", tags, fields: fields.get(..used).unwrap_or_default() });
    }
}

/// Appends the selected owners. Returns the ends of cgroup, unit and user in `text`.
fn push_owners(text: &mut Vec<u8>, tags: ExtraTags, socket: &Socket<'_>, owners: &mut Owners) -> [usize; 3] {
    let now = Instant::now();
    if tags.cgroup {
        text.extend_from_slice(owners.cgroup(socket.cgroup, now).as_bytes());
    }
    let cgroup = text.len();
    if tags.unit {
        text.extend_from_slice(owners.unit(socket.cgroup, now).as_bytes());
    }
    let unit = text.len();
    if tags.user {
        // The kernel calls a connection that no process holds root's.
        let uid = socket.uid.filter(|_| socket.inode != Some(0));
        text.extend_from_slice(owners.user(uid, now).as_bytes());
    }
    [cgroup, unit, text.len()]
}
