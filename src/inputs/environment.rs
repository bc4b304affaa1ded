//! What inputs and their sources use of this process and its host.

use std::sync::Arc;

#[cfg(target_os = "linux")]
use nix::sys::socket::SockProtocol;

use crate::command::Children;
use crate::host::Host;
#[cfg(target_os = "linux")]
use crate::netlink::dump::{Dumper, SharedDumper};
#[cfg(target_os = "linux")]
use crate::netlink::link_table::{LinkTable, SharedLinks};
use crate::platform::Platform;

/// What inputs use of this process and its host.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The paths of /proc and /sys, and the search path.
    pub host: Arc<Host>,
    /// Runs children.
    pub children: Arc<Children>,
    /// Whether there is only one gather.
    pub once: bool,
    /// The kernel's socket tables.
    #[cfg(target_os = "linux")]
    pub sock_diag: SharedDumper,
    /// The kernel's network devices.
    #[cfg(target_os = "linux")]
    pub route: SharedDumper,
    /// Generic netlink, for ethtool messages.
    #[cfg(target_os = "linux")]
    pub generic: SharedDumper,
    /// The table of network devices.
    #[cfg(target_os = "linux")]
    pub links: SharedLinks,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::of_host(Host::from_environment(|name| std::env::var_os(name)))
    }

    /// An environment with other paths.
    #[must_use]
    pub fn of_host(host: Host) -> Self {
        #[cfg(target_os = "linux")]
        let route = SharedDumper::new(Dumper::new(SockProtocol::NetlinkRoute));
        Self {
            host: Arc::new(host),
            children: Arc::default(),
            once: false,
            #[cfg(target_os = "linux")]
            sock_diag: SharedDumper::new(Dumper::new(SockProtocol::NetlinkSockDiag)),
            #[cfg(target_os = "linux")]
            links: SharedLinks::new(LinkTable::new(route.clone())),
            #[cfg(target_os = "linux")]
            route,
            #[cfg(target_os = "linux")]
            generic: SharedDumper::new(Dumper::new(SockProtocol::NetlinkGeneric)),
        }
    }
}

/// What a source may use.
#[derive(Clone, Debug)]
pub struct Context {
    /// The environment of the input.
    pub environment: Environment,
    /// The platform of netstat, if it is known.
    pub platform: Option<Platform>,
}
