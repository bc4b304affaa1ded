use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn triggers_coalesce_and_a_pending_one_comes_before_the_end() {
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
fn a_trigger_wakes_a_waiting_agent() {
    let triggers = Arc::new(Triggers::default());
    let waker = Arc::clone(&triggers);
    let waiting = std::thread::spawn(move || triggers.next(None));
    std::thread::sleep(Duration::from_millis(20));
    waker.gather();
    assert_eq!(waiting.join().unwrap(), Event::Gather);
}

/// Watches `input`, a pipe that has ended, until stdout hangs up.
fn watched(input: &[u8]) -> (Event, bool) {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    nix::unistd::write(&writer, input).unwrap();
    drop(writer);
    let (stdout_reader, stdout) = nix::unistd::pipe().unwrap();
    let triggers = Arc::new(Triggers::default());
    let hung_up = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (triggers, hung_up) = (Arc::clone(&triggers), Arc::clone(&hung_up));
        std::thread::spawn(move || {
            triggers.watch_stdin(&reader, &stdout, || hung_up.store(true, Ordering::SeqCst));
        })
    };
    let event = triggers.next(None);
    drop(stdout_reader);
    watcher.join().unwrap();
    (event, hung_up.load(Ordering::SeqCst))
}

#[test]
fn a_line_without_newline_is_not_a_trigger() {
    assert_eq!(watched(b""), (Event::End, true));
    assert_eq!(watched(b"x"), (Event::End, true));
    assert_eq!(watched(b"x\ny"), (Event::Gather, true));
}

#[test]
fn the_timer_stays_aligned_and_skips_missed_ticks() {
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
fn the_end_comes_before_the_timer() {
    let triggers = Triggers::default();
    triggers.end();
    let mut timer = Timer::new(Duration::from_nanos(1), Instant::now());
    std::thread::sleep(Duration::from_millis(1));
    assert_eq!(triggers.next(Some(&mut timer)), Event::End);
}

#[test]
fn the_timer_is_a_trigger() {
    let mut timer = Timer::new(Duration::from_millis(1), Instant::now());
    assert_eq!(Triggers::default().next(Some(&mut timer)), Event::Gather);
}
