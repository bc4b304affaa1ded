//! Runs one child process with a deadline: in a process group of its own, with bounded output, always killed and reaped.

mod children;
mod error;
mod group;
mod kill_on_exit;
mod pipes;

use std::ffi::OsStr;
use std::path::PathBuf;

use nix::unistd::{AccessFlags, access};

pub use children::Children;
pub(crate) use children::Command;
pub(crate) use error::{CommandError, Failure};

/// Finds an executable file called `name` in the absolute entries of `path`.
pub(crate) fn find_program(name: &str, path: &OsStr) -> Result<PathBuf, Failure> {
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|file| file.is_file() && access(file, AccessFlags::X_OK).is_ok())
        .ok_or_else(|| Failure { command: name.to_owned(), cause: CommandError::NotFound })
}

#[cfg(test)]
mod tests;
