//! Names of network devices by index, as ss prints them.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::Read;
use std::path::{Path, PathBuf};

use glob::Pattern;
use nix::net::if_::if_indextoname;

use crate::file;
use crate::number::parse_decimal;

/// More digits than an index has.
const LONGEST_INDEX: u64 = 32;

/// Where names come from.
#[derive(Clone, Debug)]
pub enum Names {
    /// The network namespace of this process.
    Own,
    /// A directory with an entry for each device, with a file `ifindex` in it (`/sys/class/net`): for the tables of a
    /// host that is not the namespace of this process.
    Directory(PathBuf),
}

/// Looks each index up once per dump.
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

    /// The name of the device, or `if3` for index 3 where there is none (any more), as ss has it.
    pub fn name(&mut self, index: u32) -> &[u8] {
        if let Names::Directory(directory) = &self.names
            && self.known.is_empty()
        {
            self.known.extend(list(directory));
        }
        self.known.entry(index).or_insert_with(|| {
            let own = matches!(self.names, Names::Own).then(|| if_indextoname(index));
            // No name is no error here: a device may vanish between the socket's row and this look-up.
            // nix 0.31 returns it as an empty name.
            let name = own.and_then(Result::ok).map(CString::into_bytes).filter(|name| !name.is_empty());
            name.unwrap_or_else(|| format!("if{index}").into_bytes())
        })
    }
}

/// Every device of the directory. What cannot be read names no device, so its index is printed instead.
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
mod tests;
