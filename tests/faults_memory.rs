//! Memory: however much data a program, a file, the kernel or the configuration provides, the peak stays below a
//! bound.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::execd::{dir, fixture};
use crate::support::{fake, peak, plugin, write};

/// The bound, in KiB: 300 MB.
const BOUND: u64 = 300_000_000 / 1024;
/// The last section. Its line `end` marks the end of a gather.
const END: &str = "[[inputs.net]]\nname_override = 'end'\ninterfaces = ['none']\nprotocol_stats = []\nsource = 'procfs'\ninternal = true\n";
const SS_HEADER: &str = "echo 'State Recv-Q Send-Q Local Address:Port Peer Address:Port'\n";
const NETSTAT_HEADER: &str = "echo 'Proto Recv-Q Send-Q Local Address Foreign Address (state)'\n";
const INTERFACES_HEADER: &str =
    "echo 'Name  Mtu   Network Address Ipkts Ierrs Ibytes Opkts Oerrs Obytes Coll Drop'\n";

/// A host whose programs and files the test provides.
struct Host {
    dir: TempDir,
    plugin: Command,
}

impl Host {
    fn new(config: &str) -> Self {
        let dir = dir();
        let mut plugin = plugin();
        plugin.args(["--config", &write(dir.path(), "plugin.conf", &format!("{config}{END}"))]);
        plugin.env("PATH", dir.path());
        Self { dir, plugin }
    }

    /// With its own copies of the files of a recorded host.
    fn with_files(config: &str) -> Self {
        let mut host = Self::new(config);
        let net = host.path("proc/net");
        fs::create_dir_all(&net).expect("a directory");
        for file in ["dev", "snmp"] {
            let recorded = fixture("net-kernel-6.18/proc/net").join(file);
            fs::copy(recorded, net.join(file)).expect("a recorded file");
        }
        let roots = ["proc", "sys"].map(|root| host.path(root));
        host.plugin.env("HOST_PROC", &roots[0]).env("HOST_SYS", &roots[1]);
        host
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn fake(self, name: &str, body: &str) -> Self {
        fake(self.dir.path(), name, body);
        self
    }

    /// Checks the peak memory after this number of gathers. Returns the first line of the log.
    fn peaks_below_the_bound(mut self, what: &str, gathers: usize) -> String {
        self.plugin.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.plugin.spawn().expect("the plugin starts");
        let ends = ends(&mut child);
        let stderr = first_lines(&mut child);
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        for _ in 0..gathers {
            stdin.write_all(b"\n").expect("the plugin reads its stdin");
            ends.recv_timeout(Duration::from_secs(300)).expect("the end of a gather within 5 minutes");
        }
        let peak = peak(&child).expect("it runs");
        drop(stdin);
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
        let stderr = stderr.iter().next().unwrap_or_default();
        println!("{what}: at most {} MB; {stderr:?}", peak * 1024 / 1_000_000);
        assert!(peak < BOUND, "{what}: {peak} KiB");
        stderr
    }
}

/// Sends a message at the end of each gather. Other lines are discarded.
fn ends(child: &mut Child) -> Receiver<()> {
    let (sender, receiver) = channel();
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    thread::spawn(move || {
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            if line.starts_with(b"end ") && sender.send(()).is_err() {
                break;
            }
            line.clear();
        }
    });
    receiver
}

fn first_lines(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    let stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
    thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
}

/// A file of zeros.
fn huge(path: &Path, length: u64) {
    File::create(path).and_then(|file| file.set_len(length)).expect("a file may have holes");
}

/// Two configurations with `source`: one line per socket, and groups.
fn sockets(source: &str) -> [String; 2] {
    let section = format!("[[inputs.socketstat]]\nprotocols = ['tcp']\ntimeout = '4m'\n{source}\n");
    let groups = format!("{section}group_by = ['remote_addr', 'remote_port']\nmax_series = 0\n");
    [section, groups]
}

#[test]
#[ignore = "takes up to a minute; .ci/run runs it"]
fn endless_output_of_ss() {
    let distinct = "exec /usr/bin/awk 'BEGIN { for (n = 0; n < 600000; n++) printf \"ESTAB 0 0 127.0.0.1:1 10.%d.%d.%d:%d\\n\", n / 65536, n / 256 % 256, n % 256, n % 60000 }'";
    for config in sockets("source = 'ss'") {
        for (what, body) in [
            ("rows", "exec /usr/bin/yes 'ESTAB 0 0 127.0.0.1:1 127.0.0.1:2'"),
            ("distinct rows", distinct),
            ("details", "/usr/bin/yes '\t cubic wscale:7,7 rto:204' | /usr/bin/head -c 20000000"),
            ("a line", "exec /usr/bin/tr '\\000' x < /dev/zero"),
            ("stderr", "/usr/bin/yes | /usr/bin/head -c 300000000 >&2"),
        ] {
            let host = Host::new(&config).fake("ss", &format!("{SS_HEADER}{body}\n"));
            host.peaks_below_the_bound(what, 1);
        }
    }
}

#[test]
#[ignore = "takes up to a minute; .ci/run runs it"]
fn endless_unix_sockets_of_ss() {
    let section = "[[inputs.socketstat]]\nprotocols = ['unix']\ntimeout = '4m'\nsource = 'ss'\n";
    let row = format!("u_str ESTAB 0 0 /{} 1 * 2", "x".repeat(10_000));
    for body in [format!("exec /usr/bin/yes '{row}'"), String::from("exec /usr/bin/yes x")] {
        let header = "echo 'Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port'\n";
        Host::new(section).fake("ss", &format!("{header}{body}\n")).peaks_below_the_bound(&row[..20], 1);
    }
}

#[test]
#[ignore = "takes up to a minute; .ci/run runs it"]
fn endless_output_of_netstat() {
    for config in sockets("source = 'netstat'\nnetstat_platform = 'freebsd'") {
        for body in [
            "exec /usr/bin/yes 'tcp4 0 0 127.0.0.1.1 127.0.0.1.2 ESTABLISHED'",
            "exec /usr/bin/awk 'BEGIN { for (n = 0; n < 600000; n++) printf \"tcp4 0 0 127.0.0.1.1 10.%d.%d.%d.%d ESTABLISHED\\n\", n / 65536, n / 256 % 256, n % 256, n % 60000 }'",
            "exec /usr/bin/tr '\\000' x < /dev/zero",
        ] {
            let host = Host::new(&config).fake("netstat", &format!("{NETSTAT_HEADER}{body}\n"));
            host.peaks_below_the_bound(body, 1);
        }
    }
    for platform in ["freebsd", "macos", "openbsd", "netbsd"] {
        let config = format!(
            "[[inputs.net]]\nsource = 'netstat'\nnetstat_platform = '{platform}'\ninterfaces = ['*']\ntimeout = '4m'\n"
        );
        for (body, end) in [("", " | /usr/bin/head -c 16000000"), ("exec ", "")] {
            let body = format!(
                "{body}/usr/bin/awk 'BEGIN {{ for (n = 0; ; n++) printf \"e%d 1500 <Link#%d> 1 0 1 1 0 1 0 0\\n\", n, n }}'{end}\n"
            );
            let host = Host::new(&config).fake("netstat", &format!("{INTERFACES_HEADER}{body}"));
            let host = host.fake("ifconfig", "exec /usr/bin/yes e1\n");
            host.peaks_below_the_bound(&format!("netstat of {platform}"), 1);
        }
    }
}

#[test]
#[ignore = "takes up to a minute; .ci/run runs it"]
fn huge_files_of_interfaces() {
    let config = "[[inputs.net]]\nsource = 'procfs'\ninterfaces = ['*']\nprotocol_stats = ['snmp', 'snmp6', 'netstat', 'sockstat', 'sockstat6']\nextra_fields = ['*']\nextra_tags = ['ifalias', 'address']\n";
    for file in ["dev", "snmp", "snmp6", "netstat", "sockstat", "sockstat6"] {
        // One endless line, and very many lines.
        let host = Host::with_files(config);
        huge(&host.path("proc/net").join(file), 400_000_000);
        host.peaks_below_the_bound(&format!("{file}: a line"), 1);
        let host = Host::with_files(config);
        let path = host.path("proc/net").join(file);
        let mut rows = fs::read(&path).unwrap_or_default();
        for n in 0..100_000 {
            match file {
                "dev" => writeln!(rows, "e{n}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"),
                "snmp6" => writeln!(rows, "Ip6Counter{n} {n}"),
                "snmp" | "netstat" => writeln!(rows, "P{n}: A B C\nP{n}: 1 2 3"),
                _ => writeln!(rows, "P{n}: inuse 1 mem 2"),
            }
            .expect("memory");
        }
        fs::write(path, rows).expect("it can be written");
        host.peaks_below_the_bound(&format!("{file}: many lines"), 2);
    }
}

#[test]
fn huge_files_of_sysfs() {
    let host = Host::with_files(
        "[[inputs.net]]\nsource = 'procfs'\nextra_fields = ['*']\nextra_tags = ['ifalias', 'address']\n",
    );
    let veth = host.path("sys/class/net/veth0");
    fs::create_dir_all(veth.join("statistics")).expect("a directory");
    for name in
        ["flags", "speed", "mtu", "ifalias", "address", "operstate", "uevent", "type", "statistics/rx_bytes"]
    {
        huge(&veth.join(name), 400_000_000);
    }
    host.peaks_below_the_bound("sysfs", 2);
}

#[test]
#[ignore = "takes up to a minute; .ci/run runs it"]
fn huge_files_of_sockets() {
    for (name, row) in [
        ("tcp", "%d: 0100007F:%04X %08X:%04X 01 00000000:00000000 00:00000000 00000000 0 0 %d 1\n"),
        ("unix", "%016x: 00000003 00000000 00000000 0001 03 %d /"),
    ] {
        let section =
            format!("[[inputs.socketstat]]\nprotocols = ['{name}']\ntimeout = '4m'\nsource = 'procfs'\n");
        for config in
            [section.clone(), format!("{section}group_by = ['remote_addr', 'remote_port']\nmax_series = 0\n")]
        {
            if name == "unix" && config.contains("group_by") {
                continue;
            }
            let host = Host::with_files(&config);
            let path = host.path("proc/net").join(name);
            let recorded = fs::read_to_string(fixture("proc_net").join(name)).expect("a recorded file");
            let header = recorded.lines().next().expect("a header");
            let mut rows = format!("{header}\n").into_bytes();
            for n in 0..600_000_u32 {
                match row.len() {
                    60.. if name == "tcp" => writeln!(
                        rows,
                        "   0: 0100007F:0001 {n:08X}:{:04X} 01 00000000:00000000 00:00000000 00000000     0        0 {n} 1 0 20 4 30 10 -1",
                        n % 65536
                    ),
                    _ => writeln!(rows, "{n:016x}: 00000003 00000000 00000000 0001 03 {n} /{}", "x".repeat(90)),
                }
                .expect("memory");
            }
            fs::write(&path, &rows).expect("it can be written");
            drop(rows);
            host.peaks_below_the_bound(&format!("{name}: many rows, {}", config.contains("group_by")), 1);
            let host = Host::with_files(&config);
            let path = host.path("proc/net").join(name);
            huge(&path, 400_000_000);
            let file = File::options().write(true).open(&path).expect("it can be opened");
            file.write_all_at(format!("{header}\n").as_bytes(), 0).expect("it can be written");
            host.peaks_below_the_bound(&format!("{name}: a line"), 1);
        }
    }
}

/// Repeats the first datagram of each of the kernel's answers for ever.
const KERNEL_WITHOUT_END: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
static char kept[1 << 20];
static ssize_t length;
static int owner = -1;
ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t to_length) {
    ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "sendto");
    if (fd == owner)
        length = 0;
    return next(fd, data, size, flags, to, to_length);
}
ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    ssize_t (*next)(int, struct msghdr *, int) = dlsym(RTLD_NEXT, "recvmsg");
    if (length > 0 && fd == owner && message->msg_iov->iov_len >= (size_t)length) {
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        memcpy(message->msg_name, &kernel, sizeof kernel);
        message->msg_namelen = sizeof kernel;
        memcpy(message->msg_iov->iov_base, kept, length);
        return length;
    }
    ssize_t received = next(fd, message, flags);
    struct nlmsghdr *first = message->msg_iov->iov_base;
    if (received >= (ssize_t)sizeof *first && (size_t)received <= sizeof kept
        && first->nlmsg_type >= NLMSG_MIN_TYPE && first->nlmsg_flags & NLM_F_MULTI) {
        memcpy(kept, first, received);
        length = received;
        owner = fd;
    }
    return received;
}
"#;

#[test]
#[ignore = "takes up to a minute; .ci/run runs it"]
fn endless_answers_of_the_kernel() {
    if !crate::support::needs::needs_sock_diag() {
        return;
    }
    let Some(library) = crate::support::preload("endless", KERNEL_WITHOUT_END) else {
        return crate::support::skipped("needs a C compiler for endless answers of the kernel");
    };
    let server = TcpListener::bind("127.0.0.1:0").expect("a server");
    let _client = TcpStream::connect(server.local_addr().expect("an address")).expect("a client");
    let _connection = server.accept().expect("a connection");
    let [lines, groups] = sockets("source = 'netlink'");
    let unix = lines.replace("tcp", "unix");
    let net = String::from("[[inputs.net]]\nsource = 'netlink'\ninterfaces = ['*']\nextra_fields = ['*']\n");
    for (what, config, said) in [
        ("lines of tcp", lines, "more than 128 MiB of metrics"),
        ("groups of tcp", groups, "timed out"),
        ("lines of unix", unix, "more than 128 MiB of metrics"),
        ("interfaces", net, "timed out"),
    ] {
        let config = config.replace("4m", "20s");
        let mut host = Host::new(&config);
        host.plugin.env("LD_PRELOAD", library.path().join("endless.so"));
        let stderr = host.peaks_below_the_bound(what, 1);
        assert!(stderr.contains(said), "{what}: {stderr}");
    }
}

/// Configurations of the maximum size, with the contents that take the most memory.
#[test]
#[ignore = "takes up to a minute; .ci/run runs it"]
fn the_largest_configuration() {
    let large = |part: &str| part.repeat(1_040_000 / part.len());
    for (what, text) in [
        ("numbers", format!("[[inputs.net]]\na = [{}]\n", large("1,"))),
        ("names", format!("[[inputs.net]]\ninterfaces = [{}]\n", large("'a',"))),
        ("globs", format!("[[inputs.net]]\ninterfaces = [{}]\n", large("'a*',"))),
        ("sections", large("[[inputs.net]]\n")),
        ("a string", format!("[[inputs.net]]\nalias = '{}'\n", large("x"))),
        ("lines", large("\n")),
        ("tables", format!("[[inputs.net]]\na = {}\n", large("{a="))),
    ] {
        let dir = dir();
        let file = write(dir.path(), "plugin.conf", &text);
        let mut plugin = plugin();
        plugin.args(["--config", &file]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = plugin.spawn().expect("the plugin starts");
        let stderr = first_lines(&mut child);
        // The plugin runs on for a moment after its last message.
        let mut usage = 0;
        while child.try_wait().expect("it can be waited for").is_none() {
            usage = peak(&child).unwrap_or(0).max(usage);
            thread::sleep(Duration::from_millis(1));
        }
        let said = stderr.iter().next().unwrap_or_default();
        println!("{what}: at most {} MB; {said:.200}", usage * 1024 / 1_000_000);
        assert!(usage < BOUND, "{what}: {usage} KiB");
    }
}
