//! Where /proc, /sys and programs are on this host.
//!
//! Read once from the environment and passed on as a value, so that nothing else reads the environment.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The paths of /proc and /sys, and the search path for programs.
#[derive(Clone, Debug)]
pub struct Host {
    /// `HOST_PROC`, if set and not empty.
    other_proc: Option<PathBuf>,
    /// `HOST_SYS` or, by default, `/sys`.
    sys: PathBuf,
    /// `PATH`.
    path: OsString,
}

/// Which network namespace the files below /proc or `HOST_PROC` describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// The namespace of this process, which its system calls and children see too.
    Own,
    /// Another namespace, visible only through those files.
    Other,
}

impl Host {
    /// Reads the environment variables `HOST_PROC`, `HOST_SYS` and `PATH`.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<OsString>) -> Self {
        let root = |name| lookup(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let (other_proc, other_sys) = (root("HOST_PROC"), root("HOST_SYS"));
        Self {
            other_proc,
            sys: other_sys.unwrap_or_else(|| PathBuf::from("/sys")),
            path: lookup("PATH").unwrap_or_default(),
        }
    }

    /// The value of `PATH`.
    #[must_use]
    pub(crate) fn path(&self) -> &OsStr {
        &self.path
    }

    /// Which network namespace `HOST_PROC` describes. Checked on each call, since mounts change.
    #[must_use]
    pub(crate) fn network(&self) -> Network {
        self.network_seen_from(Path::new("/proc"))
    }

    /// Like [`Self::network`], with this process's own files in `own_proc`.
    ///
    /// Each network namespace has its own /proc/net/dev, with the same inode number in every mount of /proc. Unlike
    /// the namespace itself (/proc/1/ns/net), it may be compared without privilege.
    fn network_seen_from(&self, own_proc: &Path) -> Network {
        let Some(root) = &self.other_proc else { return Network::Own };
        let inode = |path: PathBuf| fs::metadata(path).map(|file| file.ino());
        let theirs = inode(root.join("1/net/dev")).or_else(|_| inode(root.join("net/dev")));
        match (theirs, inode(own_proc.join("self/net/dev"))) {
            (Ok(theirs), Ok(own)) if theirs == own => Network::Own,
            // Also if they cannot be compared: never report this namespace's metrics as the other host's.
            _ => Network::Other,
        }
    }

    /// The directory of the network files: `/proc/net` without `HOST_PROC`; otherwise `HOST_PROC/1/net` (the namespace of
    /// the host's init) or, if that does not exist, `HOST_PROC/net`.
    #[must_use]
    pub(crate) fn net_dir(&self) -> PathBuf {
        match &self.other_proc {
            None => PathBuf::from("/proc/net"),
            Some(root) => {
                let init = root.join("1/net");
                if init.is_dir() { init } else { root.join("net") }
            }
        }
    }

    /// `HOST_SYS` or, by default, `/sys`.
    #[must_use]
    pub(crate) fn sys(&self) -> &Path {
        &self.sys
    }

    /// The directory with one entry per interface.
    #[must_use]
    pub(crate) fn class_net(&self) -> PathBuf {
        self.sys.join("class/net")
    }
}

#[cfg(test)]
mod tests;
