use std::time::{Duration, Instant};

use super::*;

fn list(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

fn globs(entries: &[&str], separators: &str) -> Globs {
    Globs::compile(&list(entries), separators).expect("a good list").expect("a list with entries")
}

fn fault(pattern: &str) -> GlobFault {
    Globs::compile(&list(&["*", pattern]), "").expect_err(pattern).fault
}

/// Patterns, separators, texts that match, texts that do not.
type Case = (&'static [&'static str], &'static str, &'static [&'static str], &'static [&'static str]);

/// Each as gobwas/glob v0.2.3 judges it.
const AS_GOBWAS: &[Case] = &[
    (&["cpu"], "", &["cpu"], &["cpu0", "CPU", "cp", ""]),
    (&["cpu", "mem"], "", &["cpu", "mem"], &["net"]),
    (&["cpu*"], "", &["cpu", "cpu0", "cpu.x/y"], &["mem", "xcpu"]),
    (&["cpu", "mem", "net*"], "", &["cpu", "mem", "network"], &["cpu0"]),
    (&["*"], "", &["", "a", "a.b/c\n"], &[]),
    (&["e?h0"], "", &["eth0"], &["eh0", "etth0"]),
    (&["*a*b*"], "", &["ab", "xaxbx"], &["ba", "a"]),
    (&["a**b", "x***"], "", &["ab", "a/b", "x", "xyz"], &["a", "ax"]),
    (&["10.*.1"], "", &["10.0.1", "10.0.0.1"], &["10.1", "10.0.0.2"]),
    // Literals, and what a wildcard elsewhere in the list makes of them.
    (&["{a,b}"], "", &["{a,b}"], &["a", "b"]),
    (&["{a,b}", "*c"], "", &["a", "b", "xc"], &["{a,b}"]),
    (&[r"a\b"], "", &[r"a\b"], &["ab"]),
    (&[r"a\b", "?"], "", &["ab", "x"], &[r"a\b"]),
    // Escapes.
    (&[r"\*", "?x"], "", &["*"], &["a", r"\*"]),
    (&[r"a\{b,c\}*"], "", &["a{b,c}", "a{b,c}x"], &["ab"]),
    (&[r"*\"], "", &["", "a", r"a\"], &[]),
    // Classes: one range or one list.
    (&["[a-c]"], "", &["a", "b", "c"], &["d", "-", "ab", ""]),
    (&["x[!a]"], "", &["xb", "x!"], &["xa", "x", "b"]),
    (&["x[!a-c]"], "", &["xd", "x-"], &["xa", "xb", "xc"]),
    (&["[^a]"], "", &["^", "a"], &["b"]),
    (&["[ab-d]"], "", &["a", "b", "-", "d"], &["c"]),
    (&["[-a]"], "", &["-", "a"], &["b"]),
    (&["[a!]"], "", &["a", "!"], &["b"]),
    (&["x[!!]"], "", &["xa"], &["x!"]),
    (&[r"[\]a]", "?x"], "", &["]", "a"], &[r"\", "b"]),
    (&["[]-a]"], "", &["]", "^", "a"], &["b", "-", r"\"]),
    (&["[A-]]"], "", &["A", "[", r"\", "]"], &["-", "^"]),
    (&["[ -~]"], "", &[" ", "!", "-", "]", "~"], &["\t", "é"]),
    (&["[+--]"], "", &["+", ",", "-"], &[".", "*"]),
    (&["[--a]"], "", &["-", "A", "]", "a"], &["b", "!"]),
    (&["x[!-a]"], "", &["xb", "x!"], &["xa", "x-"]),
    (&[r"[\]!-]", "x*"], "", &["]", "!", "-"], &[r"\", "a"]),
    (&["[*?[]"], "", &["*", "?", "["], &["a"]),
    // Alternatives.
    (&["*.{com,org}"], "", &["a.com", ".org"], &["a.net", "a.com."]),
    (&["{a,{b,c}d}?"], "", &["ax", "bdx", "cdx"], &["bx", "a"]),
    (&["{[,],x}*"], "", &[",", "x", ",y"], &["y"]),
    (&["a}*", "b,*"], "", &["a}", "a}x", "b,"], &["a", "b"]),
    (&["{a,b]*"], "", &["a", "b]", "b]x"], &["b", "ab"]),
    // Separators.
    (&["cpu.*.count"], ".", &["cpu.x.count"], &["cpu.count", "cpu.a.b.count"]),
    (&["cpu.**.count"], ".", &["cpu.x.count", "cpu.a.b.count"], &["cpu.count"]),
    (&["a?c"], ".", &["abc", "a/c"], &["a.c"]),
    (&["a[.x]c"], ".", &["a.c", "axc"], &["abc"]),
    (&["a[!x]c"], ".", &["a.c"], &["axc"]),
    (&["*.{a,b.c}"], ".", &["x.a", "x.b.c"], &["x.y.a", "a"]),
    (&["{a,b}"], ".", &["a", "b"], &["{a,b}"]),
    (&["a*"], "-", &["a", "ab.c"], &["a-b"]),
    (&["*"], "]", &["", "a-b"], &["a]"]),
    (&["cpu.*.count"], ".,", &["cpu.x.count"], &["cpu.,.count", "cpu.a,b.count"]),
    // Beyond ASCII.
    (&["é*"], "", &["é", "éa"], &["e", "\u{c3}"]),
    (&["*日*"], "", &["日", "a日b"], &["a"]),
    (&["[à-ü]"], "", &["é"], &["e", "日"]),
    (&["[éè]"], "", &["é", "è"], &["e"]),
    (&["*é"], "é", &["é", "aé"], &["éé"]),
];

#[test]
fn matches_as_gobwas_does() {
    for (patterns, separators, matching, others) in AS_GOBWAS {
        let globs = globs(patterns, separators);
        for text in *matching {
            assert!(globs.matches(text), "{patterns:?} with separators {separators:?} must match {text:?}");
        }
        for text in *others {
            assert!(
                !globs.matches(text),
                "{patterns:?} with separators {separators:?} must not match {text:?}"
            );
        }
    }
}

/// gobwas gets these wrong against its own documentation, or panics.
#[test]
fn follows_the_documented_syntax_where_gobwas_fails() {
    for (pattern, separators, text, matches) in [
        ("?", "", "", false),
        ("[!a]", "", "", false),
        ("b*b", "", "b", false),
        ("?b", "", "éb", true),
        ("é?", "", "éa", true),
        ("z{a*,b?}", "", "zab", true),
        ("*{,a}", "", "xa", true),
        ("a{}*", "", "ab", true),
        ("?{", "", "a", true),
        ("??", "._", "b.", false),
        ("***", ".", "a.b", true),
    ] {
        let globs = globs(&[pattern], separators);
        assert_eq!(globs.matches(text), matches, "{pattern:?} with separators {separators:?} on {text:?}");
    }
}

#[test]
fn an_empty_list_is_no_filter() {
    assert!(Globs::compile(&[], "").expect("an empty list is good").is_none());
    assert!(Globs::compile(&[], ".").expect("an empty list is good").is_none());
}

#[test]
fn errors_name_the_cause() {
    assert_eq!(fault("["), GlobFault::UnclosedClass);
    assert_eq!(fault("a[b"), GlobFault::UnclosedClass);
    assert_eq!(fault("[!"), GlobFault::UnclosedClass);
    assert_eq!(fault("[a-"), GlobFault::UnclosedClass);
    assert_eq!(fault("[a-b"), GlobFault::UnclosedClass);
    assert_eq!(fault(r"[ab\]"), GlobFault::UnclosedClass);
    assert_eq!(fault("[]"), GlobFault::EmptyClass);
    assert_eq!(fault("[]a]"), GlobFault::EmptyClass);
    assert_eq!(fault("[!]"), GlobFault::EmptyClass);
    assert_eq!(fault("[c-a]"), GlobFault::DescendingRange('c', 'a'));
    assert_eq!(fault("[a--]"), GlobFault::DescendingRange('a', '-'));
    assert_eq!(fault("[a-cd]"), GlobFault::LongRange);
}

#[test]
fn an_error_is_one_short_line() {
    let pattern = format!("[c-a]\n{}", "x".repeat(5000));
    let error = Globs::compile(std::slice::from_ref(&pattern), "").expect_err("a descending range");
    assert_eq!(error.pattern, pattern);
    let line = error.to_string();
    assert!(line.starts_with(r#"glob "[c-a]\nxxx"#), "{line}");
    assert!(line.ends_with("...: the range 'c'-'a' is in descending order"), "{line}");
    assert!(!line.contains('\n') && line.len() < 400, "{line}");
}

#[test]
fn alternatives_multiply_without_a_limit() {
    let pattern = "{a,b}".repeat(1000);
    assert!(globs(&[&pattern, "*x"], "").matches(&"ab".repeat(500)));
    assert!(!globs(&[&pattern, "*x"], "").matches(&"ab".repeat(501)));
}

#[test]
fn a_list_is_bounded() {
    let nested = |depth: usize| format!("*{}[!a]{}", "{x?,*".repeat(depth), "}".repeat(depth));
    assert!(globs(&[&nested(MAX_DEPTH)], ".").matches("b"));
    assert_eq!(fault(&nested(MAX_DEPTH + 1)), GlobFault::TooDeep);
    assert_eq!(fault(&"{".repeat(MAX_LENGTH + 1)), GlobFault::TooLong);
    assert_eq!(fault(&"?".repeat(MAX_LENGTH - 1)), GlobFault::TooLong, "too large when it is compiled");
    let line = Globs::compile(&list(&["*", &"a*".repeat(MAX_LENGTH)]), "").expect_err("too long").to_string();
    assert!(line.starts_with("glob \"a*a*a") && line.ends_with("...: its list is too long"), "{line}");
    assert!(Globs::compile(&list(&[&"?".repeat(MAX_LENGTH / 1000 + 1)]), &".".repeat(1000)).is_err());
    // Literals are not compiled.
    let literal = "x".repeat(MAX_LENGTH * 2);
    assert!(globs(&[&literal, "*y"], "").matches(&literal));
}

#[test]
fn hostile_patterns_take_no_exponential_time() {
    let text = "a".repeat(2000) + ".";
    let start = Instant::now();
    for separators in ["", ".", "/"] {
        assert!(!globs(&["*a*a*a*a*a*a*a*a*a*a*a*a*b"], separators).matches(&text));
        assert!(!globs(&["*?*?*?*?*?*?*?*?*?*?*?*?*?*?b"], separators).matches(&text));
        assert!(!globs(&["**a*a**a*a**a*a**a*a**a*a**a*b"], separators).matches(&text));
    }
    let pattern = "*a".repeat(500);
    assert!(globs(&[&pattern], "").matches(&"a".repeat(500)));
    assert!(!globs(&[&pattern], "").matches(&"a".repeat(499)));
    assert!(start.elapsed() < Duration::from_secs(60), "exponential matching would take years");
}
