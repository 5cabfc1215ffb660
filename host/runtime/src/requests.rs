//! The way of a request: cache, then origin, then what should be loaded ahead.
//!
//! Nothing here waits for a strategy, and no lock is taken that a tick holds: rules are read through
//! an atomic pointer, shadows are fed through a bounded queue that drops what does not fit, and the
//! control thread is woken without being waited for.

use std::sync::Arc;
use std::sync::OnceLock;
use std::thread::Thread;
use std::time::{Duration, Instant};

use host_cache::{Cache, Fill, SampleTap, Served};
use host_executor::Executor;
use host_prefetch::Prefetcher;

use crate::access_log::Position;
use crate::entry::Entry;
use crate::meter::Meter;
use crate::origin::{Origin, OriginError};

/// The parts that a request passes.
pub(crate) struct Requests {
    pub(crate) cache: Arc<Cache<u64, Entry>>,
    pub(crate) prefetcher: Arc<Prefetcher>,
    pub(crate) tap: Option<SampleTap>,
    pub(crate) meter: Meter,
    pub(crate) origin: Arc<dyn Origin>,
    pub(crate) executor: Arc<Executor>,
    pub(crate) pace: Pace,
}

impl Requests {
    /// Notes that a request for `key` has arrived, and loads ahead what the rules say. To be called in the
    /// order of arrival, before the request waits in a queue: order is what rules go by, and the wait is
    /// the head start of what is loaded ahead. Returns the request's place in the access log.
    pub(crate) fn arrived(self: &Arc<Self>, key: u64) -> Position {
        let at = self.meter.accesses.arrived(key);
        let mut loads = Vec::new();
        let no_use = |key| self.cache.contains(&key) || !self.origin.has(key);
        self.prefetcher.arrived(key, no_use, &mut loads);
        for load in loads {
            self.load_ahead(load.key);
        }
        at
    }

    /// Serves one key, whose request has arrived, from the cache, else from the origin.
    ///
    /// # Errors
    /// What the origin answered.
    pub(crate) async fn get(self: &Arc<Self>, key: u64, at: Position) -> Result<Entry, OriginError> {
        let started = Instant::now();
        self.prefetcher.demanded(key);
        let result = self.cache.get_or_try_insert_async(key, self.origin.load(key)).await;
        if let Ok((entry, served)) = &result {
            let size = u32::try_from(entry.weight()).unwrap_or(u32::MAX);
            self.meter.accesses.served(at, size, *served != Served::Loaded);
            if let Some(tap) = &self.tap {
                tap.offer(self.cache.id(&key), entry.weight());
            }
        }
        self.done(started.elapsed());
        result.map(|(entry, _)| entry)
    }

    /// Notes that work has taken `time`.
    pub(crate) fn done(&self, time: Duration) {
        let count = self.meter.finished(time);
        self.pace.at(count);
    }

    /// Loads ahead in a lane of its own, bounded by the prefetch budget: behind the demand that waits in
    /// the queue it would always come too late.
    fn load_ahead(self: &Arc<Self>, key: u64) {
        let this = Arc::clone(self);
        let task = async move {
            match this.cache.try_fill_async(key, this.origin.load(key)).await {
                Ok(Fill::Loaded) => {
                    let weight = this.cache.peek(&key).map_or(0, |entry| entry.weight());
                    this.prefetcher.loaded(key, weight);
                }
                // Somebody else was faster; or whoever asks for it on demand meets the error and reports it.
                Ok(Fill::Present | Fill::UnderWay) | Err(_) => this.prefetcher.failed(key),
            }
        };
        self.executor.handle().spawn(task);
    }
}

/// Wakes the control thread after so many requests.
#[derive(Debug)]
pub(crate) struct Pace {
    every: u64,
    thread: OnceLock<Thread>,
}

impl Pace {
    /// After every `every` requests; never for 0.
    pub(crate) fn new(every: u64) -> Self {
        Self { every, thread: OnceLock::new() }
    }

    /// Says which thread to wake. Only the first call counts.
    pub(crate) fn wake(&self, thread: Thread) {
        self.thread.get_or_init(|| thread);
    }

    /// Requests between two ticks; 0 for ticks by time alone.
    pub(crate) fn every(&self) -> u64 {
        self.every
    }

    fn at(&self, count: u64) {
        if self.every > 0
            && count.is_multiple_of(self.every)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}
