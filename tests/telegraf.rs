//! The real binary in the real Telegraf, and compared with Telegraf's own inputs.
//!
//! Uses `TELEGRAF_BIN`, or builds Telegraf once from its Go module into the target directory. Every test runs in a network
//! namespace.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::Command;

use crate::checks::influx;
use crate::corpus;
use crate::support::execd::{dir, fixture};
use crate::support::links::Links;
use crate::support::telegraf::{Telegraf, complaints, telegraf_in_own_network};
use crate::support::{fake, hanging_pids, hanging_ss, plugin, running, wait_until, write};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, SockaddrIn, connect, socket};
use nix::unistd::Pid;
use telegraf_execd_network::line_protocol::{self, Unsigned};
use telegraf_execd_network::metric::Value;

/// A line without its timestamp and with sorted fields. No field in these tests contains a space or a comma.
fn series(line: &str) -> (String, Vec<String>) {
    let mut parts = line.rsplitn(3, ' ');
    let (_, fields, tags) = (parts.next(), parts.next(), parts.next());
    let mut fields: Vec<String> = fields.expect("fields").split(',').map(str::to_owned).collect();
    fields.sort();
    (tags.expect("a measurement").to_owned(), fields)
}

/// A fake ss with one TCP socket that has every field.
fn good_ss(dir: &Path) {
    let details = " cubic bytes_acked:1 bytes_received:2 segs_out:3 segs_in:4 data_segs_out:5 data_segs_in:6";
    fake(
        dir,
        "ss",
        &format!(
            "echo 'State Recv-Q Send-Q Local Address:Port Peer Address:Port'\n\
             echo 'ESTAB 7 8 [::1]:1 [::1]:2'\nprintf '\\t{details}\\n'\n"
        ),
    );
}

/// The plugin's configuration, and the options for its `inputs.execd` section.
fn sockets(timeout: &str) -> String {
    format!(
        "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  source = \"ss\"\n  timeout = \"{timeout}\"\n\
         [[inputs.net]]\n"
    )
}

fn execd(dir: &Path, signal: &str) -> String {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/net-kernel-6.18");
    format!(
        "  signal = \"{signal}\"\n  environment = [\"PATH={}\", \"HOST_PROC={}/proc\", \"HOST_SYS={1}/sys\"]\n",
        dir.display(),
        recorded.display()
    )
}

fn every_metric_arrives(signal: &str) {
    let Some(telegraf) = telegraf_in_own_network() else { return };
    let dir = dir();
    good_ss(dir.path());
    let path = dir.path().to_owned();
    let telegraf = Telegraf::start(&telegraf, dir, &sockets("1s"), &execd(&path, signal), "");
    telegraf.wait_for(4, "socketstat,");
    let pids = [telegraf.plugin()];
    let metrics = telegraf.metrics();
    let log = telegraf.stop(&pids);
    assert!(complaints(&log).is_empty(), "{:#?}", complaints(&log));

    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/net-kernel-6.18");
    let expected = fs::read_to_string(recorded.join("expected.out")).expect("what the recorded host has");
    let arrived: BTreeMap<_, _> = metrics.iter().map(|line| series(line)).collect();
    for line in expected.lines() {
        let (tags, fields) = series(&format!("{line} 0"));
        assert_eq!(arrived.get(&tags), Some(&fields), "{tags}");
    }
    let socket = "socketstat,local_addr=[::1],local_port=1,proto=tcp,remote_addr=[::1],remote_port=2 state=\"ESTAB\",\
                  recv_q=7i,send_q=8i,bytes_acked=1i,bytes_received=2i,segs_out=3i,segs_in=4i,data_segs_out=5i,data_segs_in=6i 0";
    let (tags, fields) = series(socket);
    assert_eq!(arrived.get(&tags), Some(&fields));
    assert_eq!(arrived.len(), 4, "{arrived:#?}");
}

#[test]
fn every_metric_arrives_with_stdin() {
    every_metric_arrives("STDIN");
}

#[test]
fn every_metric_arrives_with_sigusr1() {
    every_metric_arrives("SIGUSR1");
}

/// Sockets that do not change, of the protocols that Telegraf's own input parses correctly.
fn quiet_sockets() -> Vec<Box<dyn std::any::Any>> {
    let local = Ipv4Addr::LOCALHOST;
    let listener = TcpListener::bind((local, 0)).expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    let server = listener.accept().expect("the other end").0;
    let listener6 = TcpListener::bind("[::]:0").expect("a listener");
    let port = listener6.local_addr().expect("its address").port();
    let mapped = TcpStream::connect((local, port)).expect("a connection");
    let server6 = listener6.accept().expect("the other end").0;
    let udp = UdpSocket::bind((local, 0)).expect("a socket");
    udp.connect((local, 9)).expect("it connects");
    let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw)
        .expect("a raw socket");
    connect(raw.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("it connects");
    vec![Box::new((listener, client, server)), Box::new((listener6, mapped, server6)), Box::new((udp, raw))]
}

#[test]
fn metrics_equal_those_of_telegrafs_own_inputs() {
    let Some(telegraf) = telegraf_in_own_network() else { return };
    let link = Command::new("sh")
        .args([
            "-c",
            "ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up",
        ])
        .status();
    assert!(link.is_ok_and(|status| status.success()), "a veth pair cannot be made");
    let _sockets = quiet_sockets();
    // Telegraf's own input no longer has protocol statistics, so they are off here.
    let native = "[[inputs.socketstat]]\n  protocols = [\"tcp\", \"udp\", \"raw\"]\n  [inputs.socketstat.tags]\n    from = \"telegraf\"\n\
                  [[inputs.net]]\n  [inputs.net.tags]\n    from = \"telegraf\"\n";
    let ours = "[[inputs.socketstat]]\n  protocols = [\"tcp\", \"udp\", \"raw\"]\n  source = \"ss\"\n\
                [[inputs.net]]\n  ignore_protocol_stats = true\n";
    let execd = "  signal = \"STDIN\"\n  [inputs.execd.tags]\n    from = \"us\"\n";
    let dir = dir();
    // /sys shows the interfaces of the namespace in which it was mounted. Both need it for the speed.
    let body = format!(
        "exec unshare -m sh -c 'mount -t sysfs sysfs /sys && exec \"$@\"' sh '{}' \"$@\"\n",
        telegraf.display()
    );
    fake(dir.path(), "telegraf", &body);
    let telegraf = dir.path().join("telegraf");
    let telegraf = Telegraf::start(&telegraf, dir, ours, execd, native);
    // The namespace needs a few seconds to settle (address detection, delayed acknowledgements).
    let mut rounds = 0..10;
    let (of_telegraf, of_us) = loop {
        telegraf.wait_for(2, "from=telegraf");
        telegraf.wait_for(2, "from=us");
        let metrics = telegraf.metrics();
        let latest = |from: &str| -> BTreeMap<String, Vec<String>> {
            let tag = format!(",from={from}");
            let lines = metrics.iter().filter(|line| line.contains(&tag));
            lines.map(|line| series(&line.replace(&tag, ""))).collect()
        };
        let both = (latest("telegraf"), latest("us"));
        if both.0 == both.1 || rounds.next().is_none() {
            break both;
        }
    };
    assert_eq!(of_us, of_telegraf);
    for (part, at_least) in [("proto=tcp", 4), ("proto=udp", 1), ("proto=raw", 1), ("interface=veth", 2)] {
        let count = of_us.keys().filter(|tags| tags.contains(part)).count();
        assert!(count >= at_least, "{count} of {part}: {of_us:#?}");
    }
    telegraf.stop(&[]);
}

/// Extra fields and tags, and `internal_net`: Telegraf receives exactly what the plugin writes.
#[test]
fn extra_fields_and_tags_of_interfaces_arrive() {
    let Some(telegraf) = telegraf_in_own_network() else { return };
    // Without IPv6 packets the counters do not change.
    fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").expect("root of the namespace");
    let mut links = Links::open();
    for (index, alias) in [(100, &b"rack 7, port=3 \"left\""[..]), (200, &[b'x'; 255]), (300, b"\xe9\\t")] {
        links.add_pair(index, &format!("a{index}"), &format!("b{index}")).expect("a pair of veth devices");
        links.set_up(index, true).expect("it can be set up");
        links.set_alias(index, alias).expect("any text may be one");
    }
    let ours = "[[inputs.net]]\n  interfaces = [\"*\"]\n  source = \"netlink\"\n  extra_fields = [\"*\"]\n\
                extra_tags = [\"ifalias\", \"kind\", \"master\", \"address\"]\n  kinds = [\"veth\"]\n\
                internal = true\n  alias = \"of all\"\n  fieldexclude = [\"gather_time_ns\"]\n\
                protocol_stats = [\"netstat\", \"snmp6\"]\n";
    let dir = dir();
    let config = write(dir.path(), "once.conf", ours);
    let telegraf = Telegraf::start(&telegraf, dir, ours, "  signal = \"STDIN\"\n", "");
    // The operational state changes up to a second after the interface was set up.
    telegraf.wait_for(3, "internal_net");
    let once = plugin().args(["--config", &config, "--once"]).output().expect("the plugin runs");
    let once = String::from_utf8(once.stdout).expect("line protocol is UTF-8");
    let metrics = telegraf.metrics();
    let log = telegraf.stop(&[]);
    assert!(complaints(&log).is_empty(), "{:#?}", complaints(&log));
    let arrived: BTreeMap<_, _> = metrics.iter().map(|line| series(line)).collect();
    let written: BTreeMap<_, _> = once.lines().map(series).collect();
    assert_eq!(arrived, written);
    assert_eq!(
        arrived.len(),
        6 + 2,
        "three pairs, the protocol statistics and the plugin's own: {arrived:#?}"
    );
}

#[test]
fn no_process_survives_a_killed_telegraf() {
    let Some(path) = telegraf_in_own_network() else { return };
    for signal in ["STDIN", "SIGUSR1"] {
        let dir = dir();
        hanging_ss(dir.path());
        let environment = execd(dir.path(), signal);
        let mut telegraf = Telegraf::start(&path, dir, &sockets("1s"), &environment, "");
        let plugin = telegraf.plugin();
        hanging_pids(telegraf.dir.path());
        telegraf.signal(Signal::SIGKILL);
        telegraf.wait();
        wait_until("our binary ends", || !running(plugin));
        let last = hanging_pids(telegraf.dir.path());
        wait_until("ss ends", || !last.iter().any(|pid| running(*pid)));
    }
}

#[test]
fn telegraf_restarts_a_killed_plugin() {
    let Some(path) = telegraf_in_own_network() else { return };
    let dir = dir();
    good_ss(dir.path());
    let environment = execd(dir.path(), "STDIN");
    let telegraf = Telegraf::start(&path, dir, &sockets("1s"), &environment, "");
    telegraf.wait_for(1, "socketstat,");
    let first = telegraf.plugin();
    kill(Pid::from_raw(first), Signal::SIGKILL).expect("the plugin can be killed");
    wait_until("it is gone", || !running(first));
    telegraf.wait_for(2, "socketstat,");
    let second = telegraf.plugin();
    assert_ne!(first, second);
    telegraf.stop(&[second]);
}

#[test]
fn telegraf_stopped_in_a_hung_gather_leaves_nothing() {
    let Some(path) = telegraf_in_own_network() else { return };
    for signal in ["STDIN", "SIGUSR1"] {
        let dir = dir();
        hanging_ss(dir.path());
        let environment = execd(dir.path(), signal);
        let telegraf = Telegraf::start(&path, dir, &sockets("60s"), &environment, "");
        let mut pids = hanging_pids(telegraf.dir.path());
        pids.push(telegraf.plugin());
        telegraf.stop(&pids);
    }
}

#[test]
fn a_reload_replaces_the_process() {
    let Some(path) = telegraf_in_own_network() else { return };
    let dir = dir();
    good_ss(dir.path());
    let environment = execd(dir.path(), "STDIN");
    let telegraf = Telegraf::start(&path, dir, &sockets("1s"), &environment, "");
    telegraf.wait_for(1, "socketstat,");
    let first = telegraf.plugin();
    telegraf.signal(Signal::SIGHUP);
    wait_until("the old process ends", || !running(first));
    telegraf.wait_for(2, "socketstat,");
    let second = telegraf.plugin();
    let log = telegraf.stop(&[second]);
    assert!(complaints(&log).is_empty(), "{:#?}", complaints(&log));
}

/// The totals of a group grow by the bytes that its connections move, in both directions.
#[test]
fn totals_of_groups_grow_by_the_transferred_bytes() {
    const BYTES: usize = 100_000;
    let Some(telegraf) = telegraf_in_own_network() else { return };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    let mut server = listener.accept().expect("the other end").0;
    let config = format!(
        "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  source = \"netlink\"\n  \
         group_by = [\"direction\", \"service\"]\n  port_names = {{ \"{port}\" = \"test\" }}\n"
    );
    let telegraf = Telegraf::start(&telegraf, dir(), &config, "  signal = \"STDIN\"\n", "");
    let totals = |direction: &str, field: &str| -> Vec<usize> {
        let start = format!("socketstat,direction={direction},proto=tcp,service=test ");
        let lines = telegraf.metrics();
        let fields = lines.iter().filter(|line| line.starts_with(&start)).map(|line| series(line).1);
        let value = |fields: Vec<String>| {
            let value = fields.iter().find_map(|other| other.strip_prefix(field)?.strip_prefix('='));
            value.and_then(|value| value.strip_suffix('i')?.parse().ok()).expect("the total")
        };
        fields.map(value).collect()
    };
    wait_until("two gathers arrive", || totals("inbound", "bytes_received").len() >= 2);
    assert_eq!(
        totals("inbound", "bytes_received").last(),
        Some(&0),
        "bytes before the first gather are not counted"
    );
    client.write_all(&vec![7; BYTES]).expect("the server's queue has room, or it reads");
    server.read_exact(&mut vec![0; BYTES]).expect("all of it arrives");
    let moved = [("inbound", "bytes_received"), ("outbound", "bytes_acked")];
    wait_until("the totals grow", || {
        moved.iter().all(|(direction, field)| totals(direction, field).last() == Some(&BYTES))
    });
    for (direction, field) in moved {
        let totals = totals(direction, field);
        assert!(totals.is_sorted(), "{direction} {field}: {totals:?}");
    }
    assert!(telegraf.metrics().iter().any(|line| line.starts_with("internal_socketstat ")));
    let pids = [telegraf.plugin()];
    let log = telegraf.stop(&pids);
    assert!(complaints(&log).is_empty(), "{:#?}", complaints(&log));
}

/// Sorts the metrics and their fields.
fn sorted(mut metrics: Vec<influx::Metric>) -> Vec<influx::Metric> {
    for metric in &mut metrics {
        metric.fields.sort_by(|one, other| one.0.cmp(&other.0));
    }
    metrics.sort_by_key(|metric| format!("{metric:?}"));
    metrics
}

/// Counters up to 2^64 - 1 arrive in Telegraf as signed and as unsigned integers.
#[test]
fn unsigned_counters_arrive_as_signed_and_unsigned_integers() {
    let Some(telegraf) = telegraf_in_own_network() else { return };
    let host = fixture("net-big-counters");
    let dir = dir();
    let config = host.join("plugin.conf").display().to_string();
    let plugin = assert_cmd::cargo::cargo_bin!("telegraf-execd-network").display();
    let section = |flag: &str, name: &str| {
        format!(
            "[[inputs.execd]]\n  command = [\"{plugin}\", \"--config\", \"{config}\"{flag}]\n  signal = \"STDIN\"\n  \
             data_format = \"influx\"\n  name_override = \"{name}\"\n  \
             environment = [\"HOST_PROC={0}/proc\", \"HOST_SYS={0}/sys\"]\n",
            host.display()
        )
    };
    let inputs = section("", "signed") + &section(", \"--influx-uint-support\"", "unsigned");
    let telegraf = Telegraf::with_output(&telegraf, dir, "  influx_uint_support = true", &inputs);
    wait_until("metrics of both arrive", || {
        let metrics = telegraf.metrics();
        ["signed,", "unsigned,"].iter().all(|name| metrics.iter().any(|line| line.starts_with(name)))
    });
    let metrics = telegraf.metrics();
    let log = telegraf.stop(&[]);
    assert!(complaints(&log).is_empty(), "{:#?}", complaints(&log));
    let big = u64::MAX;
    let half = 1_u64 << 63;
    for (name, letter, [bytes_sent, bytes_recv, packets_recv, err_in]) in
        [("signed", 'i', [half - 1; 4]), ("unsigned", 'u', [big, half, big, half - 1])]
    {
        let found: Vec<_> = metrics.iter().filter(|line| line.starts_with(&format!("{name},"))).collect();
        for line in &found {
            let (tags, fields) = series(line);
            assert_eq!(tags, format!("{name},interface=eth0"));
            let expected = [
                format!("bytes_recv={bytes_recv}{letter}"),
                format!("bytes_sent={bytes_sent}{letter}"),
                format!("drop_in=1{letter}"),
                format!("drop_out=0{letter}"),
                format!("err_in={err_in}{letter}"),
                format!("err_out=0{letter}"),
                format!("packets_recv={packets_recv}{letter}"),
                format!("packets_sent=2{letter}"),
                String::from("speed=-1i"),
            ];
            assert_eq!(fields, expected);
        }
        assert!(!found.is_empty(), "{metrics:#?}");
    }
}

/// The cases of line-protocol-corpus, with additional unsigned fields, written as signed and as unsigned integers.
#[test]
fn the_corpus_arrives_with_signed_and_unsigned_integers() {
    let Some(telegraf) = telegraf_in_own_network() else { return };
    let numbers = [0, 1, (1 << 63) - 1, 1 << 63, u64::MAX];
    let cases = corpus::cases();
    for unsigned in [Unsigned::Clamped, Unsigned::Native] {
        let (mut lines, mut expected) = (Vec::new(), Vec::new());
        for (case, number) in cases.iter().zip(numbers.into_iter().cycle()) {
            let mut fields = vec![("an unsigned, number", Value::Unsigned(number))];
            fields.extend(case.fields());
            line_protocol::measurement(&mut lines, case.name.as_bytes());
            for (key, value) in &case.tags {
                line_protocol::tag(&mut lines, key.as_bytes(), value.as_bytes());
            }
            for ((key, value), separator) in
                fields.iter().zip([b' '].into_iter().chain(std::iter::repeat(b',')))
            {
                lines.push(separator);
                line_protocol::field(&mut lines, key.as_bytes(), *value, unsigned);
            }
            line_protocol::timestamp(&mut lines, case.time.into());
            let value = |value: &Value<'_>| match *value {
                Value::Unsigned(number) if unsigned == Unsigned::Native => influx::Value::Unsigned(number),
                Value::Unsigned(number) => influx::Value::Signed(i64::try_from(number).unwrap_or(i64::MAX)),
                Value::Signed(number) => influx::Value::Signed(number),
                Value::Text(text) => influx::Value::Text(String::from_utf8_lossy(text).replace('\n', "\\n")),
            };
            expected.push(influx::Metric {
                name: case.name.clone(),
                tags: case.tags.iter().filter(|(_, value)| !value.is_empty()).cloned().collect(),
                fields: fields.iter().map(|(key, field)| ((*key).to_owned(), value(field))).collect(),
                time: case.time,
            });
        }
        let dir = dir();
        fs::write(dir.path().join("lines"), lines).expect("it can be written");
        let script =
            format!("read -r line; /bin/cat '{}'; /bin/cat > /dev/null", dir.path().join("lines").display());
        let section = format!(
            "[[inputs.execd]]\n  command = [\"/bin/sh\", \"-c\", \"{script}\"]\n  signal = \"STDIN\"\n  \
             data_format = \"influx\"\n"
        );
        let running = Telegraf::with_output(&telegraf, dir, "  influx_uint_support = true", &section);
        wait_until("every case arrives", || running.metrics().len() >= expected.len());
        let arrived: String = running.metrics().iter().flat_map(|line| [line, "\n"]).collect();
        let log = running.stop(&[]);
        assert!(complaints(&log).is_empty(), "{log}");
        let arrived = sorted(influx::read(arrived.as_bytes()).expect("line protocol"));
        for (arrived, expected) in arrived.iter().zip(&sorted(expected.clone())) {
            assert_eq!(arrived, expected);
        }
        assert_eq!((arrived.len(), expected.len()), (115, 115));
    }
}
