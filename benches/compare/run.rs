//! Runs all measurements in order.

use std::fs;
use std::process::Command;

use crate::contender::{Contender, Contenders, GROUPS, SOCKETS, Stage};
use crate::measure::{self, megabytes};
use crate::mode::Mode;
use crate::options::Options;
use crate::results::Results;
use crate::statistics::Spread;
use crate::{Result, churn, load, plot, report, setup, telegraf};

/// How often connections are opened and closed for some seconds, at most.
const CHURNS: usize = 3;
/// How often short runs are repeated.
const STARTS: usize = 20;

/// Measures everything, prints the report, and saves it with `--save`.
pub fn all(options: &Options) -> Result<()> {
    let contenders = Contenders::new()?;
    let mut results = Results { binary: megabytes(fs::metadata(setup::ours())?.len()), ..Results::default() };
    starts(&contenders, &mut results)?;
    sockets(options, &contenders, &mut results)?;
    interfaces(options, &contenders, &mut results)?;
    churn(options, &contenders, &mut results)?;
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
        let mut command = contenders.plugin(Contender::OursNetlink, &Stage::default())?;
        let times: Result<Vec<f64>> =
            (0..STARTS).map(|_| measure::start_to_end(&mut command, input)).collect();
        Ok(Spread::of(times?))
    };
    results.start = times(b"")?;
    results.idle_host = times(b"\n")?;
    Ok(())
}

/// Runs last: it leaves sockets in TIME-WAIT for a minute, and every dump of the kernel walks over them.
fn churn(options: &Options, contenders: &Contenders, results: &mut Results) -> Result<()> {
    for round in 1..=options.rounds.min(CHURNS) {
        if options.churn > 0 {
            eprintln!("round {round}: {} connections per second", options.churn);
            results.churn.push(churn::measure(options, contenders)?);
        }
    }
    Ok(())
}

fn sockets(options: &Options, contenders: &Contenders, results: &mut Results) -> Result<()> {
    let mut held = load::Sockets::default();
    let mut sizes = [&options.sizes[..], &[options.grouped_sockets, options.telegraf_sockets]].concat();
    sizes.sort_unstable();
    sizes.dedup();
    for sockets in sizes {
        held.grow(sockets)?;
        let stage = Stage { size: sockets, sockets, services: held.services() };
        if options.sizes.contains(&sockets) {
            rounds(options, contenders, &SOCKETS, Mode::Busy, &stage, results)?;
            for contender in [Contender::OursServices, Contender::OursOwners] {
                let used = churn::memory(contenders, contender, &stage)?;
                results.known.insert((contender, sockets), used);
            }
        }
        if sockets == options.grouped_sockets {
            results.grouped_sockets = sockets;
            groups(options, contenders, &stage, results)?;
        }
        if sockets == options.telegraf_sockets && sockets > 0 {
            eprintln!("Telegraf among {sockets} sockets");
            results.telegraf = telegraf::measure(contenders, &stage, options.rounds.min(3))?;
        }
    }
    Ok(())
}

/// Increasing numbers of groups of the same sockets.
fn groups(options: &Options, contenders: &Contenders, stage: &Stage, results: &mut Results) -> Result<()> {
    for &most in &options.groups {
        let prefix = load::prefix(stage.sockets, most + 1);
        let stage = Stage { size: load::networks(stage.sockets, prefix), ..*stage };
        rounds(options, contenders, &GROUPS, Mode::Busy, &stage, results)?;
    }
    Ok(())
}

fn interfaces(options: &Options, contenders: &Contenders, results: &mut Results) -> Result<()> {
    let mut made = 0;
    let strace = setup::succeeds(Command::new("strace").arg("-V"));
    for &size in &options.interfaces {
        load::interfaces(made, size)?;
        made = size;
        let stage = Stage { size, ..Stage::default() };
        for mode in Mode::ALL {
            let who = [Contender::PeerNet(mode), Contender::OursNet(mode)];
            rounds(options, contenders, &who, mode, &stage, results)?;
        }
        if options.telegraf_sockets > 0 && options.interfaces.last() == Some(&size) {
            eprintln!("Telegraf among {size} interfaces");
            results.telegraf_net = telegraf::measure_net(contenders, &stage, options.rounds.min(3))?;
        }
        if strace {
            let plugin = contenders.plugin(Contender::OursNet(Mode::Busy), &stage)?;
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
    stage: &Stage,
    results: &mut Results,
) -> Result<()> {
    for round in 1..=options.rounds {
        eprintln!("round {round} of {} at {}, {mode:?}", options.rounds, stage.size);
        for (contender, sample) in contenders.round(who, mode, stage)? {
            results.samples.entry((contender, stage.size)).or_default().push(sample);
        }
    }
    Ok(())
}
