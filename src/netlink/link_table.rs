//! A table of all network devices, kept up to date by the kernel's notifications.
//!
//! Listing all devices takes the kernel longer than everything else in a gather, so it is done only at the start and
//! after notifications were lost. Notifications arrive in the order of the changes, and each has the complete state of
//! its device. So it does no harm to apply notifications that were queued during the listing and are older than the
//! list: the last one for each device is the newest state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::channel::{Events, KernelChannel};
use super::dump::{DumpError, SharedDumper};
use super::links::{self, Change, Link};
use super::message::Messages;
use crate::shared::Shared;

/// `RTMGRP_LINK`: the mask of the multicast group `RTNLGRP_LINK`.
const RTMGRP_LINK: u32 = 1;
/// The size of the receive queue, in bytes. It holds some hundred messages; reading more would take longer than a new list.
const QUEUE: usize = 256 * 1024;
/// The size of the receive buffer, in bytes: more than any message has.
const MESSAGE: usize = 64 * 1024;
/// The maximum number of messages per update, more than the queue holds. Only if devices change as fast as the messages
/// are read can there be as many.
const MOST_MESSAGES: u32 = 10_000;
/// How often the list is requested in a row if it changes meanwhile.
const ATTEMPTS: u32 = 8;

/// Opens a socket that receives notifications about devices.
pub type Subscribe = dyn FnMut() -> Result<Box<dyn Events>, Errno> + Send;

/// The table of devices, by index.
pub struct LinkTable {
    route: SharedDumper,
    subscribe: Box<Subscribe>,
    events: Option<Box<dyn Events>>,
    links: BTreeMap<u32, Link>,
    /// Whether the list was complete and no notification since then was lost.
    is_complete: bool,
    reports_buses: bool,
    buffer: Vec<u8>,
}

/// Notifications were lost.
struct Lost;

impl LinkTable {
    /// Creates an empty table, which requests the list from `route`. Sockets are opened by the first refresh.
    #[must_use]
    pub fn new(route: SharedDumper) -> Self {
        Self::with_events(
            route,
            Box::new(|| {
                let channel = KernelChannel::open(SockProtocol::NetlinkRoute, RTMGRP_LINK, QUEUE)?;
                Ok(Box::new(channel))
            }),
        )
    }

    /// Like [`LinkTable::new`], with another way to subscribe to notifications.
    #[must_use]
    pub fn with_events(route: SharedDumper, subscribe: Box<Subscribe>) -> Self {
        let (events, links, buffer) = (None, BTreeMap::new(), vec![0; MESSAGE]);
        Self { route, subscribe, events, links, is_complete: false, reports_buses: false, buffer }
    }

    /// Brings the table up to date, with a new list if necessary.
    ///
    /// # Errors
    /// If the list cannot be read, or notifications cannot be received.
    pub fn refresh(&mut self, deadline: Instant) -> Result<(), DumpError> {
        if self.is_complete && self.update().is_some() {
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            self.list(deadline)?;
            if self.is_complete {
                break;
            }
        }
        // After the last attempt, use a list in which devices may be missing. The next refresh requests it again.
        self.update().map(drop).ok_or(DumpError::QueueFull)
    }

    /// Applies the notifications that have arrived. Returns the indexes of devices that were removed, even if another
    /// device has the index now. `None` if notifications were lost, so that any device may have been removed.
    pub fn update(&mut self) -> Option<BTreeSet<u32>> {
        let mut removed = BTreeSet::new();
        let outcome = self.apply(&mut removed);
        self.is_complete &= outcome.is_ok();
        outcome.is_ok().then_some(removed)
    }

    /// Makes the next refresh request the list, since something may have changed that the kernel does not report.
    pub fn invalidate(&mut self) {
        self.is_complete = false;
    }

    /// The device with this index.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// Every device.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// Whether this kernel reports that a device is on a bus: it has done so for at least one device.
    #[must_use]
    pub fn reports_buses(&self) -> bool {
        self.reports_buses
    }

    fn list(&mut self, deadline: Instant) -> Result<(), DumpError> {
        self.drain(deadline)?;
        let mut links = BTreeMap::new();
        let interrupted = links::list(&self.route, deadline, &mut |index, link| {
            links.insert(index, link);
        })?;
        self.reports_buses |= links.values().any(|link| link.on_bus);
        self.links = links;
        self.is_complete = !interrupted;
        Ok(())
    }

    /// Discards queued notifications. After an overflow the kernel adds no new ones until the queue is empty.
    fn drain(&mut self, deadline: Instant) -> Result<(), DumpError> {
        let events = match &mut self.events {
            Some(events) => events,
            None => self.events.insert((self.subscribe)()?),
        };
        loop {
            match events.queued(&mut self.buffer) {
                Ok(None) => return Ok(()),
                Ok(Some(_)) | Err(Errno::ENOBUFS) => {}
                Err(errno) => {
                    self.events = None;
                    return Err(errno.into());
                }
            }
            if Instant::now() >= deadline {
                return Err(DumpError::TimedOut);
            }
        }
    }

    fn apply(&mut self, removed: &mut BTreeSet<u32>) -> Result<(), Lost> {
        let events = self.events.as_mut().ok_or(Lost)?;
        for _ in 0..MOST_MESSAGES {
            let length = match events.queued(&mut self.buffer) {
                Ok(Some(length)) => length,
                Ok(None) => return Ok(()),
                Err(errno) => {
                    if errno != Errno::ENOBUFS {
                        self.events = None;
                    }
                    return Err(Lost);
                }
            };
            let datagram = self.buffer.get(..length).ok_or(Lost)?;
            for message in Messages(datagram) {
                let change = message.ok().as_ref().and_then(links::change).ok_or(Lost)?;
                self.reports_buses |= matches!(&change, Change::Set(_, link) if link.on_bus);
                apply(&mut self.links, change, removed)?;
            }
        }
        Err(Lost)
    }
}

fn apply(links: &mut BTreeMap<u32, Link>, change: Change, removed: &mut BTreeSet<u32>) -> Result<(), Lost> {
    match change {
        Change::Set(index, link) => {
            links.insert(index, link);
        }
        Change::SetNameAndFlags(index, name, flags) => {
            let link = links.get_mut(&index).ok_or(Lost)?;
            link.name = name;
            link.flags = flags;
        }
        Change::Removed(index) => {
            links.remove(&index);
            removed.insert(index);
        }
        Change::Other => {}
    }
    Ok(())
}

/// A table that several sections share.
pub type SharedLinks = Shared<LinkTable>;

#[cfg(test)]
mod tests;
