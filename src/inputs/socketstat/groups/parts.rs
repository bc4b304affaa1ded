//! What the tags of a socket are made from, as numbers: quicker to compare than the tags.

use std::net::IpAddr;

use super::keys::{Key, Keys, Known, is_inbound};
use crate::inputs::socketstat::socket::{Device, Endpoint, Protocol, Socket, State, unmapped};

/// The numbers. Those that no tag needs are 0.
pub(super) type Parts = [u64; 8];

/// The parts of a socket's tags: sockets of a protocol with equal parts are in the same group. `None` if a tag is
/// made from text.
pub(super) fn of_socket(
    keys: &Keys,
    protocol: Protocol,
    socket: &Socket<'_>,
    known: &Known<'_>,
) -> Option<Parts> {
    let Endpoint::Inet { address: local, port: local_port, device, .. } = socket.local else {
        return None;
    };
    let Endpoint::Inet { address: remote, port: remote_port, .. } = socket.remote else { return None };
    let inbound = is_inbound(protocol, socket, known.listening);
    let mut parts = Parts::default();
    let [flags, port_bits, local_high, local_low, remote_high, remote_low, uid, cgroup] = &mut parts;
    // The bits of the flags: 0 to 8 the state, 9 the family, 10 and 11 the direction, 12 and 13 which owner is known, 14
    // and 15 which address is a network, 16 whether there is a service.
    for key in keys.iter() {
        match key {
            Key::Proto => {}
            Key::State => {
                *flags |= match socket.state {
                    State::Number(number) => number.into(),
                    State::Association(number) => 1 << 8 | u64::from(number),
                    State::Unknown | State::Text(_) => return None,
                }
            }
            Key::Device if device == Device::Any => {}
            Key::Device => return None,
            Key::Family => *flags |= u64::from(unmapped(local).is_ipv6()) << 9,
            Key::Direction => *flags |= inbound.map_or(0, |inbound| 2 | u64::from(inbound)) << 10,
            Key::Service => {
                if let Some(inbound) = inbound {
                    *flags |= 1 << 16;
                    *port_bits |= u64::from(if inbound { local_port } else { remote_port });
                }
            }
            Key::LocalPort => *port_bits |= u64::from(local_port) << 16,
            Key::RemotePort => *port_bits |= u64::from(remote_port) << 32,
            Key::LocalAddr => {
                let (network, prefix) = keys.network(local);
                [*local_high, *local_low] = halves(network);
                *flags |= u64::from(prefix.is_some()) << 14;
            }
            Key::RemoteAddr => {
                let (network, prefix) = keys.network(remote);
                [*remote_high, *remote_low] = halves(network);
                *flags |= u64::from(prefix.is_some()) << 15;
            }
            Key::User => {
                *uid = known.owner.map_or(0, |owner| owner.uid.map_or(1, |uid| u64::from(uid) + 2));
            }
            Key::Cgroup | Key::Unit => {
                let id = known.owner.map(|owner| owner.cgroup);
                *flags |= (u64::from(id.is_some()) | u64::from(id.flatten().is_some()) << 1) << 12;
                *cgroup = id.flatten().unwrap_or_default();
            }
        }
    }
    Some(parts)
}

/// An address, or the IPv4-mapped address of one of IPv4.
fn halves(address: IpAddr) -> [u64; 2] {
    match address {
        // No IPv6 address of a group is IPv4-mapped: see `unmapped`.
        IpAddr::V4(v4) => [0, u64::from(u32::from(v4)) | 0xffff << 32],
        IpAddr::V6(v6) => {
            let half = |half: &[u16]| half.iter().fold(0, |bits, part| bits << 16 | u64::from(*part));
            let segments = v6.segments();
            let (high, low) = segments.split_at(4);
            [half(high), half(low)]
        }
    }
}

#[cfg(test)]
mod tests;
