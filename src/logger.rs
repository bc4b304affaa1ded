//! Log lines on stderr, in the form that Telegraf's `inputs.execd` copies to its own log: `E! [inputs.net] text`.
//!
//! Telegraf stops reading stderr at a line of 64 KiB; after that the pipe fills up and a write to it would block. So lines
//! are short, and a line is dropped if stderr has no room for it.

use std::collections::HashMap;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::quote::{cut, printable};

/// The longest log line, in bytes, with its newline.
const LONGEST_LINE: usize = 999;
/// A message that comes up at each gather is logged the first time and then every so many times.
const REPEAT: u64 = 60;

/// The level of a message, from the most to the least severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Metrics were lost.
    Error,
    /// Something was skipped.
    Warn,
    /// What a user wants to know once.
    Info,
    /// For troubleshooting.
    Debug,
}

impl Level {
    const fn letter(self) -> char {
        match self {
            Self::Error => 'E',
            Self::Warn => 'W',
            Self::Info => 'I',
            Self::Debug => 'D',
        }
    }
}

/// The log of one input, or of the process.
#[derive(Debug)]
pub struct Logger {
    name: String,
    threshold: Level,
    repeats: HashMap<String, Repeat>,
}

/// A message that has come up in each of the last gathers.
#[derive(Debug)]
struct Repeat {
    /// In how many gathers.
    count: u64,
    /// Whether it has come up in this one.
    this_gather: bool,
}

impl Logger {
    /// A log whose lines contain `[name]`. Messages below the level `threshold` are not written.
    #[must_use]
    pub fn new(name: impl Into<String>, threshold: Level) -> Self {
        Self { name: name.into(), threshold, repeats: HashMap::new() }
    }

    /// The name of its input.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Writes a message now.
    pub fn say(&self, level: Level, text: &str) {
        if level <= self.threshold {
            write_line(&self.line(level, text));
        }
    }

    /// Writes a message that may come up at each gather: the first time, and then every 60th time with the count. Messages
    /// with the same `key` are the same message, even if the numbers in their text differ.
    pub fn repeat(&mut self, level: Level, key: &str, text: &str) {
        if level > self.threshold {
            return;
        }
        match self.counted(key) {
            Some(1) => self.say(level, text),
            Some(count) if count % REPEAT == 0 => self.say(level, &format!("{text} ({count} times)")),
            _ => {}
        }
    }

    /// Ends a gather. A message that has not come up in it is new the next time.
    pub fn end_gather(&mut self) {
        self.repeats.retain(|_, repeat| std::mem::take(&mut repeat.this_gather));
    }

    /// In how many gathers in a row the message has come up; `None` if it is not the first time in this one.
    fn counted(&mut self, key: &str) -> Option<u64> {
        if let Some(repeat) = self.repeats.get_mut(key) {
            repeat.count += u64::from(!repeat.this_gather);
            return (!std::mem::replace(&mut repeat.this_gather, true)).then_some(repeat.count);
        }
        self.repeats.insert(key.to_owned(), Repeat { count: 1, this_gather: true });
        Some(1)
    }

    fn line(&self, level: Level, text: &str) -> String {
        let mut line = String::with_capacity(text.len() + self.name.len() + 8);
        line.push(level.letter());
        line.push_str("! [");
        for part in [self.name.as_str(), "] ", text] {
            line.extend(printable(part));
        }
        cut(&mut line, LONGEST_LINE - 1);
        line.push('\n');
        line
    }
}

fn write_line(line: &str) {
    let stderr = std::io::stderr();
    let ready = poll(&mut [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)], PollTimeout::ZERO);
    if ready.is_ok_and(|ready| ready > 0) {
        // There is nowhere to report that stderr cannot be written.
        let (Ok(_) | Err(_)) = nix::unistd::write(stderr, line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
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
}
