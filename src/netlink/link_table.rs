//! What is known of every network device, kept true by the kernel's own messages.
//!
//! The list of all devices costs the kernel more than all the rest of a gather, so it is asked for only at the start, and
//! where messages were lost. Messages come in the order of the changes and each says all that there is to say of its
//! device. So it does no harm that those that were queued during the list, and are older than what the list says, are
//! applied after it: the last one is the newest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use super::channel::{Events, KernelChannel};
use super::dump::{DumpError, SharedDumper};
use super::links::{self, Link, Report};
use super::message::Messages;

/// `RTMGRP_LINK`: the mask of the multicast group `RTNLGRP_LINK`.
const RTMGRP_LINK: u32 = 1;
/// What may be queued of messages between two gathers, in bytes: some hundred. The list costs less than more of them.
const QUEUE: usize = 256 * 1024;
/// More than a message has, in bytes.
const MESSAGE: usize = 64 * 1024;
/// More messages than the queue holds: who finds as many runs after a change that never ends.
const MOST_MESSAGES: u32 = 10_000;
/// How often the list is asked for in a row where it changes meanwhile.
const ATTEMPTS: u32 = 8;

/// Opens a socket that hears of devices from then on.
pub type Subscribe = dyn FnMut() -> Result<Box<dyn Events>, Errno> + Send;

/// The table of devices, by index.
pub struct LinkTable {
    route: SharedDumper,
    subscribe: Box<Subscribe>,
    events: Option<Box<dyn Events>>,
    links: BTreeMap<u32, Link>,
    /// Whether the table is what the messages were applied to without a gap.
    is_whole: bool,
    tells_buses: bool,
    buffer: Vec<u8>,
}

/// Messages were lost.
struct Lost;

impl LinkTable {
    /// A table that asks `route` for the list. Nothing is opened before it is brought up to date.
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

    /// One that hears of changes through what `subscribe` opens.
    #[must_use]
    pub fn with_events(route: SharedDumper, subscribe: Box<Subscribe>) -> Self {
        let (events, links, buffer) = (None, BTreeMap::new(), vec![0; MESSAGE]);
        Self { route, subscribe, events, links, is_whole: false, tells_buses: false, buffer }
    }

    /// Brings the table up to date.
    ///
    /// # Errors
    /// When the kernel gives no list, or does not report changes.
    pub fn refresh(&mut self, deadline: Instant) -> Result<(), DumpError> {
        if self.is_whole && self.follow().is_some() {
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            self.list(deadline)?;
            if self.is_whole {
                break;
            }
        }
        // One that may lack a device counts, too, where another would come too late: the next refresh asks again.
        self.follow().map(drop).ok_or(DumpError::QueueFull)
    }

    /// Takes over what the kernel has reported since. Returns the devices that went: whatever has the index of one of them
    /// now is another device. `None` where reports were lost: then any of them may have gone.
    pub fn follow(&mut self) -> Option<BTreeSet<u32>> {
        let mut gone = BTreeSet::new();
        let outcome = self.apply(&mut gone);
        self.is_whole &= outcome.is_ok();
        outcome.is_ok().then_some(gone)
    }

    /// Asks for the list the next time: what the kernel does not report may have changed.
    pub fn forget(&mut self) {
        self.is_whole = false;
    }

    /// The device of that index.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// Every device.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// Whether this kernel says of a device that it has one on a bus: a device has said so.
    #[must_use]
    pub fn tells_buses(&self) -> bool {
        self.tells_buses
    }

    fn list(&mut self, deadline: Instant) -> Result<(), DumpError> {
        self.drain(deadline)?;
        let mut links = BTreeMap::new();
        let interrupted = links::list(&self.route, deadline, &mut |index, link| {
            links.insert(index, link);
        })?;
        self.tells_buses |= links.values().any(|link| link.on_bus);
        self.links = links;
        self.is_whole = !interrupted;
        Ok(())
    }

    /// Throws away what is queued: while a queue that was full is not empty, the kernel puts nothing new into it.
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

    /// Takes over the messages that are queued.
    fn apply(&mut self, gone: &mut BTreeSet<u32>) -> Result<(), Lost> {
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
                let report = message.ok().as_ref().and_then(links::report).ok_or(Lost)?;
                self.tells_buses |= matches!(&report, Report::Is(_, link) if link.on_bus);
                update(&mut self.links, report, gone)?;
            }
        }
        Err(Lost)
    }
}

fn update(links: &mut BTreeMap<u32, Link>, report: Report, gone: &mut BTreeSet<u32>) -> Result<(), Lost> {
    match report {
        Report::Is(index, link) => {
            links.insert(index, link);
        }
        Report::IsNamed(index, name, flags) => {
            let link = links.get_mut(&index).ok_or(Lost)?;
            link.name = name;
            link.flags = flags;
        }
        Report::Gone(index) => {
            links.remove(&index);
            gone.insert(index);
        }
        Report::Other => {}
    }
    Ok(())
}

/// A [`LinkTable`] that several sections use, one at a time.
#[derive(Clone)]
pub struct SharedLinks(Arc<Mutex<LinkTable>>);

impl SharedLinks {
    /// Shares a table.
    #[must_use]
    pub fn new(table: LinkTable) -> Self {
        Self(Arc::new(Mutex::new(table)))
    }

    /// The table, for one gather.
    pub fn lock(&self) -> MutexGuard<'_, LinkTable> {
        // Its next list makes up for whatever a panic elsewhere left undone.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for SharedLinks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedLinks")
    }
}

#[cfg(test)]
mod tests;
