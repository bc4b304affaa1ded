//! Running the plugin as a user without any right.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use super::plugin;

/// The user and group `nobody`, and no other group, no capability, and no way to any.
const SETPRIV: &[&str] = &[
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--no-new-privs",
    "--inh-caps=-all",
    "--bounding-set=-all",
];

/// The plugin as nobody where this process is root, else as it is. Everything in `dir` can be read, and it holds
/// the program itself, which need not be readable where it was built.
pub fn unprivileged(dir: &Path) -> Command {
    let binary = dir.join("telegraf-execd-network");
    let plugin = plugin();
    fs::copy(plugin.get_program(), &binary).expect("the plugin can be copied");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("the directory is ours");
    // The owner of its directory in /proc is whoever a process runs as.
    let is_root = fs::metadata("/proc/self").expect("/proc is there").uid() == 0;
    let mut command = if is_root {
        // By its path: the plugin's own PATH will be another.
        let path = std::env::var_os("PATH").expect("PATH is set");
        let setpriv = std::env::split_paths(&path).map(|directory| directory.join("setpriv"));
        let mut setpriv =
            Command::new({ setpriv }.find(|file| file.exists()).expect("util-linux is installed"));
        setpriv.args(SETPRIV).arg(binary);
        setpriv
    } else {
        Command::new(binary)
    };
    command.env_clear();
    command
}
