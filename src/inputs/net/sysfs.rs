//! What `/sys/class/net` knows of an interface.
//!
//! Source: `Documentation/ABI/testing/sysfs-class-net*` of the kernel.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::sys::stat::Mode;
use nix::unistd::read;

use super::counters::Statistic;
use crate::number::parse_decimal;

/// More than any of the files holds: an alias has up to 255 bytes.
const LONGEST: usize = 512;
/// `ARPHRD_ETHER`.
const ETHERNET: u64 = 1;
/// The types of devices (`DEVTYPE`) that are kinds, too; others, such as `wlan`, have a bus device.
const DEVICE_TYPES: [&[u8]; 11] = [
    b"bond",
    b"bridge",
    b"dsa",
    b"geneve",
    b"hsr",
    b"lowpan",
    b"macsec",
    b"ppp",
    b"vlan",
    b"vxlan",
    b"wireguard",
];

/// The directories with an entry for each interface, opened for one gather. One open, read and close for each file.
///
/// The entries of `/sys/class/net` are symbolic links. Hosts with thousands of interfaces have virtual ones, whose
/// links lead to `/sys/devices/virtual/net`: looked up there, an interface costs half as much.
#[derive(Debug)]
pub struct ClassNet {
    path: PathBuf,
    virtual_devices: Option<OwnedFd>,
    class: Option<OwnedFd>,
}

impl ClassNet {
    /// Opens it. Where that fails, nothing is known of any interface.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = |path: &Path| open(path, flags, Mode::empty()).ok();
        Self {
            path: path.to_owned(),
            virtual_devices: directory(&path.join("../../devices/virtual/net")),
            class: directory(path),
        }
    }

    /// The speed in Mbit/s, -1 where the driver does not tell (as for most virtual interfaces, or while the interface is
    /// down).
    #[must_use]
    pub fn speed(&self, interface: &[u8]) -> i64 {
        let parse = |text: &[u8]| std::str::from_utf8(text).ok()?.trim_ascii().parse().ok();
        let speed = self.read(interface, "speed", parse);
        // Kernels before 4.9 print the unknown speed without its sign.
        speed.filter(|speed| *speed != i64::from(u32::MAX)).unwrap_or(-1)
    }

    /// The flags (`IFF_UP` and others), from `0x1003`; `None` where they cannot be read.
    #[must_use]
    pub fn flags(&self, interface: &[u8]) -> Option<u32> {
        self.read(interface, "flags", |text| {
            let digits = std::str::from_utf8(text).ok()?.trim_ascii().strip_prefix("0x")?;
            u32::from_str_radix(digits, 16).ok()
        })
    }

    /// The number in a file.
    #[must_use]
    pub fn number(&self, interface: &[u8], file: &str) -> Option<u64> {
        self.read(interface, file, |text| parse_decimal(text.trim_ascii_end()))
    }

    /// The text in a file, without the newline at its end; empty where it cannot be read.
    #[must_use]
    pub fn text(&self, interface: &[u8], file: &str) -> Vec<u8> {
        let whole = |text: &[u8]| Some(text.strip_suffix(b"\n").unwrap_or(text).to_vec());
        self.read(interface, file, whole).unwrap_or_default()
    }

    /// A counter.
    #[must_use]
    pub fn statistic(&self, interface: &[u8], statistic: Statistic) -> Option<u64> {
        self.number(interface, &format!("statistics/{}", statistic.name()))
    }

    /// The bridge or bond that the interface belongs to; empty where there is none.
    #[must_use]
    pub fn master(&self, interface: &[u8]) -> Vec<u8> {
        let target = self.link(interface, "master");
        let name = target.as_deref().and_then(|target| target.rsplit(|byte| *byte == b'/').next());
        name.unwrap_or_default().to_vec()
    }

    /// Whether the interface has a device on a bus.
    #[must_use]
    pub fn is_on_bus(&self, interface: &[u8]) -> bool {
        self.link(interface, "device").is_some()
    }

    /// The kind of interface, as far as it can be told; else empty.
    ///
    /// sysfs does not say that an interface is a `veth`. It is taken for one if it is virtual, an Ethernet, and has its
    /// other end (`iflink`) in an interface that is not its lower one: the same goes for `netkit`.
    #[must_use]
    pub fn kind(&self, interface: &[u8]) -> Vec<u8> {
        let event = self.text(interface, "uevent");
        let value = |key: &[u8]| event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key));
        if let Some(kind) = value(b"DEVTYPE=").filter(|kind| DEVICE_TYPES.contains(kind)) {
            return kind.to_vec();
        }
        let other_end = self.number(interface, "iflink").filter(|index| *index != 0);
        let is_linked = other_end.is_some() && other_end != value(b"IFINDEX=").and_then(parse_decimal);
        let kind: &[u8] = if self.read(interface, "tun_flags", |_| Some(())).is_some() {
            b"tun"
        } else if self.is_on_bus(interface) {
            b"physical"
        } else if is_linked && self.number(interface, "type") == Some(ETHERNET) && !self.has_lower(interface)
        {
            b"veth"
        } else {
            b""
        };
        kind.to_vec()
    }

    /// Whether the interface stands on another one, as a VLAN does.
    fn has_lower(&self, interface: &[u8]) -> bool {
        let directory = path(interface, "").map(|path| self.path.join(OsStr::from_bytes(&path)));
        let entries = directory.and_then(|directory| std::fs::read_dir(directory).ok());
        let mut names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.any(|name| name.as_bytes().starts_with(b"lower_"))
    }

    /// Where a symbolic link leads.
    fn link(&self, interface: &[u8], file: &str) -> Option<Vec<u8>> {
        let path = path(interface, file)?;
        self.first(|directory| readlinkat(directory, path.as_slice()).ok()).map(OsString::into_encoded_bytes)
    }

    /// What `parse` makes of a short file. An interface may vanish at any time: then there is none.
    fn read<T>(&self, interface: &[u8], file: &str, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let path = path(interface, file)?;
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let descriptor =
            self.first(|directory| openat(directory, path.as_slice(), flags, Mode::empty()).ok())?;
        let mut text = [0; LONGEST];
        let length = read(&descriptor, &mut text).ok()?;
        text.get(..length).and_then(parse)
    }

    /// What the first of the directories gives.
    fn first<T>(&self, give: impl Fn(&OwnedFd) -> Option<T>) -> Option<T> {
        [&self.virtual_devices, &self.class].into_iter().flatten().find_map(give)
    }
}

/// The path of a file of an interface; `None` where the name would lead out of the directory.
fn path(interface: &[u8], file: &str) -> Option<Vec<u8>> {
    let leads_out =
        matches!(interface, b"" | b"." | b"..") || interface.iter().any(|byte| matches!(byte, b'/' | 0));
    (!leads_out).then(|| [interface, b"/", file.as_bytes()].concat())
}

#[cfg(test)]
mod tests;
