use super::*;

fn lines_of(chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
    let mut lines = Lines::default();
    let mut seen = Vec::new();
    let mut each = |line: Option<&[u8]>| seen.push(line.map(<[u8]>::to_vec));
    for chunk in chunks {
        lines.feed(chunk, &mut each);
    }
    lines.finish(&mut each);
    seen
}

#[test]
fn the_lines_are_the_same_wherever_the_chunks_are_cut() {
    let text = b"first\n\n second line\nlast";
    let whole = lines_of(&[text]);
    assert_eq!(whole.len(), 4);
    for cut in 0..text.len() {
        let (head, tail) = text.split_at(cut);
        assert_eq!(lines_of(&[head, tail]), whole, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = text.chunks(1).collect();
    assert_eq!(lines_of(&bytes), whole);
}

#[test]
fn a_line_that_is_too_long_is_dropped_and_the_next_one_kept() {
    let long = vec![b'x'; LONGEST];
    assert_eq!(lines_of(&[&long, b"y", &long, b"\nok\n"]), [None, Some(b"ok".to_vec())]);
    assert_eq!(lines_of(&[&long, b"\nok"]), [Some(long.clone()), Some(b"ok".to_vec())]);
    assert_eq!(lines_of(&[&long, b"y"]), [None]);
}
