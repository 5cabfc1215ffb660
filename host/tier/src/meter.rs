//! What a tier has done, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use host_contract::Latency;
use parking_lot::Mutex;

use crate::Clock;

/// What a tier has done since it was made, and what it holds now.
#[derive(Debug, Clone, Default)]
pub struct TierStats {
    /// Lookups that found a value.
    pub hits: u64,
    /// Lookups that found none, those that failed included.
    pub misses: u64,
    /// Items taken.
    pub puts: u64,
    /// Items not taken: too large, over already, or given while the tier was out of order.
    pub refused: u64,
    /// Removals asked for.
    pub removes: u64,
    /// Items that went for want of room.
    pub evictions: u64,
    /// What went wrong: operations that failed, and damaged data that was found.
    pub errors: u64,
    /// Items held now. Where counting them exactly would ask too much, those whose life has ended are among them.
    pub entries: u64,
    /// Bytes taken now, of `capacity`.
    pub bytes: u64,
    /// Bytes it may take. 0 where that is not this host's affair.
    pub capacity: u64,
    /// How long lookups took, by the clock that the tier was given.
    pub get_latency: Latency,
    /// How long puts took.
    pub put_latency: Latency,
}

impl TierStats {
    /// Hits of all lookups, 0 to 1; none before the first one.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        host_contract::number::ratio(self.hits, self.hits + self.misses)
    }
}

/// The counters of a tier, which it counts up from any thread.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    hits: AtomicU64,
    misses: AtomicU64,
    puts: AtomicU64,
    refused: AtomicU64,
    removes: AtomicU64,
    evictions: AtomicU64,
    errors: AtomicU64,
    get_latency: Mutex<Latency>,
    put_latency: Mutex<Latency>,
}

impl Meter {
    /// A lookup that began at `since`.
    pub(crate) fn looked_up(&self, hit: bool, since: Duration, clock: &Clock) {
        if hit { &self.hits } else { &self.misses }.fetch_add(1, Relaxed);
        self.get_latency.lock().record(clock.now().saturating_sub(since));
    }

    /// A put that began at `since`.
    pub(crate) fn put(&self, since: Duration, clock: &Clock) {
        self.puts.fetch_add(1, Relaxed);
        self.put_latency.lock().record(clock.now().saturating_sub(since));
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn removed(&self) {
        self.removes.fetch_add(1, Relaxed);
    }

    pub(crate) fn evicted(&self, items: u64) {
        self.evictions.fetch_add(items, Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.errors.fetch_add(1, Relaxed);
    }

    /// All but what the tier holds now.
    pub(crate) fn stats(&self) -> TierStats {
        TierStats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            puts: self.puts.load(Relaxed),
            refused: self.refused.load(Relaxed),
            removes: self.removes.load(Relaxed),
            evictions: self.evictions.load(Relaxed),
            errors: self.errors.load(Relaxed),
            get_latency: self.get_latency.lock().clone(),
            put_latency: self.put_latency.lock().clone(),
            ..TierStats::default()
        }
    }
}
