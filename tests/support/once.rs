//! Runs the plugin with `--once` and parses its output.

use std::collections::BTreeMap;

use super::{plugin, write};

/// The fields of a line, by name.
pub type Fields = BTreeMap<String, String>;
/// The lines of a gather: tags and fields of each. Sockets may have equal tags.
pub type Lines = Vec<(String, Fields)>;

/// One gather of a section of `inputs.socketstat` with these options, sorted.
///
/// # Panics
/// If the plugin reports an error.
pub fn gather(options: &str) -> Lines {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let config = format!("[[inputs.socketstat]]\n  timeout = \"60s\"\n  internal = false\n{options}\n");
    let config = write(dir.path(), "plugin.conf", &config);
    let mut plugin = plugin();
    plugin.args(["--once", "--config", &config]);
    plugin.env("PATH", std::env::var_os("PATH").expect("PATH is set"));
    let output = plugin.output().expect("the plugin runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !stderr.contains("E! "), "{options}: {stderr}");
    let stdout = String::from_utf8(output.stdout).expect("line protocol is UTF-8");
    let mut lines: Lines = stdout.lines().map(parse).collect();
    lines.sort();
    lines
}

/// Parses a line without escaped commas.
fn parse(line: &str) -> (String, Fields) {
    let mut parts = line.rsplitn(3, ' ');
    let (_, fields, tags) = (parts.next(), parts.next(), parts.next());
    let fields = fields.expect("fields").split(',').map(|field| field.split_once('=').expect("a field"));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.trim_end_matches('i').to_owned()));
    (tags.expect("tags").to_owned(), fields.collect())
}
