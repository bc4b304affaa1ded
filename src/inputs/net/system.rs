//! What the system itself says of its interfaces: a netlink dump on Linux, getifaddrs(3) elsewhere and where
//! there is no netlink.

use std::collections::HashMap;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// Whether an interface counts when none is named: up and no loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// A loopback (`IFF_LOOPBACK`).
    pub loopback: bool,
}

impl Status {
    /// From the flags of netdevice(7), whose lowest bits are the same everywhere.
    #[must_use]
    pub fn of_flags(flags: u32) -> Self {
        const IFF_UP: u32 = 0x1;
        const IFF_LOOPBACK: u32 = 0x8;
        Self { up: flags & IFF_UP != 0, loopback: flags & IFF_LOOPBACK != 0 }
    }
}

/// The status of every interface, by name.
///
/// # Errors
/// When the system gives no list.
pub fn interfaces() -> Result<HashMap<Vec<u8>, Status>, String> {
    #[cfg(target_os = "linux")]
    if let Ok(interfaces) = super::links::interfaces() {
        return Ok(interfaces);
    }
    let addresses = getifaddrs().map_err(|error| format!("cannot list the interfaces: {error}"))?;
    Ok(addresses
        .map(|address| {
            let flags = address.flags;
            let status = Status {
                up: flags.contains(InterfaceFlags::IFF_UP),
                loopback: flags.contains(InterfaceFlags::IFF_LOOPBACK),
            };
            (address.interface_name.into_bytes(), status)
        })
        .collect())
}

#[cfg(test)]
mod tests;
