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
    let checked = Run { config: Some("f.conf".into()), ..run(&[]) };
    assert_eq!(parsed(&["--check", "--config", "f.conf"]), Ok(Action::Check(checked)));
}

#[test]
fn switches_take_true_or_false_and_the_last_one_wins() {
    let interval = |flag| run(&["-poll_interval", "10s", flag]).poll_interval;
    let ten_seconds = Some(Duration::from_secs(10));
    for (flag, expected) in [
        ("-poll_interval_disabled", None),
        ("-poll_interval_disabled=true", None),
        ("--poll-interval-disabled=1", None),
        ("-poll_interval_disabled=false", ten_seconds),
        ("-poll_interval_disabled=F", ten_seconds),
    ] {
        assert_eq!(interval(flag), expected, "{flag}");
    }
    assert!(!run(&["--once", "--once=0"]).once && run(&["--once=f", "--once"]).once);
    assert_eq!(parsed(&["--version=false", "--help=0", "--sources=F"]), Ok(Action::Run(run(&[]))));
}

#[test]
fn a_usage_error_is_one_line() {
    for arguments in [
        &["--nope"][..],
        &["file"],
        &["--config"],
        &["--poll-interval", "0s"],
        &["--poll-interval", "soon"],
        &["--poll-interval=-1s"],
        &["--once=yes"],
        &["--once="],
        &["--once", "true"],
        &["-h=maybe"],
    ] {
        let error = parsed(arguments).unwrap_err();
        assert!(!error.contains('\n') && error.ends_with("(see --help)"), "{arguments:?}: {error}");
    }
}

#[test]
fn values_are_not_rewritten() {
    for file in ["-my_file", "--my_file", "-", "--", "-once", "a_b"] {
        assert_eq!(run(&["-config", file]).config, Some(file.into()));
        assert_eq!(run(&[&format!("-config={file}")]).config, Some(file.into()));
    }
    // Behind a value comes a flag again.
    let both = run(&["-config", "-poll_interval", "-poll_interval", "1s"]);
    assert_eq!(
        (both.config, both.poll_interval),
        (Some("-poll_interval".into()), Some(Duration::from_secs(1)))
    );
    for other in ["10_000", "-", "-x", "--", "-Config"] {
        assert_eq!(long_spelling(other.into()), OsString::from(other));
    }
}
