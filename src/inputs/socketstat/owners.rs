//! The owners of sockets: user, cgroup, and the unit of the service manager. No process is looked at.
//!
//! The dump has the user id and, since Linux 5.8, the number of the cgroup, which is the inode number of its directory in
//! cgroup v2. Sources: `inet_diag_msg_attrs_fill` in `net/ipv4/inet_diag.c`, cgroups(7), systemd.unit(5) and the names that
//! container runtimes give their scopes.

mod cgroups;
mod unit;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User};

use cgroups::Cgroups;

/// Looks up the names of owners.
#[derive(Debug)]
pub(super) struct Owners {
    users: Users,
    cgroups: Cgroups,
    /// The path and the unit of the last look-up.
    unit: (String, String),
}

impl Owners {
    /// For a host whose `/sys` is at `sys`.
    pub(super) fn new(sys: &Path) -> Self {
        let cgroups = Cgroups::new(PathBuf::from("/proc/self/mountinfo"), sys.to_owned());
        Self { users: Users::default(), cgroups, unit: (String::new(), String::new()) }
    }

    /// The name of a user; empty if the kernel does not report it.
    pub(super) fn user(&mut self, uid: Option<u32>, now: Instant) -> &str {
        uid.map_or("", |uid| self.users.name(uid, now))
    }

    /// The path of a cgroup; empty if the kernel does not report it.
    pub(super) fn cgroup(&mut self, number: Option<u64>, now: Instant) -> &str {
        number.map_or("", |number| self.cgroups.path(number, now))
    }

    /// The unit of a cgroup, or its path if it has none.
    pub(super) fn unit(&mut self, number: Option<u64>, now: Instant) -> &str {
        let path = number.map_or("", |number| self.cgroups.path(number, now));
        if self.unit.0 != path {
            self.unit = (path.to_owned(), unit::unit(path).unwrap_or_else(|| path.to_owned()));
        }
        &self.unit.1
    }
}

/// The maximum number of cached user names.
const MOST: usize = 65_536;
/// How long a user name is cached.
const KEPT: Duration = Duration::from_secs(3600);

/// Names of users, looked up once an hour.
#[derive(Debug, Default)]
struct Users {
    names: HashMap<u32, (String, Instant)>,
}

impl Users {
    /// The name of a user in the system's database, or the number if there is none.
    fn name(&mut self, uid: u32, now: Instant) -> &str {
        if self.names.len() >= MOST {
            self.names.clear();
        }
        let known = self.names.entry(uid).or_insert_with(|| (look_up(uid), now));
        if now.saturating_duration_since(known.1) >= KEPT {
            *known = (look_up(uid), now);
        }
        &known.0
    }
}

fn look_up(uid: u32) -> String {
    // If the database cannot be read, there is no name either.
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_a_name_is_a_number() {
        let mut users = Users::default();
        let now = Instant::now();
        assert_eq!(users.name(0, now), "root");
        assert_eq!(users.name(3_999_999_999, now), "3999999999");
        assert_eq!(users.name(0, now + KEPT), "root");
        assert_eq!(users.names.len(), 2);
    }
}
