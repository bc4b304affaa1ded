//! Real interfaces of every kind that this kernel has: the sources netlink and procfs return the same, as root and
//! as an unprivileged user.

use std::fs;
use std::path::Path;

use crate::support::gathers::{config, with_own_sysfs};
use crate::support::links::Links;
use crate::support::namespace::{enter, run};
use crate::support::needs::needs;

/// Arguments of `ip` that create devices. Kinds that this kernel does not support are skipped.
const DEVICES: &[&str] = &[
    "link add veth0 type veth peer name veth1",
    "link set veth0 up",
    "link set veth1 up",
    "link add half0 type veth peer name half1",
    "link set half0 up",
    "link add br0 type bridge",
    "link set br0 up",
    "link set veth0 master br0",
    "link add bond0 type bond",
    "link add dummy0 type dummy",
    "link set dummy0 up",
    "link add link veth1 name veth1.5 type vlan id 5",
    "link set veth1.5 up",
    "link add mac0 link veth1 type macvlan",
    "link set mac0 up",
    "link add vx0 type vxlan id 5 dstport 4789",
    "link set vx0 up",
    "link add ifb0 type ifb",
    "link set ifb0 up",
    "link add wg0 type wireguard",
    "tuntap add tap0 mode tap",
    "link set tap0 up",
    "tuntap add tun0 mode tun",
    "link set tun0 up mtu 1380",
    "link set half1 txqueuelen 77 address 02:00:5e:10:00:01",
    "addr add 192.0.2.1/24 dev veth1",
];
/// The kinds that can be found in sysfs too.
const KINDS_IN_SYSFS: [&str; 11] =
    ["bond", "bridge", "geneve", "macsec", "physical", "ppp", "tun", "veth", "vlan", "vxlan", "wireguard"];

fn make_devices() {
    // Without IPv6 the kernel sends no packets by itself, so the counters do not change.
    for which in ["default", "all"] {
        fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1")
            .expect("root of the namespace");
    }
    let made = DEVICES.iter().filter(|arguments| run("ip", &arguments.split(' ').collect::<Vec<_>>()));
    let made = made.count();
    assert!(made > 12, "{made} of {} commands", DEVICES.len());
    let mut links = Links::open();
    for (index, (name, alias)) in [
        ("a\"b#c@d", vec![b'x'; 255]),
        ("!,=\\", b"rack 7, port=3 \"left\" \\".to_vec()),
        ("\u{e9}0", b" a\\\nb\n ".to_vec()),
        ("-", "\u{e9}\u{1f600}".as_bytes().to_vec()),
    ]
    .into_iter()
    .enumerate()
    {
        let index = 1000 + i32::try_from(index).expect("a small number");
        links.add_pair(index, name, &format!("peer{index}")).expect("the kernel takes that name");
        links.set_alias(index, &alias).expect("the kernel takes that alias");
        if index % 2 == 0 {
            links.set_up(index, true).expect("it can be set up");
        }
    }
    // To an address that does not exist: there are ARP requests, and packets that wait for a reply.
    run("ping", &["-c", "1", "-W", "1", "192.0.2.9"]);
}

/// What a source writes, sorted and without timestamps.
fn gathered(dir: &Path, source: &str, options: &str, powerless: bool) -> Vec<String> {
    let config = config(dir, &format!("source = \"{source}\"\n{options}"));
    let output = with_own_sysfs(&dir.join("telegraf-execd-network"), powerless)
        .args(["--config", &config, "--once"])
        .output()
        .expect("the plugin runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""));
    let stdout = String::from_utf8(output.stdout).expect("line protocol is UTF-8");
    let line = |line: &str| line.rsplit_once(' ').expect("a timestamp").0.to_owned();
    let mut lines: Vec<String> = stdout.lines().map(line).collect();
    lines.sort();
    lines
}

/// Removes from a line of netlink what /sys does not have: a counter, and some kinds.
fn as_from_procfs(line: &str) -> String {
    let line = line.replace(",rx_otherhost_dropped=0i", "");
    let Some((before, rest)) = line.split_once(",kind=") else { return line };
    let end = rest.find([',', ' ']).expect("fields");
    if KINDS_IN_SYSFS.contains(&&rest[..end]) { line } else { format!("{before}{}", &rest[end..]) }
}

fn equal(options: &str, powerless: bool) -> usize {
    let dir = tempfile::tempdir().expect("a temporary directory");
    drop(crate::support::unprivileged::unprivileged(dir.path()));
    // Timers run meanwhile, so compare once procfs returns the same before and after.
    let (expected, of_netlink) = (0..50)
        .find_map(|_| {
            let before = gathered(dir.path(), "procfs", options, powerless);
            let of_netlink = gathered(dir.path(), "netlink", options, powerless);
            (before == gathered(dir.path(), "procfs", options, powerless)).then_some((before, of_netlink))
        })
        .expect("no interface changes");
    let mut ours: Vec<String> = of_netlink.iter().map(|line| as_from_procfs(line)).collect();
    ours.sort();
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    assert!(
        ours == expected,
        "{options}, procfs alone {:#?}, netlink alone {:#?}",
        only(&expected, &ours),
        only(&ours, &expected)
    );
    ours.len()
}

#[test]
fn netlink_and_procfs_return_the_same() {
    if !needs(&["setpriv"]) || !enter() {
        return;
    }
    make_devices();
    let all = "interfaces = [\"*\"]\nextra_fields = [\"*\"]\n\
               extra_tags = [\"ifalias\", \"kind\", \"master\", \"address\"]\n\
               protocol_stats = [\"snmp\", \"snmp6\", \"netstat\"]\n";
    for powerless in [false, true] {
        let up = equal("", powerless);
        let every = equal(all, powerless);
        let veths =
            equal("interfaces = [\"*\"]\nkinds = [\"veth\"]\nignore_protocol_stats = true\n", powerless);
        let others =
            equal("interfaces = [\"*\"]\nkinds = [\"!veth\"]\nignore_protocol_stats = true\n", powerless);
        assert!(up > 6 && every > up, "{up} of {every}");
        assert_eq!(veths + others, every - 1, "the kinds of all lines except the protocol statistics");
        println!("{up} interfaces up, {every} in all, {veths} of them veth: equal");
    }
}
