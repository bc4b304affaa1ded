//! The registry of sources. A new one is its own file and one entry here.

#[cfg(target_os = "linux")]
use std::path::PathBuf;
#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use super::interfaces::Names;
use super::socket::Protocol;
use super::source::Source;
#[cfg(target_os = "linux")]
use super::{netlink, procfs};
use super::{netstat, ss};
use crate::inputs::choice::Registration;

/// How long the kernel may take to answer whether it lists sockets at all.
#[cfg(target_os = "linux")]
const PROBE: Duration = Duration::from_secs(1);

/// Every source, in the order in which `auto` tries them.
pub const SOURCES: &[Registration<dyn Source, &[Protocol]>] = &[
    Registration {
        name: "ss",
        gives: ss::PROTOCOLS,
        probe: |context| ss::probe(&context.environment.host),
        open: |context| {
            let environment = &context.environment;
            Ok(Box::new(ss::Ss::new(&environment.host, environment.children.clone())))
        },
    },
    #[cfg(target_os = "linux")]
    Registration {
        name: "netlink",
        gives: netlink::PROTOCOLS,
        probe: |_| netlink::probe(Protocol::Tcp, Instant::now() + PROBE),
        // Many kernels have raw sockets but no raw_diag: ss, too, then reads the tables in /proc.
        open: |_| {
            let tables = procfs::Procfs::new(PathBuf::from("/proc/net"), Names::Own);
            Ok(Box::new(netlink::Netlink::new().with_fallback(Box::new(tables))))
        },
    },
    #[cfg(target_os = "linux")]
    Registration {
        name: "procfs",
        gives: procfs::PROTOCOLS,
        probe: |context| procfs::probe(&context.environment.host.net_dir()),
        open: |context| {
            let host = &context.environment.host;
            let names = if host.is_foreign() { Names::Directory(host.class_net()) } else { Names::Own };
            Ok(Box::new(procfs::Procfs::new(host.net_dir(), names)))
        },
    },
    Registration {
        name: "netstat",
        gives: netstat::PROTOCOLS,
        probe: |context| netstat::probe(context.platform, context.environment.host.path()),
        open: |context| {
            let environment = &context.environment;
            let platform = context.platform.ok_or_else(crate::platform::unknown)?;
            Ok(Box::new(netstat::Netstat::new(
                platform,
                environment.host.path(),
                environment.children.clone(),
            )))
        },
    },
];
