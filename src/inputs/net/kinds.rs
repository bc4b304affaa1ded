//! The option `kinds`: which kinds of interfaces are written.

use crate::filter::glob::Globs;

/// What an entry begins with whose kinds are not written.
const NOT: char = '!';

/// A selection by kind.
#[derive(Debug)]
pub(super) struct Kinds {
    /// One of these; `None`: any, and those without a kind.
    wanted: Option<Globs>,
    /// None of these.
    unwanted: Option<Globs>,
}

impl Kinds {
    /// Compiles the entries; `None` where there are none.
    ///
    /// # Errors
    /// The first entry that is no glob, or empty.
    pub(super) fn of_option(entries: &[String]) -> Result<Option<Self>, String> {
        if entries.is_empty() {
            return Ok(None);
        }
        let (unwanted, wanted): (Vec<&str>, Vec<&str>) =
            entries.iter().map(String::as_str).partition(|entry| entry.starts_with(NOT));
        let compile = |globs: Vec<&str>| {
            let globs: Vec<String> = globs.into_iter().map(str::to_owned).collect();
            if globs.iter().any(String::is_empty) {
                return Err(String::from("an entry without a kind; write for instance \"!veth\""));
            }
            Globs::compile(&globs, "").map_err(|error| error.to_string())
        };
        let unwanted = unwanted.into_iter().map(|entry| entry.strip_prefix(NOT).unwrap_or(entry)).collect();
        Ok(Some(Self { wanted: compile(wanted)?, unwanted: compile(unwanted)? }))
    }

    /// Whether an interface of this kind is written. One without a kind has the empty one.
    pub(super) fn matches(&self, kind: &[u8]) -> bool {
        let kind = String::from_utf8_lossy(kind);
        self.wanted.as_ref().is_none_or(|globs| globs.matches(&kind))
            && !self.unwanted.as_ref().is_some_and(|globs| globs.matches(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(entries: &[&str]) -> Result<Option<Kinds>, String> {
        Kinds::of_option(&entries.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>())
    }

    fn selected(entries: &[&str]) -> Vec<&'static str> {
        let kinds = kinds(entries).unwrap().unwrap();
        ["veth", "bridge", "physical", "vlan", ""]
            .into_iter()
            .filter(|kind| kinds.matches(kind.as_bytes()))
            .collect()
    }

    #[test]
    fn entries_select_or_reject() {
        assert_eq!(selected(&["!veth", "!bridge"]), ["physical", "vlan", ""]);
        assert_eq!(selected(&["physical", "v*"]), ["veth", "physical", "vlan"]);
        assert_eq!(selected(&["v*", "!veth"]), ["vlan"]);
        assert!(kinds(&[]).unwrap().is_none());
    }

    #[test]
    fn faults_are_named() {
        assert!(kinds(&["!"]).unwrap_err().contains("\"!veth\""));
        assert!(kinds(&[""]).is_err());
        assert!(kinds(&["![a"]).unwrap_err().starts_with("glob \"[a\": "));
    }
}
