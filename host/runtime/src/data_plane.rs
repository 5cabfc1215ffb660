//! What a request passes: access log, prefetch rules, cache, counters.
//!
//! One data plane serves wall time and virtual time. It knows no thread and no clock: whoever drives it says when a
//! request arrived, waits for loads in its own way ([`crate::live`], [`crate::virtual_run`]), and says how long a request
//! took. Nothing here waits for a strategy. Rules are read through an atomic pointer, the shadows' samples go through a
//! bounded queue that drops what does not fit, and the control thread is woken without being waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use ahash::RandomState;
use host_cache::{Cache, Groups, SampleTap};
use host_prefetch::Prefetcher;

use crate::access_log::Position;
use crate::entry::Entry;
use crate::key::Key;
use crate::memory::Inflow;
use crate::prefixes::Prefixes;
use crate::record::RequestTap;
use crate::refresh::Refresh;
use crate::request_metrics::RequestMetrics;
use crate::tiers::Tiers;
use crate::value::{Value, Weighing};

/// The cache of a host: an entry is its own key, and holds the value.
pub(crate) type Store = Cache<Entry, (), RandomState>;

/// The parts that a request passes.
pub(crate) struct DataPlane {
    pub(crate) cache: Arc<Store>,
    pub(crate) weighing: Weighing,
    pub(crate) prefetcher: Arc<Prefetcher>,
    pub(crate) metrics: RequestMetrics,
    /// The way to the shadows; none where there are none, and in virtual time, where they are fed at once.
    pub(crate) tap: Option<SampleTap>,
    /// Keys that are looked at apart.
    pub(crate) prefixes: Prefixes,
    pub(crate) trigger: TickTrigger,
    /// Where values are that the cache does not hold.
    pub(crate) tiers: Option<Arc<Tiers>>,
    /// Large values that come in.
    pub(crate) inflow: Arc<Inflow>,
    /// Loads entries again before their time is over; none in virtual time.
    pub(crate) refresh: Option<Arc<Refresh>>,
    /// Where requests are noted, of a run that is recorded.
    pub(crate) recording: Option<Arc<RequestTap>>,
}

/// A request that has arrived and is not served yet.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) key: Key,
    position: Position,
}

impl DataPlane {
    /// Logs that a request for `key` has arrived, and says which keys the rules want prefetched. To be called in the order
    /// of arrival, before the request waits in a queue: rules go by the order, and the wait is the prefetch's head start.
    pub(crate) fn arrive(&self, key: Key, has: impl Fn(u64) -> bool) -> (Arrival, Vec<u64>) {
        let number = key.number();
        let position = self.metrics.accesses.arrived(number);
        (Arrival { key, position }, self.wanted(number, has))
    }

    /// The keys that the rules want prefetched as a request for this number arrives.
    pub(crate) fn wanted(&self, number: u64, has: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut loads = Vec::new();
        let no_use = |number: u64| self.cache.contains(&Key::Number(number)) || !has(number);
        self.prefetcher.arrived(number, no_use, &mut loads);
        for number in self.prefetcher.take_drops() {
            self.cache.discard(&Key::Number(number));
        }
        loads.into_iter().map(|load| load.key).collect()
    }

    /// Settles whether a prefetch of the key of this number came in time. To be called when the request looks it up.
    pub(crate) fn demanded(&self, number: u64) {
        self.prefetcher.demanded(number);
    }

    /// The request was served with a value, `hit` where it caused no load of its own.
    pub(crate) fn served(&self, arrival: &Arrival, value: &Value, hit: bool) {
        let weight = self.weight(&arrival.key, value);
        // The log has 32 bits for it: 4 GiB and more count as the largest.
        self.metrics.accesses.served(arrival.position, u32::try_from(weight).unwrap_or(u32::MAX), hit);
        let groups = || self.prefixes.groups(arrival.key.bytes());
        self.weighed(|| self.cache.id(&arrival.key), weight, hit, groups);
        if !hit {
            self.prefetcher.missed(arrival.key.number());
        }
    }

    /// Counts what a request missed, and tells the shadows of it, once it is known what the entry weighs. They know its key by
    /// the id that the cache's own policy knows it by, so that the cache can take over what a shadow has learnt; which groups
    /// it belongs to, they ask only where they follow it.
    #[inline]
    pub(crate) fn weighed(
        &self,
        id: impl FnOnce() -> u64,
        weight: u64,
        hit: bool,
        groups: impl FnOnce() -> Groups,
    ) {
        if !hit {
            self.metrics.missed(weight);
        }
        if let Some(tap) = &self.tap {
            tap.offer_in(id(), weight, groups);
        }
    }

    /// What an entry counts for against the capacity.
    pub(crate) fn weight(&self, key: &Key, value: &Value) -> u64 {
        value.weight_under(key, self.weighing)
    }

    /// The same, of a value that weighs so much under a key of bytes.
    pub(crate) fn weight_of_bytes(&self, key: &[u8], weight: u64) -> u64 {
        self.weighing.of(u64::try_from(key.len()).unwrap_or(u64::MAX), weight)
    }

    /// So many requests have ended, each `time` after its arrival.
    pub(crate) fn finished_alike(&self, time: Duration, requests: u64) {
        let count = self.metrics.finished_alike(time, requests);
        self.trigger.passed(count.saturating_sub(requests), count);
    }

    /// A request, or a piece of work, has ended `time` after its arrival.
    pub(crate) fn finished(&self, time: Duration) -> u64 {
        let count = self.metrics.finished(time);
        self.trigger.at(count);
        count
    }

    /// To be called before whatever may evict, by the thread that does it.
    #[inline]
    pub(crate) fn before_evicting(&self) {
        if let Some(tiers) = &self.tiers {
            tiers.before_evicting();
        }
    }

    /// A prefetched value is in the cache.
    pub(crate) fn prefetched(&self, number: u64, weight: u64) {
        self.prefetcher.loaded(number, weight);
    }
}

/// Wakes the control thread after so many requests.
#[derive(Debug, Default)]
pub(crate) struct TickTrigger {
    every: u64,
    /// The count of requests at which to wake it next.
    next: AtomicU64,
    thread: OnceLock<Thread>,
}

impl TickTrigger {
    /// For ticks after every `every` requests; for ticks by time alone where that is 0.
    pub(crate) fn new(every: u64) -> Self {
        Self { every, next: AtomicU64::new(u64::MAX), thread: OnceLock::new() }
    }

    /// Says which thread to wake. Only the first call counts.
    pub(crate) fn wake(&self, thread: Thread) {
        self.thread.get_or_init(|| thread);
    }

    /// Requests between two ticks; 0 for ticks by time alone.
    pub(crate) fn every(&self) -> u64 {
        self.every
    }

    /// Wakes the thread when so many requests have ended. One that ended before does not wake it.
    pub(crate) fn wake_at(&self, count: u64) {
        self.next.store(count, Ordering::Relaxed);
    }

    fn at(&self, count: u64) {
        self.passed(count.saturating_sub(1), count);
    }

    /// The count went from `before` to `count`.
    fn passed(&self, before: u64, count: u64) {
        let next = self.next.load(Ordering::Relaxed);
        if before < next
            && next <= count
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}
