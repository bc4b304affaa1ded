//! Hosts on which something is missing or broken.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use super::run::Log;
use crate::support::execd::fixture;
use crate::support::fake;

/// A fake ss: a header, and one socket.
const SS: &str = "echo 'State Recv-Q Send-Q Local Address:Port Peer Address:Port'\necho 'ESTAB 0 0 127.0.0.1:1 127.0.0.1:2'\n";
/// A fake netstat of macOS with names that may be cut.
const MACOS: &str = "echo 'Name  Mtu   Network Address Ipkts Ierrs Ibytes Opkts Oerrs Obytes Coll Drop'\n";
/// The last section of a running plugin.
const END: &str = "[[inputs.net]]\nname_override = 'end'\ninterfaces = ['none']\n";

pub fn run(log: &mut Log) {
    children(log);
    choices(log);
    netstat_of_interfaces(log);
    files(log);
    tables_too_large(log);
    interfaces_from_netlink(log);
    sockets_from_netlink(log);
    closed_sockets(log);
    descriptors(log);
}

fn sockets(options: &str) -> String {
    format!("[[inputs.socketstat]]\nprotocols = ['tcp']\n{options}\n")
}

fn children(log: &mut Log) {
    let ss = sockets("source = 'ss'\ntimeout = '30s'");
    for body in [
        "kill -9 $$",
        "exec /usr/bin/head -c 300000000 /dev/zero",
        &format!("{SS}/usr/bin/head -c 100000 /dev/zero\necho"),
    ] {
        log.run(&ss).fake("ss", body).once();
    }
    log.run(&sockets("source = 'ss'\ntimeout = '200ms'")).fake("ss", "exec /bin/sleep 100").once();
    let broken = log.run(&ss).fake("ss", "");
    fs::write(broken.dir.path().join("ss"), b"\x7fELF").expect("it can be written");
    broken.once();
    log.run(&ss).fake("ss", SS).fault("read").once();
    log.run(&ss).fake("ss", SS).fault("wait").once();
}

fn choices(log: &mut Log) {
    // A failing ss is skipped after three gathers. A message is repeated at the sixtieth gather.
    let both = format!("[[inputs.socketstat]]\nprotocols = ['tcp', 'udp']\n{END}");
    let failing = format!("case $* in *udp*) exit 1 ;; esac\n{SS}");
    log.run(&both).fake("ss", &failing).gathers(4, |_| {});
    let named = format!("{}{END}", sockets("source = 'ss'"));
    log.run(&named).fake("ss", "exit 1").gathers(60, |_| {});
    // Sources that do not list a protocol, and a host that hides its network.
    let dccp = "[[inputs.net]]\n[[inputs.socketstat]]\nprotocols = ['tcp', 'dccp']\n";
    let tables = |net: &Path| {
        for name in ["tcp", "udp"] {
            fs::copy(fixture("proc_net").join(name), net.join(name)).expect("a recorded file");
        }
        fs::copy(fixture("net-kernel-6.18/proc/net").join("dev"), net.join("dev")).expect("a recorded file");
    };
    log.run(dccp).host(tables).check();
    log.run(dccp).host(tables).once();
    log.run("[[inputs.net]]\nsource = 'netlink'\n[[inputs.socketstat]]\nsource = 'procfs'\n").check();
    log.run("[[inputs.net]]\nkinds = ['veth']\n").fault("no interfaces").once();
    log.run("[[inputs.net]]\nkinds = ['veth']\n[[inputs.socketstat]]\nsource = 'ss'\n").check();
    log.run(&format!("[[inputs.net]]\n{}", sockets(""))).fake("ss", SS).fault("family").once();
}

fn netstat_of_interfaces(log: &mut Log) {
    let section = |platform: &str| {
        format!("[[inputs.net]]\nsource = 'netstat'\nnetstat_platform = '{platform}'\n{END}")
    };
    log.run(&section("freebsd")).fake("netstat", "echo x").gathers(1, |_| {});
    let twice =
        "for name in em0 em0 em1 em1; do echo \"$name 1500 <Link#$((n += 1))> 1 0 1 1 0 1 0 0\"; done\n";
    log.run(&section("freebsd")).fake("netstat", &format!("{MACOS}{twice}")).gathers(1, |_| {});
    let cut =
        "for name in utun1 utun1 utun1; do echo \"$name 1380 <Link#$((n += 1))> 1 0 1 1 0 1 0 0\"; done\n";
    log.run(&section("macos")).fake("netstat", &format!("{MACOS}{cut}")).gathers(1, |_| {});
    let netstat = format!("{MACOS}{cut}");
    let names = "echo utun10 utun11\n";
    log.run(&section("macos")).fake("netstat", &netstat).fake("ifconfig", names).gathers(1, |_| {});
    let names = "printf 'utun1\\377\\n'\n";
    log.run(&section("macos")).fake("netstat", &netstat).fake("ifconfig", names).gathers(1, |_| {});
}

fn files(log: &mut Log) {
    let procfs = sockets("source = 'procfs'\ntimeout = '60s'");
    let net = "[[inputs.net]]\nsource = 'procfs'\nprotocol_stats = ['snmp']\n";
    for text in ["", "nothing like it\n", "sl local_address rem_address st\n"] {
        log.run(&procfs).host(|net| fs::write(net.join("tcp"), text).expect("it can be written")).once();
    }
    let bad = |net: &Path| {
        let table = fs::read_to_string(fixture("proc_net").join("tcp")).expect("a recorded file");
        fs::write(net.join("tcp"), table + "   9: x\n").expect("it can be written");
    };
    log.run(&procfs).host(bad).once();
    log.run(&procfs).host(|net| fs::create_dir(net.join("tcp")).expect("a directory")).once();
    log.run(&procfs.replace("60s", "1ns"))
        .host(|net| fs::write(net.join("tcp"), "sl\n").expect("it can be written"))
        .once();
    log.run(net).host(|net| fs::write(net.join("dev"), "else\n").expect("it can be written")).once();
    let garbage = |net: &Path| {
        fs::copy(fixture("net-kernel-6.18/proc/net").join("dev"), net.join("dev")).expect("a recorded file");
        fs::write(net.join("snmp"), "Ip: A B\nIp: 1\nIp: x\n").expect("it can be written");
    };
    log.run(net).host(garbage).once();
    let endless = |net: &Path| {
        fs::copy(fixture("net-kernel-6.18/proc/net").join("dev"), net.join("dev")).expect("a recorded file");
        let file = File::create(net.join("snmp")).expect("it can be written");
        file.set_len(1024 * 1024 * 1024 + 1).expect("a file may have holes");
    };
    log.run(net).host(endless).once();
    let full = |net: &Path| {
        fs::copy(fixture("net-kernel-6.18/proc/net").join("dev"), net.join("dev")).expect("a recorded file");
    };
    let mut run = log.run(net).host(full);
    let disk = File::options().write(true).open("/dev/full").expect("/dev/full");
    run.plugin.stdout(Stdio::from(disk));
    run.once();
}

/// Each line has a long tag, so that a small number of lines exceeds the limit.
fn tables_too_large(log: &mut Log) {
    let tag = format!("tags = {{ long = '{}' }}\n", "x".repeat(50_000));
    let rows = "echo 'Recv-Q Send-Q Local Address:Port Peer Address:Port'\n\
                /usr/bin/yes '0 0 a:1 b:2' | /usr/bin/head -n 4000\n";
    log.run(&format!("{}{tag}", sockets("source = 'ss'\ntimeout = '60s'"))).fake("ss", rows).once();
    let groups = "exec /usr/bin/awk 'BEGIN { for (n = 0; n < 210000; n++) printf \"0 0 10.%d.%d.%d:1 b:2\\n\", n / 65536, n / 256 % 256, n % 256 }'";
    let section = sockets("source = 'ss'\ntimeout = '60s'\ngroup_by = ['local_addr']\nmax_series = 0");
    log.run(&section)
        .fake("ss", &format!("{}{groups}\n", rows.split_inclusive('\n').next().expect("a header")))
        .once();
    let dev = |net: &Path| {
        let rows: String =
            (0..4000).map(|n| format!("eth{n}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")).collect();
        fs::write(net.join("dev"), format!("Inter-|   Receive  |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n{rows}"))
            .expect("it can be written");
    };
    log.run(&format!("[[inputs.net]]\nsource = 'procfs'\ninterfaces = ['*']\n{tag}")).host(dev).once();
}

fn interfaces_from_netlink(log: &mut Log) {
    let net = "[[inputs.net]]\nsource = 'netlink'\ninterfaces = ['*']\ntimeout = '300ms'\n";
    for fault in ["stats", "ethtool", "speeds", "slow speeds", "queue", "slow"] {
        log.run(net).fault(fault).once();
    }
    // The status of interfaces comes from the kernel even if the counters come from a file.
    log.run("[[inputs.net]]\nsource = 'procfs'\n").fault("family").once();
    log.run("[[inputs.net]]\n").fault("family").once();
}

fn sockets_from_netlink(log: &mut Log) {
    let section =
        "[[inputs.socketstat]]\nprotocols = ['tcp', 'udp']\nsource = 'netlink'\ntimeout = '300ms'\n";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    for fault in ["queue", "slow", "truncated", "malformed", "rows", "module", "family"] {
        log.run(section).fault(fault).once();
    }
    drop((client, listener));
    let module = "[[inputs.socketstat]]\nprotocols = ['udp', 'sctp']\nsource = 'netlink'\n";
    log.run(module).fault("module").once();
}

fn closed_sockets(log: &mut Log) {
    let section = sockets("source = 'netlink'\ngroup_by = ['remote_port']\nclosed_sockets = true");
    for fault in ["subscribe", "broken", "losses", "long event"] {
        let connection = |_: &Path| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
            let client =
                TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
            drop((client, listener.accept().expect("the other end"), listener));
            sleep(Duration::from_millis(100));
        };
        log.run(&format!("{section}{END}")).fault(fault).gathers(5, connection);
    }
}

fn descriptors(log: &mut Log) {
    let all = format!("[[inputs.net]]\nsource = 'netlink'\n{}{END}", sockets("source = 'netlink'"));
    log.run(&all).fault("files").once();
    let mut run = log.run(&sockets("source = 'ss'"));
    fake(run.dir.path(), "ss", SS);
    let plugin = run.plugin.get_program().to_owned();
    let arguments: Vec<_> = run.plugin.get_args().map(ToOwned::to_owned).collect();
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "ulimit -n 7; exec \"$0\" \"$@\""]).arg(plugin).args(arguments);
    shell.env_clear().env("PATH", run.dir.path()).stdin(Stdio::null());
    run.plugin = shell;
    run.once();
}
