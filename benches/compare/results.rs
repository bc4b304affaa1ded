//! What was measured.

use std::collections::BTreeMap;

use crate::contender::Contender;
use crate::measure::Sample;
use crate::statistics::Spread;
use crate::telegraf::{EndToEnd, NetEndToEnd};

/// All of it.
#[derive(Default)]
pub struct Results {
    /// By contender and number of sockets or interfaces, one a round.
    pub samples: BTreeMap<(Contender, usize), Vec<Sample>>,
    /// From start to end without a gather, in milliseconds.
    pub start: Option<Spread>,
    /// From start to end with a gather from the kernel on a host without connections, in milliseconds.
    pub idle_host: Option<Spread>,
    /// System calls that a gather of `net` makes for each of so many interfaces; empty without strace.
    pub system_calls: BTreeMap<usize, f64>,
    /// Telegraf with each of the inputs of sockets in turn.
    pub telegraf: Option<EndToEnd>,
    /// Telegraf with each of the inputs of interfaces in turn.
    pub telegraf_net: Option<NetEndToEnd>,
    /// Size of the binary in MB.
    pub binary: f64,
}

impl Results {
    /// The sizes at which any of them ran, ascending.
    pub fn sizes(&self, who: &[Contender]) -> Vec<usize> {
        let mut sizes: Vec<usize> = self
            .samples
            .keys()
            .filter(|(contender, _)| who.contains(contender))
            .map(|(_, size)| *size)
            .collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    /// Of one number of each round.
    pub fn spread(
        &self,
        contender: Contender,
        size: usize,
        number: impl Fn(&Sample) -> Option<f64>,
    ) -> Option<Spread> {
        Spread::of(self.samples.get(&(contender, size))?.iter().filter_map(number))
    }

    /// The median of the ratios of CPU time, round by round.
    pub fn ratio(&self, over: (Contender, usize), under: (Contender, usize)) -> Option<f64> {
        let (over, under) = (self.samples.get(&over)?, self.samples.get(&under)?);
        let ratios = over.iter().zip(under).map(|(over, under)| over.cpu / under.cpu);
        Some(Spread::of(ratios)?.median)
    }
}
