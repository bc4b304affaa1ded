//! A host with files in a temporary directory, and whole gathers of it.

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

/// A host whose `/proc` and `/sys` are in a temporary directory.
pub struct FakeHost {
    directory: TempDir,
}

/// The result of one gather of every section.
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

    /// Writes a file, or removes it if `content` is empty.
    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        // It may be a link, or may not exist.
        let (Ok(()) | Err(_)) = fs::remove_file(&path);
        if !content.is_empty() {
            fs::write(path, content).expect("a file");
        }
    }

    /// Makes `HOST_PROC` show the network of this process, so that the plugin may use netlink.
    pub fn is_own_network(&self) {
        self.write("proc/net/dev", b"");
        std::os::unix::fs::symlink("/proc/self/net/dev", self.path("proc/net/dev")).expect("a link");
    }

    /// Gathers every section of a configuration twice, with unsigned integers and with signed ones. Checks that the
    /// metrics are the same, and returns the unsigned ones. Returns an error if the configuration is invalid.
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
        // A deadline may pass in only one of the gathers, and the counters of this process's network change.
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
                "different timestamps in one gather: {metrics:?}"
            );
            gathered.metrics.extend(metrics);
        }
        Ok(gathered)
    }

    fn environment(&self, answers: &[u8]) -> Environment {
        let host = Host::from_environment(|name| match name {
            "HOST_PROC" => Some(self.path("proc").into()),
            "HOST_SYS" => Some(self.path("sys").into()),
            // No program is found, so there are no children.
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

/// Removes the durations of gathers, which always differ.
fn without_times(metrics: &mut [influx::Metric]) {
    for metric in metrics {
        metric.fields.retain(|(key, _)| !key.ends_with("time_ns"));
    }
}
