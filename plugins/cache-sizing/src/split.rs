//! How much of the memory of cache and warm tier is whose.
//!
//! A byte of the warm tier holds more than a byte of the cache, where values compress, and less where they are small: each entry
//! costs some hundred bytes beside its value. What it holds is slower to get. So the split that costs least depends on the curve.
//! With `M` bytes of cache, `W` of warm tier and `r` bytes of cache to hold what one of the warm tier holds, both together reach
//! as far as a cache of `M + r W` bytes, and a request costs
//!
//! ```text
//! cost(M, W) = (miss(M) - miss(M + r W)) * warm hit + miss(M + r W) * miss
//! ```
//!
//! `miss` is the measured curve ([`Curve`]), a warm hit costs what was measured, a miss what the profile says. Of some moves, up to
//! half of the smaller of both and either way, the one that costs least is proposed where it saves enough.

use strategy_sdk::count;

use crate::Settings;
use crate::curve::{Curve, Sampled};
use crate::observation::{Observation, Warm, megabytes};

/// What may be moved at once, as shares of the smaller of both.
const MOVED: [f64; 3] = [0.5, 0.25, 0.125];

/// Microseconds that a hit of the warm tier costs beside its lookup: the way up into the cache, and what falls for it.
const PROMOTION: f64 = 5.0;

/// Sums since a size last changed.
#[derive(Debug, Default)]
pub(crate) struct Split {
    sizes: (u64, u64),
    policy: String,
    requests: f64,
    missed: f64,
    warm_hits: f64,
    warm_us: f64,
    warm_lookups: f64,
    evicted: f64,
    sampled: Sampled,
    /// Of the warm tier, the last time that it was measured: bytes and entries.
    held: (f64, f64),
    moved: f64,
}

/// Both sizes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sizes {
    pub(crate) cache: f64,
    pub(crate) warm: f64,
}

impl Split {
    /// Takes in one tick's figures; answers the sizes that both should have.
    pub(crate) fn look(
        &mut self,
        settings: &Settings,
        now: &Observation,
        warm: Warm,
    ) -> Option<(Sizes, String)> {
        let sizes = (now.cache.capacity_bytes, crate::observation::whole(warm.capacity));
        if self.sizes != sizes || self.policy != now.cache.policy {
            *self = Self { sizes, policy: now.cache.policy.clone(), moved: now.seconds, ..Self::default() };
            return None;
        }
        self.add(now, warm);
        let full = self.held.0 >= warm.capacity * 0.9 && self.evicted >= count(now.cache.entries) / 4.0;
        let enough = self.requests >= count(settings.requests) && self.sampled.ratios().is_some();
        if !full || !enough || now.seconds - self.moved < count(settings.rest_seconds) {
            return None;
        }
        let seen = std::mem::take(self);
        (self.sizes, self.policy, self.moved) = (seen.sizes, seen.policy.clone(), seen.moved);
        seen.better(settings, now, warm)
    }

    fn add(&mut self, now: &Observation, warm: Warm) {
        let misses = count(now.cache.window_misses);
        self.requests += count(now.cache.window_hits) + misses;
        self.missed += misses;
        self.evicted += count(now.cache.window_evictions);
        let (hits, lookups) = (warm.hits.unwrap_or(0.0), warm.hits.zip(warm.misses).map(|(h, m)| h + m));
        self.warm_hits += hits;
        if let Some((us, lookups)) = warm.latency_us.zip(lookups) {
            self.warm_us += us * lookups;
            self.warm_lookups += lookups;
        }
        if let Some(held) = warm.bytes.zip(warm.entries) {
            self.held = held;
        }
        self.sampled.add(&now.cache, &now.shadows);
    }

    fn better(&self, settings: &Settings, now: &Observation, warm: Warm) -> Option<(Sizes, String)> {
        let present = Sizes { cache: count(self.sizes.0), warm: warm.capacity };
        let (in_warm, in_cache) = (
            self.held.0 / self.held.1.max(1.0),
            count(now.cache.used_bytes) / count(now.cache.entries.max(1)),
        );
        if in_warm <= 0.0 || in_cache <= 0.0 {
            return None;
        }
        let density = in_cache / in_warm;
        let miss = self.missed / self.requests;
        let reach = |sizes: Sizes| sizes.cache + density * sizes.warm;
        let further = (reach(present), miss - self.warm_hits / self.requests);
        let curve = Curve::through(self.sampled.points(present.cache, miss)?.into_iter().chain([further]));
        let warm_hit = PROMOTION + self.warm_us / self.warm_lookups.max(1.0);
        let cost = |sizes: Sizes| {
            let (near, far) = (curve.at(sizes.cache)?, curve.at(reach(sizes))?);
            Some((near - far).max(0.0) * warm_hit + far * settings.miss_cost.max(warm_hit))
        };
        let smaller = present.cache.min(present.warm);
        let to = |bytes: f64| Sizes { cache: present.cache + bytes, warm: present.warm - bytes };
        let allowed =
            |sizes: &Sizes| (now.least..=now.most).contains(&sizes.cache) && sizes.warm >= warm.least;
        let before = cost(present)?;
        let (after, sizes) = MOVED
            .into_iter()
            .flat_map(|share| [smaller * share, -smaller * share])
            .map(to)
            .filter(allowed)
            .filter_map(|sizes| Some((cost(sizes)?, sizes)))
            .min_by(|(one, _), (other, _)| one.total_cmp(other))?;
        (after < before * (1.0 - settings.needed)).then(|| {
            let (from, into) =
                if sizes.cache > present.cache { ("warm tier", "cache") } else { ("cache", "warm tier") };
            let reason = format!(
                "{} from the {from} to the {into}: a request would cost {after:.0} us instead of {before:.0}; a byte of \
                 the warm tier holds {density:.1} of the cache",
                megabytes((sizes.cache - present.cache).abs())
            );
            (sizes, reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::testing::{observation, shadows};

    /// A full cache of 8 MB with entries of 1,000 bytes, and a full warm tier of 8 MB whose entries take so many bytes.
    fn see(entry: f64, misses: [f64; 3], warm_hits: f64) -> (Observation, Warm) {
        let missed = 10_000.0 * misses[1];
        let mut now = observation(
            8_000_000,
            10_000 - crate::observation::whole(missed),
            crate::observation::whole(missed),
            shadows(misses),
        );
        now.cache.entries = 8_000;
        now.cache.window_evictions = 8_000;
        let warm = Warm {
            capacity: 8e6,
            least: 65_536.0,
            bytes: Some(8e6),
            entries: Some(8e6 / entry),
            hits: Some(10_000.0 * warm_hits),
            misses: Some(missed - 10_000.0 * warm_hits),
            latency_us: Some(5.0),
        };
        (now, warm)
    }

    fn settings() -> Settings {
        Settings { requests: 10_000, ..Settings::default() }
    }

    fn split((mut now, warm): (Observation, Warm)) -> Option<(Sizes, String)> {
        let mut law = Split::default();
        for tick in 0..4 {
            now.seconds = f64::from(tick) * 20.0;
            if let Some(found) = law.look(&settings(), &now, warm) {
                assert!(now.seconds > 30.0, "not before it has rested");
                return Some(found);
            }
        }
        None
    }

    #[test]
    fn values_that_compress_are_worth_more_in_the_warm_tier() {
        // Four bytes of the cache in one; misses fall evenly, 10 points with each doubling.
        let (sizes, reason) = split(see(250.0, [0.5, 0.4, 0.3], 0.23)).unwrap();
        assert_eq!(sizes, Sizes { cache: 4e6, warm: 12e6 });
        assert!(reason.starts_with("4.0 MB from the cache to the warm tier: "), "{reason}");
    }

    #[test]
    fn small_values_are_worth_more_in_the_cache() {
        // Two and a half bytes of the warm tier for one of the cache.
        let (sizes, reason) = split(see(2_500.0, [0.5, 0.4, 0.3], 0.05)).unwrap();
        assert_eq!(sizes, Sizes { cache: 12e6, warm: 4e6 });
        assert!(reason.contains("from the warm tier to the cache"), "{reason}");
    }

    #[test]
    fn nothing_moves_where_nothing_is_gained() {
        assert_eq!(split(see(1_000.0, [0.4, 0.4, 0.4], 0.0)), None, "a flat curve");
        assert_eq!(split(see(1_000.0, [0.5, 0.4, 0.3], 0.1)), None, "alike");
        let (now, warm) = see(250.0, [0.5, 0.4, 0.3], 0.23);
        assert_eq!(split((now.clone(), Warm { bytes: Some(3e6), ..warm })), None, "not full");
        assert_eq!(split((Observation { shadows: Vec::new(), ..now }, warm)), None, "no curve");
    }

    #[test]
    fn bounds_are_kept() {
        let (now, warm) = see(250.0, [0.5, 0.4, 0.3], 0.23);
        assert_eq!(split((Observation { least: 7.5e6, ..now.clone() }, warm)), None);
        let (sizes, _) = split((Observation { least: 5e6, ..now }, warm)).unwrap();
        assert_eq!(sizes.cache, 6e6);
        let (now, warm) = see(2_500.0, [0.5, 0.4, 0.3], 0.05);
        assert_eq!(split((now, Warm { least: 7.5e6, ..warm })), None);
    }
}
