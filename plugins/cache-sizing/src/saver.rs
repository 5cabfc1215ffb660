//! How much capacity the cache needs, where memory is the objective.
//!
//! The shadows tell what the policy in force would miss at half and at twice the capacity. Once a full cache has evicted
//! as many entries as it holds, the misses since then are compared: where half the capacity would have missed hardly
//! more (`spare`, a share of the requests), the other half brings nothing and is given up. Where twice the capacity
//! would have missed much less, what was given up is taken back, never more than the run began with. Between the two
//! thresholds lies a factor, so that noise does not move the capacity back and forth.
//!
//! A cache that does not evict gives nothing up: the capacity that it does not fill takes no memory.

use strategy_sdk::{
    count,
    metrics::{CacheMetrics, ShadowEstimate},
    thousands,
};

use crate::curve::Sampled;
use crate::observation::{Change, Part};

/// Capacity is taken back where that saves this many times the share of misses at which it is given up.
const WORTH_TAKING_BACK: f64 = 4.0;

/// Sums since the capacity, or the policy, last changed.
#[derive(Debug, Default)]
struct Seen {
    requests: f64,
    evicted: f64,
    sampled: Sampled,
}

/// The memory from tick to tick.
#[derive(Debug)]
pub(crate) struct Saver {
    spare: f64,
    /// What the run began with; 0 before the first tick.
    most: u64,
    capacity: u64,
    policy: String,
    seen: Seen,
}

impl Saver {
    pub(crate) fn new(spare: f64) -> Self {
        Self { spare, most: 0, capacity: 0, policy: String::new(), seen: Seen::default() }
    }

    /// Takes in one tick's figures; answers where another capacity should be in force. `least` is the smallest that the
    /// host allows. Where it is not `heard`, because the dial rests, it only looks.
    pub(crate) fn look(
        &mut self,
        heard: bool,
        cache: &CacheMetrics,
        shadows: &[ShadowEstimate],
        least: f64,
    ) -> Option<Change> {
        self.most = self.most.max(cache.capacity_bytes);
        if self.capacity != cache.capacity_bytes || self.policy != cache.policy {
            self.capacity = cache.capacity_bytes;
            self.policy.clone_from(&cache.policy);
            self.seen = Seen::default();
            return None;
        }
        self.seen.requests += count(cache.window_hits) + count(cache.window_misses);
        self.seen.evicted += count(cache.window_evictions);
        self.seen.sampled.add(cache, shadows);
        let [half, present, twice] = self.seen.sampled.ratios()?;
        if cache.window_evictions == 0 || self.seen.evicted < count(cache.entries) || !heard {
            return None;
        }
        let requests = std::mem::take(&mut self.seen).requests;
        let (more, fewer) = ((half - present) * requests, (present - twice) * requests);
        self.take_back(fewer, requests).or_else(|| self.give_up(more, requests, least))
    }

    fn take_back(&self, fewer: f64, requests: f64) -> Option<Change> {
        let worth_it = fewer > WORTH_TAKING_BACK * self.spare * requests;
        (worth_it && self.capacity < self.most).then(|| Change {
            part: Part::Cache,
            bytes: self.capacity.saturating_mul(2).min(self.most),
            reason: format!(
                "twice the capacity would have had {} fewer misses in {} requests",
                thousands(fewer),
                thousands(requests)
            ),
        })
    }

    fn give_up(&self, more: f64, requests: f64, least: f64) -> Option<Change> {
        let brings_nothing = more <= self.spare * requests;
        (brings_nothing && count(self.capacity) > least).then(|| Change {
            part: Part::Cache,
            bytes: self.capacity / 2,
            reason: format!(
                "half the capacity would have had {} more misses in {} requests, and memory is the objective",
                thousands(more.max(0.0)),
                thousands(requests)
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A full cache that turns over once a tick, under 10,000 requests.
    fn cache(capacity_bytes: u64) -> CacheMetrics {
        CacheMetrics {
            policy: "lru".to_owned(),
            policies: vec!["lru".to_owned()],
            capacity_bytes,
            used_bytes: capacity_bytes,
            entries: 1_000,
            window_hits: 9_000,
            window_misses: 1_000,
            window_evictions: 1_000,
            hits: 0,
            misses: 0,
        }
    }

    /// Misses of one request in ten at half the capacity, at it, and at twice.
    fn shadows(misses: [u64; 3]) -> Vec<ShadowEstimate> {
        [0.5, 1.0, 2.0]
            .into_iter()
            .zip(misses)
            .map(|(capacity_factor, window_misses)| ShadowEstimate {
                policy: "lru".to_owned(),
                capacity_factor,
                capacity_bytes: 0,
                sampling_rate: 0.1,
                window_requests: 1_000,
                window_misses,
                requests: 0,
                misses: 0,
            })
            .collect()
    }

    /// What is proposed in each of three ticks at one capacity.
    fn proposed(saver: &mut Saver, capacity: u64, misses: [u64; 3]) -> Vec<Option<u64>> {
        let look = |_| saver.look(true, &cache(capacity), &shadows(misses), 10.0).map(|change| change.bytes);
        (0..3).map(look).collect()
    }

    #[test]
    fn capacity_that_brings_nothing_is_given_up() {
        let mut saver = Saver::new(0.01);
        // The first tick only shows where the cache stands.
        assert_eq!(proposed(&mut saver, 4_000, [105, 100, 100]), [None, Some(2_000), Some(2_000)]);
        let change = saver.look(true, &cache(4_000), &shadows([105, 100, 100]), 10.0).unwrap();
        let reason =
            "half the capacity would have had 50 more misses in 10,000 requests, and memory is the objective";
        assert_eq!(change.reason, reason);
    }

    #[test]
    fn capacity_that_pays_is_kept_and_taken_back() {
        let mut saver = Saver::new(0.01);
        assert_eq!(proposed(&mut saver, 4_000, [200, 100, 20]), [None; 3], "no more than it began with");
        assert_eq!(proposed(&mut saver, 1_000, [200, 100, 20]), [None, Some(2_000), Some(2_000)]);
        assert_eq!(proposed(&mut saver, 3_000, [200, 100, 20]), [None, Some(4_000), Some(4_000)]);
        assert_eq!(proposed(&mut saver, 2_000, [115, 100, 70]), [None; 3], "between the thresholds");
    }

    #[test]
    fn the_least_capacity_is_kept() {
        let mut saver = Saver::new(0.01);
        assert_eq!(proposed(&mut saver, 10, [100, 100, 100]), [None; 3]);
    }

    #[test]
    fn a_cache_that_does_not_evict_gives_nothing_up() {
        let mut saver = Saver::new(0.01);
        let idle = CacheMetrics { window_evictions: 0, ..cache(4_000) };
        assert!((1..50).all(|_| saver.look(true, &idle, &shadows([100; 3]), 10.0).is_none()));
    }

    #[test]
    fn who_is_not_heard_only_looks() {
        let mut saver = Saver::new(0.01);
        proposed(&mut saver, 4_000, [200; 3]);
        assert_eq!(saver.look(false, &cache(4_000), &shadows([100; 3]), 10.0), None);
        assert!(saver.look(true, &cache(4_000), &shadows([100; 3]), 10.0).is_some());
    }
}
