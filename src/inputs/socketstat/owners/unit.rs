//! The unit of a cgroup's path.

/// How many characters of a container's id are kept, as in `docker ps`.
const SHORT_ID: usize = 12;

/// The innermost service, scope or slice of a cgroup's path: `nginx.service`, `docker-0123456789ab`, `user-1000.slice`.
/// A container's id of 64 digits is shortened to 12. `None` where the path has none, as the root has none.
pub(super) fn unit(path: &str) -> Option<String> {
    path.rsplit('/').find_map(|name| unit_of(name, path))
}

fn unit_of(name: &str, path: &str) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    if let Some(short) = container(stem, path) {
        return Some(short);
    }
    (!stem.is_empty() && matches!(kind, "service" | "scope" | "slice")).then(|| name.to_owned())
}

/// `docker-<64 digits>`, `cri-containerd-<64 digits>`, `crio-<64 digits>`, `libpod-<64 digits>`, or the digits alone, as
/// cgroupfs drivers name them (`/docker/<64 digits>`, `/kubepods/.../<64 digits>`).
fn container(stem: &str, path: &str) -> Option<String> {
    let (runtime, id) = stem.rsplit_once('-').unwrap_or(("", stem));
    let is_id =
        id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let short = id.get(..SHORT_ID).filter(|_| is_id)?;
    let runtime = match runtime {
        "" if path.starts_with("/docker/") => "docker",
        "" => "container",
        runtime => runtime,
    };
    Some(format!("{runtime}-{short}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_unit_counts() {
        let id = "0123456789abcdef".repeat(4);
        for (path, expected) in [
            ("/system.slice/nginx.service", Some("nginx.service")),
            ("/system.slice/nginx.service/worker", Some("nginx.service")),
            ("/user.slice/user-1000.slice/session-3.scope", Some("session-3.scope")),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/app.service", Some("app.service")),
            ("/system.slice/system-getty.slice", Some("system-getty.slice")),
            (&format!("/system.slice/docker-{id}.scope"), Some("docker-0123456789ab")),
            (&format!("/machine.slice/libpod-{id}.scope/container"), Some("libpod-0123456789ab")),
            (
                &format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
                Some("cri-containerd-0123456789ab"),
            ),
            (&format!("/docker/{id}"), Some("docker-0123456789ab")),
            (&format!("/kubepods/burstable/pod1/{id}"), Some("container-0123456789ab")),
            ("/system.slice/docker-0123.scope", Some("docker-0123.scope")),
            ("/", None),
            ("/lxc/web", None),
            ("/.service", None),
            ("", None),
        ] {
            assert_eq!(unit(path).as_deref(), expected, "{path}");
        }
    }
}
