//! What inputs and their sources need of the process and its host.

use std::sync::Arc;

#[cfg(target_os = "linux")]
use nix::sys::socket::SockProtocol;

use crate::command::Children;
use crate::host::Host;
#[cfg(target_os = "linux")]
use crate::netlink::dump::{Dumper, SharedDumper};
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
        Self {
            host: Arc::new(host),
            children: Arc::default(),
            once: false,
            #[cfg(target_os = "linux")]
            sock_diag: SharedDumper::new(Dumper::new(SockProtocol::NetlinkSockDiag)),
            #[cfg(target_os = "linux")]
            route: SharedDumper::new(Dumper::new(SockProtocol::NetlinkRoute)),
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
