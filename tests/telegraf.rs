//! The real Telegraf around the real binary, and beside its own inputs.
//!
//! Telegraf is `TELEGRAF_BIN`, or is built once from its Go module into the target directory. Every test runs in a network
//! namespace of its own.

#![cfg(target_os = "linux")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, SockaddrIn, connect, socket};
use nix::unistd::Pid;
use support::{fake, hanging_pids, hanging_ss, running, wait_until, write};
use tempfile::TempDir;

const VERSION: &str = "1.39.3";
const TAGS: &str = "custom,inputs.execd,inputs.net,inputs.socketstat,outputs.file,outputs.discard,parsers.influx,serializers.influx";

/// Telegraf's path; `None` where it can be neither found nor built.
fn telegraf() -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(path) = std::env::var_os("TELEGRAF_BIN") {
                return Some(path.into());
            }
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
            let bin = target.join(format!("telegraf-{VERSION}"));
            let module = format!("github.com/influxdata/telegraf/cmd/telegraf@v{VERSION}");
            if !bin.join("telegraf").exists() {
                let mut go = Command::new("go");
                go.args(["install", "-tags", TAGS, &module]).env("GOBIN", &bin).env("CGO_ENABLED", "0");
                match go.status() {
                    Ok(status) => assert!(status.success(), "go install {module}: {status}"),
                    Err(_) => return None,
                }
            }
            Some(bin.join("telegraf"))
        })
        .clone()
}

/// Telegraf, inside a network namespace of its own; `None` outside, where the test has run or was skipped.
fn telegraf_in_own_network(test: &str) -> Option<PathBuf> {
    let Some(telegraf) = telegraf() else {
        support::skipped("needs Go to build Telegraf");
        return None;
    };
    support::namespace::enter_with(test, &[("TELEGRAF_BIN", &telegraf)]).then_some(telegraf)
}

/// A running Telegraf with one `inputs.execd`. Its directory is the PATH of our binary.
struct Telegraf {
    child: Child,
    dir: TempDir,
}

impl Telegraf {
    /// `plugin` is our configuration, `execd` more of that section, `inputs` further sections.
    fn start(telegraf: &Path, dir: TempDir, plugin: &str, execd: &str, inputs: &str) -> Self {
        let ours = write(dir.path(), "plugin.conf", plugin);
        let path = dir.path().display();
        let binary = assert_cmd::cargo::cargo_bin!("telegraf-execd-network").display();
        let config = format!(
            r#"[agent]
  interval = "1s"
  flush_interval = "1s"
  omit_hostname = true
  skip_processors_after_aggregators = true
[[outputs.file]]
  files = ["{path}/metrics"]
  data_format = "influx"
[[inputs.execd]]
  command = ["{binary}", "--config", "{ours}"]
  restart_delay = "1s"
  data_format = "influx"
{execd}
{inputs}"#
        );
        let config = write(dir.path(), "telegraf.conf", &config);
        let log = File::create(dir.path().join("log")).expect("a log");
        let child = Command::new(telegraf)
            .args(["--config", &config])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("Telegraf starts");
        Self { child, dir }
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id fits")
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("Telegraf can be signalled");
    }

    /// What arrived so far: whole lines of line protocol.
    fn metrics(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("metrics")).unwrap_or_default();
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).expect("the log can be read")
    }

    /// Waits for so many more lines that hold `part`.
    fn wait_for(&self, more: usize, part: &str) {
        let count = || self.metrics().iter().filter(|line| line.contains(part)).count();
        let before = count();
        wait_until(&format!("{more} lines with {part}; Telegraf's log:\n{}", self.log()), || {
            count() >= before + more
        });
    }

    /// The process of our binary, once it runs.
    fn plugin(&self) -> i32 {
        let mut found = Vec::new();
        wait_until("our binary runs", || {
            found = children(self.pid());
            found.len() == 1
        });
        found[0]
    }

    fn wait(&mut self) {
        wait_until("Telegraf ends", || self.child.try_wait().expect("it can be waited for").is_some());
    }

    /// Stops Telegraf as a service manager does, and checks that these processes are gone with it.
    fn stop(mut self, processes: &[i32]) -> String {
        self.signal(Signal::SIGTERM);
        self.wait();
        for pid in processes {
            wait_until("no process is left", || !running(*pid));
        }
        self.log()
    }
}

impl Drop for Telegraf {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            // A failed test must not leave Telegraf behind; there is nobody left to tell.
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            println!("Telegraf's log:\n{}", self.log());
        }
    }
}

/// The living children of a process.
fn children(parent: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").expect("/proc can be listed");
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| running(*pid))
        .filter(|pid| {
            // A process may end while this reads; then it is no child.
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let after_name = stat.rsplit(')').next().unwrap_or_default();
            after_name.split_whitespace().nth(1) == Some(parent.to_string().as_str())
        })
        .collect()
}

fn dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// What of Telegraf's log is an error or a warning of ours or about us.
fn complaints(log: &str) -> Vec<&str> {
    // Telegraf waits for a process that it stops while it still reads its output, and may say this of its own pipes
    // (it does around /bin/cat too).
    let own_race = "read |0: file already closed";
    let ours = log.lines().filter(|line| line.contains("[inputs.") && !line.ends_with(own_race));
    ours.filter(|line| line.contains(" E! ") || line.contains(" W! ")).collect()
}

/// A line without its timestamp, its fields sorted. Nothing in these tests has a space or a comma in a field.
fn series(line: &str) -> (String, Vec<String>) {
    let mut parts = line.rsplitn(3, ' ');
    let (_, fields, tags) = (parts.next(), parts.next(), parts.next());
    let mut fields: Vec<String> = fields.expect("fields").split(',').map(str::to_owned).collect();
    fields.sort();
    (tags.expect("a measurement").to_owned(), fields)
}

/// A fake ss with one TCP socket, whose one answer has every field.
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

/// Our configuration, and what its section needs to hold.
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

fn every_metric_arrives(test: &str, signal: &str) {
    let Some(telegraf) = telegraf_in_own_network(test) else { return };
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
    every_metric_arrives("every_metric_arrives_with_stdin", "STDIN");
}

#[test]
fn every_metric_arrives_with_sigusr1() {
    every_metric_arrives("every_metric_arrives_with_sigusr1", "SIGUSR1");
}

/// Sockets that stand still, of the protocols that Telegraf's own input reads rightly.
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
    let Some(telegraf) = telegraf_in_own_network("metrics_equal_those_of_telegrafs_own_inputs") else {
        return;
    };
    let link = Command::new("sh")
        .args([
            "-c",
            "ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up",
        ])
        .status();
    assert!(link.is_ok_and(|status| status.success()), "a veth pair cannot be made");
    let _sockets = quiet_sockets();
    // Telegraf dropped the protocol statistics from its own input; ours stay away here.
    let native = "[[inputs.socketstat]]\n  protocols = [\"tcp\", \"udp\", \"raw\"]\n  [inputs.socketstat.tags]\n    from = \"telegraf\"\n\
                  [[inputs.net]]\n  [inputs.net.tags]\n    from = \"telegraf\"\n";
    let ours = "[[inputs.socketstat]]\n  protocols = [\"tcp\", \"udp\", \"raw\"]\n  source = \"ss\"\n\
                [[inputs.net]]\n  ignore_protocol_stats = true\n";
    let execd = "  signal = \"STDIN\"\n  [inputs.execd.tags]\n    from = \"us\"\n";
    let dir = dir();
    // /sys shows the interfaces of the namespace in which it was mounted: with it, both can tell the speed.
    let body = format!(
        "exec unshare -m sh -c 'mount -t sysfs sysfs /sys && exec \"$@\"' sh '{}' \"$@\"\n",
        telegraf.display()
    );
    fake(dir.path(), "telegraf", &body);
    let telegraf = dir.path().join("telegraf");
    let telegraf = Telegraf::start(&telegraf, dir, ours, execd, native);
    // The namespace comes to rest after its first seconds (addresses found, acknowledgements sent).
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

#[test]
fn telegraf_killed_takes_all_with_it() {
    let Some(path) = telegraf_in_own_network("telegraf_killed_takes_all_with_it") else { return };
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
fn our_binary_killed_is_started_again() {
    let Some(path) = telegraf_in_own_network("our_binary_killed_is_started_again") else { return };
    let dir = dir();
    good_ss(dir.path());
    let environment = execd(dir.path(), "STDIN");
    let telegraf = Telegraf::start(&path, dir, &sockets("1s"), &environment, "");
    telegraf.wait_for(1, "socketstat,");
    let first = telegraf.plugin();
    kill(Pid::from_raw(first), Signal::SIGKILL).expect("our binary can be killed");
    wait_until("it is gone", || !running(first));
    telegraf.wait_for(2, "socketstat,");
    let second = telegraf.plugin();
    assert_ne!(first, second);
    telegraf.stop(&[second]);
}

#[test]
fn telegraf_stopped_in_a_hung_gather_leaves_nothing() {
    let Some(path) = telegraf_in_own_network("telegraf_stopped_in_a_hung_gather_leaves_nothing") else {
        return;
    };
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
fn a_reload_goes_on_with_one_new_process() {
    let Some(path) = telegraf_in_own_network("a_reload_goes_on_with_one_new_process") else { return };
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
