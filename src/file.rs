//! Opens and reads files of the host, none of which can hold a gather up or fill the memory.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::lines::Lines;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;
/// The most that is read of one file, in bytes: more than any table of the kernel has.
const LARGEST: u64 = 1024 * 1024 * 1024;

/// Opens a file to read it. Non-blocking, so that a pipe in the place of the file cannot hold the gather up.
///
/// # Errors
/// Those of open(2).
pub fn open(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)
}

/// Reads a text file, handing on each line as [`Lines::feed`] does.
///
/// # Errors
/// When the file cannot be opened or read to its end, or is without end.
pub fn read_lines(path: &Path, each: &mut dyn FnMut(Option<&[u8]>)) -> Result<()> {
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
                    return Err(Error::other("the file has no end"));
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
