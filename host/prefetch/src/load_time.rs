//! How long a load takes, and what part of that a prefetch was ahead of its request.
//!
//! A prefetch saves the part of the load that has passed when its key is asked for. Where requests come faster than loads end,
//! that is little for the next keys, and a rule has to reach farther or is worth nothing.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Part of the mean by which a load moves it.
const WEIGHT: u32 = 16;

/// What the time is; from any start.
pub(crate) type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// A clock, and the mean time of a load by it.
pub(crate) struct LoadTime {
    clock: Clock,
    /// In nanoseconds; 0 before the first load.
    mean: AtomicU64,
}

impl LoadTime {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, mean: AtomicU64::new(0) }
    }

    /// Notes what a load took. Of two threads that meet here, one may be passed over.
    pub(crate) fn took(&self, time: Duration) {
        let mean = Duration::from_nanos(self.mean.load(Ordering::Relaxed));
        let next = if mean.is_zero() { time } else { mean * (WEIGHT - 1) / WEIGHT + time / WEIGHT };
        self.mean.store(u64::try_from(next.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }

    /// The part of a load that has passed since `then`, 0 to 1; 1 before a load was seen.
    pub(crate) fn part_since(&self, then: Duration) -> f64 {
        let mean = Duration::from_nanos(self.mean.load(Ordering::Relaxed));
        if mean.is_zero() {
            return 1.0;
        }
        self.now().saturating_sub(then).div_duration_f64(mean).min(1.0)
    }
}

impl fmt::Debug for LoadTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadTime").field("mean", &self.mean).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_part_is_of_the_mean_load_and_no_more_than_all_of_it() {
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let time = LoadTime::new(Box::new(move || Duration::from_micros(clock.load(Ordering::Relaxed))));
        assert_eq!(time.part_since(Duration::ZERO), 1.0, "nothing is known yet");
        time.took(Duration::from_micros(1_000));
        assert_eq!(time.part_since(Duration::ZERO), 0.0);
        now.store(250, Ordering::Relaxed);
        assert_eq!(time.part_since(Duration::ZERO), 0.25);
        now.store(9_000, Ordering::Relaxed);
        assert_eq!(time.part_since(Duration::ZERO), 1.0);
        (0..200).for_each(|_| time.took(Duration::from_micros(36_000)));
        assert!((time.part_since(Duration::ZERO) - 0.25).abs() < 0.001);
        time.took(Duration::MAX);
        assert!(time.part_since(Duration::ZERO) < 0.001);
    }
}
