use tempfile::TempDir;

use super::*;

fn host(variables: &[(&str, &str)]) -> Host {
    Host::from_environment(|name| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
    })
}

#[test]
fn the_default_roots_are_those_of_the_system() {
    for host in [host(&[]), host(&[("HOST_PROC", ""), ("HOST_SYS", "")])] {
        assert_eq!(host.net_dir(), PathBuf::from("/proc/net"));
        assert_eq!(host.class_net(), PathBuf::from("/sys/class/net"));
        assert_eq!(host.path(), OsStr::new(""));
    }
}

#[test]
fn variables_set_the_roots() {
    let host = host(&[("HOST_PROC", "/none/proc/"), ("HOST_SYS", "/none/sys"), ("PATH", "/bin:/sbin")]);
    assert_eq!(host.net_dir(), PathBuf::from("/none/proc/net"));
    assert_eq!(host.class_net(), PathBuf::from("/none/sys/class/net"));
    assert_eq!(host.path(), OsStr::new("/bin:/sbin"));
}

#[test]
fn the_namespace_of_init_is_preferred() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().to_str().expect("a path in UTF-8");
    let host = host(&[("HOST_PROC", path)]);
    assert_eq!(host.net_dir(), root.path().join("net"));
    std::fs::create_dir(root.path().join("1")).expect("it can be made");
    std::fs::write(root.path().join("1/net"), "").expect("it can be written");
    assert_eq!(host.net_dir(), root.path().join("net"), "a file is not a directory");
    std::fs::remove_file(root.path().join("1/net")).expect("it can be removed");
    std::fs::create_dir(root.path().join("1/net")).expect("it can be made");
    assert_eq!(host.net_dir(), root.path().join("1/net"), "looked up each time");
}

/// A /proc of this process and one of another host, where each of these names is the same file `net/dev` or another one.
fn roots(of_host: &[(&str, bool)]) -> (TempDir, Host) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let own = root.path().join("own/self/net");
    fs::create_dir_all(&own).expect("it can be made");
    fs::write(own.join("dev"), "").expect("it can be written");
    for (name, same) in of_host {
        let directory = root.path().join("host").join(name).join("net");
        fs::create_dir_all(&directory).expect("it can be made");
        let file = directory.join("dev");
        let made = if *same { fs::hard_link(own.join("dev"), file) } else { fs::write(file, "") };
        made.expect("it can be made");
    }
    let path = root.path().join("host");
    let host = host(&[("HOST_PROC", path.to_str().expect("a path in UTF-8"))]);
    (root, host)
}

#[test]
fn networks_are_compared_by_the_inode_of_net_dev() {
    use Network::{Other, Own};
    for (of_host, expected) in [
        (&[("1", true)][..], Own),
        (&[("1", false)], Other),
        (&[("", true)], Own),
        (&[("", false)], Other),
        // The network of init matters, not that of the reader.
        (&[("1", true), ("", false)], Own),
        (&[("1", false), ("", true)], Other),
        (&[], Other),
    ] {
        let (root, host) = roots(of_host);
        assert_eq!(host.network_seen_from(&root.path().join("own")), expected, "{of_host:?}");
        assert_eq!(host.network_seen_from(&root.path().join("absent")), Other, "not comparable");
    }
}

#[test]
fn without_host_proc_the_network_is_the_own_one() {
    for host in [host(&[]), host(&[("HOST_PROC", "")]), host(&[("HOST_SYS", "/none/sys")])] {
        assert_eq!(host.network(), Network::Own);
        assert_eq!(host.network_seen_from(Path::new("/none")), Network::Own);
    }
    assert_eq!(host(&[("HOST_PROC", "/none/proc")]).network(), Network::Other);
}

#[cfg(target_os = "linux")]
#[test]
fn a_real_process_in_the_same_network_is_recognized() {
    let root = tempfile::tempdir().expect("a temporary directory");
    std::os::unix::fs::symlink("/proc/self", root.path().join("1")).expect("it can be made");
    let host = host(&[("HOST_PROC", root.path().to_str().expect("a path in UTF-8"))]);
    assert_eq!(host.network(), Network::Own);
}
