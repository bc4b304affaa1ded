//! The registry of sources. A new one is its own file and one entry here.

use super::netstat;
#[cfg(target_os = "linux")]
use super::procfs;
use super::source::{Capabilities, Source};
use crate::inputs::choice::Registration;
use crate::inputs::source::Cause;

/// Every source, in the order in which `auto` tries them.
pub(crate) const SOURCES: &[Registration<dyn Source, Capabilities>] = &[
    #[cfg(target_os = "linux")]
    Registration {
        name: "procfs",
        capabilities: procfs::CAPABILITIES,
        probe: |context| procfs::probe(&context.environment.host),
        open: |context| Ok(Box::new(procfs::Procfs::new(context.environment.host.clone()))),
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
