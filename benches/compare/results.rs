//! The results of all measurements.

use std::collections::BTreeMap;

use crate::churn::Churn;
use crate::contender::Contender;
use crate::measure::Sample;
use crate::statistics::Spread;
use crate::telegraf::{EndToEnd, NetEndToEnd};

/// All results.
#[derive(Default)]
pub struct Results {
    /// By contender and number of sockets or interfaces, one per round.
    pub samples: BTreeMap<(Contender, usize), Vec<Sample>>,
    /// The time from start to end without a gather, in milliseconds.
    pub start: Option<Spread>,
    /// The time from start to end with a gather through netlink on a host without connections, in milliseconds.
    pub idle_host: Option<Spread>,
    /// The number of system calls per interface in a gather of `net`, by number of interfaces. Empty without strace.
    pub system_calls: BTreeMap<usize, f64>,
    /// How many TCP sockets were grouped.
    pub grouped_sockets: usize,
    /// Sockets that are closed between two gathers, one measurement per round.
    pub churn: Vec<Churn>,
    /// The memory in MB of a plugin that knows this number of sockets.
    pub known: BTreeMap<(Contender, usize), f64>,
    /// The whole Telegraf with each input of sockets in turn.
    pub telegraf: Option<EndToEnd>,
    /// The whole Telegraf with each input of interfaces in turn.
    pub telegraf_net: Option<NetEndToEnd>,
    /// The size of the binary in MB.
    pub binary: f64,
}

impl Results {
    /// The sizes with results of any of `who`, ascending.
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

    /// The spread of a value over the rounds.
    pub fn spread(
        &self,
        contender: Contender,
        size: usize,
        number: impl Fn(&Sample) -> Option<f64>,
    ) -> Option<Spread> {
        Spread::of(self.samples.get(&(contender, size))?.iter().filter_map(number))
    }

    /// Bytes per socket that a plugin knows, from the difference of the two largest numbers of sockets.
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    pub fn per_known(&self, contender: Contender) -> Option<f64> {
        let mut known = self.known.iter().rev().filter(|((of, _), _)| *of == contender);
        let (((_, many), more), ((_, few), less)) = (known.next()?, known.next()?);
        Some((more - less) * 1e6 / (many - few) as f64)
    }

    /// The median of the ratios of CPU time in each round.
    pub fn ratio(&self, over: (Contender, usize), under: (Contender, usize)) -> Option<f64> {
        let (over, under) = (self.samples.get(&over)?, self.samples.get(&under)?);
        let ratios = over.iter().zip(under).map(|(over, under)| over.cpu / under.cpu);
        Some(Spread::of(ratios)?.median)
    }
}
