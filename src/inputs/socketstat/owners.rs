//! Who owns a socket: its user, its cgroup and the service manager's unit, without a look at any process.
//!
//! The dump has the user id and, from Linux 5.8 on, the number of the cgroup: the inode number of its directory in cgroup
//! v2. Sources: `inet_diag_msg_attrs_fill` in `net/ipv4/inet_diag.c`, cgroups(7), systemd.unit(5) and the names that
//! container runtimes give their scopes.

mod cgroups;
mod unit;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::unistd::{Uid, User};

pub(super) use cgroups::Cgroups;
pub(super) use unit::unit;

/// How long a user's name is kept.
const KEPT: Duration = Duration::from_secs(3600);

/// Names of users, looked up once an hour.
#[derive(Debug, Default)]
pub(super) struct Users {
    names: HashMap<u32, (String, Instant)>,
}

impl Users {
    /// The name of a user in the system's database; the number where it has none.
    pub(super) fn name(&mut self, uid: u32, now: Instant) -> &str {
        let known = self.names.entry(uid).or_insert_with(|| (look_up(uid), now));
        if now.saturating_duration_since(known.1) >= KEPT {
            *known = (look_up(uid), now);
        }
        &known.0
    }
}

fn look_up(uid: u32) -> String {
    // A database that cannot be read has no name either.
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
