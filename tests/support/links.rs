//! Creates and changes network devices with netlink messages, which cost a hundredth of a run of `ip`.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;
use telegraf_execd_network::netlink::channel::{Channel as _, KernelChannel};
use telegraf_execd_network::netlink::dump::{DumpError, Dumper, SharedDumper};
use telegraf_execd_network::netlink::message::{ERROR, HEADER, Messages};
use telegraf_execd_network::netlink::request::Request;
use telegraf_execd_network::netlink::{ethtool, genl};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
/// `NLM_F_CREATE | NLM_F_EXCL`.
const CREATE: u16 = 0x600;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_PID: u16 = 19;
const IFLA_IFALIAS: u16 = 20;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFF_UP: u32 = 1;

/// A socket for commands. Each method fails with the kernel's errno.
pub struct Links {
    channel: KernelChannel,
    sequence: u32,
}

/// `struct ifinfomsg`.
fn ifinfomsg(index: i32, flags: u32, change: u32) -> Vec<u8> {
    let words = [0_u32, index.cast_unsigned(), flags, change];
    words.into_iter().flat_map(u32::to_ne_bytes).collect()
}

impl Links {
    /// Opens the socket.
    pub fn open() -> Self {
        let channel = KernelChannel::open(SockProtocol::NetlinkRoute, 0, 64 * 1024).expect("a socket");
        Self { channel, sequence: 0 }
    }

    /// Creates a pair of veth devices. The first gets this index.
    pub fn add_pair(&mut self, index: i32, name: &str, peer: &str) -> Result<(), Errno> {
        let other = Request::one(0).push(&ifinfomsg(0, 0, 0)).attribute(IFLA_IFNAME, peer.as_bytes());
        let peer = Request::one(0).nested(VETH_INFO_PEER, &[]).push(&other.finish(0)[HEADER..]).finish(0);
        let mut peer = peer[HEADER..].to_vec();
        let length = u16::try_from(peer.len()).expect("it is short");
        peer[..2].copy_from_slice(&length.to_ne_bytes());
        let request = Request::one(RTM_NEWLINK)
            .push(&ifinfomsg(index, 0, 0))
            .attribute(IFLA_IFNAME, name.as_bytes())
            .nested(IFLA_LINKINFO, &[(IFLA_INFO_KIND, b"veth"), (IFLA_INFO_DATA, &peer)]);
        self.run(request, CREATE)
    }

    /// Sets the device with this index up or down.
    pub fn set_up(&mut self, index: i32, up: bool) -> Result<(), Errno> {
        self.run(Request::one(RTM_NEWLINK).push(&ifinfomsg(index, u32::from(up), IFF_UP)), 0)
    }

    /// Sets the device with this name up.
    pub fn set_up_by_name(&mut self, name: &str) -> Result<(), Errno> {
        let request = Request::one(RTM_NEWLINK).push(&ifinfomsg(0, IFF_UP, IFF_UP));
        self.run(request.attribute(IFLA_IFNAME, name.as_bytes()), 0)
    }

    /// Renames the device.
    pub fn rename(&mut self, index: i32, name: &str) -> Result<(), Errno> {
        self.set(index, IFLA_IFNAME, name.as_bytes())
    }

    /// Sets the alias of the device.
    pub fn set_alias(&mut self, index: i32, alias: &[u8]) -> Result<(), Errno> {
        self.set(index, IFLA_IFALIAS, alias)
    }

    /// Moves the device to the network namespace of a process.
    pub fn move_to(&mut self, index: i32, process: u32) -> Result<(), Errno> {
        self.set(index, IFLA_NET_NS_PID, &process.to_ne_bytes())
    }

    /// Deletes the device with this name, and its peer.
    pub fn delete(&mut self, name: &str) -> Result<(), Errno> {
        let request = Request::one(RTM_DELLINK).push(&ifinfomsg(0, 0, 0));
        self.run(request.attribute(IFLA_IFNAME, name.as_bytes()), 0)
    }

    fn set(&mut self, index: i32, attribute: u16, value: &[u8]) -> Result<(), Errno> {
        self.run(Request::one(RTM_NEWLINK).push(&ifinfomsg(index, 0, 0)).attribute(attribute, value), 0)
    }

    fn run(&mut self, request: Request, flags: u16) -> Result<(), Errno> {
        self.sequence += 1;
        let mut bytes = request.finish(self.sequence);
        let all = u16::from_ne_bytes([bytes[6], bytes[7]]) | flags;
        bytes[6..8].copy_from_slice(&all.to_ne_bytes());
        self.channel.send(&bytes)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = self.channel.receive(&mut buffer, Instant::now() + Duration::from_secs(60))?;
            for message in Messages(&buffer[..length]).map(|message| message.expect("the kernel's messages"))
            {
                if message.kind == ERROR && message.sequence == self.sequence {
                    return match message.errno() {
                        0 => Ok(()),
                        errno => Err(Errno::from_raw(errno)),
                    };
                }
            }
        }
    }
}

/// Sets the speed of a device, in Mbit/s, as `ethtool -s` does.
pub fn set_speed(name: &str, speed: u32) -> Result<(), Errno> {
    let generic = SharedDumper::new(Dumper::new(SockProtocol::NetlinkGeneric));
    let deadline = Instant::now() + Duration::from_secs(60);
    let errno = |error| if let DumpError::Refused(errno) = error { errno } else { Errno::EIO };
    let family = genl::family(&generic, ethtool::FAMILY, deadline).map_err(errno)?;
    // ETHTOOL_MSG_LINKMODES_SET of version 1.
    let request = Request::one(family)
        .push(&[5, 1, 0, 0])
        .nested(1, &[(2, &[name.as_bytes(), b"\0"].concat())])
        .attribute(2, &[0])
        .attribute(5, &speed.to_ne_bytes());
    generic.lock().ask(request, deadline, &mut |_| {}).map(drop).map_err(errno)
}
