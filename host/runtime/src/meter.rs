//! What the request path notes for the control loop.
//!
//! A request notes its key and its time without waiting for anybody: the counter and the ring of recent
//! keys are atomics; times go to the first of a few histograms that nobody is writing to or emptying. Were
//! all of them taken, the time of that one request would not be noted: a request waits for no tick.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use host_contract::Latency;
use parking_lot::Mutex;

/// How many recent keys a strategy may look back on.
pub(crate) const RECENT: usize = 4096;

const STRIPES: usize = 8;

/// Counters and recent keys of one run.
#[derive(Debug)]
pub(crate) struct Meter {
    finished: AtomicU64,
    recent: Box<[AtomicU64]>,
    next: AtomicUsize,
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
            recent: (0..RECENT).map(|_| AtomicU64::new(0)).collect(),
            next: AtomicUsize::new(0),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Meter {
    /// Notes that a key was asked for.
    pub(crate) fn asked(&self, key: u64) {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        if let Some(place) = self.recent.get(at % RECENT) {
            place.store(key, Ordering::Relaxed);
        }
    }

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

    /// The last [`RECENT`] keys asked for, oldest first.
    #[must_use]
    pub(crate) fn recent(&self) -> Vec<u64> {
        let next = self.next.load(Ordering::Relaxed);
        let held = next.min(RECENT);
        (next - held..next)
            .filter_map(|at| self.recent.get(at % RECENT))
            .map(|key| key.load(Ordering::Relaxed))
            .collect()
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
    fn the_ring_keeps_the_last_keys_oldest_first() {
        let meter = Meter::default();
        assert_eq!(meter.recent(), Vec::<u64>::new());
        for key in 0..5_000 {
            meter.asked(key);
        }
        let recent = meter.recent();
        assert_eq!((recent.len(), recent[0], recent[RECENT - 1]), (RECENT, 904, 4_999));
    }

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
