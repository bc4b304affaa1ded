//! A host of files below a temporary directory, and what a whole gather of it writes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use telegraf_execd_network::accumulator::Accumulator;
use telegraf_execd_network::config;
use telegraf_execd_network::host::Host;
use telegraf_execd_network::inputs::{self, Environment};
use telegraf_execd_network::line_protocol::Unsigned;
use telegraf_execd_network::logger::Logger;
use telegraf_execd_network::netlink::link_table::SharedLinks;
use telegraf_execd_network::output::Output;
use tempfile::TempDir;

use super::influx;
use super::netlink::{answered_links, answering};
use super::written::{TIME, clamp};

/// The files, and the answers of the kernel.
pub struct FakeHost {
    directory: TempDir,
}

/// What one gather of every section has written.
pub struct Gathered {
    /// The metrics, in order.
    pub metrics: Vec<influx::Metric>,
    /// Whether a section reported an error.
    failed: bool,
}

impl Default for FakeHost {
    fn default() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for name in ["proc/net", "sys/class/net/eth0/statistics"] {
            fs::create_dir_all(directory.path().join(name)).expect("a directory");
        }
        Self { directory }
    }
}

impl FakeHost {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file, or removes it where there is nothing to be written.
    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        // It may be a link, or missing already.
        let (Ok(()) | Err(_)) = fs::remove_file(&path);
        if !content.is_empty() {
            fs::write(path, content).expect("a file");
        }
    }

    /// Makes the network below `HOST_PROC` the one of this process, so that netlink may be used.
    pub fn is_own_network(&self) {
        self.write("proc/net/dev", b"");
        std::os::unix::fs::symlink("/proc/self/net/dev", self.path("proc/net/dev")).expect("a link");
    }

    /// Gathers every section of a configuration once, with unsigned numbers and with signed ones; the former, which must be
    /// the same metrics. `None` where the configuration is refused, with the reason.
    pub fn gather(&self, config: &str, answers: &[u8]) -> Result<Gathered, String> {
        let native = self.gather_as(config, answers, Unsigned::Native)?;
        let mut clamped = self.gather_as(config, answers, Unsigned::Clamped)?;
        assert!(
            clamped
                .metrics
                .iter()
                .flat_map(|metric| &metric.fields)
                .all(|(_, value)| { !matches!(value, influx::Value::Unsigned(_)) }),
            "an unsigned number: {:?}",
            clamped.metrics
        );
        // A deadline may pass in one of them only, and the counters of this process's own network go on.
        let comparable = answers.is_empty() && !config.contains("timeout");
        if comparable && !native.failed && !clamped.failed {
            let mut expected = native.metrics.clone();
            clamp(&mut expected);
            without_times(&mut expected);
            without_times(&mut clamped.metrics);
            assert_eq!(clamped.metrics, expected);
        }
        Ok(native)
    }

    fn gather_as(&self, config: &str, answers: &[u8], unsigned: Unsigned) -> Result<Gathered, String> {
        let environment = self.environment(answers);
        let sections = config::parse("plugin.conf", config, &inputs::known(), &|_| None);
        let mut gathered = Gathered { metrics: Vec::new(), failed: false };
        for section in sections.map_err(|error| error.to_string())? {
            let mut input = inputs::new(&section, &environment).map_err(|error| error.to_string())?;
            let path = self.path("output");
            let mut output = Output::new(File::create(&path).expect("a file").into());
            let mut log = Logger::new("check", None);
            let now = UNIX_EPOCH + Duration::from_nanos(TIME.unsigned_abs());
            let mut accumulator = Accumulator::new(&section.global, &mut log, &mut output, unsigned, now);
            input.gather(&mut accumulator).and_then(|()| accumulator.flush()).expect("a file can be written");
            gathered.failed |= accumulator.finish();
            let metrics = read(&path);
            let times = metrics.iter().map(|metric| metric.time);
            assert!(
                times.clone().eq(times.take(1).cycle().take(metrics.len())),
                "one gather, one time: {metrics:?}"
            );
            gathered.metrics.extend(metrics);
        }
        Ok(gathered)
    }

    fn environment(&self, answers: &[u8]) -> Environment {
        let host = Host::from_environment(|name| match name {
            "HOST_PROC" => Some(self.path("proc").into()),
            "HOST_SYS" => Some(self.path("sys").into()),
            // No program is found: there are no children here.
            _ => None,
        });
        Environment {
            once: true,
            sock_diag: answering(answers),
            route: answering(answers),
            generic: answering(answers),
            links: SharedLinks::new(answered_links(answers)),
            ..Environment::of_host(host)
        }
    }
}

fn read(path: &Path) -> Vec<influx::Metric> {
    let output = fs::read(path).expect("the output");
    if output.is_empty() {
        Vec::new()
    } else {
        influx::read(&output).unwrap_or_else(|fault| panic!("{fault}"))
    }
}

/// How long a gather took differs each time.
fn without_times(metrics: &mut [influx::Metric]) {
    for metric in metrics {
        metric.fields.retain(|(key, _)| !key.ends_with("time_ns"));
    }
}
