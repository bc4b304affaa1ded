//! What inputs and their sources need of the process and its host.

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

/// What inputs need of the process and its host.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Roots and search path.
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
    /// What the drivers of network devices say of their links.
    #[cfg(target_os = "linux")]
    pub generic: SharedDumper,
    /// What is known of each network device.
    #[cfg(target_os = "linux")]
    pub links: SharedLinks,
}

impl Environment {
    /// Of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::of_host(Host::from_environment(|name| std::env::var_os(name)))
    }

    /// Of a host.
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

/// What a source may need.
#[derive(Clone, Debug)]
pub struct Context {
    /// Roots, search path and children.
    pub environment: Environment,
    /// Whose netstat is installed, if it is known.
    pub platform: Option<Platform>,
}
