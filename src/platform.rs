//! The systems whose netstat(1) is known, by the names that `netstat_platform` uses.

use crate::quote::quote;

/// A system whose netstat prints what Linux has in /proc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// FreeBSD.
    FreeBsd,
    /// OpenBSD.
    OpenBsd,
    /// NetBSD.
    NetBsd,
    /// macOS.
    MacOs,
}

impl Platform {
    /// Every platform, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::FreeBsd, Self::OpenBsd, Self::NetBsd, Self::MacOs];

    /// The name in the configuration, which is also the one that Rust knows the system by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FreeBsd => "freebsd",
            Self::OpenBsd => "openbsd",
            Self::NetBsd => "netbsd",
            Self::MacOs => "macos",
        }
    }

    /// The platform of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == name)
    }

    /// What the option `netstat_platform` says; the platform of the build where it is not set.
    ///
    /// # Errors
    /// When it names none.
    pub fn of_option(option: Option<&str>) -> Result<Option<Self>, String> {
        let Some(name) = option else { return Ok(Self::current()) };
        Self::from_name(name).map(Some).ok_or_else(|| {
            let allowed = Self::ALL.map(Self::name).join(", ");
            format!("unknown platform {}; allowed are {allowed}", quote(name.as_bytes()))
        })
    }

    /// The platform that this binary was built for; `None` on Linux and others.
    #[must_use]
    pub fn current() -> Option<Self> {
        Self::from_name(std::env::consts::OS)
    }
}

/// Why netstat cannot be run where nobody said whose it is.
#[must_use]
pub fn unknown() -> String {
    let names = Platform::ALL.map(Platform::name).join(", ");
    format!("this system's netstat is not known: it is none of {names} (option netstat_platform)")
}

#[cfg(test)]
mod tests;
