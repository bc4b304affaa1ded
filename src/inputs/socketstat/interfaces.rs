//! Looks up the names of network devices by index, as ss prints them.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::Read;
use std::path::{Path, PathBuf};

use glob::Pattern;
use nix::net::if_::if_indextoname;

use crate::file;
use crate::number::parse_decimal;

/// How many bytes of `ifindex` are read: more than an index has digits.
const LONGEST_INDEX: u64 = 32;

/// Where the names come from.
#[derive(Clone, Debug)]
pub enum Names {
    /// The network namespace of this process.
    Own,
    /// A directory like `/sys/class/net`, where each device has a subdirectory with a file `ifindex`. For tables of another
    /// network namespace.
    Directory(PathBuf),
}

/// Looks up device names, each index once per dump.
#[derive(Debug)]
pub(crate) struct Interfaces {
    names: Names,
    known: BTreeMap<u32, Vec<u8>>,
}

impl Interfaces {
    #[must_use]
    pub(crate) const fn new(names: Names) -> Self {
        Self { names, known: BTreeMap::new() }
    }

    /// Clears the cache, since names may change between dumps.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }

    /// The name of a device. Like ss, `if3` for index 3 if there is no such device.
    pub(crate) fn name(&mut self, index: u32) -> &[u8] {
        if let Names::Directory(directory) = &self.names
            && self.known.is_empty()
        {
            self.known.extend(list(directory));
        }
        self.known.entry(index).or_insert_with(|| {
            let own = matches!(self.names, Names::Own).then(|| if_indextoname(index));
            // A missing name is not an error: the device may be gone by now. nix 0.31 then returns an empty name.
            let name = own.and_then(Result::ok).map(CString::into_bytes).filter(|name| !name.is_empty());
            name.unwrap_or_else(|| format!("if{index}").into_bytes())
        })
    }
}

/// Lists the devices of a directory. Unreadable ones are skipped, so that their index is printed instead.
fn list(directory: &Path) -> BTreeMap<u32, Vec<u8>> {
    let pattern = format!("{}/*/ifindex", Pattern::escape(&directory.to_string_lossy()));
    let files = glob::glob(&pattern).into_iter().flatten().filter_map(Result::ok);
    let named = files.filter_map(|path| {
        let mut text = Vec::new();
        file::open(&path).ok()?.take(LONGEST_INDEX).read_to_end(&mut text).ok()?;
        let index = parse_decimal(text.trim_ascii_end())?.try_into().ok()?;
        Some((index, path.parent()?.file_name()?.as_encoded_bytes().to_vec()))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
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
}
