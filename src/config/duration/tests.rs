use std::collections::BTreeMap;

use super::*;

fn nanos(text: &str) -> u128 {
    text.parse::<GoDuration>().unwrap_or_else(|error| panic!("{error}")).0.as_nanos()
}

fn fault(text: &str) -> DurationFault {
    text.parse::<GoDuration>().expect_err(text).fault
}

/// As Telegraf 1.39.3 reads them.
const AS_TELEGRAF: &[(&str, u128)] = &[
    ("", 0),
    ("0", 0),
    ("-0", 0),
    ("-0s", 0),
    ("1", 1_000_000_000),
    ("+5", 5_000_000_000),
    ("1.5", 1_500_000_000),
    (".5", 500_000_000),
    ("5.", 5_000_000_000),
    ("1e3", 1_000_000_000_000),
    ("1E-3", 1_000_000),
    ("1s", 1_000_000_000),
    ("+1s", 1_000_000_000),
    ("1.s", 1_000_000_000),
    (".5s", 500_000_000),
    ("1m30s", 90_000_000_000),
    ("1h1h", 7_200_000_000_000),
    ("250ms", 250_000_000),
    ("1us", 1_000),
    ("1\u{b5}s", 1_000),
    ("1\u{3bc}s", 1_000),
    ("1ns", 1),
    ("0.5ns", 0),
    ("-0.5ns", 0),
    ("1d", 86_400_000_000_000),
    ("1.5d", 129_600_000_000_000),
    ("1d1h", 90_000_000_000_000),
    ("1d.5h", 88_200_000_000_000),
    ("1d11d", 1_036_800_000_000_000),
    // Only the digits after the point are converted to hours; the point stays.
    (".5d", 432_000_000_000),
    ("0.3333333333333333333h", 1_200_000_000_000),
    ("0.9223372036854775807h", 3_320_413_933_267),
    ("0.100000000000000000000h", 360_000_000_000),
    ("9223372036", 9_223_372_036_000_000_000),
    ("106751d", 9_223_286_400_000_000_000),
    ("9223372036854775807ns", 9_223_372_036_854_775_807),
    ("2562047h47m16.854775807s", 9_223_372_036_854_775_807),
];

#[test]
fn parses_durations_as_telegraf_does() {
    for &(text, expected) in AS_TELEGRAF {
        assert_eq!(nanos(text), expected, "{text:?}");
    }
    assert_eq!(nanos(&"1s".repeat(1000)), 1_000_000_000_000);
}

#[test]
fn rejects_what_telegraf_rejects() {
    use DurationFault::{NoNumber, NoUnit, TooLong, UnknownUnit};
    for (text, expected) in [
        ("-", NoNumber),
        ("+", NoNumber),
        ("--1s", NoNumber),
        ("+-1", NoNumber),
        (".", NoNumber),
        ("s", NoNumber),
        (".s", NoNumber),
        ("d", NoNumber),
        (" 1s", NoNumber),
        ("\n", NoNumber),
        ("\u{967}s", NoNumber),
        ("1m1", NoUnit),
        ("1.2.3s", NoUnit),
        ("1d2", NoUnit),
        ("1S", UnknownUnit),
        ("1 s", UnknownUnit),
        ("1s ", UnknownUnit),
        ("1w", UnknownUnit),
        ("1.d", UnknownUnit),
        ("1dd", UnknownUnit),
        ("1e3s", UnknownUnit),
        ("0x10", UnknownUnit),
        ("9223372036854775808ns", TooLong),
        ("9223372037s", TooLong),
        ("2562047h47m16.854775808s", TooLong),
        ("106752d", TooLong),
        ("1e400", TooLong),
        ("99999999999999999999s", TooLong),
    ] {
        assert_eq!(fault(text), expected, "{text:?}");
    }
    assert_eq!(fault(&"9".repeat(400)), TooLong);
    assert_eq!(fault(&("9".repeat(400) + "d")), NoNumber);
}

/// Telegraf accepts these: as undefined, wrapped-around or negative values, or as numbers in Go's own notation.
#[test]
fn rejects_durations_that_are_useless_as_a_timeout() {
    use DurationFault::{Negative, NoNumber, TooLong, UnknownUnit};
    for (text, expected) in [
        ("-1", Negative),
        ("-0.1", Negative),
        ("-1s", Negative),
        ("-1ns", Negative),
        ("-9223372036854775808ns", TooLong),
        ("9223372037", TooLong),
        ("1e10", TooLong),
        ("18446744073709551615", TooLong),
        ("inf", NoNumber),
        ("-infinity", NoNumber),
        ("nan", NoNumber),
        ("1_000", UnknownUnit),
        ("0x1p4", UnknownUnit),
    ] {
        assert_eq!(fault(text), expected, "{text:?}");
    }
}

#[test]
fn an_error_is_one_line_that_names_the_text_and_what_is_allowed() {
    let line = "-1s".parse::<GoDuration>().expect_err("negative").to_string();
    assert_eq!(
        line,
        "duration \"-1s\" must not be negative; allowed is a number of seconds, or numbers each with a unit of ns, us, \
         µs, ms, s, m, h, d, as in \"1m30s\""
    );
    let line = ("5\n".to_owned() + &"x".repeat(5000)).parse::<GoDuration>().expect_err("a unit").to_string();
    assert!(line.starts_with(r#"duration "5\nxxx"#) && line.contains("... has an unknown unit; "), "{line}");
    assert!(!line.contains('\n') && line.len() < 500, "{line}");
}

#[test]
fn is_read_from_a_string_or_a_number() {
    let read = |toml: &str| toml::from_str::<BTreeMap<String, GoDuration>>(toml);
    let durations = read("a = '1m30s'\nb = 5\nc = 2.5\nd = ''\ne = 1_000\nf = '3'").expect("good durations");
    let millis: Vec<u128> = durations.values().map(|duration| duration.0.as_millis()).collect();
    assert_eq!(millis, [90_000, 5_000, 2_500, 0, 1_000_000, 3_000]);
    for (toml, expected) in [
        ("a = '1x'", "duration \"1x\" has an unknown unit"),
        ("a = -1", "duration \"-1\" must not be negative"),
        ("a = -0.5", "duration \"-0.5\" must not be negative"),
        ("a = inf", "duration \"inf\" is not valid"),
        ("a = 1e300", "is too long"),
        ("a = true", "expected a duration: a number of seconds, or a string such as \"1m30s\""),
        ("a = [1]", "expected a duration"),
    ] {
        let error = read(toml).expect_err(toml).to_string();
        assert!(error.contains(expected), "{toml}: {error}");
    }
}
