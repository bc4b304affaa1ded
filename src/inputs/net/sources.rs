//! The registry of sources. A new one is its own file and one entry here.

use super::netstat;
use super::source::{Capabilities, Source};
#[cfg(target_os = "linux")]
use super::{netlink, procfs};
use crate::inputs::choice::Registration;
use crate::inputs::source::Cause;

/// Every source, in the order in which `auto` tries them.
pub(crate) const SOURCES: &[Registration<dyn Source, Capabilities>] = &[
    #[cfg(target_os = "linux")]
    Registration {
        name: "netlink",
        capabilities: netlink::CAPABILITIES,
        probe: |context| netlink::probe(&context.environment),
        open: |context| Ok(Box::new(netlink::Netlink::new(context.environment.clone()))),
    },
    #[cfg(target_os = "linux")]
    Registration {
        name: "procfs",
        capabilities: procfs::CAPABILITIES,
        probe: |context| procfs::probe(&context.environment.host),
        open: |context| Ok(Box::new(procfs::Procfs::new(context.environment.clone()))),
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
