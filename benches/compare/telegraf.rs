//! The whole: Telegraf with its own input, and Telegraf with this plugin.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Result;
use crate::contender::{Contender, Contenders, Mode, OURS};
use crate::measure::cpu_of;
use crate::setup;
use crate::setup::ended;

/// How often Telegraf gathers, in seconds: longer than it takes.
const INTERVAL: u32 = 3;
/// How often it gathers in one run.
const GATHERS: u32 = 4;

/// CPU of Telegraf and all its children a gather, in milliseconds, one a round.
pub struct EndToEnd {
    /// How many sockets there were.
    pub sockets: usize,
    /// Which Telegraf.
    pub version: String,
    /// With its own `inputs.socketstat`.
    pub native: Vec<f64>,
    /// With this plugin and ss.
    pub ss: Vec<f64>,
    /// With this plugin and netlink.
    pub netlink: Vec<f64>,
}

/// As [`EndToEnd`], of interfaces.
pub struct NetEndToEnd {
    /// How many interfaces there were.
    pub interfaces: usize,
    /// With its own `inputs.net`.
    pub native: Vec<f64>,
    /// With this plugin.
    pub ours: Vec<f64>,
}

/// Measures each in turn; `None` where there is no Telegraf.
pub fn measure(contenders: &Contenders, sockets: usize, rounds: usize) -> Result<Option<EndToEnd>> {
    let Some(telegraf) = setup::telegraf() else {
        eprintln!("No Telegraf: the whole is not measured.");
        return Ok(None);
    };
    let native = "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  timeout = \"60s\"\n";
    let execd = |contender| execd(contenders, contender);
    let version = version(&telegraf);
    let mut result = EndToEnd { sockets, version, native: Vec::new(), ss: Vec::new(), netlink: Vec::new() };
    for _ in 0..rounds {
        let alone = alone(&telegraf)?;
        let gather = |inputs: &str| per_gather(&telegraf, inputs, sockets, alone);
        result.native.push(gather(native)?);
        result.ss.push(gather(&execd(Contender::OursSs))?);
        result.netlink.push(gather(&execd(Contender::OursNetlink))?);
    }
    Ok(Some(result))
}

/// As [`measure`], of interfaces.
pub fn measure_net(contenders: &Contenders, interfaces: usize, rounds: usize) -> Result<Option<NetEndToEnd>> {
    let Some(telegraf) = setup::telegraf() else { return Ok(None) };
    let ours = execd(contenders, Contender::OursNet(Mode::Paused));
    let mut result = NetEndToEnd { interfaces, native: Vec::new(), ours: Vec::new() };
    for _ in 0..rounds {
        let alone = alone(&telegraf)?;
        result.native.push(per_gather(&telegraf, "[[inputs.net]]\n", interfaces, alone)?);
        result.ours.push(per_gather(&telegraf, &ours, interfaces, alone)?);
    }
    Ok(Some(result))
}

/// The section that runs a plugin of ours.
fn execd(contenders: &Contenders, contender: Contender) -> String {
    let config = contenders.configuration(contender);
    format!(
        "[[inputs.execd]]\n  command = [\"{OURS}\", \"--config\", \"{}\"]\n  signal = \"STDIN\"\n  data_format = \"influx\"\n",
        config.display()
    )
}

/// What Telegraf costs by itself, with an input that gathers nothing in this time.
fn alone(telegraf: &Path) -> Result<f64> {
    Ok(run(telegraf, "[[inputs.net]]\n  interval = \"1h\"\n")?.1)
}

/// What each gather of so many metrics costs.
fn per_gather(telegraf: &Path, inputs: &str, metrics: usize, alone: f64) -> Result<f64> {
    let (written, cpu) = run(telegraf, inputs)?;
    let gathers = u32::try_from(written / metrics)?;
    if gathers == 0 {
        return Err("Telegraf gathered nothing".into());
    }
    Ok((cpu - alone) / f64::from(gathers))
}

/// As Go has noted it in the binary: Telegraf itself knows it only where its makefile built it.
fn version(telegraf: &Path) -> String {
    let noted = setup::says("go", &["version", "-m", &telegraf.to_string_lossy()]);
    let module = noted.lines().find_map(|line| line.split_once("github.com/influxdata/telegraf\tv"));
    let version = module.and_then(|(_, rest)| rest.split_whitespace().next());
    version.map_or_else(|| setup::says(&telegraf.to_string_lossy(), &["--version"]), str::to_owned)
}

/// Runs Telegraf for some intervals: how many metrics it has written, and the CPU of all in milliseconds.
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

/// The sum of what Telegraf says of its output: `Wrote batch of 1000 metrics in 1ms`.
fn written(log: &str) -> usize {
    let batches = log.lines().filter_map(|line| line.split_once("Wrote batch of ")?.1.split_once(' '));
    batches.filter_map(|(count, _)| count.parse::<usize>().ok()).sum()
}
