//! The systems whose netstat(1) is supported, by their names in the option `netstat_platform`.

use crate::quote::quote;

/// A system whose netstat is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    FreeBsd,
    OpenBsd,
    NetBsd,
    MacOs,
}

impl Platform {
    /// Every platform, in the order of the documentation.
    pub(crate) const ALL: [Self; 4] = [Self::FreeBsd, Self::OpenBsd, Self::NetBsd, Self::MacOs];

    /// The name in the configuration, the same as Rust's `target_os`.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FreeBsd => "freebsd",
            Self::OpenBsd => "openbsd",
            Self::NetBsd => "netbsd",
            Self::MacOs => "macos",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == name)
    }

    /// The platform that the option `netstat_platform` names, or by default the platform of the build.
    ///
    /// # Errors
    /// When the name is unknown.
    pub(crate) fn of_option(option: Option<&str>) -> Result<Option<Self>, String> {
        let Some(name) = option else { return Ok(Self::current()) };
        Self::from_name(name).map(Some).ok_or_else(|| {
            let allowed = Self::ALL.map(Self::name).join(", ");
            format!("unknown platform {}; allowed are {allowed}", quote(name.as_bytes()))
        })
    }

    /// The platform that this binary was built for, or `None` for Linux and others.
    #[must_use]
    pub(crate) fn current() -> Option<Self> {
        Self::from_name(std::env::consts::OS)
    }
}

/// The message for a system whose netstat is not supported, without `netstat_platform`.
#[must_use]
pub(crate) fn unknown() -> String {
    let names = Platform::ALL.map(Platform::name).join(", ");
    format!("this system's netstat is not known: it is none of {names} (option netstat_platform)")
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn finds_each_platform_by_name() {
        for platform in Platform::ALL {
            assert_eq!(Platform::from_name(platform.name()), Some(platform));
        }
        assert_eq!(Platform::from_name("linux"), None);
        assert_eq!(Platform::from_name("FreeBSD"), None);
    }

    #[test]
    fn current_is_the_platform_of_the_build() {
        let expected = if cfg!(target_os = "freebsd") {
            Some(Platform::FreeBsd)
        } else if cfg!(target_os = "openbsd") {
            Some(Platform::OpenBsd)
        } else if cfg!(target_os = "netbsd") {
            Some(Platform::NetBsd)
        } else if cfg!(target_os = "macos") {
            Some(Platform::MacOs)
        } else {
            None
        };
        assert_eq!(Platform::current(), expected);
    }
}
