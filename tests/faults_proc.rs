//! Faults of files in /proc and /sys. Each affects only the metrics from that file, blocks nothing, and has no effect once
//! the file is good again.
//!
//! `HOST_PROC` and `HOST_SYS` are directories of the test. Two sections read these files. A third uses a fake ss, and its
//! metrics must always be there.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::checks::influx;
use crate::support::execd::{Execd, dir, fixture};
use crate::support::unprivileged::unprivileged;
use crate::support::{fake, write};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

const CONFIG: &str = "\
[[inputs.net]]
  interfaces = [\"veth*\"]
[[inputs.socketstat]]
  source = \"procfs\"
  timeout = \"600s\"
[[inputs.socketstat]]
  name_override = \"end\"
  protocols = [\"raw\"]
  source = \"ss\"
  timeout = \"600s\"
";
/// The metric of the third section.
const SS: &str = "echo 'State Recv-Q Send-Q Local Address:Port Peer Address:Port'\necho 'ESTAB 0 0 127.0.0.1:1 127.0.0.1:2'\n";
const SECTIONS: [&str; 4] = ["interface=veth", "interface=all", "proto=tcp", "proto=udp"];

/// A host whose files can be damaged, and a plugin that reads them.
struct Host {
    dir: TempDir,
    plugin: Execd,
    /// The number of lines of each of [`SECTIONS`] without a fault.
    well: [usize; 4],
}

impl Host {
    fn start() -> Self {
        let dir = dir();
        restore(dir.path());
        fake(dir.path(), "ss", SS);
        let mut plugin = unprivileged(dir.path());
        plugin.args(["--config", &write(dir.path(), "plugin.conf", CONFIG)]).env("PATH", dir.path());
        plugin.env("HOST_PROC", dir.path().join("proc")).env("HOST_SYS", dir.path().join("sys"));
        plugin.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut host = Self { dir, plugin: Execd::spawn(plugin), well: [0; 4] };
        host.well = host.gather();
        assert!(
            host.well[0] == 2 && host.well[1] == 1 && host.well[2] > 5 && host.well[3] > 1,
            "{:?}",
            host.well
        );
        host
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// The number of lines of each of [`SECTIONS`] in one gather.
    fn gather(&mut self) -> [usize; 4] {
        self.plugin.send(b"\n");
        let lines = self.plugin.lines_before("end,");
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        influx::read(text.as_bytes()).expect("what is written is line protocol");
        SECTIONS.map(|section| lines.iter().filter(|line| line.contains(section)).count())
    }

    /// Damages a file. Expects a gather with this difference from the good one, and a log line with this text or none.
    /// Nothing else may change, no descriptor may leak, and the fault must end when the file is restored.
    fn spoil(&mut self, what: &str, spoil: impl FnOnce(&Self), lost: [usize; 4], complaint: Option<&str>) {
        let descriptors = self.plugin.descriptors();
        spoil(self);
        let mut expected = self.well;
        for (count, lost) in expected.iter_mut().zip(lost) {
            *count -= lost;
        }
        assert_eq!(self.gather(), expected, "{what}");
        if let Some(part) = complaint {
            let said = self.plugin.complaint();
            assert!(said.contains(part), "{what}: {said}");
            assert!(said.len() < 1000, "{what}: {said}");
        }
        let more: Vec<_> = self.plugin.stderr.try_iter().collect();
        assert!(more.is_empty(), "{what}: {more:#?}");
        assert_eq!(self.plugin.descriptors(), descriptors, "{what}");
        restore(self.dir.path());
        assert_eq!(self.gather(), self.well, "after {what}");
    }

    /// Damages a file by replacing its content with `text`.
    fn replace(
        &mut self,
        what: &str,
        file: &str,
        text: impl AsRef<[u8]>,
        lost: [usize; 4],
        complaint: Option<&str>,
    ) {
        self.spoil(
            what,
            |host| fs::write(host.path(file), text).expect("it can be written"),
            lost,
            complaint,
        );
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).expect("it can be read")
    }
}

/// The good files of the host.
fn restore(dir: &Path) {
    for root in ["proc", "sys"] {
        if dir.join(root).exists() {
            fs::remove_dir_all(dir.join(root)).expect("it is ours");
        }
    }
    let (net, class) = (dir.join("proc/net"), dir.join("sys/class/net/veth0"));
    fs::create_dir_all(&net).expect("a directory");
    fs::create_dir_all(&class).expect("a directory");
    for (case, file) in [
        ("net-kernel-6.18/proc/net", "dev"),
        ("net-kernel-6.18/proc/net", "snmp"),
        ("proc_net", "tcp"),
        ("proc_net", "tcp6"),
        ("proc_net", "udp"),
        ("proc_net", "udp6"),
    ] {
        fs::copy(fixture(case).join(file), net.join(file)).expect("a recorded file");
    }
    fs::write(class.join("speed"), "10000\n").expect("it can be written");
    for directory in [dir, &dir.join("proc"), &net] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
}

/// A replacement for a file: its name, and a function that puts it there.
type OtherThing = (&'static str, fn(&Path));

/// Replacements for any file: nothing, a directory, a pipe without a writer, an empty file, an unreadable file, garbage.
fn other_things() -> [OtherThing; 6] {
    fn remove(path: &Path) {
        fs::remove_file(path).expect("it is there");
    }
    fn directory(path: &Path) {
        remove(path);
        fs::create_dir(path).expect("a directory");
    }
    fn pipe(path: &Path) {
        remove(path);
        mkfifo(path, Mode::from_bits_truncate(0o644)).expect("a named pipe");
    }
    fn empty(path: &Path) {
        fs::write(path, "").expect("it can be written");
    }
    fn unreadable(path: &Path) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).expect("it is ours");
    }
    fn garbage(path: &Path) {
        let bytes: Vec<u8> =
            (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
        fs::write(path, bytes).expect("it can be written");
    }
    [
        ("missing", remove),
        ("a directory", directory),
        ("a pipe", pipe),
        ("empty", empty),
        ("unreadable", unreadable),
        ("garbage", garbage),
    ]
}

#[test]
fn dev_is_replaced() {
    let mut host = Host::start();
    for (what, spoil) in other_things() {
        host.spoil(what, |host| spoil(&host.path("proc/net/dev")), [2, 0, 0, 0], Some("/proc/net/dev"));
    }
}

/// Missing protocol statistics are not an error, so nothing is logged.
#[test]
fn snmp_is_replaced() {
    let mut host = Host::start();
    for (what, spoil) in other_things() {
        host.spoil(what, |host| spoil(&host.path("proc/net/snmp")), [0, 1, 0, 0], None);
    }
}

#[test]
fn the_table_of_tcp_is_replaced() {
    let mut host = Host::start();
    let [_, _, tcp, _] = host.well;
    for (what, spoil) in other_things() {
        // Without IPv6 there is only one of the files, so a missing file is not an error.
        let of_ipv6 = if what == "missing" { 9 } else { 0 };
        let complaint = (what != "missing").then_some("/proc/net/tcp");
        host.spoil(what, |host| spoil(&host.path("proc/net/tcp")), [0, 0, tcp - of_ipv6, 0], complaint);
    }
    host.spoil(
        "both missing",
        |host| {
            for name in ["tcp", "tcp6"] {
                fs::remove_file(host.path("proc/net").join(name)).unwrap();
            }
        },
        [0, 0, tcp, 0],
        Some("/proc/net/tcp6"),
    );
}

#[test]
fn the_whole_directory_is_missing() {
    let mut host = Host::start();
    fs::remove_dir_all(host.path("proc")).expect("it is ours");
    assert_eq!(host.gather(), [0; 4]);
    for (section, what) in [("net", "/proc/net/dev"), ("socketstat", "/proc/net/tcp")] {
        let said = host.plugin.complaint();
        assert!(said.starts_with(&format!("E! [inputs.{section}] ")) && said.contains(what), "{said}");
    }
    restore(host.dir.path());
    assert_eq!(host.gather(), host.well);
}

/// An unknown speed is -1, and reading it never blocks.
#[test]
fn speed_is_replaced() {
    let mut host = Host::start();
    for (what, spoil) in other_things() {
        host.spoil(what, |host| spoil(&host.path("sys/class/net/veth0/speed")), [0; 4], None);
    }
    host.spoil("no /sys", |host| fs::remove_dir_all(host.path("sys")).expect("it is ours"), [0; 4], None);
}

/// In a truncated file, the lines before the end are still used.
#[test]
fn dev_is_truncated_within_a_line() {
    let mut host = Host::start();
    let text = host.text("proc/net/dev");
    let last_line = text.trim_end().rfind('\n').expect("several lines") + 1;
    for end in (last_line + 1..text.trim_end().len()).step_by(7) {
        let cut = &text[..end];
        // White space alone is not a line.
        let complaint = (!cut[last_line..].trim().is_empty()).then_some("skipped 1 malformed rows");
        host.replace(cut, "proc/net/dev", cut, [1, 0, 0, 0], complaint);
    }
}

#[test]
fn the_table_of_udp_is_truncated_within_a_line() {
    let mut host = Host::start();
    let text = host.text("proc/net/udp");
    let row = text.find(": 0100007F:D0FD").expect("a recorded socket");
    for cut in
        ["", ": 0100007F", ": 0100007F:D0FD 0100007F:0009 0", ": 0100007F:D0FD 0100007F:0009 01 00000000:0"]
    {
        let cut = format!("{}{cut}", &text[..row]);
        // The only socket of the other family remains.
        let lost = host.well[3] - 1;
        host.replace(&cut, "proc/net/udp", &cut, [0, 0, 0, lost], Some("skipped 1 malformed rows"));
    }
}

#[test]
fn counters_are_not_numbers() {
    let mut host = Host::start();
    let text = host.text("proc/net/dev");
    // veth1 has received 642 bytes. Each of these makes its line malformed, except the last, the largest valid number.
    for counter in
        ["18446744073709551616", "-1", "99999999999999999999999", "1e3", "0x10", "12.5", "", "\u{0661}"]
    {
        let bad = text.replacen("veth1:     642 ", &format!("veth1: {counter} "), 1);
        assert_ne!(bad, text);
        host.replace(counter, "proc/net/dev", bad, [1, 0, 0, 0], Some("skipped 1 malformed rows"));
    }
    let largest = text.replacen("veth1:     642 ", "veth1: 18446744073709551615 ", 1);
    host.replace("the largest", "proc/net/dev", largest, [0; 4], None);
    for bad in ["-1", "99999999999999999999999", "x"] {
        let snmp = host.text("proc/net/snmp").replacen("Udp: ", "Udp: Extra ", 1).replacen(
            "\nUdp: ",
            "\nUdp: Extra ",
            0,
        );
        let snmp = format!("{snmp}More: Counter\nMore: {bad}\n");
        // The valid part is used, and nothing is logged.
        host.replace(bad, "proc/net/snmp", snmp, [0; 4], None);
    }
}

#[test]
fn headers_without_values() {
    let mut host = Host::start();
    let headers: String = host.text("proc/net/dev").split_inclusive('\n').take(2).collect();
    host.replace("dev", "proc/net/dev", headers, [2, 0, 0, 0], None);
    let headers: String = host.text("proc/net/snmp").split_inclusive('\n').step_by(2).collect();
    host.replace("snmp", "proc/net/snmp", headers, [0, 1, 0, 0], None);
    let header: String = host.text("proc/net/udp").split_inclusive('\n').take(1).collect();
    let of_ipv4 = host.well[3];
    host.spoil(
        "udp",
        |host| {
            fs::write(host.path("proc/net/udp"), &header).expect("it can be written");
            fs::remove_file(host.path("proc/net/udp6")).expect("it is there");
        },
        [0, 0, 0, of_ipv4],
        None,
    );
}

/// The kernel never has two interfaces with one name. Such a file is written as it is.
#[test]
fn names_are_duplicated() {
    let mut host = Host::start();
    let text = host.text("proc/net/dev");
    let line = text.lines().last().expect("an interface");
    fs::write(host.path("proc/net/dev"), format!("{text}{line}\n")).expect("it can be written");
    assert_eq!(host.gather(), [3, 1, host.well[2], host.well[3]]);
    restore(host.dir.path());
    let text = host.text("proc/net/snmp");
    // Of duplicate counters, which are fields of one metric, the first is used.
    host.replace("snmp", "proc/net/snmp", format!("{text}{text}"), [0; 4], None);
}

#[test]
fn a_million_lines() {
    let mut host = Host::start();
    let before = host.plugin.memory("VmHWM");
    let mut dev = host.text("proc/net/dev");
    let mut udp = host.text("proc/net/udp");
    let row = udp.lines().last().expect("a socket").replace(" 01 00000000:", " 07 00000000:");
    for n in 0..1_000_000 {
        writeln!(dev, "other{n}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16").expect("memory");
        writeln!(udp, "{row}").expect("memory");
    }
    let gathered = {
        fs::write(host.path("proc/net/dev"), dev).expect("it can be written");
        fs::write(host.path("proc/net/udp"), udp).expect("it can be written");
        host.gather()
    };
    assert_eq!(gathered, host.well);
    let grown = host.plugin.memory("VmHWM") - before;
    println!("2,000,000 lines took {grown} KiB more");
    assert!(grown < 16 * 1024, "{grown} KiB");
}
