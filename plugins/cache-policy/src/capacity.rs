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
    Acceptance, ControlError, count,
    metrics::{CacheMetrics, ShadowEstimate},
};

use crate::decide::thousands;

/// Capacity is taken back where that saves this many times the share of misses at which it is given up.
const WORTH_TAKING_BACK: f64 = 4.0;

/// Sampled requests below which a difference is chance.
const FEWEST_SAMPLED: f64 = 1_000.0;

/// Ticks without a proposal after one that was refused for good: it would be refused again.
const REFUSED_TICKS: u64 = 16;

/// A capacity worth proposing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// In the unit of the capacity.
    pub(crate) bytes: u64,
    /// The figures behind it.
    pub(crate) reason: String,
}

/// Sums since the capacity, or the policy, last changed. At full scale.
#[derive(Debug, Default)]
struct Seen {
    requests: f64,
    sampled: f64,
    evicted: f64,
    at_half: f64,
    at_present: f64,
    at_twice: f64,
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
    /// No proposal before this tick.
    silent_until: u64,
}

impl Saver {
    pub(crate) fn new(spare: f64) -> Self {
        Self { spare, most: 0, capacity: 0, policy: String::new(), seen: Seen::default(), silent_until: 0 }
    }

    /// Takes in one tick's figures; answers where another capacity should be in force. `least` is the smallest that the
    /// host allows.
    pub(crate) fn look(
        &mut self,
        tick: u64,
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
        self.add(cache, shadows)?;
        let enough = self.seen.evicted >= count(cache.entries) && self.seen.sampled >= FEWEST_SAMPLED;
        if cache.window_evictions == 0 || !enough || tick < self.silent_until {
            return None;
        }
        let seen = std::mem::take(&mut self.seen);
        self.take_back(&seen).or_else(|| self.give_up(&seen, least))
    }

    /// None where the policy in force has no shadow at one of the capacities.
    fn add(&mut self, cache: &CacheMetrics, shadows: &[ShadowEstimate]) -> Option<()> {
        let at = |factor: f64| {
            let of =
                |s: &&ShadowEstimate| s.policy == cache.policy && (s.capacity_factor - factor).abs() < 1e-6;
            shadows.iter().find(of)
        };
        let full_scale = |s: &ShadowEstimate| count(s.window_misses) / s.sampling_rate.max(f64::MIN_POSITIVE);
        let (half, present, twice) = (at(0.5)?, at(1.0)?, at(2.0)?);
        self.seen.requests += count(cache.window_hits) + count(cache.window_misses);
        self.seen.sampled += count(present.window_requests);
        self.seen.evicted += count(cache.window_evictions);
        self.seen.at_half += full_scale(half);
        self.seen.at_present += full_scale(present);
        self.seen.at_twice += full_scale(twice);
        Some(())
    }

    fn take_back(&self, seen: &Seen) -> Option<Change> {
        let fewer = seen.at_present - seen.at_twice;
        let worth_it = fewer > WORTH_TAKING_BACK * self.spare * seen.requests;
        (worth_it && self.capacity < self.most).then(|| Change {
            bytes: self.capacity.saturating_mul(2).min(self.most),
            reason: format!(
                "twice the capacity would have had {} fewer misses in {} requests",
                thousands(fewer),
                thousands(seen.requests)
            ),
        })
    }

    fn give_up(&self, seen: &Seen, least: f64) -> Option<Change> {
        let more = seen.at_half - seen.at_present;
        let brings_nothing = more <= self.spare * seen.requests;
        (brings_nothing && count(self.capacity) > least).then(|| Change {
            bytes: self.capacity / 2,
            reason: format!(
                "half the capacity would have had {} more misses in {} requests, and memory is the objective",
                thousands(more.max(0.0)),
                thousands(seen.requests)
            ),
        })
    }

    /// Takes in what the host said to a change.
    pub(crate) fn answered(&mut self, tick: u64, answer: &Result<Acceptance, ControlError>) {
        match answer {
            Ok(_) => {}
            Err(ControlError::CoolingDown(until)) => self.silent_until = *until,
            Err(_) => self.silent_until = tick + REFUSED_TICKS,
        }
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
        let look =
            |tick| saver.look(tick, &cache(capacity), &shadows(misses), 10.0).map(|change| change.bytes);
        (1..=3).map(look).collect()
    }

    #[test]
    fn capacity_that_brings_nothing_is_given_up() {
        let mut saver = Saver::new(0.01);
        // The first tick only shows where the cache stands.
        assert_eq!(proposed(&mut saver, 4_000, [105, 100, 100]), [None, Some(2_000), Some(2_000)]);
        let change = saver.look(4, &cache(4_000), &shadows([105, 100, 100]), 10.0).unwrap();
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
        assert!((1..50).all(|tick| saver.look(tick, &idle, &shadows([100; 3]), 10.0).is_none()));
    }

    #[test]
    fn a_cool_down_is_waited_for() {
        let mut saver = Saver::new(0.01);
        proposed(&mut saver, 4_000, [100; 3]);
        saver.answered(3, &Err(ControlError::CoolingDown(6)));
        assert_eq!(saver.look(5, &cache(4_000), &shadows([100; 3]), 10.0), None);
        assert!(saver.look(6, &cache(4_000), &shadows([100; 3]), 10.0).is_some());
    }
}
