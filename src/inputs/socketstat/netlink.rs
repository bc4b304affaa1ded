//! The source `netlink`: asks the kernel through `NETLINK_SOCK_DIAG`, as ss does, without a child process or privileges.
//!
//! Messages are parsed in place. Fields are read by offset, so kernels with more or fewer of them work too.
//!
//! A kernel may support a protocol but lack the module that lists its sockets (often `raw_diag`). Like ss, this source
//! then reads the table in `/proc/net`, through its fallback source.
//!
//! Sources: `sock_diag`(7), netlink(7), and `misc/ss.c` of iproute2 6.1 for what ss asks and prints.

pub mod question;
pub mod rows;

use std::time::Instant;

use nix::errno::Errno;

use self::question::{AF_INET, AF_INET6, families, request, request_for_tcp};
use self::rows::Rows;
use super::interfaces::{Interfaces, Names};
use super::socket::{Protocol, Socket};
use super::source::{Capabilities, Query, Source};
use crate::inputs::source::{Cause, Diagnostic, Skipped, SourceError};
use crate::logger::Level;
use crate::netlink::dump::{DumpError, SharedDumper};
use crate::netlink::message::{Message, SOCK_DIAG_BY_FAMILY, TCPDIAG_GETSOCK};
use crate::os_error;

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    protocols: &Protocol::ALL,
    tcp_info: true,
    identity: true,
    listening: true,
    events: true,
    other_network: false,
};

/// Lists sockets through netlink.
pub struct Netlink {
    dumper: SharedDumper,
    fallback: Option<Box<dyn Source>>,
    interfaces: Interfaces,
}

impl Netlink {
    /// A source that sends its requests through `dumper`, with the device names from `names`.
    #[must_use]
    pub fn new(dumper: SharedDumper, names: Names) -> Self {
        Self { dumper, fallback: None, interfaces: Interfaces::new(names) }
    }

    /// Uses `source` for a protocol that this kernel does not list.
    #[must_use]
    pub fn with_fallback(self, source: Box<dyn Source>) -> Self {
        Self { fallback: Some(source), ..self }
    }

    /// Dumps a protocol that the kernel does not list from the fallback source.
    fn unsupported(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&Socket<'_>),
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let reason = no_module(query.protocol);
        let Some(fallback) = &mut self.fallback else {
            return Err(SourceError::Unsupported(Cause::new(reason)));
        };
        match fallback.dump(query, each) {
            Ok(mut diagnostics) => {
                let text = format!("{reason}; reading /proc/net instead");
                diagnostics.push(Diagnostic {
                    level: Level::Info,
                    key: "netlink: protocol unsupported",
                    text,
                });
                Ok(diagnostics)
            }
            // The kernel does not support the protocol.
            Err(SourceError::Unavailable(_) | SourceError::Unsupported(_)) => {
                Err(SourceError::Unsupported(Cause::new(reason)))
            }
            Err(error) => Err(error),
        }
    }
}

impl Source for Netlink {
    fn dump(
        &mut self,
        query: &Query,
        each: &mut dyn FnMut(&Socket<'_>),
    ) -> Result<Vec<Diagnostic>, SourceError> {
        let Self { dumper, interfaces, .. } = self;
        interfaces.forget();
        let mut rows = Rows::default();
        let mut skipped = Skipped::default();
        let supported = ask(dumper, query, &mut |family, payload| match &mut rows.parse(
            query.protocol,
            family,
            payload,
        ) {
            Some(socket) => {
                socket.local.name_device(|index| interfaces.name(index));
                each(socket);
            }
            None => skipped.add(None, payload),
        })
        .map_err(|error| source_error(query.protocol, error))?;
        if !supported {
            return self.unsupported(query, each);
        }
        let table = format!("netlink: {}", query.protocol);
        Ok(skipped.diagnostic("netlink: malformed messages", &table).into_iter().collect())
    }
}

/// Dumps the sockets of a protocol, each with its address family. Returns false if the kernel lists none of the families.
fn ask(dumper: &SharedDumper, query: &Query, each: &mut dyn FnMut(u8, &[u8])) -> Result<bool, DumpError> {
    if query.protocol == Protocol::Tcp {
        let outcome = dumper.lock().ask(request_for_tcp(query), query.deadline, &mut |message| {
            let payload = payload(message);
            each(if payload.first() == Some(&AF_INET6) { AF_INET6 } else { AF_INET }, payload);
        });
        match outcome {
            Ok(_) => return Ok(true),
            Err(DumpError::Refused(Errno::ENOENT)) => return Ok(false),
            // Kernels other than Linux may not support this request.
            Err(DumpError::Refused(Errno::EINVAL | Errno::EOPNOTSUPP)) => {}
            Err(error) => return Err(error),
        }
    }
    let mut supported = false;
    for family in families(query.protocol) {
        let outcome = dumper.lock().ask(request(query, *family), query.deadline, &mut |message| {
            each(*family, payload(message));
        });
        match outcome {
            Ok(_) => supported = true,
            Err(DumpError::Refused(Errno::ENOENT)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(supported)
}

/// The payload of a message about a socket. Empty, which is malformed, for other kinds of messages.
fn payload<'a>(message: &Message<'a>) -> &'a [u8] {
    if matches!(message.kind, SOCK_DIAG_BY_FAMILY | TCPDIAG_GETSOCK) { message.payload } else { &[] }
}

/// Whether netlink lists `protocol` on this host now, and if not, why.
///
/// # Errors
/// When it does not, with the reason.
pub(crate) fn probe(dumper: &SharedDumper, protocol: Protocol, deadline: Instant) -> Result<(), Cause> {
    // No states, so that the answer is empty and cheap.
    let query = Query { protocol, states: 0, tcp_info: false, congestion: false, deadline };
    match ask(dumper, &query, &mut |_, _| {}) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Cause::new(no_module(protocol))),
        Err(error) => Err(cause(protocol, error)),
    }
}

fn no_module(protocol: Protocol) -> String {
    let module = if protocol == Protocol::Packet { "af_packet" } else { protocol.name() };
    format!("netlink: this kernel has no {protocol} sockets, or not the module {module}_diag that lists them")
}

fn cause(protocol: Protocol, error: DumpError) -> Cause {
    let advice = match error {
        DumpError::Refused(Errno::EAFNOSUPPORT) => " (systemd: add AF_NETLINK to RestrictAddressFamilies)",
        DumpError::Refused(errno) => os_error::advice(Some(errno as i32)),
        _ => "",
    };
    Cause::new(format!("netlink: cannot list {protocol} sockets: {error}{advice}"))
}

fn source_error(protocol: Protocol, error: DumpError) -> SourceError {
    let cause = cause(protocol, error);
    match error {
        DumpError::Refused(
            Errno::EPERM
            | Errno::EACCES
            | Errno::ENOSYS
            | Errno::EINVAL
            | Errno::EOPNOTSUPP
            | Errno::EAFNOSUPPORT
            | Errno::EPROTONOSUPPORT
            | Errno::ESOCKTNOSUPPORT
            | Errno::ECONNREFUSED,
        ) => SourceError::Unavailable(cause),
        _ => SourceError::Failed(cause),
    }
}

#[cfg(test)]
mod tests;
