//! What the request path notes for the control loop.
//!
//! A request notes itself and its time without waiting for anybody: the counter and the access log are
//! atomics; times go to the first of a few histograms that nobody is writing to or emptying. Were
//! all of them taken, the time of that one request would not be noted: a request waits for no tick.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use host_contract::Latency;
use parking_lot::Mutex;

use crate::access_log::AccessLog;

const STRIPES: usize = 8;

/// Counters, times and recent requests of one run.
#[derive(Debug)]
pub(crate) struct Meter {
    finished: AtomicU64,
    pub(crate) accesses: AccessLog,
    stripes: Box<[Mutex<Stripe>]>,
}

/// Times since the last tick, and since the start of the run.
#[derive(Debug, Default)]
struct Stripe {
    window: Latency,
    total: Latency,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            finished: AtomicU64::new(0),
            accesses: AccessLog::default(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Meter {
    /// Notes that a request took `time`. Returns how many have finished with it.
    pub(crate) fn finished(&self, time: Duration) -> u64 {
        let count = self.finished.fetch_add(1, Ordering::Relaxed) + 1;
        let first = usize::try_from(count).unwrap_or(0);
        let stripes = (first..first + STRIPES).filter_map(|at| self.stripes.get(at % STRIPES));
        if let Some(mut stripe) = stripes.into_iter().find_map(Mutex::try_lock) {
            stripe.window.record(time);
        }
        count
    }

    /// Requests finished since the start.
    #[must_use]
    pub(crate) fn count(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// Times since the last call.
    #[must_use]
    pub(crate) fn take_window(&self) -> Latency {
        let mut window = Latency::default();
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            let taken = std::mem::take(&mut stripe.window);
            stripe.total.merge(&taken);
            drop(stripe);
            window.merge(&taken);
        }
        window
    }

    /// Times since the start.
    #[must_use]
    pub(crate) fn total(&self) -> Latency {
        let mut total = Latency::default();
        for stripe in &self.stripes {
            let stripe = stripe.lock();
            total.merge(&stripe.total);
            total.merge(&stripe.window);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_emptied_and_the_total_is_not() {
        let meter = Meter::default();
        for ms in 1..=10 {
            meter.finished(Duration::from_millis(ms));
        }
        assert_eq!(meter.take_window().percentiles().count, 10);
        meter.finished(Duration::from_millis(1));
        assert_eq!(meter.take_window().percentiles().count, 1);
        assert_eq!((meter.total().percentiles().count, meter.count()), (11, 11));
    }
}
