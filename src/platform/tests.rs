use super::Platform;

#[test]
fn names_lead_back_to_their_platforms() {
    for platform in Platform::ALL {
        assert_eq!(Platform::from_name(platform.name()), Some(platform));
    }
    assert_eq!(Platform::from_name("linux"), None);
    assert_eq!(Platform::from_name("FreeBSD"), None);
}

#[test]
fn the_build_knows_its_own_platform() {
    let expected = if cfg!(target_os = "freebsd") {
        Some(Platform::FreeBsd)
    } else if cfg!(target_os = "openbsd") {
        Some(Platform::OpenBsd)
    } else if cfg!(target_os = "netbsd") {
        Some(Platform::NetBsd)
    } else if cfg!(target_os = "macos") {
        Some(Platform::MacOs)
    } else {
        None
    };
    assert_eq!(Platform::current(), expected);
}
