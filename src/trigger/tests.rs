use super::*;

#[test]
fn triggers_coalesce_and_the_pending_one_comes_before_the_end() {
    let triggers = Triggers::default();
    for _ in 0..1000 {
        triggers.gather();
    }
    triggers.end();
    assert_eq!(triggers.next(None), Event::Gather);
    assert_eq!(triggers.next(None), Event::End);
    assert_eq!(triggers.next(None), Event::End);
}

#[test]
fn a_waiting_agent_is_woken() {
    let triggers = Arc::new(Triggers::default());
    let waker = Arc::clone(&triggers);
    let waiting = std::thread::spawn(move || triggers.next(None));
    std::thread::sleep(Duration::from_millis(20));
    waker.gather();
    assert_eq!(waiting.join().unwrap(), Event::Gather);
}

#[test]
fn a_line_without_newline_is_no_trigger() {
    for (input, expected) in [(&b""[..], Event::End), (b"x", Event::End), (b"x\ny", Event::Gather)] {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        nix::unistd::write(&writer, input).unwrap();
        drop(writer);
        let (stdout_reader, stdout) = nix::unistd::pipe().unwrap();
        drop(stdout_reader);
        let triggers = Triggers::default();
        triggers.watch_stdin(std::fs::File::from(reader), stdout, || {});
        assert_eq!(triggers.next(None), expected, "{input:?}");
    }
}

#[test]
fn the_timer_keeps_its_rhythm_and_forgets_missed_ticks() {
    let start = Instant::now();
    let second = Duration::from_secs(1);
    let mut timer = Timer::new(second, start);
    assert_eq!(timer.left(start), second);
    assert_eq!(timer.left(start + second), Duration::ZERO);
    assert_eq!(timer.left(start + second), second);
    let late = start + second * 5 + second / 4;
    assert_eq!(timer.left(late), Duration::ZERO);
    assert_eq!(timer.left(late), second * 3 / 4);
}

#[test]
fn the_timer_is_a_trigger() {
    let mut timer = Timer::new(Duration::from_millis(1), Instant::now());
    assert_eq!(Triggers::default().next(Some(&mut timer)), Event::Gather);
}
