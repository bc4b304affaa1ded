//! The options `extra_fields` and `extra_tags`: fields and tags that are written only if the section names them.

use super::counters::{STATISTICS, Statistic};
use crate::config::nearest::hint;
use crate::filter::glob::Globs;
use crate::quote::quote;

/// A field that is not written by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraField {
    /// A counter of `struct rtnl_link_stats64`.
    Statistic(Statistic),
    /// The operational state of RFC 2863, as the kernel prints it: `up`, `down`, `lowerlayerdown`, ...
    OperState,
    /// 1 with a carrier, otherwise 0. Unknown while the interface is down.
    Carrier,
    /// How often the carrier was lost or found.
    CarrierChanges,
    /// The maximum transmission unit, in bytes.
    Mtu,
    /// The length of the transmit queue, in packets.
    TxQueueLen,
    /// The interface index.
    IfIndex,
    /// `half`, `full` or `unknown`.
    Duplex,
}

/// The extra fields other than the counters of `struct rtnl_link_stats64`.
const PROPERTIES: [(&str, ExtraField); 7] = [
    ("oper_state", ExtraField::OperState),
    ("carrier", ExtraField::Carrier),
    ("carrier_changes", ExtraField::CarrierChanges),
    ("mtu", ExtraField::Mtu),
    ("tx_queue_len", ExtraField::TxQueueLen),
    ("ifindex", ExtraField::IfIndex),
    ("duplex", ExtraField::Duplex),
];

/// Every extra field with its name, in the order in which they are written.
fn fields() -> impl Iterator<Item = (&'static str, ExtraField)> + Clone {
    let statistics = STATISTICS.into_iter().enumerate();
    statistics.map(|(index, name)| (name, ExtraField::Statistic(Statistic(index)))).chain(PROPERTIES)
}

/// The fields that any of the globs matches, with their names.
///
/// # Errors
/// If an entry is an invalid glob, or matches no field.
pub(super) fn fields_of_option(entries: &[String]) -> Result<Vec<(&'static str, ExtraField)>, String> {
    let mut globs = Vec::new();
    for entry in entries {
        let compiled = Globs::compile(std::slice::from_ref(entry), "").map_err(|error| error.to_string())?;
        let glob = compiled.filter(|glob| fields().any(|(name, _)| glob.matches(name)));
        globs.push(glob.ok_or_else(|| {
            format!(
                "{} matches no field; {}",
                quote(entry.as_bytes()),
                hint(entry, fields().map(|(name, _)| name))
            )
        })?);
    }
    Ok(fields().filter(|(name, _)| globs.iter().any(|glob| glob.matches(name))).collect())
}

/// A tag that is not written by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraTag {
    /// The hardware address.
    Address,
    /// The alias, as set by `ip link set ... alias`.
    IfAlias,
    /// The kind of interface: `veth`, `bridge`, `physical`, ...
    Kind,
    /// The name of the bridge or bond that the interface belongs to.
    Master,
}

/// Every extra tag with its name, sorted.
pub(super) const TAGS: [(&str, ExtraTag); 4] = [
    ("address", ExtraTag::Address),
    ("ifalias", ExtraTag::IfAlias),
    ("kind", ExtraTag::Kind),
    ("master", ExtraTag::Master),
];

/// The tags with these names, sorted.
///
/// # Errors
/// If there is no extra tag of that name.
pub(super) fn tags_of_option(entries: &[String]) -> Result<Vec<(&'static str, ExtraTag)>, String> {
    let names = TAGS.map(|(name, _)| name);
    if let Some(entry) = entries.iter().find(|entry| !names.contains(&entry.as_str())) {
        let hint = hint(entry, names.into_iter());
        return Err(format!("{} is not an extra tag; {hint}", quote(entry.as_bytes())));
    }
    Ok(TAGS.into_iter().filter(|(name, _)| entries.iter().any(|entry| entry == name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|&entry| entry.to_owned()).collect()
    }

    fn names(entries: &[&str]) -> Vec<&'static str> {
        fields_of_option(&owned(entries)).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn globs_select_fields_in_the_order_of_the_table() {
        assert_eq!(names(&["mtu", "multicast"]), ["multicast", "mtu"]);
        assert_eq!(names(&["carrier*", "carrier"]), ["carrier", "carrier_changes"]);
        assert_eq!(names(&["*"]).len(), STATISTICS.len() + PROPERTIES.len());
        assert_eq!(names(&[]), [""; 0]);
    }

    #[test]
    fn tags_are_sorted_and_not_in_the_order_of_the_file() {
        let tags = tags_of_option(&owned(&["master", "ifalias", "master"])).unwrap();
        assert_eq!(tags, [("ifalias", ExtraTag::IfAlias), ("master", ExtraTag::Master)]);
        assert!(TAGS.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn errors_name_the_entry() {
        let fields = |entry| fields_of_option(&owned(&[entry])).unwrap_err();
        assert_eq!(fields("muticast"), "\"muticast\" matches no field; did you mean multicast?");
        assert!(fields("x*").starts_with("\"x*\" matches no field; allowed are rx_packets, tx_packets, "));
        assert!(fields("[a").starts_with("glob \"[a\": "));
        let tags = |entry| tags_of_option(&owned(&[entry])).unwrap_err();
        assert_eq!(tags("ifalais"), "\"ifalais\" is not an extra tag; did you mean ifalias?");
        assert_eq!(tags("k*"), "\"k*\" is not an extra tag; allowed are address, ifalias, kind, master");
    }
}
