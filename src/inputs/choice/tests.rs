use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::command::Children;
use crate::host::Host;

/// A source that is no more than its name, and works where a file of that name is in the directory on PATH.
type Fake = &'static str;

fn probe(context: &Context, name: &str) -> Result<(), String> {
    let file = Path::new(context.environment.host.path()).join(name);
    if file.exists() { Ok(()) } else { Err(format!("no {name}")) }
}

const SOURCES: &[Registration<Fake, u8>] = &[
    Registration {
        name: "first",
        gives: 1,
        probe: |context| probe(context, "first"),
        open: |_| Ok(Box::new("opened first")),
    },
    Registration {
        name: "second",
        gives: 2,
        probe: |context| probe(context, "second"),
        open: |_| Ok(Box::new("opened second")),
    },
    Registration {
        name: "third",
        gives: 3,
        probe: |context| probe(context, "third"),
        open: |_| Err(String::from("third went meanwhile")),
    },
];

/// A directory, and the environment of a host on which the sources in it work.
fn host() -> (tempfile::TempDir, Environment) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().as_os_str().to_owned();
    let host = Host::from_environment(|name| (name == "PATH").then(|| path.clone()));
    (directory, Environment { host: Arc::new(host), children: Arc::new(Children::default()) })
}

fn choice(name: &str, environment: &Environment) -> Choice<Fake, u8> {
    Choice::new(SOURCES, name, environment, None).expect(name)
}

fn install(directory: &tempfile::TempDir, name: &str) {
    std::fs::write(directory.path().join(name), "").expect("it can be written");
}

fn remove(directory: &tempfile::TempDir, name: &str) {
    std::fs::remove_file(directory.path().join(name)).expect("it can be removed");
}

#[test]
fn a_name_that_is_no_source_is_refused() {
    let (_directory, environment) = host();
    for name in ["", "FIRST", "x"] {
        let error = Choice::new(SOURCES, name, &environment, None).err();
        let expected = format!("unknown source \"{name}\"; allowed are auto, first, second, third");
        assert_eq!(error, Some(expected));
    }
    assert!(choice("auto", &environment).named().is_none());
    assert_eq!(choice("second", &environment).named().map(|source| source.gives), Some(2));
}

#[test]
fn auto_takes_the_first_that_works_and_says_why_not_another() {
    let (directory, environment) = host();
    install(&directory, "second");
    let mut choice = choice("auto", &environment);
    let chosen = choice.source().expect("second works");
    assert_eq!((chosen.registration.name, *chosen.source), ("second", "opened second"));
    assert_eq!(chosen.instead_of.take(), Some(vec![String::from("first: no first")]));

    install(&directory, "first");
    let chosen = choice.source().expect("second works");
    assert_eq!((chosen.registration.name, &chosen.instead_of), ("second", &None), "as long as it works");
}

#[test]
fn auto_chooses_again_where_the_chosen_one_is_gone() {
    let (directory, environment) = host();
    install(&directory, "first");
    install(&directory, "second");
    let mut choice = choice("auto", &environment);
    assert_eq!(choice.source().expect("first works").registration.name, "first");

    remove(&directory, "first");
    choice.lost();
    let chosen = choice.source().expect("second works");
    assert_eq!(chosen.registration.name, "second");
    assert_eq!(chosen.instead_of, Some(vec![String::from("first: no first")]));

    install(&directory, "first");
    choice.lost();
    let chosen = choice.source().expect("first works again");
    assert_eq!((chosen.registration.name, &chosen.instead_of), ("first", &Some(Vec::new())));
}

#[test]
fn auto_passes_over_one_that_fails_in_spite_of_its_probe() {
    let (directory, environment) = host();
    install(&directory, "first");
    install(&directory, "second");
    let mut choice = choice("auto", &environment);
    assert_eq!(choice.source().expect("first works").registration.name, "first");
    choice.pass_over("first is broken");
    let chosen = choice.source().expect("second works");
    assert_eq!(chosen.registration.name, "second");
    assert_eq!(chosen.instead_of, Some(vec![String::from("first: first is broken")]));
    choice.lost();
    assert_eq!(choice.source().expect("first is tried again").registration.name, "first");
}

#[test]
fn where_none_works_every_reason_is_told() {
    let (directory, environment) = host();
    install(&directory, "third");
    let mut choice = choice("auto", &environment);
    let error = choice.source().err();
    let expected =
        "no source works on this host: first: no first; second: no second; third: third went meanwhile";
    assert_eq!(error.as_deref(), Some(expected));
    install(&directory, "first");
    assert!(choice.source().is_ok(), "it heals");
}

#[test]
fn a_named_source_is_never_replaced_and_heals() {
    let (directory, environment) = host();
    let mut choice = choice("first", &environment);
    let error = |choice: &mut Choice<Fake, u8>| choice.source().err();
    let expected = "source first does not work on this host: no first; sources that would: ";
    assert_eq!(error(&mut choice), Some(format!("{expected}none")));
    install(&directory, "second");
    assert_eq!(error(&mut choice), Some(format!("{expected}second")));
    install(&directory, "first");
    let chosen = choice.source().expect("first works");
    assert_eq!((chosen.registration.name, &chosen.instead_of), ("first", &None), "nothing was chosen");
}

#[test]
fn every_source_is_described() {
    let (directory, environment) = host();
    install(&directory, "second");
    let context = Context { environment, platform: None };
    let lines = describe("net", SOURCES, &context, |gives| format!(" ({gives})"));
    let expected = ["net first (1): no: no first", "net second (2): works", "net third (3): no: no third"];
    assert_eq!(lines, expected);
}
