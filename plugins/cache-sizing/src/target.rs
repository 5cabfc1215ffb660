//! The capacity at which the hit ratio is the one that the operator wants.
//!
//! Since the capacity last changed, and once enough requests came since then, the hit ratio is compared with the target. Where it is
//! off by more than the tolerance the miss-ratio curve says at which capacity it would be met. A step goes to half or to twice the
//! capacity at most, since the shadows see no further. A capacity beyond which hardly anything is gained is not grown to.

use strategy_sdk::count;

use crate::Settings;
use crate::curve::{Curve, Sampled};
use crate::observation::Observation;

/// A hit ratio that twice the capacity raises by less is as good as it gets.
const GAINS: f64 = 0.002;

/// A change by less than this share is none.
const WORTH_A_STEP: f64 = 0.02;

/// Sums since the capacity last changed.
#[derive(Debug, Default)]
pub(crate) struct Target {
    capacity: u64,
    policy: String,
    requests: f64,
    hits: f64,
    evicted: f64,
    sampled: Sampled,
}

impl Target {
    /// Takes in one tick's figures; answers the capacity that the cache should have.
    pub(crate) fn look(
        &mut self,
        settings: &Settings,
        now: &Observation,
        target: f64,
    ) -> Option<(f64, String)> {
        let cache = &now.cache;
        if self.capacity != cache.capacity_bytes || self.policy != cache.policy {
            *self = Self { capacity: cache.capacity_bytes, policy: cache.policy.clone(), ..Self::default() };
            return None;
        }
        self.add(now);
        // A cache that was filled but now is judged by what it does once it has turned over a little.
        let settled =
            self.evicted >= count(cache.entries) / 8.0 || cache.used_bytes < cache.capacity_bytes / 2;
        if self.requests < count(settings.requests) || !settled {
            return None;
        }
        let seen = std::mem::take(self);
        self.capacity = seen.capacity;
        self.policy.clone_from(&seen.policy);
        seen.wanted(settings, now, target)
    }

    fn add(&mut self, now: &Observation) {
        let (hits, misses) = (count(now.cache.window_hits), count(now.cache.window_misses));
        self.requests += hits + misses;
        self.hits += hits;
        self.evicted += count(now.cache.window_evictions);
        self.sampled.add(&now.cache, &now.shadows);
    }

    fn wanted(&self, settings: &Settings, now: &Observation, target: f64) -> Option<(f64, String)> {
        let measured = self.hits / self.requests.max(1.0);
        let off = target - measured;
        if off.abs() <= settings.tolerance {
            return None;
        }
        let capacity = count(self.capacity);
        let [_, present, twice] = self.sampled.ratios()?;
        let curve = Curve::through(self.sampled.points(capacity, 1.0 - measured)?);
        if off > 0.0 && present - twice < GAINS {
            return None;
        }
        let wanted = bisect(&curve, 1.0 - target, capacity / 2.0, capacity * 2.0)?;
        let wanted = wanted.clamp(now.least, now.most);
        let worth_it = (wanted / capacity - 1.0).abs() >= WORTH_A_STEP;
        worth_it.then(|| {
            let reason = format!(
                "{:.1} % of the requests were hits, and {:.1} % are wanted",
                measured * 100.0,
                target * 100.0
            );
            (wanted, reason)
        })
    }
}

/// The smallest capacity within these two at which no more than that share misses; the larger of both where none is enough.
fn bisect(curve: &Curve, misses: f64, mut low: f64, mut high: f64) -> Option<f64> {
    if curve.at(low)? <= misses {
        return Some(low);
    }
    for _ in 0..30 {
        let middle = (low * high).sqrt();
        if curve.at(middle)? <= misses {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::testing::{observation, shadows};

    fn settings() -> Settings {
        Settings { requests: 10_000, ..Settings::default() }
    }

    /// What is wanted at a target, at a capacity of 1 MB and a hit ratio of 60 % where half of it has 50 and twice 70 %.
    fn wanted(target: f64) -> Option<f64> {
        let mut law = Target::default();
        let now = observation(1_000_000, 6_000, 4_000, shadows([0.5, 0.4, 0.3]));
        assert_eq!(
            law.look(&settings(), &now, target),
            None,
            "the first tick only shows where the cache stands"
        );
        law.look(&settings(), &now, target).map(|(bytes, _)| bytes)
    }

    #[test]
    fn the_curve_says_how_much_is_wanted() {
        let near = |found: Option<f64>, expected: f64| {
            found.is_some_and(|found| (found / expected - 1.0).abs() < 0.01)
        };
        assert!(near(wanted(0.65), 1e6 * 2.0_f64.sqrt()), "{:?}", wanted(0.65));
        assert!(near(wanted(0.55), 1e6 / 2.0_f64.sqrt()), "{:?}", wanted(0.55));
        assert!(near(wanted(0.95), 2e6), "one step reaches no further");
        assert!(near(wanted(0.1), 0.5e6));
        assert_eq!((wanted(0.6), wanted(0.604)), (None, None));
    }

    #[test]
    fn what_gains_nothing_is_not_grown_to() {
        let mut law = Target::default();
        let flat = observation(1_000_000, 6_000, 4_000, shadows([0.4, 0.4, 0.399]));
        assert!((0..9).all(|_| law.look(&settings(), &flat, 0.9).is_none()));
        // The other way it is given back.
        assert!(law.look(&settings(), &flat, 0.3).is_some());
    }

    #[test]
    fn the_bounds_are_kept_and_a_change_starts_anew() {
        let mut law = Target::default();
        let mut now = observation(1_000_000, 6_000, 4_000, shadows([0.5, 0.4, 0.3]));
        now.most = 1_100_000.0;
        law.look(&settings(), &now, 0.9);
        let (bytes, reason) = law.look(&settings(), &now, 0.9).unwrap();
        assert_eq!(bytes, 1_100_000.0);
        assert_eq!(reason, "60.0 % of the requests were hits, and 90.0 % are wanted");
        now.cache.capacity_bytes = 1_100_000;
        assert_eq!(law.look(&settings(), &now, 0.9), None);
        assert_eq!(law.look(&settings(), &now, 0.9), None, "it is as large as it may be");
        now.cache.policy = "other".to_owned();
        assert!((0..9).all(|_| law.look(&settings(), &now, 0.9).is_none()), "no shadow follows it");
    }
}
