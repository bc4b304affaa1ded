use std::ffi::OsStr;

use super::*;

fn host(variables: &[(&str, &str)]) -> Host {
    Host::from_environment(|name| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
    })
}

#[test]
fn without_variables_the_roots_are_the_systems() {
    for host in [host(&[]), host(&[("HOST_PROC", ""), ("HOST_SYS", "")])] {
        assert!(!host.is_foreign());
        assert_eq!(host.net_dir(), PathBuf::from("/proc/net"));
        assert_eq!(host.class_net(), PathBuf::from("/sys/class/net"));
        assert_eq!(host.path(), OsStr::new(""));
    }
}

#[test]
fn variables_move_the_roots() {
    let host = host(&[("HOST_PROC", "/none/proc/"), ("HOST_SYS", "/none/sys"), ("PATH", "/bin:/sbin")]);
    assert!(host.is_foreign());
    assert_eq!(host.net_dir(), PathBuf::from("/none/proc/net"));
    assert_eq!(host.class_net(), PathBuf::from("/none/sys/class/net"));
    assert_eq!(host.path(), OsStr::new("/bin:/sbin"));
}

#[test]
fn the_namespace_of_init_is_taken_where_it_is_there() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().to_str().expect("a path in UTF-8");
    let host = host(&[("HOST_PROC", path)]);
    assert_eq!(host.net_dir(), root.path().join("net"));
    std::fs::create_dir(root.path().join("1")).expect("it can be made");
    std::fs::write(root.path().join("1/net"), "").expect("it can be written");
    assert_eq!(host.net_dir(), root.path().join("net"), "a file is no directory");
    std::fs::remove_file(root.path().join("1/net")).expect("it can be removed");
    std::fs::create_dir(root.path().join("1/net")).expect("it can be made");
    assert_eq!(host.net_dir(), root.path().join("1/net"), "looked up each time");
}
