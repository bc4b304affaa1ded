//! The inputs: what each gathers, and from which sources.

mod choice;
pub mod net;
pub mod socketstat;
pub mod source;

use std::sync::Arc;

#[cfg(target_os = "linux")]
use nix::sys::socket::SockProtocol;

use crate::accumulator::Accumulator;
use crate::command::Children;
use crate::config::{ConfigError, Known, Section};
use crate::host::Host;
#[cfg(target_os = "linux")]
use crate::netlink::dump::{Dumper, SharedDumper};
#[cfg(target_os = "linux")]
use crate::netlink::link_table::{LinkTable, SharedLinks};
use crate::output::OutputError;
use crate::platform::Platform;

/// Something that gathers metrics.
pub trait Input {
    /// Gathers once. What fails is reported to the accumulator and costs nothing else.
    ///
    /// # Errors
    /// When nobody reads the metrics any more.
    fn gather(&mut self, accumulator: &mut Accumulator<'_>) -> Result<(), OutputError>;
}

/// What inputs need of the process and its host.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Roots and search path.
    pub host: Arc<Host>,
    /// Runs children.
    pub children: Arc<Children>,
    /// The kernel's socket tables.
    #[cfg(target_os = "linux")]
    pub sock_diag: SharedDumper,
    /// The kernel's network devices.
    #[cfg(target_os = "linux")]
    pub route: SharedDumper,
    /// What their drivers say of them.
    #[cfg(target_os = "linux")]
    pub generic: SharedDumper,
    /// What is known of them.
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

/// How an input is made from its section.
type New = fn(&Section<'_>, &Environment) -> Result<Box<dyn Input>, ConfigError>;

/// The registry: each input by name, with its options.
const REGISTRY: &[(Known, New)] = &[
    (Known { name: "net", options: net::OPTIONS }, net::new),
    (Known { name: "socketstat", options: socketstat::OPTIONS }, socketstat::new),
];

/// The inputs that a configuration may name.
#[must_use]
pub fn known() -> Vec<Known> {
    REGISTRY.iter().map(|(known, _)| *known).collect()
}

/// Makes the input of a section.
///
/// # Errors
/// When one of its options has a value that is not allowed.
pub fn new(section: &Section<'_>, environment: &Environment) -> Result<Box<dyn Input>, ConfigError> {
    for (known, new) in REGISTRY {
        if known.name == section.name {
            return new(section, environment);
        }
    }
    unreachable!("a section is only made for a known input")
}

/// A line for each source of each input: whether it works on this host, and why not.
#[must_use]
pub fn sources(environment: &Environment) -> Vec<String> {
    let context = Context { environment: environment.clone(), platform: Platform::current() };
    let mut lines = choice::describe("net", net::sources::SOURCES, &context, |_| String::new());
    lines.extend(choice::describe("socketstat", socketstat::sources::SOURCES, &context, |can| {
        let names: Vec<&str> = can.protocols.iter().map(|protocol| protocol.name()).collect();
        format!(" ({})", names.join(", "))
    }));
    lines
}
