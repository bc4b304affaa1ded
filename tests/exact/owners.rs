//! Cgroups as owners of sockets, with the cgroup v2 hierarchy of this machine.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;

use super::{Gathered, Servers, at_rest, end, exchange, gather, growth, moved, start};
use crate::support::execd::{Execd, dir};
use crate::support::sock_diag::{Sockets, listen};
use crate::support::{self, plugin, skipped, wait_until};

/// A new cgroup that this process enters. When it is removed, the process returns to the parent cgroup.
struct Cgroup {
    path: PathBuf,
    name: String,
}

impl Cgroup {
    /// `None` if there is no cgroup v2, or no cgroup can be created.
    fn new(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
        let name = format!("/exact-test-{}-{name}.service", std::process::id());
        let path = PathBuf::from(format!("{}{name}", mount.split(' ').nth(4)?));
        fs::create_dir(&path).ok()?;
        let cgroup = Self { path, name };
        cgroup.enter().then_some(cgroup)
    }

    fn enter(&self) -> bool {
        fs::write(self.path.join("cgroup.procs"), std::process::id().to_string()).is_ok()
    }

    /// Moves this process to the parent cgroup.
    fn leave(&self) {
        let root = self.path.parent().expect("a mount").join("cgroup.procs");
        fs::write(root, std::process::id().to_string()).expect("the parent cgroup takes processes");
    }

    fn remove(&self) {
        self.leave();
        wait_until("the cgroup is removed", || !self.path.exists() || fs::remove_dir(&self.path).is_ok());
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if self.path.exists() {
            self.remove();
        }
    }
}

#[test]
fn sockets_are_attributed_to_cgroups() {
    if !support::namespace::enter() {
        return;
    }
    let (Some(client), Some(server)) = (Cgroup::new("client"), Cgroup::new("server")) else {
        return skipped("needs root and a mount of cgroup v2");
    };
    let (events, mut ended, dir) = (listen(), Sockets::new(), dir());
    // A socket belongs to the cgroup of the process that creates it. This process is in the server's cgroup now.
    let servers = Servers::new();
    client.leave();
    let more = "  group_by = [\"cgroup\", \"unit\", \"user\"]\n";
    let mut execd = start(plugin(), dir.path(), more);
    assert!(client.enter());
    let known = at_rest(&events, &mut ended, 0);
    gather(&mut execd);
    let mut clients: Vec<TcpStream> = (0..30).map(|number| servers.call(number, 100)).collect();
    at_rest(&events, &mut ended, 0);
    let group = |name: &str| {
        let (unit, user) = name.strip_prefix('/').map_or((name, name), |unit| (unit, "root"));
        format!("cgroup={name},proto=tcp,unit={unit},user={user}")
    };
    let gathered = gather(&mut execd);
    let names = [group(&client.name), group(&server.name)];
    assert_eq!(gathered.groups.keys().cloned().collect::<Vec<_>>(), names);
    for name in &names {
        let moved = &gathered.groups[name];
        assert_eq!((moved["sockets"], moved["bytes_received"]), (30, 3000), "{name}");
    }

    // Known connections are closed, then short ones, for which only the server's cgroup can be found. Both cgroups
    // are removed while connections are open.
    for client in &mut clients {
        exchange(client, 50);
    }
    clients.drain(10..).for_each(end);
    (0..100).for_each(|number| end(servers.call(number, 7)));
    let live = at_rest(&events, &mut ended, 2 * 120);
    client.remove();
    server.remove();
    let gathered = gather(&mut execd);
    let closed = |name: &str| gathered.groups[&group(name)]["closed"];
    assert_eq!([closed(&client.name), closed(&server.name), closed("unknown")], [20, 120, 100]);
    assert_eq!(moved(&gathered), growth(&known, &ended, &live));
    let unknown = &gathered.groups[&group("unknown")];
    let unattributed = unknown["bytes_acked"] + unknown["bytes_received"];
    assert_eq!(gathered.internal["unattributed_bytes"], unattributed);
    assert_eq!(gathered.groups[&group(&client.name)]["sockets"], 10);
    execd.eof();
    // A plugin that starts now cannot find the names of removed cgroups.
    let mut execd = start(plugin(), dir.path(), "  group_by = [\"cgroup\"]\n");
    let gathered = gather(&mut execd);
    assert_eq!(gathered.groups.keys().collect::<Vec<_>>(), ["cgroup=(removed),proto=tcp"]);
    execd.eof();
}

/// Many new cgroups, removed when this is dropped.
struct Many(Vec<PathBuf>);

impl Many {
    /// `None` if the kernel does not allow this many.
    fn new(count: usize) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?;
        let top = PathBuf::from(format!("{mount}/exact-test-{}-many.slice", std::process::id()));
        let mut many = Self(Vec::new());
        many.make(top.clone())?;
        let per_slice = 999;
        for slice in 0..count.div_ceil(per_slice + 1) {
            let slice = top.join(format!("{slice}.slice"));
            many.make(slice.clone())?;
            for service in 0..per_slice {
                many.make(slice.join(format!("{service}.service")))?;
            }
        }
        Some(many)
    }

    fn make(&mut self, path: PathBuf) -> Option<()> {
        fs::create_dir(&path).ok()?;
        self.0.push(path);
        Some(())
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            if let Err(error) = fs::remove_dir(path) {
                println!("{}: {error}", path.display());
            }
        }
    }
}

/// The peak memory of a process, in KiB.
fn peak(execd: &Execd) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", execd.child.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    peak.and_then(|peak| peak.parse().ok()).expect("VmHWM in KiB")
}

#[test]
fn a_hundred_thousand_cgroups_are_walked_once() {
    if !support::namespace::enter() {
        return;
    }
    let (Some(owner), Some(many)) = (Cgroup::new("among-many"), Many::new(100_000)) else {
        return skipped("needs root and a cgroup v2 that allows 100,000 more cgroups");
    };
    let servers = Servers::new();
    let client = servers.call(0, 100);
    let dir = dir();
    let mut execd = start(plugin(), dir.path(), "  group_by = [\"cgroup\", \"unit\"]\n");
    let gathered = gather(&mut execd);
    let tags = format!("cgroup={},proto=tcp,unit={}", owner.name, &owner.name[1..]);
    assert_eq!(gathered.groups.keys().collect::<Vec<_>>(), [&tags]);
    let milliseconds = |gathered: &Gathered| gathered.internal["gather_time_ns"] / 1_000_000;
    let (first, peak) = (milliseconds(&gathered), peak(&execd));
    let second = milliseconds(&gather(&mut execd));
    println!("{} cgroups: {first} ms with the walk, {second} ms without, {peak} KiB at most", many.0.len());
    assert!(peak < 64 * 1024, "{peak} KiB");
    execd.eof();
    drop(client);
}
