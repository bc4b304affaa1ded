//! What the process is told about its host: where /proc and /sys are, and where programs are found.
//!
//! Read once from the environment and passed on as a value, so that nothing else looks at the environment.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Roots and search path.
#[derive(Clone, Debug)]
pub struct Host {
    /// `HOST_PROC` where it is set and not empty.
    other_proc: Option<PathBuf>,
    /// `HOST_SYS`, else `/sys`.
    sys: PathBuf,
    /// Whether neither is set: both describe the namespace of this process.
    own: bool,
    /// `PATH`, where children are looked up.
    path: OsString,
}

/// Whose network the files below /proc or `HOST_PROC` describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// That of this process. Its system calls and its children see the same one.
    Own,
    /// Another one, which is seen only through those files.
    Other,
}

impl Host {
    /// The host as the environment variables `HOST_PROC`, `HOST_SYS` and `PATH` describe it.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let root = |name| lookup(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let (other_proc, other_sys) = (root("HOST_PROC"), root("HOST_SYS"));
        Self {
            own: other_proc.is_none() && other_sys.is_none(),
            other_proc,
            sys: other_sys.unwrap_or_else(|| PathBuf::from("/sys")),
            path: lookup("PATH").unwrap_or_default(),
        }
    }

    /// The value of `PATH`.
    #[must_use]
    pub fn path(&self) -> &OsStr {
        &self.path
    }

    /// Whose network `HOST_PROC` describes. Looked up each time, as a mount may come and go.
    #[must_use]
    pub fn network(&self) -> Network {
        self.network_seen_from(Path::new("/proc"))
    }

    /// As [`Self::network`], for a process whose own files are in `own_proc`.
    ///
    /// Each network namespace has its own /proc/net/dev, with the same inode number in every mount of /proc. Unlike
    /// the namespace itself (/proc/1/ns/net), it may be compared without privilege.
    fn network_seen_from(&self, own_proc: &Path) -> Network {
        let Some(root) = &self.other_proc else { return Network::Own };
        let inode = |path: PathBuf| fs::metadata(path).map(|file| file.ino());
        let theirs = inode(root.join("1/net/dev")).or_else(|_| inode(root.join("net/dev")));
        match (theirs, inode(own_proc.join("self/net/dev"))) {
            (Ok(theirs), Ok(own)) if theirs == own => Network::Own,
            // Also where they cannot be compared: another network's metrics must never be written as the host's.
            _ => Network::Other,
        }
    }

    /// Whether neither `HOST_PROC` nor `HOST_SYS` is set.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// The directory of the network files: `HOST_PROC/1/net` where it exists (the namespace of the host's init), else
    /// `HOST_PROC/net`; `/proc/net` without `HOST_PROC`.
    #[must_use]
    pub fn net_dir(&self) -> PathBuf {
        match &self.other_proc {
            None => PathBuf::from("/proc/net"),
            Some(root) => {
                let init = root.join("1/net");
                if init.is_dir() { init } else { root.join("net") }
            }
        }
    }

    /// `HOST_SYS`, else `/sys`.
    #[must_use]
    pub fn sys(&self) -> &Path {
        &self.sys
    }

    /// The directory with one entry per interface.
    #[must_use]
    pub fn class_net(&self) -> PathBuf {
        self.sys.join("class/net")
    }
}

#[cfg(test)]
mod tests;
