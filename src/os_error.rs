//! Advice for system errors whose text is not enough.

use std::io::Error;

use nix::libc::{EMFILE, ENFILE};

/// The error in words, with advice.
#[must_use]
pub fn text(error: &Error) -> String {
    format!("{error}{}", advice(error.raw_os_error()))
}

/// The advice to append to the text of an error with this number. Empty for most errors.
pub(crate) fn advice(errno: Option<i32>) -> &'static str {
    match errno {
        Some(EMFILE) => ": raise ulimit -n (LimitNOFILE in a systemd unit)",
        Some(ENFILE) => " on this host: raise the sysctl fs.file-max",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_errors_for_too_many_descriptors_have_advice() {
        let text = |errno| text(&Error::from_raw_os_error(errno));
        assert!(text(EMFILE).ends_with(": raise ulimit -n (LimitNOFILE in a systemd unit)"));
        assert!(text(ENFILE).ends_with("raise the sysctl fs.file-max"));
        assert!(!text(nix::libc::ENOENT).contains("raise"));
    }
}
