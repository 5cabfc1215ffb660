//! The clock of a run in virtual time. It stands where it was moved to.
//!
//! Whoever replays moves it; the cache reads it for the lifetimes of its entries, so that they end at the same request in
//! every run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Time since the start of the run, in nanoseconds: enough for 584 years.
#[derive(Debug, Default)]
pub(crate) struct VirtualClock(AtomicU64);

impl VirtualClock {
    pub(crate) fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Moves the clock on. At its end it stays.
    pub(crate) fn advance(&self, by: Duration) {
        let now = self.now().saturating_add(by).as_nanos();
        self.0.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_where_it_was_moved_to() {
        let clock = VirtualClock::default();
        clock.advance(Duration::from_secs(3));
        clock.advance(Duration::from_millis(5));
        assert_eq!(clock.now(), Duration::from_millis(3_005));
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Duration::from_nanos(u64::MAX));
    }
}
