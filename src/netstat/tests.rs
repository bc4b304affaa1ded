use super::{FirstLine, cells};

#[test]
fn cells_are_what_white_space_separates() {
    let all = |line| cells(line).collect::<Vec<_>>();
    assert_eq!(all(b"  tcp4\t 0  *.22 \r"), [&b"tcp4"[..], b"0", b"*.22"]);
    assert!(all(b" \t\r").is_empty());
}

#[test]
fn the_first_line_that_says_something_is_kept() {
    let mut first = FirstLine::default();
    first.see(b" \r");
    assert_eq!(first.quoted(), None);
    first.see(b"  netstat: sysctl failed \r");
    first.see(b"other");
    assert_eq!(first.quoted().as_deref(), Some("\"netstat: sysctl failed\""));
}
