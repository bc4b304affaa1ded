//! Runs the plugin as a user without privileges.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::needs::find;
use super::plugin;

/// The user and the group `nobody`.
const NOBODY: u32 = 65534;
/// Options of setpriv that drop all capabilities permanently.
const POWERLESS: &[&str] = &["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"];

/// The plugin as nobody if this process is root, otherwise as the current user. Makes `dir` readable and copies the program
/// to it, which may be unreadable where it was built.
pub fn unprivileged(dir: &Path) -> Command {
    let binary = dir.join("telegraf-execd-network");
    // Copied by another process, see `fake`.
    let copied = Command::new("/bin/cp").arg(plugin().get_program()).arg(&binary).status();
    assert!(copied.is_ok_and(|status| status.success()), "the plugin can be copied");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("the directory is ours");
    let mut command = as_nobody(&binary);
    command.env_clear();
    command
}

/// A program as that user, in no other group.
///
/// # Panics
/// In a user namespace where setpriv of util-linux is not installed.
pub fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new(program);
    // The owner of a process's directory in /proc is its user.
    if fs::metadata("/proc/self").expect("/proc is there").uid() != 0 {
        return command;
    }
    let users = fs::read_to_string("/proc/self/uid_map").expect("/proc is there");
    if users.split_whitespace().nth(2).is_some_and(|count| count.len() > 5) {
        command.uid(NOBODY).gid(NOBODY);
    } else {
        // Root is the only user of this namespace. The path is absolute, since the plugin gets another PATH.
        command = Command::new(find("setpriv").expect("util-linux is installed"));
        command.args(POWERLESS).arg(program);
    }
    command
}
