use super::*;

fn parsed(arguments: &[&str]) -> Result<Action, String> {
    parse(arguments.iter().map(OsString::from), "SAMPLE", "VERSION").map_err(|error| error.to_string())
}

fn run(arguments: &[&str]) -> Run {
    match parsed(arguments) {
        Ok(Action::Run(run)) => run,
        other => panic!("{other:?}"),
    }
}

#[test]
fn go_spellings_are_the_same_flags() {
    let expected = run(&["--config", "f.conf", "--poll-interval", "10s"]);
    assert_eq!(expected.config.as_deref(), Some(std::path::Path::new("f.conf")));
    assert_eq!(expected.poll_interval, Some(Duration::from_secs(10)));
    assert_eq!(run(&["-config", "f.conf", "-poll_interval", "10s"]), expected);
    assert_eq!(run(&["-config=f.conf", "--poll_interval=10s"]), expected);
    assert_eq!(run(&["-poll_interval", "10s", "-poll_interval_disabled"]).poll_interval, None);
}

#[test]
fn the_other_flags() {
    let all = run(&["--once", "--influx-uint-support", "--debug"]);
    assert!(all.once && all.debug && all.unsigned == Unsigned::Native);
    assert_eq!(parsed(&["--sample-config"]), Ok(Action::Print("SAMPLE")));
    assert_eq!(parsed(&["--version"]), Ok(Action::Print("VERSION")));
    assert_eq!(parsed(&["-h"]), Ok(Action::Print(HELP)));
    assert_eq!(parsed(&["--sources"]), Ok(Action::Sources));
}

#[test]
fn what_cannot_be_followed_is_one_line() {
    for arguments in [
        &["--nope"][..],
        &["file"],
        &["--config"],
        &["--poll-interval", "0s"],
        &["--poll-interval", "soon"],
        &["--poll-interval=-1s"],
        &["--once=1"],
    ] {
        let error = parsed(arguments).unwrap_err();
        assert!(!error.contains('\n') && error.ends_with("(see --help)"), "{arguments:?}: {error}");
    }
}

#[test]
fn a_value_that_looks_like_a_go_flag_is_kept() {
    assert_eq!(long_spelling("10_000".into()), OsString::from("10_000"));
    assert_eq!(long_spelling("-".into()), OsString::from("-"));
    assert_eq!(long_spelling("-x".into()), OsString::from("-x"));
}
