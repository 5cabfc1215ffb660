//! What the request path counts for the control loop.
//!
//! A request counts itself and its time without waiting for anybody, and so does a load from the origin: counters and the
//! access log are atomics; times go to the first of a few histograms that nobody is writing to or emptying. Were all of
//! them taken, that one time would not be recorded: a request waits for no tick.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use host_contract::Latency;
use parking_lot::Mutex;

use crate::access_log::AccessLog;

const STRIPES: usize = 8;

/// Counters, times and recent requests of one run.
#[derive(Debug)]
pub(crate) struct RequestMetrics {
    finished: AtomicU64,
    pub(crate) accesses: AccessLog,
    requests: Striped,
    loaded: AtomicU64,
    loads: Striped,
    /// Size of what requests had to load, since the last tick.
    missed_bytes: AtomicU64,
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self {
            finished: AtomicU64::new(0),
            accesses: AccessLog::default(),
            requests: Striped::default(),
            loaded: AtomicU64::new(0),
            loads: Striped::default(),
            missed_bytes: AtomicU64::new(0),
        }
    }
}

impl RequestMetrics {
    /// A request took `time`, from its arrival to its end. Returns how many have finished with it.
    pub(crate) fn finished(&self, time: Duration) -> u64 {
        let count = self.finished.fetch_add(1, Ordering::Relaxed) + 1;
        self.requests.record(count, time);
        count
    }

    /// A load from the origin took `time`, on demand or ahead of it, whether it gave a value or an error.
    pub(crate) fn loaded(&self, time: Duration) {
        self.loads.record(self.loaded.fetch_add(1, Ordering::Relaxed), time);
    }

    /// So many requests took `time` each: for who serves one at a time and need not tell of each. Returns how many have
    /// finished with them.
    pub(crate) fn finished_alike(&self, time: Duration, requests: u64) -> u64 {
        self.requests.record_many(0, time, requests);
        self.finished.fetch_add(requests, Ordering::Relaxed) + requests
    }

    /// Requests took these times: for who serves none itself.
    pub(crate) fn finished_as(&self, times: &Latency) {
        self.requests.merge(times);
        self.finished.fetch_add(times.count(), Ordering::Relaxed);
    }

    /// So many loads from the origin took `time` each.
    pub(crate) fn loaded_alike(&self, time: Duration, loads: u64) {
        self.loads.record_many(0, time, loads);
        self.loaded.fetch_add(loads, Ordering::Relaxed);
    }

    /// Requests had to load entries of so many bytes together, in the unit of the capacity.
    pub(crate) fn missed(&self, bytes: u64) {
        self.missed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What requests had to load since the last call.
    #[must_use]
    pub(crate) fn take_missed_bytes(&self) -> u64 {
        self.missed_bytes.swap(0, Ordering::Relaxed)
    }

    /// 99th percentile of the origin's loads since the last call, microseconds; none where none ended.
    #[must_use]
    pub(crate) fn take_origin_p99(&self) -> Option<f64> {
        let loads = self.loads.take_window().percentiles();
        (loads.count > 0).then_some(loads.p99_us)
    }

    /// Mean time of the origin's loads since the start, microseconds; 0 where there was none.
    #[must_use]
    pub(crate) fn mean_load_us(&self) -> f64 {
        self.loads.total().percentiles().mean_us
    }

    /// Requests finished since the start.
    #[must_use]
    pub(crate) fn count(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// Times of requests since the last call.
    #[must_use]
    pub(crate) fn take_window(&self) -> Latency {
        self.requests.take_window()
    }

    /// Times of requests since the start.
    #[must_use]
    pub(crate) fn total(&self) -> Latency {
        self.requests.total()
    }
}

/// A histogram in stripes, so that threads that record at once do not meet.
#[derive(Debug)]
pub(crate) struct Striped(Box<[Mutex<Stripe>]>);

/// Times since the last tick, and since the start of the run.
#[derive(Debug, Default)]
struct Stripe {
    window: Latency,
    total: Latency,
}

impl Default for Striped {
    fn default() -> Self {
        Self((0..STRIPES).map(|_| Mutex::default()).collect())
    }
}

impl Striped {
    /// Records `time` in the first stripe from `hint` on that nobody holds.
    pub(crate) fn record(&self, hint: u64, time: Duration) {
        self.with(hint, |window| window.record(time));
    }

    /// Records `time` so many times.
    fn record_many(&self, hint: u64, time: Duration, times: u64) {
        if times > 0 {
            self.with(hint, |window| window.record_many(time, times));
        }
    }

    /// Adds these times.
    fn merge(&self, times: &Latency) {
        self.with(0, |window| window.merge(times));
    }

    fn with(&self, hint: u64, record: impl FnOnce(&mut Latency)) {
        let first = usize::try_from(hint).unwrap_or(0);
        let stripes = (first..first.saturating_add(STRIPES)).filter_map(|at| self.0.get(at % STRIPES));
        if let Some(mut stripe) = stripes.into_iter().find_map(Mutex::try_lock) {
            record(&mut stripe.window);
        }
    }

    /// Times since the last call.
    pub(crate) fn take_window(&self) -> Latency {
        // A histogram has thousands of buckets: none is added up that need not be.
        let mut window: Option<Latency> = None;
        for stripe in &self.0 {
            let mut stripe = stripe.lock();
            if stripe.window.count() == 0 {
                continue;
            }
            let taken = std::mem::take(&mut stripe.window);
            stripe.total.merge(&taken);
            drop(stripe);
            match &mut window {
                Some(window) => window.merge(&taken),
                None => window = Some(taken),
            }
        }
        window.unwrap_or_default()
    }

    /// Times since the start.
    pub(crate) fn total(&self) -> Latency {
        let mut total = Latency::default();
        for stripe in &self.0 {
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
        let metrics = RequestMetrics::default();
        for ms in 1..=10 {
            metrics.finished(Duration::from_millis(ms));
        }
        assert_eq!(metrics.take_window().percentiles().count, 10);
        metrics.finished(Duration::from_millis(1));
        assert_eq!(metrics.take_window().percentiles().count, 1);
        assert_eq!((metrics.total().percentiles().count, metrics.count()), (11, 11));
        assert_eq!(metrics.finished_alike(Duration::from_millis(1), 5), 16);
        assert_eq!((metrics.take_window().percentiles().count, metrics.total().percentiles().count), (5, 16));
        metrics.finished_as(&metrics.total());
        assert_eq!((metrics.take_window().percentiles().count, metrics.count()), (16, 32));
    }

    #[test]
    fn loads_of_the_origin_have_a_window_of_their_own() {
        let metrics = RequestMetrics::default();
        metrics.finished(Duration::from_secs(1));
        assert_eq!(metrics.take_origin_p99(), None, "a request is no load");
        for ms in 1..=100 {
            metrics.loaded(Duration::from_millis(ms));
        }
        let p99 = metrics.take_origin_p99().unwrap();
        assert!((98_000.0..=100_000.0).contains(&p99), "{p99}");
        assert_eq!(metrics.take_origin_p99(), None);
        assert_eq!(metrics.take_window().percentiles().count, 1, "a load is no request");
    }
}
