use std::fs;

use super::*;

#[test]
fn names_as_ss_does() {
    let mut own = Interfaces::new(Names::Own);
    let first = own.name(1).to_vec();
    assert_eq!(if_indextoname(1).unwrap().into_bytes(), first);
    assert_eq!(own.name(u32::MAX), b"if4294967295");
    assert_eq!(own.name(1), first);
}

#[test]
fn reads_another_hosts_directory_and_forgets() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("bonding_masters"), "\n").unwrap();
    for (name, index) in [("lo", "1\n"), ("br-1a2b", "17\n"), ("odd", "x\n")] {
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("ifindex"), index).unwrap();
    }
    let mut names = Interfaces::new(Names::Directory(root.path().to_path_buf()));
    assert_eq!(names.name(17), b"br-1a2b");
    assert_eq!(names.name(3), b"if3");
    fs::rename(root.path().join("br-1a2b"), root.path().join("br0")).unwrap();
    assert_eq!(names.name(17), b"br-1a2b");
    names.forget();
    assert_eq!(names.name(17), b"br0");
}
