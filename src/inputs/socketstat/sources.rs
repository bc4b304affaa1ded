//! The registry of sources. A new source is a module of its own and an entry here.

#[cfg(target_os = "linux")]
use std::path::PathBuf;
#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use super::interfaces::Names;
#[cfg(target_os = "linux")]
use super::socket::Protocol;
use super::source::{Capabilities, Source};
#[cfg(target_os = "linux")]
use super::{netlink, procfs};
use super::{netstat, ss};
#[cfg(target_os = "linux")]
use crate::host::Network;
use crate::inputs::choice::Registration;
use crate::inputs::source::Cause;

/// The time limit for the check whether netlink works.
#[cfg(target_os = "linux")]
const PROBE: Duration = Duration::from_secs(1);

/// A source of sockets in the registry.
pub(super) type SocketSource = Registration<dyn Source, Capabilities>;

/// Every source, in the order in which `auto` tries them.
pub(crate) const SOURCES: &[SocketSource] = &[
    Registration {
        name: "ss",
        capabilities: ss::CAPABILITIES,
        probe: |context| ss::probe(&context.environment.host),
        open: |context| Ok(Box::new(ss::Ss::new(&context.environment))),
    },
    #[cfg(target_os = "linux")]
    Registration {
        name: "netlink",
        capabilities: netlink::CAPABILITIES,
        probe: |context| {
            netlink::probe(&context.environment.sock_diag, Protocol::Tcp, Instant::now() + PROBE)
        },
        // Many kernels have raw sockets but no raw_diag. ss also reads the tables in /proc then.
        open: |context| {
            let tables = procfs::Procfs::new(PathBuf::from("/proc/net"), Names::Own);
            let source = netlink::Netlink::new(context.environment.sock_diag.clone(), Names::Own);
            Ok(Box::new(source.with_fallback(Box::new(tables))))
        },
    },
    #[cfg(target_os = "linux")]
    Registration {
        name: "procfs",
        capabilities: procfs::CAPABILITIES,
        probe: |context| procfs::probe(&context.environment.host.net_dir()),
        open: |context| {
            let host = &context.environment.host;
            let names = if host.network() == Network::Other {
                Names::Directory(host.class_net())
            } else {
                Names::Own
            };
            Ok(Box::new(procfs::Procfs::new(host.net_dir(), names)))
        },
    },
    Registration {
        name: "netstat",
        capabilities: netstat::CAPABILITIES,
        probe: |context| netstat::probe(context.platform, context.environment.host.path()),
        open: |context| {
            let platform = context.platform.ok_or_else(|| Cause::new(crate::platform::unknown()))?;
            Ok(Box::new(netstat::Netstat::new(platform, &context.environment)))
        },
    },
];
