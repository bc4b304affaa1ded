use super::number;

#[test]
fn numbers_are_plain_and_fit_64_bits() {
    assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
    for bad in [&b"18446744073709551616"[..], b"", b"-", b"-1", b"+1", b"1k", b"\xff", b"0x1"] {
        assert_eq!(number(bad), None, "{bad:?}");
    }
}
