use std::path::Path;

use super::*;
use crate::host::Host;
use crate::inputs::environment::Environment;

/// A fake source that works if a file with its name is in the directory on PATH.
type Fake = &'static str;

fn probe(context: &Context, name: &str) -> Result<(), Cause> {
    let file = Path::new(context.environment.host.path()).join(name);
    if file.exists() { Ok(()) } else { Err(Cause::new(format!("no {name}"))) }
}

const SOURCES: &[Registration<Fake, u8>] = &[
    Registration {
        name: "first",
        capabilities: 1,
        probe: |context| probe(context, "first"),
        open: |_| Ok(Box::new("opened first")),
    },
    Registration {
        name: "second",
        capabilities: 2,
        probe: |context| probe(context, "second"),
        open: |_| Ok(Box::new("opened second")),
    },
    Registration {
        name: "third",
        capabilities: 3,
        probe: |context| probe(context, "third"),
        open: |_| Err(Cause::new("third went meanwhile")),
    },
];

/// A directory, and the environment of a host where the sources in it work.
fn host() -> (tempfile::TempDir, Environment) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().as_os_str().to_owned();
    let host = Host::from_environment(|name| (name == "PATH").then(|| path.clone()));
    (directory, Environment::of_host(host))
}

fn options(source: &str) -> Result<SourceOptions<Fake, u8>, OptionError> {
    SourceOptions::new(SOURCES, source, GoDuration(Duration::from_secs(1)), None)
}

fn choice(name: &str, environment: &Environment) -> Choice<Fake, u8> {
    choice_without(name, environment, 0)
}

/// A choice where the source with this capability lacks something.
fn choice_without(name: &str, environment: &Environment, lacking: u8) -> Choice<Fake, u8> {
    let context = Context { environment: environment.clone(), platform: None };
    let lacks = move |capability: u8, _: &Context| (capability == lacking).then(|| String::from("lacks it"));
    Choice::new(SOURCES.iter().collect(), options(name).unwrap().named, Box::new(lacks), context)
}

fn name(choice: &mut Choice<Fake, u8>, now: Instant) -> &'static str {
    choice.source(now).map(|chosen| chosen.registration.name).expect("a source works")
}

fn failure() -> SourceError {
    SourceError::Failed(Cause::new("it printed garbage"))
}

fn gone() -> SourceError {
    SourceError::Unavailable(Cause::new("it is gone"))
}

fn install(directory: &tempfile::TempDir, name: &str) {
    std::fs::write(directory.path().join(name), "").expect("it can be written");
}

fn remove(directory: &tempfile::TempDir, name: &str) {
    std::fs::remove_file(directory.path().join(name)).expect("it can be removed");
}

#[test]
fn an_unknown_source_is_refused() {
    for name in ["", "FIRST", "x"] {
        let error = options(name).err().map(|error| (error.key, error.message));
        let expected = format!("unknown source \"{name}\"; allowed are auto, first, second, third");
        assert_eq!(error, Some((String::from("source"), expected)));
    }
    assert!(options("auto").unwrap().named.is_none());
    assert_eq!(options("second").unwrap().named.map(|source| source.capabilities), Some(2));
}

#[test]
fn auto_takes_the_first_source_that_works_and_reports_why() {
    let (directory, environment) = host();
    install(&directory, "second");
    let now = Instant::now();
    let mut choice = choice("auto", &environment);
    let chosen = choice.source(now).expect("second works");
    assert_eq!((chosen.registration.name, *chosen.source), ("second", "opened second"));
    assert_eq!(chosen.instead_of.take(), Some(vec![String::from("first: no first")]));

    install(&directory, "first");
    assert_eq!(name(&mut choice, now), "second", "as long as it works");
}

#[test]
fn auto_passes_over_a_source_that_lacks_something() {
    let (directory, environment) = host();
    install(&directory, "first");
    install(&directory, "second");
    let mut choice = choice_without("auto", &environment, 1);
    let chosen = choice.source(Instant::now()).expect("second works");
    assert_eq!(chosen.registration.name, "second");
    assert_eq!(chosen.instead_of, Some(vec![String::from("first: lacks it")]));
}

#[test]
fn auto_chooses_again_when_the_source_in_use_is_gone() {
    let (directory, environment) = host();
    install(&directory, "first");
    install(&directory, "second");
    let now = Instant::now();
    let mut choice = choice("auto", &environment);
    assert_eq!(name(&mut choice, now), "first");

    remove(&directory, "first");
    assert!(choice.failed(&gone(), now), "the next one is tried at once");
    let chosen = choice.source(now).expect("second works");
    assert_eq!(chosen.registration.name, "second");
    assert_eq!(chosen.instead_of, Some(vec![String::from("first: no first")]));

    // The first source works again, and is chosen when the one in use is gone.
    install(&directory, "first");
    assert!(choice.failed(&gone(), now));
    assert_eq!(name(&mut choice, now), "first");
}

#[test]
fn auto_passes_over_a_source_for_ten_minutes_after_three_failures_in_a_row() {
    let (directory, environment) = host();
    install(&directory, "first");
    install(&directory, "second");
    let start = Instant::now();
    let mut choice = choice("auto", &environment);
    for gather in 0..5 {
        assert_eq!(name(&mut choice, start), "first");
        assert!(!choice.failed(&failure(), start));
        if gather == 1 {
            // A successful gather resets the count.
            choice.succeeded();
        }
    }
    let chosen = choice.source(start).expect("second works");
    let why = vec![String::from("first: failed in 3 gathers in a row: it printed garbage")];
    assert_eq!((chosen.registration.name, chosen.instead_of.take()), ("second", Some(why)));

    assert_eq!(name(&mut choice, start + Duration::from_secs(599)), "second");
    let later = start + PASSED_OVER;
    assert_eq!(name(&mut choice, later), "first", "it is tried again");
    // After a retry, one failure is enough.
    assert!(!choice.failed(&failure(), later));
    assert_eq!(name(&mut choice, later), "second");
    let later = later + PASSED_OVER;
    assert_eq!(name(&mut choice, later), "first");
    choice.succeeded();
    assert!(!choice.failed(&failure(), later));
    assert_eq!(name(&mut choice, later), "first");
}

#[test]
fn auto_keeps_a_failing_source_if_there_is_no_other() {
    let (directory, environment) = host();
    install(&directory, "first");
    let now = Instant::now();
    let mut choice = choice("auto", &environment);
    for _ in 0..10 {
        assert_eq!(name(&mut choice, now), "first");
        assert!(!choice.failed(&failure(), now));
    }
}

#[test]
fn auto_passes_over_an_unavailable_source_whose_probe_succeeds() {
    let (directory, environment) = host();
    install(&directory, "first");
    install(&directory, "second");
    let now = Instant::now();
    let mut choice = choice("auto", &environment);
    assert_eq!(name(&mut choice, now), "first");
    assert!(choice.failed(&gone(), now));
    let chosen = choice.source(now).expect("second works");
    assert_eq!(chosen.registration.name, "second");
    assert_eq!(chosen.instead_of, Some(vec![String::from("first: it is gone")]));
}

#[test]
fn the_error_without_a_working_source_has_every_reason() {
    let (directory, environment) = host();
    install(&directory, "third");
    let now = Instant::now();
    let mut choice = choice("auto", &environment);
    let error = choice.source(now).err().map(|error| error.to_string());
    let expected =
        "no source works on this host: first: no first; second: no second; third: third went meanwhile";
    assert_eq!(error.as_deref(), Some(expected));
    install(&directory, "first");
    assert!(choice.source(now).is_ok(), "it heals");
}

#[test]
fn a_named_source_is_never_replaced_and_may_work_again() {
    let (directory, environment) = host();
    let now = Instant::now();
    let mut choice = choice("first", &environment);
    let error = |choice: &mut Choice<Fake, u8>| choice.source(now).err().map(|error| error.to_string());
    let expected = "source first does not work on this host: no first; sources that would: ";
    assert_eq!(error(&mut choice), Some(format!("{expected}none")));
    install(&directory, "second");
    assert_eq!(error(&mut choice), Some(format!("{expected}second")));
    install(&directory, "first");
    for _ in 0..10 {
        let chosen = choice.source(now).expect("first works");
        assert_eq!((chosen.registration.name, &chosen.instead_of), ("first", &None), "nothing was chosen");
        assert!(!choice.failed(&failure(), now));
    }
}

#[test]
fn every_source_is_described() {
    let (directory, environment) = host();
    install(&directory, "second");
    let context = Context { environment, platform: None };
    let lines = describe("net", SOURCES, &context, |capability| format!(" ({capability})"));
    let expected = ["net first (1): no: no first", "net second (2): works", "net third (3): no: no third"];
    assert_eq!(lines, expected);
}
