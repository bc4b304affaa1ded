//! The internal timer (`--poll-interval`).

use std::time::{Duration, Instant};

/// Fires at a fixed interval.
#[derive(Debug)]
pub struct Timer {
    interval: Duration,
    next: Instant,
}

impl Timer {
    /// A timer that fires first one `interval` after `now`.
    #[must_use]
    pub fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, next: now + interval }
    }

    /// The time until it fires. Zero means that it fires now. After a gather that took several intervals, it fires once
    /// and stays aligned.
    pub(super) fn left(&mut self, now: Instant) -> Duration {
        let left = self.next.saturating_duration_since(now);
        if left.is_zero() {
            let missed = now.saturating_duration_since(self.next);
            let behind = Duration::from_nanos(
                u64::try_from(missed.as_nanos() % self.interval.as_nanos().max(1)).unwrap_or(0),
            );
            self.next = now + self.interval.saturating_sub(behind).max(Duration::from_nanos(1));
        }
        left
    }
}
