//! What the process is told about its host: where /proc and /sys are, and where programs are found.
//!
//! Read once from the environment and handed on as a value, so that nothing else looks at the environment.

use std::ffi::OsString;
use std::path::PathBuf;

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
    pub fn path(&self) -> &std::ffi::OsStr {
        &self.path
    }

    /// Whether /proc is another host's (`HOST_PROC` is set), so that this process' own system calls
    /// do not speak of the same interfaces.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.other_proc.is_some()
    }

    /// Whether `HOST_PROC` describes another network than that of this process.
    #[must_use]
    pub fn is_other_network(&self) -> bool {
        self.is_foreign()
    }

    /// Whether /proc and /sys are those that the system's own messages speak of.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// The directory of the network files: `HOST_PROC/1/net` where it exists (the namespace of the host's
    /// init), else `HOST_PROC/net`; `/proc/net` without `HOST_PROC`.
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

    /// The directory with one entry an interface.
    #[must_use]
    pub fn class_net(&self) -> PathBuf {
        self.sys.join("class/net")
    }
}

#[cfg(test)]
mod tests;
