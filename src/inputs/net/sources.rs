//! The registry of sources. A new one is its own file and one entry here.

use super::netstat;
#[cfg(target_os = "linux")]
use super::procfs;
use super::source::Source;
use crate::inputs::choice::Registration;

/// What is known of the interfaces of a source beside its own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// /sys describes the same interfaces.
    Sysfs,
    /// Nothing.
    Nothing,
}

/// Every source, in the order in which `auto` tries them.
pub const SOURCES: &[Registration<dyn Source, Beside>] = &[
    #[cfg(target_os = "linux")]
    Registration {
        name: "procfs",
        gives: Beside::Sysfs,
        probe: |context| procfs::probe(&context.environment.host),
        open: |context| Ok(Box::new(procfs::Procfs::new(context.environment.host.clone()))),
    },
    Registration {
        name: "netstat",
        gives: Beside::Nothing,
        probe: |context| netstat::probe(context.platform, context.environment.host.path()),
        open: |context| {
            let environment = &context.environment;
            let platform = context.platform.ok_or_else(crate::platform::unknown)?;
            Ok(Box::new(netstat::Netstat::new(platform, environment.host.path(), &environment.children)))
        },
    },
];
