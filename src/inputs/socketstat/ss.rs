//! The source `ss`: runs iproute2's `ss -in --PROTO` per protocol, with a state filter if the section selects states
//! other than those that ss lists by default.

mod filter;
pub mod table;
mod unix;
mod words;

use super::socket::{Protocol, Socket};
use super::source::{Capabilities, Query, Source};
use crate::command::find_program;
use crate::host::Host;
use crate::inputs::environment::Environment;
use crate::inputs::source::{Cause, Diagnostic, SourceError};
use crate::program::{Program, command_line};
use table::SsTable;

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    protocols: &Protocol::ALL,
    tcp_info: false,
    identity: false,
    listening: false,
    events: false,
    other_network: false,
};

/// The output limit of one run, in bytes. ss prints about 500 per TCP socket, so this is half a million sockets.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Lists sockets with ss.
pub(super) struct Ss {
    program: Program,
    /// What ss cannot do on this host. Returned with each table of TCP sockets, logged once.
    degraded: Option<Diagnostic>,
}

impl Ss {
    /// A source that finds ss on the host's PATH.
    pub(super) fn new(environment: &Environment) -> Self {
        Self {
            program: Program::new("ss", environment.host.path(), environment.children.clone()),
            degraded: no_netlink(),
        }
    }
}

/// Checks that ss is installed.
pub(super) fn probe(host: &Host) -> Result<(), Cause> {
    find_program("ss", host.path()).map(|_| ()).map_err(|error| {
        Cause::new(format!("{error}: install the package iproute2 (iproute on some systems)"))
    })
}

/// Checks whether netlink is available. Without it, ss silently reads /proc.
#[cfg(target_os = "linux")]
fn no_netlink() -> Option<Diagnostic> {
    use nix::errno::Errno;
    use nix::sys::socket::SockProtocol;

    use crate::logger::Level;
    use crate::netlink::channel::KernelChannel;

    let refused = KernelChannel::open(SockProtocol::NetlinkSockDiag, 0, 0).err()?;
    let text = "ss: cannot use netlink, so there are no TCP counters (systemd: add AF_NETLINK to RestrictAddressFamilies)";
    matches!(refused, Errno::EAFNOSUPPORT | Errno::EPERM | Errno::EACCES).then(|| Diagnostic {
        level: Level::Info,
        key: "ss: no netlink",
        text: text.to_owned(),
    })
}

#[cfg(not(target_os = "linux"))]
fn no_netlink() -> Option<Diagnostic> {
    None
}

impl Source for Ss {
    fn dump(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&Socket<'_>),
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let protocol = query.protocol;
        let option = format!("--{protocol}");
        let mut args: Vec<&str> = vec!["-in", &option];
        for argument in filter::arguments(protocol, query.states) {
            args.push(argument);
        }
        let mut table = SsTable::new(protocol).with_only_state(filter::only_state(protocol, query.states));
        self.program.run(&args, query.deadline, LIMIT, &mut |line| table.line(line, each))?;
        let mut diagnostics = table.finish(each).map_err(|error| {
            SourceError::Failed(Cause::new(format!("{} {error}", command_line("ss", &args))))
        })?;
        diagnostics.extend(self.degraded.clone().filter(|_| protocol == Protocol::Tcp));
        Ok(diagnostics)
    }
}
