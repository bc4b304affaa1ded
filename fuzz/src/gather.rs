//! Checks of whole gathers with a configuration, files of a host, and the kernel's answers.

use super::host::FakeHost;
use super::influx::{Metric, Value};
use super::written::{field, tag};

thread_local! {
    static HOST: FakeHost = FakeHost::default();
}

/// The files of a host. An input of [`gather`] consists of the configuration, the content of these files in this
/// order, and the kernel's answer to each request, separated by NUL.
pub const FILES: &[&str] = &[
    "proc/net/dev",
    "proc/net/snmp",
    "proc/net/sockstat",
    "proc/net/tcp",
    "proc/net/udp6",
    "proc/net/unix",
    "proc/net/packet",
    "sys/class/net/eth0/flags",
    "sys/class/net/eth0/speed",
    "sys/class/net/eth0/uevent",
    "sys/class/net/eth0/operstate",
];

/// Gathers once with a configuration. If there is an answer of the kernel, the plugin may use netlink.
pub fn gather(data: &[u8]) {
    let mut parts = data.splitn(FILES.len() + 2, |byte| *byte == 0);
    let Ok(config) = std::str::from_utf8(parts.next().unwrap_or_default()) else { return };
    HOST.with(|host| {
        for file in FILES {
            host.write(file, parts.next().unwrap_or_default());
        }
        let answers = parts.next().unwrap_or_default();
        if !answers.is_empty() {
            host.is_own_network();
        }
        // `FakeHost::gather` checks the output. An invalid configuration is fine.
        let (Ok(_) | Err(_)) = host.gather(config, answers);
    });
}

/// The files of an interface, and the field or tag from each.
const ATTRIBUTES: &[(&str, Attribute)] = &[
    ("flags", Attribute::Flags),
    ("speed", Attribute::Speed),
    ("uevent", Attribute::Other),
    ("iflink", Attribute::Other),
    ("type", Attribute::Other),
    ("tun_flags", Attribute::Other),
    ("operstate", Attribute::Text("oper_state")),
    ("duplex", Attribute::Text("duplex")),
    ("carrier", Attribute::Number("carrier")),
    ("carrier_changes", Attribute::Number("carrier_changes")),
    ("mtu", Attribute::Number("mtu")),
    ("tx_queue_len", Attribute::Number("tx_queue_len")),
    ("ifindex", Attribute::Number("ifindex")),
    ("statistics/rx_crc_errors", Attribute::Number("rx_crc_errors")),
    ("address", Attribute::Tag("address")),
    ("ifalias", Attribute::Tag("ifalias")),
];

#[derive(Clone, Copy)]
enum Attribute {
    Flags,
    Speed,
    Number(&'static str),
    Text(&'static str),
    Tag(&'static str),
    /// Determines the kind.
    Other,
}

const DEV: &[u8] = b"Inter-|   Receive                                                |  Transmit\n \
    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n  \
    eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";

/// Files of sysfs, separated by NUL.
pub fn sysfs(data: &[u8]) {
    HOST.with(|host| {
        host.write("proc/net/dev", DEV);
        let mut parts = data.split(|byte| *byte == 0);
        let values: Vec<&[u8]> = ATTRIBUTES.iter().map(|_| parts.next().unwrap_or_default()).collect();
        for ((name, _), value) in ATTRIBUTES.iter().zip(&values) {
            host.write(&format!("sys/class/net/eth0/{name}"), value);
        }
        let section = "[[inputs.net]]\n  source = \"procfs\"\n  ignore_protocol_stats = true\n";
        let extra = "  interfaces = [\"*\"]\n  extra_fields = [\"*\"]\n  extra_tags = [\"address\", \"ifalias\", \"kind\"]\n";
        let all = host.gather(&format!("{section}{extra}"), b"").expect("the configuration is good").metrics;
        let [metric] = all.as_slice() else { panic!("one interface: {all:?}") };
        for ((_, attribute), value) in ATTRIBUTES.iter().zip(&values) {
            // The plugin reads no more.
            let value = value.get(..512).unwrap_or(value);
            check_attribute(*attribute, value, metric);
        }
        let up = host.gather(section, b"").expect("the configuration is good").metrics;
        assert_eq!(!up.is_empty(), is_up(values[0].get(..512).unwrap_or(values[0])), "{:?}", values[0]);
    });
}

fn check_attribute(attribute: Attribute, value: &[u8], metric: &Metric) {
    let of = |name: &str| metric.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let line = value.strip_suffix(b"\n").unwrap_or(value);
    let text = String::from_utf8_lossy(value);
    match attribute {
        Attribute::Flags | Attribute::Other => {}
        Attribute::Speed => {
            let speed = std::str::from_utf8(value).ok().and_then(|text| text.trim_ascii().parse().ok());
            let speed = speed.filter(|speed| *speed != 4_294_967_295).unwrap_or(-1_i64);
            assert_eq!(of("speed"), Some(Value::Signed(speed)), "{text:?}");
        }
        Attribute::Number(name) => {
            let text = text.trim_ascii_end();
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|_| is_number).map(Value::Unsigned);
            assert_eq!(of(name), number, "{name} of {text:?}");
        }
        Attribute::Text(name) => {
            let expected = field(telegraf_execd_network::metric::Value::Text(line));
            assert_eq!(of(name), Some(expected).filter(|_| !line.is_empty()), "{name} of {text:?}");
        }
        Attribute::Tag(name) => {
            let found = metric.tags.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            assert_eq!(found.unwrap_or_default(), tag(line), "{name} of {text:?}");
        }
    }
}

/// Whether these are the flags of an interface that is up and not the loopback. If the flags are unknown, it counts
/// as one.
fn is_up(value: &[u8]) -> bool {
    let digits = std::str::from_utf8(value).ok().and_then(|text| text.trim_ascii().strip_prefix("0x"));
    let flags = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    flags.is_none_or(|flags| flags & 1 != 0 && flags & 8 == 0)
}
