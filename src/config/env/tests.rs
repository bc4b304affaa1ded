use super::*;

fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "A" => "va",
        "EMPTY" => "",
        "B_1" => "vb",
        "D" => "$A",
        "_x" => "${A}",
        "a" => "low",
        _ => return None,
    };
    Some(value.to_owned())
}

fn replaced(text: &str) -> String {
    substitute(text, &lookup).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// As Telegraf 1.39.3 (compose-go 1.20.2) replaces them.
const AS_TELEGRAF: &[(&str, &str)] = &[
    ("", ""),
    ("plain } { text", "plain } { text"),
    ("$A", "va"),
    ("${A}", "va"),
    ("x$A/${B_1}y", "xva/vby"),
    ("$a${A}$B_1-", "lowvavb-"),
    ("$EMPTY|${EMPTY}|", "||"),
    // A value is not replaced again.
    ("$D $_x ${D:-n}", "$A ${A} $A"),
    ("$$A $$ $$$A", "$A $ $va"),
    ("$${A}", "${A}"),
    ("$UNSET ${UNSET} $A1", "$UNSET ${UNSET} $A1"),
    ("${1} $1 ${} ${ ${é} $ $é", "${1} $1 ${} ${ ${é} $ $é"),
    ("${A", "${A"),
    ("${A:x} ${A b} ${A=b}", "${A:x} ${A b} ${A=b}"),
    ("${UNSET:-d} ", "d "),
    ("${EMPTY:-d}", "d"),
    ("${A:-d}", "va"),
    ("${UNSET-d}", "d"),
    ("${EMPTY-d}", ""),
    ("${UNSET:-}", ""),
    ("${UNSET-a:-b?c+d}", "a:-b?c+d"),
    ("${A:+d}", "d"),
    ("${EMPTY:+d}", ""),
    ("${UNSET:+d}", ""),
    ("${A+d}", "d"),
    ("${EMPTY+d}", "d"),
    ("${UNSET+d}", ""),
    ("${A:?reason}", "va"),
    ("${EMPTY?reason}", ""),
    ("${UNSET:-${NO:-${A}}}", "va"),
    ("${UNSET:-x${NO-y}z$A}w", "xyzvaw"),
    ("${UNSET:-$$A}", "$A"),
    ("${UNSET:-{x}}", "{x}"),
    ("${UNSET:-${A}", "${UNSET:-${A}"),
    ("${UNSET:-a}${NO:-b}${A}", "abva"),
    ("é${UNSET:-日}é", "é日é"),
    ("${A\n}", "${A\n}"),
    ("${UNSET:-a\nb}$A", "${UNSET:-a\nb}va"),
    ("${UNSET:-a}\n${NO}", "a\n${NO}"),
    // Between a default and the last brace of its line, an unset variable is removed, and `${1}` prevents all changes.
    ("${UNSET:-a} ${NO} $NO", "a  $NO"),
    ("${UNSET:-${NO}}", ""),
    ("${UNSET:-a} ${1}", "${UNSET:-a} ${1}"),
    ("${UNSET:-${1}}$A", "${UNSET:-${1}}va"),
];

#[test]
fn replaces_as_telegraf_does() {
    for (text, expected) in AS_TELEGRAF {
        assert_eq!(replaced(text), *expected, "{text:?}");
    }
}

#[test]
fn a_required_variable_that_is_missing_is_an_error() {
    let error = |text| substitute(text, &lookup).expect_err(text);
    for (text, variable, reason) in [
        ("x${UNSET:?set it}", "UNSET", "set it"),
        ("${UNSET?}", "UNSET", ""),
        ("${EMPTY:?$A ${NO}}", "EMPTY", "va "),
        ("${A:-${UNSET:?inner}}", "UNSET", "inner"),
        ("${A:-x} ${UNSET:?behind}", "UNSET", "behind"),
        ("${FIRST:?1}\n${SECOND:?2}", "FIRST", "1"),
    ] {
        assert_eq!(error(text), EnvError::Required { variable: variable.into(), reason: reason.into() });
    }
    assert_eq!(error("${UNSET?}").to_string(), "environment variable \"UNSET\" is required");
    let line = error(&format!("${{UNSET:?a\"{}}}", "x".repeat(5000))).to_string();
    assert!(line.starts_with(r#"environment variable "UNSET" is required: "a\"xxx"#), "{line}");
    assert!(line.len() < 400, "{line}");
}

#[test]
fn nesting_is_bounded() {
    let nest = |depth| "${U:-".repeat(depth) + "x" + &"}".repeat(depth);
    assert_eq!(replaced(&nest(32)), "x");
    assert_eq!(substitute(&nest(33), &lookup), Err(EnvError::TooDeep));
    assert_eq!(substitute(&nest(100_000), &lookup), Err(EnvError::TooDeep));
}

#[test]
fn the_number_of_templates_per_line_is_not_limited() {
    assert_eq!(replaced(&"${U:-x}".repeat(5000)), "x".repeat(5000));
    assert_eq!(replaced(&"${A}$B_1".repeat(5000)), "vavb".repeat(5000));
}
