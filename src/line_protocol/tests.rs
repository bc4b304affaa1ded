use super::*;
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn keys_and_tags_are_escaped() {
    for (value, expected) in [
        (&b"plain"[..], "plain"),
        (b"a b,c=d", "a\\ b\\,c\\=d"),
        (b"back\\slash", "back\\slash"),
        (b"end\\\\", "end"),
        (b"two\nlines\r\t\x0b\x0c", "two\\nlines\\r\\t\\v\\f"),
        (b"a\\\"b c", "a\\\\\"b\\ c"),
        (b"a\\\"b", "a\\\"b"),
        (b"\\,\\\\ x", "\\\\,\\\\\\ x"),
        (b"caf\xc3\xa9", "café"),
        (b"bad\xffbyte", "bad\u{FFFD}byte"),
        (b"cut\xc3", "cut\u{FFFD}"),
    ] {
        assert_eq!(written(|out| key(out, value)), expected);
    }
    assert_eq!(written(|out| measurement(out, b"a=b, c")), "a=b\\,\\ c");
    // Telegraf takes two backslashes together here: an odd one would leave the separator bare.
    assert_eq!(written(|out| measurement(out, b"a\\,b\\\\ c\\\"")), "a\\,b\\\\\\ c\\\"");
    let key = written(|out| field(out, b"a\\=b\\\\=c\\\"", Value::Signed(1), Unsigned::Native));
    assert_eq!(key, "a\\=b\\\\\\=c\\\\\"=1i");
}

#[test]
fn a_tag_that_would_be_empty_is_left_out() {
    assert_eq!(written(|out| tag(out, b"k", b"v")), ",k=v");
    for (name, value) in [(&b""[..], &b"v"[..]), (b"k", b""), (b"k", b"\\\\"), (b"\\", b"v")] {
        assert_eq!(written(|out| tag(out, name, value)), "");
    }
}

#[test]
fn numbers_and_strings() {
    let clamped = |value| written(|out| field(out, b"f", value, Unsigned::Clamped));
    assert_eq!(clamped(Value::Unsigned(0)), "f=0i");
    assert_eq!(clamped(Value::Unsigned(u64::MAX)), "f=9223372036854775807i");
    assert_eq!(clamped(Value::Signed(-1)), "f=-1i");
    assert_eq!(clamped(Value::Signed(i64::MIN)), "f=-9223372036854775808i");
    assert_eq!(clamped(Value::Text(b"a\"b\\c\nd\xff")), "f=\"a\\\"b\\\\c\\\\nd\u{FFFD}\"");
    let native = |value| written(|out| field(out, b"f", value, Unsigned::Native));
    assert_eq!(native(Value::Unsigned(u64::MAX)), "f=18446744073709551615u");
    assert_eq!(native(Value::Signed(7)), "f=7i");
}

proptest! {
    #[test]
    fn any_text_stays_one_tag_on_one_line(value: Vec<u8>) {
        let line = written(|out| tag(out, b"k", &value));
        prop_assert!(!line.contains(['\n', '\r', '\t', '\x0b', '\x0c']));
        let body = line.strip_prefix(",k=").unwrap_or("x");
        prop_assert!(!body.ends_with('\\'));
        for separator in [',', '=', ' '] {
            for (at, _) in body.match_indices(separator) {
                prop_assert!(body[..at].ends_with('\\'), "bare {:?} in {:?}", separator, body);
            }
        }
    }
}
