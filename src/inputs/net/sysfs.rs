//! What `/sys/class/net` knows of an interface: its speed and its flags.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

/// The directories with one entry an interface, opened for one gather. One open, read and close an interface.
///
/// The entries of `/sys/class/net` are symbolic links. Hosts with thousands of interfaces have virtual ones, whose
/// links lead to `/sys/devices/virtual/net`: looked up there, an interface costs half as much.
#[derive(Debug, Default)]
pub struct ClassNet {
    virtual_devices: Option<OwnedFd>,
    class: Option<OwnedFd>,
}

impl ClassNet {
    /// Opens it. Where that fails, nothing is known of any interface.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = |path: &Path| open(path, flags, Mode::empty()).ok();
        Self { virtual_devices: directory(&path.join("../../devices/virtual/net")), class: directory(path) }
    }

    /// One that knows no interface.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// The speed in Mbit/s, -1 where the driver does not tell (as for most virtual interfaces, or while the
    /// link is down).
    ///
    /// Source: `Documentation/ABI/testing/sysfs-class-net` of the kernel.
    #[must_use]
    pub fn speed(&self, interface: &[u8]) -> i64 {
        let speed = self.read(interface, "speed").and_then(|text| text.trim_ascii().parse().ok());
        // Kernels before 4.9 print the unknown speed without its sign.
        speed.filter(|speed| *speed != i64::from(u32::MAX)).unwrap_or(-1)
    }

    /// The flags (`IFF_UP` and others), from `0x1003`; `None` where they cannot be read.
    #[must_use]
    pub fn flags(&self, interface: &[u8]) -> Option<u32> {
        let text = self.read(interface, "flags")?;
        u32::from_str_radix(text.trim_ascii().strip_prefix("0x")?, 16).ok()
    }

    /// The text of a short file. An interface may vanish at any time: then there is none.
    fn read(&self, interface: &[u8], file: &str) -> Option<String> {
        if matches!(interface, b"" | b"." | b"..") || interface.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return None;
        }
        let path = [interface, b"/", file.as_bytes()].concat();
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let mut directories = [&self.virtual_devices, &self.class].into_iter().flatten();
        let descriptor = directories
            .find_map(|directory| openat(directory, path.as_slice(), flags, Mode::empty()).ok())?;
        let mut text = [0; 64];
        let read = File::from(descriptor).read(&mut text).ok()?;
        std::str::from_utf8(text.get(..read)?).ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests;
