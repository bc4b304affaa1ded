//! Builds Telegraf from its Go module, for the tests, the benchmarks and `dashboards/test`, which reads the constants.

use std::path::{Path, PathBuf};
use std::process::Command;

pub const VERSION: &str = "1.39.3";
/// `outputs.influxdb` is for `dashboards/test`.
const TAGS: &str = "custom,inputs.execd,inputs.net,inputs.socketstat,outputs.file,outputs.discard,outputs.influxdb,parsers.influx,serializers.influx";

/// The path of Telegraf in a target directory, whether it is built or not.
pub fn path(target: &Path) -> PathBuf {
    target.join(format!("telegraf-{VERSION}")).join("telegraf")
}

/// Builds Telegraf at `path`, which takes about 90 s.
pub fn build(path: &Path) -> Result<(), String> {
    let bin = path.parent().ok_or("the path of Telegraf has no directory")?;
    let module = format!("github.com/influxdata/telegraf/cmd/telegraf@v{VERSION}");
    let mut go = Command::new("go");
    go.args(["install", "-tags", TAGS, &module]).env("GOBIN", bin).env("CGO_ENABLED", "0");
    let output = go.output().map_err(|error| format!("needs Go to build Telegraf: go: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().next_back().unwrap_or_default();
    Err(format!("needs Telegraf: go install {module}: {last}"))
}
