//! Finds the paths of cgroups by their numbers.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use procfs_core::process::MountInfo;

use crate::file;

/// The minimum interval between two walks.
const INTERVAL: Duration = Duration::from_secs(10);
/// The maximum number of directories per walk.
const MOST: usize = 200_000;
/// The maximum length of a cached path, in bytes.
const LONGEST_PATH: usize = 4096;
/// The maximum total length of cached paths, in bytes.
const MOST_TEXT: usize = 32 * 1024 * 1024;
/// How long a number without a directory is not looked up again. A removed cgroup does not come back, but the tree may be
/// mounted.
const REMOVED_FOR: Duration = Duration::from_secs(600);
/// The path of a cgroup whose directory does not exist, or no longer.
const REMOVED: &str = "(removed)";

/// The paths of the cgroups that sockets have.
#[derive(Debug)]
pub(super) struct Cgroups {
    mounts: PathBuf,
    /// A directory to use instead of `/sys` (`HOST_SYS`).
    sys: PathBuf,
    paths: HashMap<u64, String>,
    walked: Option<Instant>,
    /// The numbers without a directory, and when the first of them was added.
    removed: HashSet<u64>,
    removed_since: Option<Instant>,
}

impl Cgroups {
    /// Those of the tree that the file `mounts` (`/proc/self/mountinfo`) names, below `sys` where that is not `/sys`.
    pub(super) fn new(mounts: PathBuf, sys: PathBuf) -> Self {
        let (paths, removed) = (HashMap::new(), HashSet::new());
        Self { mounts, sys, paths, walked: None, removed, removed_since: None }
    }

    /// The path of a cgroup below the mount: `/system.slice/nginx.service`.
    pub(super) fn path(&mut self, number: u64, now: Instant) -> &str {
        let passed = |since: Option<Instant>, time| {
            since.is_none_or(|since| now.saturating_duration_since(since) >= time)
        };
        if !self.paths.contains_key(&number) && passed(self.walked, INTERVAL) {
            if passed(self.removed_since, REMOVED_FOR) || self.removed.len() > MOST {
                self.removed.clear();
                self.removed_since = Some(now);
            }
            if !self.removed.contains(&number) {
                self.walked = Some(now);
                // A removed cgroup keeps its path as long as its sockets exist.
                self.walk();
                if !self.paths.contains_key(&number) {
                    self.removed.insert(number);
                }
            }
        }
        self.paths.get(&number).map_or(REMOVED, String::as_str)
    }

    fn walk(&mut self) {
        let Some(root) = self.root() else { return };
        if let Ok(directory) = fs::metadata(&root) {
            self.paths.insert(directory.ino(), String::from("/"));
        }
        // Directories that are removed during the walk are skipped.
        let mut found = HashMap::new();
        let mut left = vec![(root, String::new())];
        let (mut looked_at, mut text) = (0, 0);
        while let Some((directory, path)) = left.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                looked_at += 1;
                let path = format!("{path}/{}", entry.file_name().to_string_lossy());
                text += path.len();
                if looked_at > MOST || text > MOST_TEXT || path.len() > LONGEST_PATH {
                    continue;
                }
                left.push((entry.path(), path.clone()));
                found.insert(entry.ino(), path);
            }
        }
        // Drop the paths of cgroups that were removed long ago.
        let known: usize = self.paths.values().map(String::len).sum();
        if self.paths.len() + found.len() > 2 * MOST || known + text > 2 * MOST_TEXT {
            self.paths.clear();
        }
        self.paths.extend(found);
    }

    /// Where cgroup v2 is mounted: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` beside version 1.
    fn root(&self) -> Option<PathBuf> {
        let mut mount = None;
        let read = file::read_lines(&self.mounts, &mut |line| {
            // Malformed lines name no mount.
            let line = line.and_then(|line| std::str::from_utf8(line).ok());
            let info = line.and_then(|line| MountInfo::from_line(line).ok());
            if let Some(info) = info.filter(|info| info.fs_type == "cgroup2" && info.root == "/") {
                mount.get_or_insert(info.mount_point);
            }
        });
        let mount = mount.filter(|_| read.is_ok());
        match mount.as_deref().map(|mount| mount.strip_prefix("/sys")) {
            Some(Ok(below)) => Some(self.sys.join(below)),
            // HOST_SYS is the host's: its cgroups are there, whatever is mounted here.
            None if self.sys != Path::new("/sys") => {
                let candidates = ["fs/cgroup/unified", "fs/cgroup"].map(|path| self.sys.join(path));
                candidates.into_iter().find(|path| path.join("cgroup.controllers").exists())
            }
            Some(Err(_)) => mount,
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "23 1 0:20 / /sys rw - sysfs sysfs rw\n\
        not a mount\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn paths_are_found_below_the_mount_once_in_ten_seconds() {
        let root = tempfile::tempdir().unwrap();
        let mounts = root.path().join("mountinfo");
        fs::write(&mounts, MOUNTS).unwrap();
        let tree = root.path().join("fs/cgroup/unified");
        let nginx = tree.join("system.slice/nginx.service");
        fs::create_dir_all(&nginx).unwrap();
        let number = |path: &Path| fs::metadata(path).unwrap().ino();

        let mut cgroups = Cgroups::new(mounts, root.path().to_owned());
        let now = Instant::now();
        assert_eq!(cgroups.path(number(&nginx), now), "/system.slice/nginx.service");
        assert_eq!(cgroups.path(number(&tree), now), "/");

        let later = tree.join("system.slice/later.service");
        fs::create_dir(&later).unwrap();
        let id = number(&later);
        assert_eq!(cgroups.path(id, now + Duration::from_secs(9)), REMOVED, "it was walked a moment ago");
        assert_eq!(cgroups.path(id, now + INTERVAL), "/system.slice/later.service");
        fs::remove_dir(&later).unwrap();
        assert_eq!(
            cgroups.path(id, now + INTERVAL * 3),
            "/system.slice/later.service",
            "its sockets may live on"
        );
        assert_eq!(cgroups.path(1, now + INTERVAL * 5), REMOVED);

        // A number without a directory causes one walk, not one every ten seconds.
        assert_eq!(cgroups.path(1, now + INTERVAL * 6), REMOVED);
        assert_eq!(cgroups.walked, Some(now + INTERVAL * 5));
        assert_eq!(cgroups.path(1, now + INTERVAL * 5 + REMOVED_FOR), REMOVED);
        assert_eq!(cgroups.walked, Some(now + INTERVAL * 5 + REMOVED_FOR));
    }

    #[test]
    fn thousands_of_cgroups_are_found_in_one_walk() {
        let root = tempfile::tempdir().unwrap();
        let mounts = root.path().join("mountinfo");
        fs::write(&mounts, MOUNTS).unwrap();
        let tree = root.path().join("fs/cgroup/unified");
        for slice in 0..50 {
            for service in 0..60 {
                fs::create_dir_all(tree.join(format!("{slice}.slice/{service}.service"))).unwrap();
            }
        }
        let mut cgroups = Cgroups::new(mounts, root.path().to_owned());
        let last = fs::metadata(tree.join("49.slice/59.service")).unwrap().ino();
        assert_eq!(cgroups.path(last, Instant::now()), "/49.slice/59.service");
        assert_eq!(cgroups.paths.len(), 1 + 50 + 50 * 60);
    }

    #[test]
    fn without_a_mount_nothing_has_a_name() {
        let mut cgroups = Cgroups::new("/nonexistent".into(), "/sys".into());
        assert_eq!(cgroups.path(1, Instant::now()), REMOVED);
    }
}
