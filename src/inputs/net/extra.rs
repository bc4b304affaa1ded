//! The options `extra_fields` and `extra_tags`: what is written of each interface only where it is asked for.

use super::counters::{STATISTICS, Statistic};
use crate::config::nearest::nearest;
use crate::filter::glob::Globs;
use crate::quote::quote;

/// A field beyond those of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraField {
    /// A counter of `struct rtnl_link_stats64`.
    Statistic(Statistic),
    /// The state of RFC 2863, as the kernel prints it: `up`, `down`, `lowerlayerdown`, ...
    OperState,
    /// 1 with a carrier, else 0; nothing where the interface is down.
    Carrier,
    /// How often the carrier came or went.
    CarrierChanges,
    /// The longest packet, in bytes.
    Mtu,
    /// The length of the queue of packets to be sent.
    TxQueueLen,
    /// The index.
    IfIndex,
    /// `half`, `full` or `unknown`.
    Duplex,
}

/// Those that are no counters of `struct rtnl_link_stats64`.
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
fn fields() -> impl Iterator<Item = (&'static str, ExtraField)> {
    let statistics = STATISTICS.into_iter().enumerate();
    statistics.map(|(place, name)| (name, ExtraField::Statistic(Statistic(place)))).chain(PROPERTIES)
}

/// The fields that one of the globs matches, with their names.
///
/// # Errors
/// The first entry that is no glob, or matches no field.
pub(super) fn fields_of_option(entries: &[String]) -> Result<Vec<(&'static str, ExtraField)>, String> {
    let mut globs = Vec::new();
    for entry in entries {
        let compiled = Globs::compile(std::slice::from_ref(entry), "").map_err(|error| error.to_string())?;
        let glob = compiled.filter(|glob| fields().any(|(name, _)| glob.matches(name)));
        let names = || fields().map(|(name, _)| name).collect::<Vec<_>>();
        globs.push(glob.ok_or_else(|| unknown(entry, "matches no field", &names()))?);
    }
    Ok(fields().filter(|(name, _)| globs.iter().any(|glob| glob.matches(name))).collect())
}

/// A tag beyond that of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraTag {
    /// The hardware address.
    Address,
    /// The alias that `ip link set ... alias` gives.
    IfAlias,
    /// The kind of device.
    Kind,
    /// The bridge or bond that it belongs to.
    Master,
}

/// Every extra tag with its name, sorted.
pub(super) const TAGS: [(&str, ExtraTag); 4] = [
    ("address", ExtraTag::Address),
    ("ifalias", ExtraTag::IfAlias),
    ("kind", ExtraTag::Kind),
    ("master", ExtraTag::Master),
];

/// The tags that are named, sorted.
///
/// # Errors
/// The first entry that is none.
pub(super) fn tags_of_option(entries: &[String]) -> Result<Vec<(&'static str, ExtraTag)>, String> {
    let names = TAGS.map(|(name, _)| name);
    if let Some(entry) = entries.iter().find(|entry| !names.contains(&entry.as_str())) {
        return Err(unknown(entry, "is no extra tag", &names));
    }
    Ok(TAGS.into_iter().filter(|(name, _)| entries.iter().any(|entry| entry == name)).collect())
}

fn unknown(entry: &str, fault: &str, names: &[&str]) -> String {
    let hint = nearest(entry, names.iter().copied()).map_or_else(
        || format!("known are {}", names.join(", ")),
        |nearest| format!("did you mean {nearest}?"),
    );
    format!("{} {fault}; {hint}", quote(entry.as_bytes()))
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
    fn globs_choose_fields_in_the_order_of_the_table() {
        assert_eq!(names(&["mtu", "multicast"]), ["multicast", "mtu"]);
        assert_eq!(names(&["carrier*", "carrier"]), ["carrier", "carrier_changes"]);
        assert_eq!(names(&["*"]).len(), STATISTICS.len() + PROPERTIES.len());
        assert_eq!(names(&[]), [""; 0]);
    }

    #[test]
    fn tags_are_sorted_whatever_the_order_in_the_file() {
        let tags = tags_of_option(&owned(&["master", "ifalias", "master"])).unwrap();
        assert_eq!(tags, [("ifalias", ExtraTag::IfAlias), ("master", ExtraTag::Master)]);
        assert!(TAGS.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn errors_name_the_entry() {
        let fields = |entry| fields_of_option(&owned(&[entry])).unwrap_err();
        assert_eq!(fields("muticast"), "\"muticast\" matches no field; did you mean multicast?");
        assert!(fields("x*").starts_with("\"x*\" matches no field; known are rx_packets, tx_packets, "));
        assert!(fields("[a").starts_with("glob \"[a\": "));
        let tags = |entry| tags_of_option(&owned(&[entry])).unwrap_err();
        assert_eq!(tags("ifalais"), "\"ifalais\" is no extra tag; did you mean ifalias?");
        assert_eq!(tags("k*"), "\"k*\" is no extra tag; known are address, ifalias, kind, master");
    }
}
