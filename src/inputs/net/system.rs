//! What the system itself says of its interfaces: a netlink dump on Linux, getifaddrs(3) elsewhere and where
//! there is no netlink.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use crate::inputs::environment::Environment;
use crate::os_error;

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

/// How long an answer is good where the kernel reports no change: `ethtool -s` can set the speed of a virtual
/// device silently.
const KEPT: Duration = Duration::from_secs(60);

/// What the system says of its interfaces. On Linux it is asked again only when the kernel has reported a change;
/// with a thousand interfaces this is three quarters of a gather.
#[derive(Debug, Default)]
pub struct System {
    interfaces: HashMap<Vec<u8>, Known>,
    #[cfg(target_os = "linux")]
    changes: Option<crate::netlink::links::Changes>,
    asked: Option<Instant>,
}

/// What is known of one interface.
#[derive(Debug)]
pub struct Known {
    /// Its status.
    pub status: Status,
    /// Its speed, once it was read.
    speed: Cell<Option<i64>>,
}

impl Known {
    /// Its speed, from `read` where it is not known yet.
    pub fn speed(&self, read: impl FnOnce() -> i64) -> i64 {
        let speed = self.speed.get().unwrap_or_else(read);
        self.speed.set(Some(speed));
        speed
    }
}

impl System {
    /// Makes sure that what is known is true now.
    ///
    /// # Errors
    /// When the system gives no list.
    pub fn refresh(&mut self, environment: &Environment, now: Instant) -> Result<(), String> {
        let kept = self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < KEPT);
        // In this order: the changes up to now are forgotten only with the answer that comes after them.
        if !self.may_have_changed() && kept {
            return Ok(());
        }
        self.asked = None;
        let known = |(name, status)| (name, Known { status, speed: Cell::new(None) });
        self.interfaces = interfaces(environment, now)?.into_iter().map(known).collect();
        self.asked = Some(now);
        Ok(())
    }

    /// The interface of that name; `None` where there is none.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Known> {
        self.interfaces.get(name)
    }

    #[cfg(target_os = "linux")]
    fn may_have_changed(&mut self) -> bool {
        if let Some(changes) = &mut self.changes {
            return changes.any();
        }
        self.changes = crate::netlink::links::Changes::subscribe().ok();
        true
    }

    #[cfg(not(target_os = "linux"))]
    fn may_have_changed(&mut self) -> bool {
        true
    }
}

/// The kernel answers at once; this only ends a dump that never does.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_secs(5);

/// The status of every interface, by name.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "getifaddrs takes no deadline"))]
fn interfaces(environment: &Environment, now: Instant) -> Result<HashMap<Vec<u8>, Status>, String> {
    #[cfg(target_os = "linux")]
    if let Ok(links) = crate::netlink::links::links(&environment.route, now + PATIENCE) {
        return Ok(links.into_iter().map(|link| (link.name, Status::of_flags(link.flags))).collect());
    }
    let addresses = getifaddrs().map_err(|error| {
        let advice = match os_error::advice(Some(error as i32)) {
            "" if cfg!(target_os = "linux") => " (systemd: add AF_NETLINK to RestrictAddressFamilies)",
            advice => advice,
        };
        format!("cannot list the interfaces: {error}{advice}")
    })?;
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
