//! Interfaces of a network namespace that are added, removed and changed between the gathers of one process.

use crate::support::gathers::Gatherer;
use crate::support::links::{Links, set_speed};
use crate::support::namespace::{enter, run};

fn ip(arguments: &str) {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    assert!(run("ip", &arguments), "ip {arguments:?}");
}

/// Triggers a gather. Returns the names and speeds of the interfaces, sorted by name.
fn speeds(plugin: &mut Gatherer) -> Vec<(String, String)> {
    let mut interfaces: Vec<_> =
        plugin.gather().iter().map(|line| (name(line), field(line, "speed"))).collect();
    interfaces.sort();
    interfaces
}

fn name(line: &str) -> String {
    let tags = line.split_once("interface=").expect("a name").1;
    tags.split([' ', ',']).next().expect("a name").to_owned()
}

fn field(line: &str, name: &str) -> String {
    let value = line.split_once(&format!("{name}=")).expect("the field").1;
    value.split(',').next().expect("a value").trim_end_matches('i').to_owned()
}

fn named(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|(name, speed)| ((*name).to_owned(), (*speed).to_owned())).collect()
}

fn changes_between_gathers_are_seen(source: &str) {
    let mut plugin = Gatherer::start(&format!("source = \"{source}\""));
    let mut seen = || speeds(&mut plugin);
    assert_eq!(seen(), named(&[]), "only the loopback is up");
    ip("link add veth0 type veth peer name veth1");
    assert_eq!(seen(), named(&[]), "they are down");
    ip("link set veth0 up");
    let first = seen();
    assert_eq!(first.len(), 1, "{first:?}");
    ip("link set veth1 up");
    assert_eq!(seen(), named(&[("veth0", "10000"), ("veth1", "10000")]));
    assert_eq!(seen(), named(&[("veth0", "10000"), ("veth1", "10000")]), "nothing has changed");
    ip("link set veth1 down");
    ip("link set veth1 name other1");
    ip("link set other1 up");
    assert_eq!(seen(), named(&[("other1", "10000"), ("veth0", "10000")]));
    ip("link set veth0 down");
    assert_eq!(seen(), named(&[("other1", "10000")]));
    ip("link del veth0");
    assert_eq!(seen(), named(&[]), "the peer is deleted too");

    for number in 0..100 {
        ip(&format!("link add many{number} type veth peer name peer{number}"));
        ip(&format!("link set many{number} up"));
    }
    assert_eq!(seen().len(), 100, "many changes at once");
    ip("link set peer7 up");
    assert_eq!(seen().len(), 101);
    plugin.end();
}

#[test]
fn changes_between_gathers_are_seen_by_netlink() {
    if enter() {
        changes_between_gathers_are_seen("netlink");
    }
}

#[test]
fn changes_between_gathers_are_seen_by_procfs() {
    if enter() {
        changes_between_gathers_are_seen("procfs");
    }
}

/// The kernel sends no event for either: the speed of a tun device, and the alias of an interface that is down.
#[test]
fn silent_changes_are_seen_at_the_next_gather() {
    if !enter() {
        return;
    }
    let mut links = Links::open();
    if !run("ip", &["tuntap", "add", "tap0", "mode", "tap"]) {
        return crate::support::skipped("needs tun devices");
    }
    ip("link set tap0 up");
    links.add_pair(100, "veth0", "veth1").expect("a pair of veth devices");
    let options = |source| {
        format!("source = \"{source}\"\ninterfaces = [\"tap0\", \"veth0\"]\nextra_tags = [\"ifalias\"]\n")
    };
    let mut plugins = ["netlink", "procfs"].map(|source| Gatherer::start(&options(source)));
    let mut seen = || {
        plugins.each_mut().map(|plugin| {
            let mut rows: Vec<_> = plugin
                .gather()
                .iter()
                .map(|line| {
                    format!("{} speed={}", line.split(' ').next().expect("tags"), field(line, "speed"))
                })
                .collect();
            rows.sort();
            rows
        })
    };
    let both = |lines: [&str; 2]| [lines.map(str::to_owned).to_vec(), lines.map(str::to_owned).to_vec()];
    assert_eq!(seen(), both(["net,interface=tap0 speed=10000", "net,interface=veth0 speed=-1"]));
    set_speed("tap0", 2500).expect("a tun device has any speed");
    links.set_alias(100, b"down").expect("any device may have one");
    assert_eq!(seen(), both(["net,ifalias=down,interface=veth0 speed=-1", "net,interface=tap0 speed=2500"]));
    plugins.into_iter().for_each(Gatherer::end);
}
