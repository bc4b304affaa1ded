use super::*;

#[test]
fn a_line_is_one_line_below_the_limit() {
    let logger = Logger::new("inputs.net::my\nalias", Level::Info);
    let line = logger.line(Level::Warn, &"é\n".repeat(2000));
    assert!(line.starts_with("W! [inputs.net::my alias] é é"), "{line}");
    assert!(line.len() < 1000 && line.ends_with('\n'));
    assert_eq!(line.matches('\n').count(), 1);
}

#[test]
fn repeats_are_counted_until_a_gather_without_them() {
    let mut logger = Logger::new("x", Level::Info);
    let counts: Vec<u64> = (0..3)
        .map(|_| {
            let count = logger.counted("key");
            assert_eq!(logger.counted("key"), None, "once a gather");
            logger.end_gather();
            count.unwrap()
        })
        .collect();
    assert_eq!(counts, [1, 2, 3]);
    logger.end_gather();
    assert_eq!(logger.counted("key"), Some(1));
}
