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
fn is_silent_where_nothing_is_near() {
    for name in ["", "frobnicate", "icmp", "interval", "metricpass", "日本", "ta ", "protocols-and-more"] {
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
