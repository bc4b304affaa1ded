//! The option `kinds`: which kinds of interfaces are written.

use crate::filter::glob::Globs;

/// The prefix of an entry that excludes kinds.
const NOT: char = '!';

/// Selects interfaces by kind.
#[derive(Debug)]
pub(super) struct Kinds {
    /// The kinds to write; `None` for all, including interfaces without a kind.
    included: Option<Globs>,
    excluded: Option<Globs>,
}

impl Kinds {
    /// Compiles the entries of the option; `None` if it is empty.
    ///
    /// # Errors
    /// If an entry is empty or an invalid glob.
    pub(super) fn from_option(entries: &[String]) -> Result<Option<Self>, String> {
        if entries.is_empty() {
            return Ok(None);
        }
        let (excluded, included): (Vec<&str>, Vec<&str>) =
            entries.iter().map(String::as_str).partition(|entry| entry.starts_with(NOT));
        let compile = |globs: Vec<&str>| {
            let globs: Vec<String> = globs.into_iter().map(str::to_owned).collect();
            if globs.iter().any(String::is_empty) {
                return Err(String::from("an entry without a kind; write for instance \"!veth\""));
            }
            Globs::compile(&globs, "").map_err(|error| error.to_string())
        };
        let excluded = excluded.into_iter().map(|entry| entry.strip_prefix(NOT).unwrap_or(entry)).collect();
        Ok(Some(Self { included: compile(included)?, excluded: compile(excluded)? }))
    }

    /// Whether an interface of this kind is written. The kind is empty if the interface has none.
    pub(super) fn matches(&self, kind: &[u8]) -> bool {
        let kind = String::from_utf8_lossy(kind);
        self.included.as_ref().is_none_or(|globs| globs.matches(&kind))
            && !self.excluded.as_ref().is_some_and(|globs| globs.matches(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(entries: &[&str]) -> Result<Option<Kinds>, String> {
        Kinds::from_option(&entries.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>())
    }

    fn selected(entries: &[&str]) -> Vec<&'static str> {
        let kinds = kinds(entries).unwrap().unwrap();
        ["veth", "bridge", "physical", "vlan", ""]
            .into_iter()
            .filter(|kind| kinds.matches(kind.as_bytes()))
            .collect()
    }

    #[test]
    fn entries_include_or_exclude() {
        assert_eq!(selected(&["!veth", "!bridge"]), ["physical", "vlan", ""]);
        assert_eq!(selected(&["physical", "v*"]), ["veth", "physical", "vlan"]);
        assert_eq!(selected(&["v*", "!veth"]), ["vlan"]);
        assert!(kinds(&[]).unwrap().is_none());
    }

    #[test]
    fn invalid_entries_are_errors() {
        assert!(kinds(&["!"]).unwrap_err().contains("\"!veth\""));
        assert!(kinds(&[""]).is_err());
        assert!(kinds(&["![a"]).unwrap_err().starts_with("glob \"[a\": "));
    }
}
