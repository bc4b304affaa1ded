//! Names of interfaces by index, as ss prints them.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use nix::net::if_::if_indextoname;

use crate::file;

/// More digits than an index has.
const LONGEST_INDEX: u64 = 32;

/// Where names come from.
#[derive(Clone, Debug)]
pub enum Names {
    /// The network namespace of this process.
    Own,
    /// A directory with an entry an interface, each with a file `ifindex` (`/sys/class/net`): for the tables of
    /// a host that is not the namespace of this process.
    Directory(PathBuf),
}

/// Looks each index up once a dump.
#[derive(Debug)]
pub struct Interfaces {
    names: Names,
    known: BTreeMap<u32, Vec<u8>>,
}

impl Interfaces {
    /// Looks up in `names`.
    #[must_use]
    pub const fn new(names: Names) -> Self {
        Self { names, known: BTreeMap::new() }
    }

    /// Forgets all: names change between dumps.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// The name of the interface, or `if3` for index 3 where there is none (any more), as ss has it.
    pub fn name(&mut self, index: u32) -> &[u8] {
        if let Names::Directory(directory) = &self.names
            && self.known.is_empty()
        {
            self.known.extend(list(directory));
        }
        self.known.entry(index).or_insert_with(|| {
            let own = matches!(self.names, Names::Own).then(|| if_indextoname(index));
            // No name is no error here: an interface may vanish between the socket's row and this look-up.
            // nix 0.31 returns it as an empty name.
            let name = own.and_then(Result::ok).map(CString::into_bytes).filter(|name| !name.is_empty());
            name.unwrap_or_else(|| format!("if{index}").into_bytes())
        })
    }
}

/// Every interface of the directory. What cannot be read names no interface, so its index is printed instead.
fn list(directory: &Path) -> BTreeMap<u32, Vec<u8>> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let mut text = String::new();
        file::open(&entry.path().join("ifindex")).ok()?.take(LONGEST_INDEX).read_to_string(&mut text).ok()?;
        Some((text.trim_end().parse().ok()?, entry.file_name().into_encoded_bytes()))
    });
    named.collect()
}

#[cfg(test)]
mod tests;
