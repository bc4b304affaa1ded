//! The option `extra_fields`: TCP fields that are written only if the section names them.

use super::field::{FIELDS, Field, PRINTED};
use crate::config::nearest::hint;
use crate::filter::glob::Globs;
use crate::quote::quote;

/// The only field that is not a number.
pub(super) const CONGESTION: &str = "congestion";

/// The selected extra fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExtraFields {
    /// The fields of `tcp_info`, in the order of [`FIELDS`].
    pub(super) fields: Vec<&'static Field>,
    /// Whether the name of the congestion control algorithm is selected.
    pub(super) congestion: bool,
}

impl ExtraFields {
    /// The fields that any of the globs matches. With `grouped`, an entry must not name the congestion control, which
    /// may differ within a group.
    ///
    /// # Errors
    /// If an entry is an invalid glob, or matches no field.
    pub(super) fn of_option(entries: &[String], grouped: bool) -> Result<Self, String> {
        let mut chosen = vec![false; FIELDS.len()];
        let mut congestion = false;
        for entry in entries {
            let globs = Globs::compile(std::slice::from_ref(entry), "").map_err(|error| error.to_string())?;
            let matches = |name| globs.as_ref().is_some_and(|globs| globs.matches(name));
            if grouped && entry == CONGESTION {
                return Err(format!("{CONGESTION} is a string: not supported with group_by"));
            }
            let mut found = matches(CONGESTION);
            congestion |= found && !grouped;
            for (chosen, field) in chosen.iter_mut().zip(FIELDS) {
                if matches(field.name) {
                    (*chosen, found) = (true, true);
                }
            }
            if !found {
                return Err(unknown(entry));
            }
        }
        let beyond_contract = FIELDS.iter().zip(chosen).skip(PRINTED);
        let fields = beyond_contract.filter(|(_, chosen)| *chosen).map(|(field, _)| field).collect();
        Ok(Self { fields, congestion })
    }

    /// Whether no extra field is selected.
    pub(super) const fn is_empty(&self) -> bool {
        self.fields.is_empty() && !self.congestion
    }
}

fn unknown(entry: &str) -> String {
    let names = FIELDS.iter().skip(PRINTED).map(|field| field.name).chain([CONGESTION]);
    format!("{} matches no field; {}", quote(entry.as_bytes()), hint(entry, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(entries: &[&str], grouped: bool) -> Result<ExtraFields, String> {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        ExtraFields::of_option(&entries, grouped)
    }

    fn names(entries: &[&str], grouped: bool) -> (Vec<&'static str>, bool) {
        let ExtraFields { fields, congestion } = fields(entries, grouped).unwrap();
        (fields.iter().map(|field| field.name).collect(), congestion)
    }

    #[test]
    fn globs_select_fields_in_the_order_of_the_table() {
        assert_eq!(names(&["retrans_total", "rtt"], true), (vec!["rtt", "retrans_total"], false));
        assert_eq!(names(&["*rtt", "rtt"], true), (vec!["rtt", "min_rtt", "rcv_rtt"], false));
        assert_eq!(names(&["rtt", "congestion"], false), (vec!["rtt"], true));
        assert_eq!(names(&["bytes_acked"], false), (vec![], false));
        let all = FIELDS.len() - PRINTED;
        assert_eq!((names(&["*"], false).0.len(), names(&["*"], false).1), (all, true));
        assert_eq!((names(&["*"], true).0.len(), names(&["*"], true).1), (all, false));
    }

    #[test]
    fn errors_name_the_entry() {
        assert_eq!(fields(&["rttt"], true).unwrap_err(), "\"rttt\" matches no field; did you mean rtt?");
        let unknown = fields(&["x*"], true).unwrap_err();
        assert!(unknown.starts_with("\"x*\" matches no field; allowed are rtt, rttvar, "), "{unknown}");
        assert!(fields(&["congestion"], true).unwrap_err().contains("not supported with group_by"));
        assert!(fields(&["[a"], true).unwrap_err().starts_with("glob \"[a\": "));
    }
}
