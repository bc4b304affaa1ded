//! What the system itself says of its interfaces: getifaddrs(3).

use std::collections::HashMap;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::source::Status;
use crate::os_error;

/// The status of every interface, by name.
///
/// # Errors
/// When the system gives no list.
pub(super) fn statuses() -> Result<HashMap<Vec<u8>, Status>, String> {
    let addresses = getifaddrs().map_err(|error| {
        format!("cannot list the interfaces: {error}{}", os_error::advice(Some(error as i32)))
    })?;
    let status = |flags: InterfaceFlags| Status {
        up: flags.contains(InterfaceFlags::IFF_UP),
        loopback: flags.contains(InterfaceFlags::IFF_LOOPBACK),
    };
    Ok(addresses.map(|address| (address.interface_name.into_bytes(), status(address.flags))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_has_a_loopback_interface() {
        let statuses = match statuses() {
            Ok(statuses) => statuses,
            Err(error) => return crate::skip::skipped(&format!("needs a list of interfaces: {error}")),
        };
        let (name, _) = statuses.iter().find(|(_, status)| status.loopback).expect("a loopback interface");
        assert!(name.starts_with(b"lo"), "{name:?}");
    }
}
