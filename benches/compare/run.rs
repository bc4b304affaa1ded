//! Runs all measurements in order.

use std::fs;
use std::process::Command;

use crate::contender::{Contender, Contenders, INTERFACES, OURS, SOCKETS};
use crate::measure::{self, megabytes};
use crate::options::Options;
use crate::results::Results;
use crate::statistics::Spread;
use crate::{Result, load, plot, report, setup, telegraf};

/// How often short runs are repeated.
const STARTS: usize = 20;

/// Measures everything, prints the report, and saves it with `--save`.
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
            rounds(options, contenders, &SOCKETS, size, results)?;
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
        rounds(options, contenders, &INTERFACES, size, results)?;
        if strace {
            let calls = measure::system_calls(&contenders.plugin(Contender::OursNet)?, size + 1)?;
            results.system_calls.insert(size, calls / f64::from(u32::try_from(size)?));
        }
    }
    Ok(())
}

fn rounds(
    options: &Options,
    contenders: &Contenders,
    who: &[Contender],
    size: usize,
    results: &mut Results,
) -> Result<()> {
    for round in 1..=options.rounds {
        eprintln!("round {round} of {} at {size}", options.rounds);
        for (contender, sample) in contenders.round(who, size)? {
            results.samples.entry((contender, size)).or_default().push(sample);
        }
    }
    Ok(())
}
