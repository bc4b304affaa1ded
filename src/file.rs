//! Opens and reads the host's files. None of them can block a gather or fill the memory.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::lines::Lines;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;
/// The size of the largest file, in bytes. No table of the kernel is as large.
const LARGEST: u64 = 1024 * 1024 * 1024;

/// Opens a file for reading. It may be a pipe that nobody writes to, so it is opened non-blocking.
pub(crate) fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)
}

/// Reads a text file and hands each line to `each`, as [`Lines::feed`] does.
///
/// # Errors
/// When the file cannot be read, or is too large.
pub(crate) fn read_lines(path: &Path, each: &mut dyn FnMut(Option<&[u8]>)) -> Result<()> {
    let mut file = open(path)?;
    let mut lines = Lines::default();
    let mut chunk = vec![0; CHUNK];
    let mut total = 0_u64;
    loop {
        match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => {
                total += read as u64;
                if total > LARGEST {
                    return Err(Error::other("the file is larger than 1 GiB"));
                }
                lines.feed(chunk.get(..read).unwrap_or_default(), each);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    lines.finish(each);
    Ok(())
}
