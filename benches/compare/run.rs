//! The plan: what is made, and who is measured when.

use std::fs;
use std::process::Command;

use crate::contender::{Contender, Contenders, Mode, OURS, SOCKETS};
use crate::measure::{self, megabytes};
use crate::options::Options;
use crate::results::Results;
use crate::statistics::Spread;
use crate::{Result, load, plot, report, setup, telegraf};

/// How often what is too short to measure once is measured.
const STARTS: usize = 20;

/// Measures all, prints the report, and keeps it if asked to.
pub fn all(options: &Options) -> Result<()> {
    let contenders = Contenders::new()?;
    let mut results = Results { binary: megabytes(fs::metadata(OURS)?.len()), ..Results::default() };
    starts(&contenders, &mut results)?;
    sockets(options, &contenders, &mut results)?;
    interfaces(options, &contenders, &mut results)?;
    let text = report::markdown(options, &results);
    print!("{text}");
    if options.save {
        let benches = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");
        fs::write(format!("{benches}/results.md"), &text)?;
        fs::write(format!("{benches}/results.svg"), plot::svg(&results))?;
    }
    Ok(())
}

fn starts(contenders: &Contenders, results: &mut Results) -> Result<()> {
    let times = |input: &[u8]| -> Result<Option<Spread>> {
        let mut command = contenders.plugin(Contender::OursNetlink)?;
        let times: Result<Vec<f64>> =
            (0..STARTS).map(|_| measure::start_to_end(&mut command, input)).collect();
        Ok(Spread::of(times?))
    };
    results.start = times(b"")?;
    results.idle_host = times(b"\n")?;
    Ok(())
}

fn sockets(options: &Options, contenders: &Contenders, results: &mut Results) -> Result<()> {
    let mut held = load::Sockets::default();
    let mut stages: Vec<(usize, bool)> = options.sizes.iter().map(|size| (*size, false)).collect();
    if options.telegraf_sockets > 0 {
        stages.push((options.telegraf_sockets, true));
    }
    stages.sort_unstable();
    for (size, whole) in stages {
        held.grow(size)?;
        if whole {
            eprintln!("Telegraf among {size} sockets");
            results.telegraf = telegraf::measure(contenders, size, options.rounds.min(3))?;
        } else {
            rounds(options, contenders, &SOCKETS, Mode::Busy, size, results)?;
        }
    }
    Ok(())
}

fn interfaces(options: &Options, contenders: &Contenders, results: &mut Results) -> Result<()> {
    let mut made = 0;
    let strace = setup::succeeds(Command::new("strace").arg("-V"));
    for &size in &options.interfaces {
        load::interfaces(made, size)?;
        made = size;
        for mode in Mode::ALL {
            let who = [Contender::PeerNet(mode), Contender::OursNet(mode)];
            rounds(options, contenders, &who, mode, size, results)?;
        }
        if options.telegraf_sockets > 0 && size == options.interfaces.last().copied().unwrap_or_default() {
            eprintln!("Telegraf among {size} interfaces");
            results.telegraf_net = telegraf::measure_net(contenders, size, options.rounds.min(3))?;
        }
        if strace {
            let plugin = contenders.plugin(Contender::OursNet(Mode::Busy))?;
            let calls = measure::system_calls(&plugin, size + 1)?;
            results.system_calls.insert(size, calls / f64::from(u32::try_from(size)?));
        }
    }
    Ok(())
}

fn rounds(
    options: &Options,
    contenders: &Contenders,
    who: &[Contender],
    mode: Mode,
    size: usize,
    results: &mut Results,
) -> Result<()> {
    for round in 1..=options.rounds {
        eprintln!("round {round} of {} at {size}, {mode:?}", options.rounds);
        for (contender, sample) in contenders.round(who, mode, size)? {
            results.samples.entry((contender, size)).or_default().push(sample);
        }
    }
    Ok(())
}
