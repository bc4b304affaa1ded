use super::*;

#[test]
fn pieces_are_whole_lines_below_the_limit() {
    let line = [b"x".repeat(99), b"\n".to_vec()].concat();
    let lines = line.repeat(100);
    let piece = piece_of(&lines);
    assert_eq!(piece % 100, 0);
    assert!(piece <= ATOMIC && piece > ATOMIC - 100, "{piece}");
    assert_eq!(piece_of(b"a\nb\n"), 4);
    let long = [b"y".repeat(2 * ATOMIC), b"\nz\n".to_vec()].concat();
    assert_eq!(piece_of(&long), 2 * ATOMIC + 1);
    assert_eq!(piece_of(b"no end"), 6);
}

#[test]
fn a_half_written_line_is_remembered() {
    let piece = b"one\ntwo\nthree\n";
    assert_eq!(unfinished_line(piece, &piece[..]), b"");
    assert_eq!(unfinished_line(piece, &piece[2..]), b"e\n");
    assert_eq!(unfinished_line(piece, &piece[4..]), b"");
    assert_eq!(unfinished_line(piece, &piece[5..]), b"wo\n");
}

#[test]
fn a_full_device_is_an_error_and_empties_the_buffer() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else {
        crate::skip::skipped("needs /dev/full");
        return;
    };
    let mut output = Output::new(full.into());
    output.buffer().extend_from_slice(b"a b=1i\n");
    assert!(matches!(output.flush(), Err(OutputError::Failed(Errno::ENOSPC))));
    assert!(output.buffer().is_empty() && output.begun.is_empty());
}

#[test]
fn a_closed_reader_is_an_error_of_its_own() {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let mut output = Output::new(writer);
    drop(reader);
    output.buffer().extend_from_slice(b"a b=1i\n");
    assert!(matches!(output.flush(), Err(OutputError::Closed)));
}

#[test]
fn a_large_buffer_grows_by_steps() {
    let mut output = Output::new(std::fs::File::open("/dev/null").unwrap().into());
    let line = vec![b'x'; ROOM / 4];
    while output.buffer.len() < 2 * DOUBLED {
        output.buffer().extend_from_slice(&line);
        let (length, capacity) = (output.buffer.len(), output.buffer.capacity());
        assert!(length <= DOUBLED || capacity <= length + STEP + ROOM, "{capacity} for {length}");
    }
    // It is written to a descriptor that is not open for writing.
    assert!(output.flush().is_err());
    assert!(output.buffer.capacity() <= KEPT);
}
