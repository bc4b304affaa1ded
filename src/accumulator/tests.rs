use std::os::fd::OwnedFd;
use std::time::UNIX_EPOCH;

use super::*;
use crate::metric::Value;

const FIELDS: &[(&str, Value<'_>)] = &[("recv_q", Value::Unsigned(7))];
const METRIC: Metric<'_> = Metric { name: "socketstat", tags: &[("proto", b"tcp")], fields: FIELDS };

fn output(file: &str) -> Output {
    let file = std::fs::OpenOptions::new().write(true).open(file).expect("it can be written");
    Output::new(OwnedFd::from(file))
}

/// What `gather` adds, and whether it failed.
fn gathered(gather: impl FnOnce(&mut Accumulator<'_>)) -> (String, bool) {
    let (global, mut log) = (Global::default(), Logger::new("inputs.net", Level::Error));
    let mut output = output("/dev/null");
    let mut accumulator = Accumulator::new(&global, &mut log, &mut output, Unsigned::Clamped, UNIX_EPOCH);
    gather(&mut accumulator);
    let failed = accumulator.finish();
    (String::from_utf8(output.buffer().clone()).expect("UTF-8"), failed)
}

#[test]
fn rollback_drops_metrics_after_a_mark() {
    let (text, _) = gathered(|accumulator| {
        accumulator.add(&Metric { name: "a", tags: &[], fields: FIELDS });
        let mark = accumulator.mark();
        accumulator.add(&METRIC);
        accumulator.rollback(mark);
        accumulator.add(&Metric { name: "b", tags: &[], fields: FIELDS });
    });
    assert_eq!(text, "a recv_q=7i 0\nb recv_q=7i 0\n");
}

#[test]
fn errors_are_counted_and_remarks_are_not() {
    assert!(gathered(|accumulator| accumulator.error("lost")).1);
    let (_, failed) = gathered(|accumulator| {
        accumulator.remark(Level::Warn, "key", "text");
        accumulator.say(Level::Info, "text");
    });
    assert!(!failed);
}

#[test]
fn a_full_disk_is_an_error_of_the_gather() {
    let (global, mut log) = (Global::default(), Logger::new("inputs.net", Level::Error));
    let mut output = output("/dev/full");
    let mut accumulator = Accumulator::new(&global, &mut log, &mut output, Unsigned::Native, UNIX_EPOCH);
    accumulator.add(&METRIC);
    assert!(accumulator.flush().is_ok(), "it may pass: the next gather is tried");
    assert!(accumulator.finish());
    assert!(output.buffer().is_empty(), "nothing is kept");
}

#[test]
fn a_closed_stdout_ends_the_gather() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let (global, mut log) = (Global::default(), Logger::new("inputs.net", Level::Error));
    let mut output = Output::new(OwnedFd::from(writer));
    let mut accumulator = Accumulator::new(&global, &mut log, &mut output, Unsigned::Native, UNIX_EPOCH);
    accumulator.add(&METRIC);
    assert!(matches!(accumulator.flush(), Err(OutputError::Closed)));
}
