//! Suggests a known name for an unknown one.

use strsim::osa_distance;

/// The maximum number of edits, for names of any length.
const MAX_EDITS: usize = 3;

/// The known name that is the fewest edits away from `name`: characters added, removed, replaced, or swapped with their
/// neighbour. The case of letters is ignored. `None` if more edits would be needed than a third of the name's characters
/// (but one is always allowed) or more than three. If several names are equally near, the first.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let limit = (length / 3).clamp(1, MAX_EDITS);
    let name = name.to_ascii_lowercase();
    known
        // The distance takes time in proportion to both lengths, and a name in a file may be of any length.
        .filter(|known| known.chars().count().abs_diff(length) <= limit)
        .map(|known| (osa_distance(&name, &known.to_ascii_lowercase()), known))
        .filter(|&(edits, _)| edits <= limit)
        .min_by_key(|&(edits, _)| edits)
        .map(|(_, known)| known)
}

/// The end of a message about an unknown name: the nearest known name, or all known names.
pub(crate) fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    nearest(name, known.clone()).map_or_else(
        || format!("allowed are {}", known.collect::<Vec<_>>().join(", ")),
        |nearest| format!("did you mean {nearest}?"),
    )
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const KNOWN: [&str; 14] = [
        "protocols",
        "timeout",
        "source",
        "interfaces",
        "namepass",
        "namedrop",
        "fieldpass",
        "tagpass",
        "tagdrop",
        "tags",
        "alias",
        "raw",
        "udp",
        "tcp",
    ];

    fn meant(name: &str) -> Option<&'static str> {
        nearest(name, KNOWN.into_iter())
    }

    #[test]
    fn suggests_the_nearest_name() {
        for (name, expected) in [
            ("protocol", "protocols"),
            ("timout", "timeout"),
            ("tiemout", "timeout"),
            ("Timeout", "timeout"),
            ("name_pass", "namepass"),
            ("name-drop", "namedrop"),
            ("interface", "interfaces"),
            ("tag", "tags"),
            ("ucp", "udp"),
            ("tpc", "tcp"),
            ("timeout", "timeout"),
        ] {
            assert_eq!(meant(name), Some(expected), "{name:?}");
        }
    }

    #[test]
    fn suggests_nothing_if_no_name_is_near() {
        for name in ["", "frobnicate", "icmp", "interval", "metricpass", "日本", "ta ", "protocols-and-more"]
        {
            assert_eq!(meant(name), None, "{name:?}");
        }
        assert_eq!(meant(&"x".repeat(10_000_000)), None);
        assert_eq!(nearest("tcp", std::iter::empty()), None);
    }

    #[test]
    fn takes_the_first_of_equals() {
        assert_eq!(nearest("tagxxop", ["tagabop", "tagcdop"].into_iter()), Some("tagabop"));
        assert_eq!(nearest("tcp", ["tcq", "tcp"].into_iter()), Some("tcp"));
    }
}
