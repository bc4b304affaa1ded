use proptest::prelude::*;

use super::{number, push_decimal};

#[test]
fn numbers_are_plain_and_fit_64_bits() {
    assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
    for bad in [&b"18446744073709551616"[..], b"", b"-", b"-1", b"+1", b"1k", b"\xff", b"0x1"] {
        assert_eq!(number(bad), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn numbers_are_printed_as_by_the_standard_library(value: u64) {
        let mut out = b"x".to_vec();
        push_decimal(&mut out, value);
        prop_assert_eq!(out, format!("x{value}").into_bytes());
    }
}

#[test]
fn the_least_and_the_greatest_number() {
    for value in [0, 9, 10, u64::MAX] {
        let mut out = Vec::new();
        push_decimal(&mut out, value);
        assert_eq!(number(&out), Some(value));
        assert_eq!(out, value.to_string().into_bytes());
    }
}
