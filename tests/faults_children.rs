//! Faults of ss and netstat, with fakes on PATH. Each fault affects only its own protocol, is logged with the right reason,
//! and leaves no process behind.
//!
//! A fake misbehaves for udp, the second of three protocols. All other metrics must be there, before and after. The
//! timeout of a run is 5 s, long enough for a good run on a busy machine. The delay after the deadline is printed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::checks::influx;
use crate::support;
use crate::support::execd::{Execd, NET, children, dir, left};
use crate::support::{fake, wait_until};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(5);
/// How long after its deadline a run may end, since other tests use the processor too.
const SLACK: Duration = Duration::from_secs(20);

/// A program to be faked.
struct Program {
    name: &'static str,
    /// The section that uses it.
    section: &'static str,
    /// The argument of the run that misbehaves.
    victim: &'static str,
    /// The normal output: one socket.
    good: &'static str,
    /// The number of runs per gather.
    protocols: usize,
}

const SS: Program = Program {
    name: "ss",
    section: "[[inputs.socketstat]]\n  protocols = [\"tcp\", \"udp\", \"raw\"]\n  source = \"ss\"\n  timeout = \"5s\"\n",
    victim: "--udp",
    good: "echo 'State Recv-Q Send-Q Local Address:Port Peer Address:Port'\necho 'ESTAB 0 0 127.0.0.1:1 127.0.0.1:2'\n",
    protocols: 3,
};

const NETSTAT: Program = Program {
    name: "netstat",
    section: "[[inputs.socketstat]]\n  protocols = [\"tcp\", \"udp\"]\n  source = \"netstat\"\n  netstat_platform = \"freebsd\"\n  timeout = \"5s\"\n",
    victim: "udp",
    good: "echo 'Active Internet connections (including servers)'\n\
           echo 'Proto Recv-Q Send-Q Local Address Foreign Address (state)'\n\
           case $* in *tcp) echo 'tcp4 0 0 127.0.0.1.1 127.0.0.1.2 ESTABLISHED' ;; *) echo 'udp4 0 0 127.0.0.1.1 127.0.0.1.2' ;; esac\n",
    protocols: 2,
};

/// The expected result of a fault.
enum Outcome {
    /// One `E!` line with one of these texts, and no metrics of the protocol.
    Error(&'static [&'static str]),
    /// This number of metrics of the protocol, and no error.
    Metrics(usize),
    /// This number of metrics of the protocol, and one `W!` line.
    Warning(usize),
}

impl Program {
    /// Installs a fake that runs `bad` for the chosen protocol and records the ids of its processes.
    fn install(&self, dir: &Path, bad: &str) {
        let (victim, good, pids) = (self.victim, self.good, dir.join("pids"));
        let body = format!(
            "case $* in\n*{victim}*) echo $$ >> '{0}'\n{bad}\n;;\n*)\n{good}\n;;\nesac\n",
            pids.display()
        );
        // The shell runs the body as a child in the background; `note` records its process id.
        fake(dir, self.name, &body.replace("& note", &format!("& echo $! >> '{}'", pids.display())));
    }

    /// Starts the plugin and checks a gather without a fault.
    fn start(&self, dir: &TempDir) -> Execd {
        self.install(dir.path(), self.good);
        let mut plugin = Execd::start(dir.path(), &format!("{}{NET}", self.section));
        self.gathers_well(&mut plugin);
        plugin
    }

    fn gathers_well(&self, plugin: &mut Execd) {
        let lines = plugin.gather();
        assert_eq!(lines.len(), self.protocols, "{lines:#?}");
    }

    /// Makes the fake misbehave for one gather.
    fn suffers(&self, bad: &str, outcome: &Outcome) {
        let dir = dir();
        let mut plugin = self.start(&dir);
        let descriptors = plugin.descriptors();
        self.install(dir.path(), bad);
        let begin = Instant::now();
        let lines = plugin.gather();
        let took = begin.elapsed();
        let (of_victim, others): (Vec<_>, Vec<_>) =
            lines.iter().partition(|line| line.contains(",proto=udp,"));
        assert_eq!(others.len(), self.protocols - 1, "metrics of other protocols are missing: {lines:#?}");
        match outcome {
            Outcome::Metrics(count) => assert_eq!(of_victim.len(), *count, "{of_victim:#?}"),
            Outcome::Warning(count) => {
                assert_eq!(of_victim.len(), *count, "{of_victim:#?}");
                let complaint = plugin.complaint();
                assert!(
                    complaint.starts_with("W! [inputs.socketstat] ") && complaint.len() < 1000,
                    "{complaint}"
                );
            }
            Outcome::Error(reasons) => {
                assert!(of_victim.is_empty(), "metrics of a failed run were written: {of_victim:#?}");
                let complaint = plugin.complaint();
                let prefix = format!("E! [inputs.socketstat] {} ", self.name);
                assert!(complaint.starts_with(&prefix) && complaint.contains(self.victim), "{complaint}");
                assert!(reasons.iter().any(|reason| complaint.contains(reason)), "{complaint}");
                assert!(complaint.len() < 1000, "{complaint}");
            }
        }
        println!("took {took:?}, at most {} KiB of memory", plugin.memory("VmHWM"));
        assert!(
            took < DEADLINE + SLACK,
            "the gather took {took:?}, longer than the deadline of {DEADLINE:?}"
        );
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        influx::read(text.as_bytes()).expect("what is written is line protocol");

        // A killed process remains until its parent or init reaps it.
        wait_until("no process is left", || left(&dir.path().join("pids")).is_empty());
        assert_eq!(children(plugin.pid()), [0; 0], "a child survived");
        assert_eq!(plugin.descriptors(), descriptors, "a descriptor leaked");
        self.install(dir.path(), self.good);
        self.gathers_well(&mut plugin);
        let (status, rest, stderr) = plugin.eof();
        assert_eq!(status.code(), Some(0));
        assert!(rest.is_empty() && stderr.is_empty(), "{rest:#?} {stderr:#?}");
    }
}

/// Defines a test per fault, for ss and for netstat. `$GOOD` is the normal output of the fake.
macro_rules! misbehaviours {
    ($($name:ident: $bad:expr => $outcome:expr;)*) => {
        mod ss {
            use super::*;

            $(#[test] fn $name() { SS.suffers(&$bad.replace("$GOOD", SS.good), &$outcome); })*
        }
        mod netstat {
            use super::*;

            $(#[test] fn $name() { NETSTAT.suffers(&$bad.replace("$GOOD", NETSTAT.good), &$outcome); })*
        }
    };
}

/// The error for a run that does not end in time.
const LATE: Outcome = Outcome::Error(&["timed out"]);

misbehaviours! {
    hangs: "exec /bin/sleep 1000" => LATE;
    hangs_after_half_its_rows: "$GOOD\nexec /bin/sleep 1000" => LATE;
    hangs_in_mid_line: "$GOOD\nprintf 'ESTAB 0 0 127.0.0'\nexec /bin/sleep 1000" => LATE;
    ignores_sigterm: "trap '' TERM INT HUP\n/bin/sleep 1000 & note\nwhile :; do wait; done" => LATE;
    leaves_a_grandchild_with_the_pipe: "$GOOD\n/bin/sleep 1000 & note\nexit 0" => LATE;
    closes_stdout_and_sleeps: "$GOOD\nexec >&-\n/bin/sleep 1000" => LATE;
    closes_all_and_sleeps: "$GOOD\nexec >&- 2>&-\n/bin/sleep 1000" => LATE;
    leaves_a_grandchild_without_the_pipe: "$GOOD\n/bin/sleep 1000 >&- 2>&- & note\nexit 0" => Outcome::Metrics(1);
    exits_1: "$GOOD\necho 'no such \"thing\"' >&2\nexit 1"
        => Outcome::Error(&["ended with exit code 1: \"no such \\\"thing\\\"\""]);
    exits_255: "exit 255" => Outcome::Error(&["ended with exit code 255"]);
    is_killed: "$GOOD\nkill -9 $$" => Outcome::Error(&["ended with signal 9"]);
    crashes: "kill -11 $$" => Outcome::Error(&["ended with signal 11"]);
    prints_another_table: "echo 'Est. Recep. Envoi Adresse locale'\necho 'x 0 0 a:1 b:2'"
        => Outcome::Error(&["printed unexpected output, expected "]);
    prints_a_line_of_300_mib: "$GOOD\n/bin/dd if=/dev/zero bs=1048576 count=300 2>&-"
        => Outcome::Error(&["printed more than 256 MiB", "timed out"]);
    prints_rows_without_end: "$GOOD\nexec /usr/bin/yes \"$($GOOD)\""
        => Outcome::Error(&["printed more than 256 MiB", "timed out"]);
    prints_garbage_below_its_rows: "$GOOD\n/usr/bin/head -c 1000000 /dev/urandom | /usr/bin/tr -d '\\n'\necho"
        => Outcome::Warning(1);
    prints_nul_bytes: "$GOOD\nprintf '\\000\\000 \\000\\n'" => Outcome::Warning(1);
    prints_10000_lines_of_stderr: "i=0\nwhile [ $i -lt 10000 ]; do echo \"line $i of a long complaint\" >&2; i=$((i+1)); done\n$GOOD"
        => Outcome::Metrics(1);
    complains_at_length_and_fails: "i=0\nwhile [ $i -lt 10000 ]; do echo \"line $i of a long complaint\" >&2; i=$((i+1)); done\nexit 3"
        => Outcome::Error(&["ended with exit code 3: \"line 0 of a long complaint\\nline 1"]);
    complains_in_one_long_line: "/usr/bin/head -c 1000000 /dev/zero | /usr/bin/tr '\\000' x >&2\nexit 4"
        => Outcome::Error(&["ended with exit code 4: \"xxxxxxxxxx"]);
    floods_stderr: "exec /usr/bin/yes >&2" => LATE;
}

/// No output is an error for ss. netstat prints nothing if there are no sockets.
#[test]
fn ss_prints_nothing() {
    SS.suffers("exit 0", &Outcome::Error(&["printed nothing"]));
}

#[test]
fn netstat_prints_nothing() {
    let dir = dir();
    let mut plugin = NETSTAT.start(&dir);
    NETSTAT.install(dir.path(), "exit 0");
    let lines = plugin.gather();
    assert!(lines.len() == 1 && lines[0].contains(",proto=tcp,"), "{lines:#?}");
    assert!(plugin.complaint().starts_with("I! "));
}

#[test]
fn ss_prints_only_a_header() {
    SS.suffers("echo 'Recv-Q Send-Q Local Address:Port Peer Address:Port'", &Outcome::Metrics(0));
}

/// Malformed rows, and bytes that line protocol cannot represent: each row is one metric, or skipped with a warning.
#[test]
fn hostile_rows_affect_no_other_rows() {
    let dir = dir();
    let mut plugin = SS.start(&dir);
    // CR LF, a lone surrogate, 0xff, NUL, all kinds of white space, characters that line protocol escapes; then too few
    // cells.
    let rows = [
        r"127.0.0.1:1 127.0.0.1:2\r",
        r"a:1 \355\240\200:2",
        r"\377:1 a\000b:2",
        r"a\013b:1 c\\\\:2\\",
        r"a,b=c:1 \042\\\042:2",
        r"x:1",
        r"no port",
    ];
    let rows: String = rows.iter().flat_map(|row| ["0 0 ", row, r"\n"]).collect();
    SS.install(
        dir.path(),
        &format!("echo 'Recv-Q Send-Q Local Address:Port Peer Address:Port'\nprintf '{rows}'\n"),
    );
    let lines = plugin.gather();
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    let metrics = influx::read(text.as_bytes()).expect("what is written is line protocol");
    let peers: Vec<&str> = metrics
        .iter()
        .filter_map(|metric| metric.tags.iter().find(|(key, _)| key == "remote_addr"))
        .map(|(_, value)| value.as_str())
        .collect();
    // One tcp, five udp, one raw.
    assert_eq!(
        peers,
        ["127.0.0.1", "127.0.0.1", "\u{FFFD}\u{FFFD}\u{FFFD}", "a\0b", "c", "\"\\\"", "127.0.0.1"]
    );
    let complaint = plugin.complaint();
    assert!(
        complaint.starts_with("W! [inputs.socketstat] ss --udp: skipped 2 malformed rows"),
        "{complaint}"
    );
}

/// Checks the log and the metrics while something is wrong with ss, and afterwards.
fn without_ss(change: impl FnOnce(&Path), complaint: &str) {
    let dir = dir();
    let mut plugin = SS.start(&dir);
    let descriptors = plugin.descriptors();
    change(dir.path());
    assert_eq!(plugin.gather(), [""; 0]);
    let said = plugin.complaint();
    assert!(said.starts_with("E! [inputs.socketstat] ") && said.contains(complaint), "{said}");
    // The message names the sources that would work. The netlink probe for this leaves its descriptor open.
    assert!(plugin.descriptors() <= descriptors + 1);
    let ss = dir.path().join("ss");
    if ss.is_dir() {
        fs::remove_dir(&ss).expect("the directory can be removed");
    }
    SS.install(dir.path(), SS.good);
    SS.gathers_well(&mut plugin);
}

#[test]
fn ss_is_removed() {
    without_ss(|dir| fs::remove_file(dir.join("ss")).expect("it is there"), "iproute2");
}

#[test]
fn ss_is_not_executable() {
    let change = |dir: &Path| {
        fs::set_permissions(dir.join("ss"), fs::Permissions::from_mode(0o644)).expect("it is there");
    };
    without_ss(change, "iproute2");
}

#[test]
fn ss_is_not_a_program() {
    let change = |dir: &Path| fs::write(dir.join("ss"), b"\x7fELF and no more").expect("it can be written");
    without_ss(change, "cannot start");
}

#[test]
fn ss_is_a_directory() {
    let change = |dir: &Path| {
        fs::remove_file(dir.join("ss")).expect("it is there");
        fs::create_dir(dir.join("ss")).expect("a directory");
    };
    without_ss(change, "iproute2");
}

#[test]
fn ss_is_replaced() {
    let dir = dir();
    let mut plugin = SS.start(&dir);
    fs::remove_file(dir.path().join("ss")).expect("it is there");
    let two = format!("{}echo 'ESTAB 0 0 127.0.0.1:3 127.0.0.1:4'\n", SS.good);
    fake(dir.path(), "ss", &two);
    assert_eq!(plugin.gather().len(), 6);
    assert!(plugin.eof().2.is_empty());
}

/// Entries of PATH that are not searched: relative, empty, missing, a file. In the first entry that is searched, ss
/// is a directory.
#[test]
fn only_absolute_directories_of_path_are_searched() {
    let (trap, good) = (dir(), dir());
    fake(trap.path(), "ss", "echo trapped >&2\nexit 1\n");
    fs::create_dir_all(good.path().join("first/ss")).expect("a directory");
    fs::create_dir(good.path().join("second")).expect("a directory");
    SS.install(&good.path().join("second"), SS.good);
    let root = good.path().display();
    let path = format!(
        "::.:ss:../{}:/nonexistent:{1}/plugin.conf:{1}/first:{1}/second",
        trap.path().display(),
        root
    );
    let mut command = support::execd::command(good.path(), &format!("{}{NET}", SS.section));
    command.env("PATH", path).current_dir(trap.path());
    let mut plugin = Execd::spawn(command);
    SS.gathers_well(&mut plugin);
    assert!(plugin.eof().2.is_empty());
}

/// A child gets `PATH` and `LC_ALL=C`, stdin from /dev/null, and no descriptors of the plugin except its own pipes.
#[test]
fn a_child_inherits_nothing() {
    let dir = dir();
    let out = dir.path().join("inherited");
    let body = format!(
        "[ -e '{0}' ] || {{ /usr/bin/env; /bin/ls -l /proc/self/fd; /usr/bin/readlink /proc/self/fd/0; }} > '{0}'\n{1}",
        out.display(),
        SS.good
    );
    fake(dir.path(), "ss", &body);
    let mut command = support::execd::command(dir.path(), &format!("{}{NET}", SS.section));
    command.env("SECRET", "1").env("LIBXO_OPTIONS", "json").env("LANG", "de_DE.UTF-8");
    let mut plugin = Execd::spawn(command);
    SS.gathers_well(&mut plugin);
    let text = fs::read_to_string(&out).expect("ss ran");
    let (variables, rest) = text.split_once("total ").expect("env, then ls");
    let mut variables: Vec<&str> =
        variables.lines().filter(|line| !line.starts_with("_=") && !line.starts_with("PWD=")).collect();
    // Without the variables that a shell adds.
    variables.sort_unstable();
    assert_eq!(variables, ["LC_ALL=C", &format!("PATH={}", dir.path().display())], "{text}");
    assert!(rest.ends_with("/dev/null\n"), "{text}");
    // None of the plugin's own stdin, stdout and stderr.
    for ours in 0..3 {
        let ours = fs::read_link(format!("/proc/{}/fd/{ours}", plugin.pid())).expect("it is open");
        assert!(!rest.contains(&*ours.to_string_lossy()), "{} in {text}", ours.display());
    }
}

/// inputs.net with netstat: there is one run for all interfaces, and its failure affects only them.
#[test]
fn netstat_fails_for_interfaces() {
    for (bad, reason) in [
        ("exec /bin/sleep 1000", "timed out"),
        ("exit 1", "ended with exit code 1"),
        ("exit 0", "printed nothing"),
        ("echo What?", "printed unexpected output"),
        ("kill -9 $$", "ended with signal 9"),
    ] {
        let dir = dir();
        let good = "echo 'Name Mtu Network Address Ipkts Ierrs Idrop Ibytes Opkts Oerrs Obytes Coll Drop'\n\
                    echo 'em0 1500 <Link#1> 00:00:5e:00:53:01 1 2 3 4 5 6 7 8 9'\n";
        let section =
            "[[inputs.net]]\n  source = \"netstat\"\n  netstat_platform = \"freebsd\"\n  timeout = \"3s\"\n";
        fake(dir.path(), "netstat", good);
        let mut plugin = Execd::start(dir.path(), &format!("{section}{NET}"));
        assert_eq!(plugin.gather().len(), 1);
        let descriptors = plugin.descriptors();
        fake(dir.path(), "netstat", bad);
        assert_eq!(plugin.gather(), [""; 0], "{bad}");
        let complaint = plugin.complaint();
        assert!(
            complaint.starts_with("E! [inputs.net] netstat -ibdnW ") && complaint.contains(reason),
            "{complaint}"
        );
        assert_eq!((children(plugin.pid()), plugin.descriptors()), (Vec::new(), descriptors));
        fake(dir.path(), "netstat", good);
        assert_eq!(plugin.gather().len(), 1, "{bad}");
    }
}

/// netstat on macOS truncates names, so there is a run per interface. All runs together have one deadline.
#[test]
fn one_deadline_for_all_runs_of_netstat() {
    let dir = dir();
    let table = "echo 'Name  Mtu   Network Address Ipkts Ierrs Ibytes Opkts Oerrs Obytes Coll Drop'\n\
                 for name in utun1 utun1 utun1; do echo \"$name 1380 <Link#$((n += 1))> 1 0 1 1 0 1 0 0\"; done\n";
    let runs = dir.path().join("runs");
    let body = format!(
        "echo \"$*\" >> '{}'\ncase $* in *-I*) exec /bin/sleep 1000 ;; esac\n{table}",
        runs.display()
    );
    fake(dir.path(), "netstat", &body);
    fake(dir.path(), "ifconfig", "echo utun10 utun11 utun12\n");
    let section =
        "[[inputs.net]]\n  source = \"netstat\"\n  netstat_platform = \"macos\"\n  timeout = \"3s\"\n";
    let mut plugin = Execd::start(dir.path(), &format!("{section}{NET}"));
    assert_eq!(plugin.gather(), [""; 0]);
    let complaint = plugin.complaint();
    assert!(complaint.starts_with("E! [inputs.net] netstat -ibdnl -I utun10 timed out"), "{complaint}");
    let runs = fs::read_to_string(runs).expect("netstat was run");
    assert_eq!(runs.lines().collect::<Vec<_>>(), ["-ibdnl", "-ibdnl -I utun10"]);
}
