//! Measures the whole Telegraf, with its own input and with this plugin.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Result;
use crate::contender::{Contender, Contenders, Stage};
use crate::measure::cpu_of;
use crate::mode::Mode;
use crate::setup;
use crate::setup::ended;

/// Telegraf's interval in seconds, longer than a gather takes.
const INTERVAL: u32 = 3;
/// The number of gathers per run.
const GATHERS: u32 = 8;

/// CPU of Telegraf and all its children per gather, in milliseconds, one per round.
#[derive(Default)]
pub struct EndToEnd {
    /// The number of sockets.
    pub sockets: usize,
    /// The version of Telegraf.
    pub version: String,
    /// With its own `inputs.socketstat`.
    pub native: Vec<f64>,
    /// With this plugin and ss.
    pub ss: Vec<f64>,
    /// With this plugin and netlink.
    pub netlink: Vec<f64>,
    /// With this plugin and groups by direction and service.
    pub services: Vec<f64>,
}

/// CPU of Telegraf and all its children per gather of interfaces, in milliseconds, one per round.
#[derive(Default)]
pub struct NetEndToEnd {
    /// The number of interfaces.
    pub interfaces: usize,
    /// With its own `inputs.net`.
    pub native: Vec<f64>,
    /// With this plugin.
    pub ours: Vec<f64>,
}

/// Measures each input in turn. `None` without Telegraf.
pub fn measure(contenders: &Contenders, stage: &Stage, rounds: usize) -> Result<Option<EndToEnd>> {
    let Some(telegraf) = setup::telegraf() else {
        eprintln!("Telegraf not found; skipping its measurement.");
        return Ok(None);
    };
    let native = "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  timeout = \"60s\"\n";
    let version = version(&telegraf);
    let mut result = EndToEnd { sockets: stage.sockets, version, ..EndToEnd::default() };
    for _ in 0..rounds {
        let alone = alone(&telegraf)?;
        let gather = |inputs: &str, lines: usize| per_gather(&telegraf, inputs, lines, alone);
        result.native.push(gather(native, stage.sockets)?);
        for (contender, results) in [
            (Contender::OursSs, &mut result.ss),
            (Contender::OursNetlink, &mut result.netlink),
            (Contender::OursServices, &mut result.services),
        ] {
            results.push(gather(&execd(contenders, contender, stage)?, contender.lines(stage))?);
        }
    }
    Ok(Some(result))
}

/// Like [`measure`], for interfaces.
pub fn measure_net(contenders: &Contenders, stage: &Stage, rounds: usize) -> Result<Option<NetEndToEnd>> {
    let Some(telegraf) = setup::telegraf() else { return Ok(None) };
    let ours = Contender::OursNet(Mode::Paused);
    let execd = execd(contenders, ours, stage)?;
    let mut result = NetEndToEnd { interfaces: stage.size, ..NetEndToEnd::default() };
    for _ in 0..rounds {
        let alone = alone(&telegraf)?;
        result.native.push(per_gather(&telegraf, "[[inputs.net]]\n", stage.size, alone)?);
        result.ours.push(per_gather(&telegraf, &execd, ours.lines(stage), alone)?);
    }
    Ok(Some(result))
}

/// The `inputs.execd` section that runs this plugin as a contender.
fn execd(contenders: &Contenders, contender: Contender, stage: &Stage) -> Result<String> {
    let config = contenders.configuration(contender, stage)?;
    Ok(format!(
        "[[inputs.execd]]\n  command = [\"{}\", \"--config\", \"{}\"]\n  signal = \"STDIN\"\n  data_format = \"influx\"\n",
        setup::ours().display(),
        config.display()
    ))
}

/// The CPU time of Telegraf itself in a run, measured with an input that has a long interval.
fn alone(telegraf: &Path) -> Result<f64> {
    Ok(run(telegraf, "[[inputs.net]]\n  interval = \"1h\"\n")?.1)
}

/// The CPU time per gather of `lines` metrics, in milliseconds, without that of Telegraf itself.
fn per_gather(telegraf: &Path, inputs: &str, lines: usize, alone: f64) -> Result<f64> {
    let (metrics, cpu) = run(telegraf, inputs)?;
    let gathers = u32::try_from(metrics / lines)?;
    if gathers == 0 {
        return Err("Telegraf gathered nothing".into());
    }
    Ok((cpu - alone) / f64::from(gathers))
}

/// The version that Go stored in the binary. Telegraf itself only knows it if built by its makefile.
fn version(telegraf: &Path) -> String {
    let noted = setup::says("go", &["version", "-m", &telegraf.to_string_lossy()]);
    let module = noted.lines().find_map(|line| line.split_once("github.com/influxdata/telegraf\tv"));
    let version = module.and_then(|(_, rest)| rest.split_whitespace().next());
    version.map_or_else(|| setup::says(&telegraf.to_string_lossy(), &["--version"]), str::to_owned)
}

/// Runs Telegraf for some intervals. Returns the number of metrics written and the CPU time in milliseconds.
fn run(telegraf: &Path, inputs: &str) -> Result<(usize, f64)> {
    let directory = tempfile::tempdir()?;
    let config = directory.path().join("telegraf.conf");
    let log = directory.path().join("log");
    let agent = format!(
        "[agent]\n  interval = \"{INTERVAL}s\"\n  round_interval = false\n  flush_interval = \"1s\"\n  \
         metric_buffer_limit = 1000000\n  omit_hostname = true\n  debug = true\n  \
         skip_processors_after_aggregators = true\n[[outputs.discard]]\n{inputs}"
    );
    fs::write(&config, agent)?;
    let ((), cpu) = cpu_of(|| {
        let stderr = File::create(&log)?;
        let mut command = Command::new(telegraf);
        command.arg("--config").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let mut child = command.spawn()?;
        std::thread::sleep(Duration::from_secs((INTERVAL * GATHERS).into()) + Duration::from_millis(2_500));
        kill(Pid::from_raw(child.id().try_into()?), Signal::SIGTERM)?;
        ended("Telegraf", child.wait()?)
    })?;
    Ok((written(&fs::read_to_string(&log)?), cpu))
}

/// The sum of the log lines `Wrote batch of 1000 metrics in 1ms`.
fn written(log: &str) -> usize {
    let batches = log.lines().filter_map(|line| line.split_once("Wrote batch of ")?.1.split_once(' '));
    batches.filter_map(|(count, _)| count.parse::<usize>().ok()).sum()
}
