//! The targets of the measurements.

use std::fmt;

use crate::contender::Contender::{
    self, KernelDump, OursNet, OursNetlink, OursServices, OursSs, OursStates, PeerNet, PeerSockets, Ss,
};
use crate::mode::Mode;
use crate::results::Results;
use crate::statistics::Spread;

/// A measured value and its target.
pub struct Target {
    /// What was measured.
    pub what: String,
    /// The value, or `None` if it was not measured.
    pub measured: Option<f64>,
    /// The target.
    pub limit: Limit,
}

/// A limit for a value.
#[derive(Clone, Copy)]
pub enum Limit {
    /// A maximum.
    AtMost(f64),
    /// A minimum.
    AtLeast(f64),
}

use Limit::{AtLeast, AtMost};

impl Limit {
    /// Whether `number` is within the limit.
    pub fn holds(self, number: f64) -> bool {
        match self {
            AtMost(limit) => number <= limit,
            AtLeast(limit) => number >= limit,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AtMost(limit) => write!(f, "at most {limit}"),
            AtLeast(limit) => write!(f, "at least {limit}"),
        }
    }
}

/// All targets.
pub fn targets(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    let mut add = |what: String, measured, limit| targets.push(Target { what, measured, limit });
    sockets(results, &mut add);
    memory(results, &mut add);
    interfaces(results, &mut add);
    rest(results, &mut add);
    targets
}

type Add<'a> = dyn FnMut(String, Option<f64>, Limit) + 'a;

fn sockets(results: &Results, add: &mut Add<'_>) {
    let ratios: [(Contender, Contender, Limit); 5] = [
        (OursSs, Ss, AtMost(1.15)),
        (PeerSockets, OursSs, AtLeast(3.5)),
        (OursNetlink, KernelDump, AtMost(2.0)),
        (Ss, OursNetlink, AtLeast(4.0)),
        (PeerSockets, OursNetlink, AtLeast(15.0)),
    ];
    for (one, other, limit) in ratios {
        for size in results.sizes(&[OursSs]) {
            // With few sockets, most of the cost is the start of ss.
            if size >= 10_000 || ![one, other].contains(&OursSs) {
                let what = format!("CPU, {size} sockets: {} / {}", one.name(), other.name());
                add(what, results.ratio((one, size), (other, size)), limit);
            }
        }
    }
    for (contender, limit) in [(OursServices, 1.2), (OursStates, 0.6)] {
        for size in results.sizes(&[contender]).into_iter().filter(|size| *size >= 10_000) {
            let what = format!("CPU, {size} sockets: {} / {}", contender.name(), KernelDump.name());
            add(what, results.ratio((contender, size), (KernelDump, size)), AtMost(limit));
        }
    }
    for contender in [OursSs, OursNetlink] {
        let what = format!("CPU, 50000 sockets / 10000: {}", contender.name());
        add(what, results.ratio((contender, 50_000), (contender, 10_000)), AtMost(5.5));
    }
}

fn memory(results: &Results, add: &mut Add<'_>) {
    for contender in [OursSs, OursNetlink] {
        let name = contender.name();
        for size in results.sizes(&[contender]) {
            let peak = results.spread(contender, size, |sample| Some(sample.memory?.peak));
            let limit = if size > 10_000 { 24.0 } else { 8.0 };
            add(format!("peak MB, {size} sockets: {name}"), peak.map(|peak| peak.greatest), AtMost(limit));
            let after = results.spread(contender, size, |sample| Some(sample.memory?.after));
            add(format!("MB after {size} sockets: {name}"), after.map(|after| after.greatest), AtMost(4.0));
        }
    }
    for size in results.sizes(&[OursServices]) {
        let peak = results.spread(OursServices, size, |sample| Some(sample.memory?.peak));
        let what = format!("peak MB, {size} sockets: {}", OursServices.name());
        add(what, peak.map(|peak| peak.greatest), AtMost(if size > 10_000 { 16.0 } else { 8.0 }));
    }
    let idle = results.sizes(&[OursNetlink]).first().copied();
    let idle = idle.and_then(|size| results.spread(OursNetlink, size, |sample| Some(sample.memory?.idle)));
    add(String::from("MB before the first gather"), idle.map(|idle| idle.greatest), AtMost(4.0));
}

fn interfaces(results: &Results, add: &mut Add<'_>) {
    let ours = OursNet(Mode::Busy);
    for size in results.sizes(&[ours]) {
        if size > 10 {
            for mode in Mode::ALL {
                let (peer, ours) = (PeerNet(mode), OursNet(mode));
                let what = format!("CPU, {size} interfaces: {} / {}", peer.name(), ours.name());
                add(what, results.ratio((peer, size), (ours, size)), AtLeast(40.0));
            }
            let calls = results.system_calls.get(&size).copied();
            add(format!("system calls per interface, {size} interfaces"), calls, AtMost(0.05));
            let peak = results.spread(ours, size, |sample| Some(sample.memory?.peak));
            add(format!("peak MB, {size} interfaces: net"), peak.map(|peak| peak.greatest), AtMost(5.0));
        } else {
            let cpu = results.spread(ours, size, |sample| Some(sample.cpu));
            let what = format!("CPU ms, {size} interfaces: {}", ours.name());
            add(what, cpu.map(|cpu| cpu.median), AtMost(0.15));
        }
    }
    let Some(telegraf) = &results.telegraf_net else { return };
    let ratios = telegraf.ours.iter().zip(&telegraf.native).map(|(ours, native)| ours / native);
    let what = format!("CPU, Telegraf among {} interfaces: with net / native", telegraf.interfaces);
    add(what, Spread::of(ratios).map(|spread| spread.median), AtMost(0.45));
}

fn rest(results: &Results, add: &mut Add<'_>) {
    let median = |spread: Option<Spread>| spread.map(|spread| spread.median);
    let idle_host = String::from("wall ms, start to end with a gather of an idle host, source netlink");
    add(idle_host, median(results.idle_host), AtMost(5.0));
    add(String::from("wall ms, start to end without a gather"), median(results.start), AtMost(5.0));
    add(String::from("MB, the binary"), Some(results.binary), AtMost(4.0));
    let Some(telegraf) = &results.telegraf else { return };
    for (plugin, name, limit) in [
        (&telegraf.ss, "source ss", 0.65),
        (&telegraf.netlink, "source netlink", 0.45),
        (&telegraf.services, "groups by direction and service", 0.06),
    ] {
        let ratios = plugin.iter().zip(&telegraf.native).map(|(plugin, native)| plugin / native);
        let what = format!("CPU, Telegraf among {} sockets: with {name} / native", telegraf.sockets);
        add(what, median(Spread::of(ratios)), AtMost(limit));
    }
}
