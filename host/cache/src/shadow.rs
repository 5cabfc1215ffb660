//! Shadows: miniature caches that say what another policy or another capacity would have missed.
//!
//! Miniature simulation (Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using
//! Miniature Simulations", USENIX ATC 2017) on spatially sampled requests (SHARDS: Waldspurger, Park,
//! Garthwaite, Ahmad, FAST 2015): an id is followed if and only if its mixed hash is under a threshold, so
//! that of a followed id every request is seen, and a cache of R times the capacity then misses as the full
//! one would. One [`Exact`] runs for each pair of policy and capacity factor, all on the same requests.
//!
//! # The rate
//!
//! R is a power of two, the smallest at which the smallest shadow is expected to hold at least 1,024 entries;
//! a cache too small for that is followed whole. What an entry weighs is a hint at first and is measured from
//! then on. The rate moves only when the smallest shadow would hold under 512 entries or over 8,192, so that
//! ordinary drift of weights or capacity does not disturb it. When it falls, entries over the new threshold
//! leave the shadows; when it rises, the newly followed ids are misses once. Counters count followed
//! requests, so a difference of counters is a miss ratio under any rate.
//!
//! An entry heavier than a shadow's scaled capacity always misses there: where single entries weigh more than the
//! sample of a cache, the estimate is pessimistic.
//!
//! Nothing here reads a clock or a random source: the same ids give the same estimates.
//!
//! Shadows run off the request path: request threads offer to a [`SampleTap`], whoever owns the [`Shadows`]
//! drains it.

mod tap;

pub use tap::SampleTap;

use crate::exact::Exact;
use host_policy::PolicyKind;
use host_policy::mix::mix;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Entries the smallest shadow should hold when a rate is chosen.
const ENTRIES: f64 = 1_024.0;

/// Entries of the smallest shadow under which, and over which, another rate is chosen.
const KEEP_FROM: f64 = 512.0;
const KEEP_TO: f64 = 8_192.0;

/// Followed requests between two looks at the weights; in the beginning also at each power of two from
/// [`BELIEVED`], so that a wrong hint is found out early.
const LOOK_EVERY: u64 = 4_096;

/// New entries whose weights must have been seen before they are believed rather than the hint.
const BELIEVED: u64 = 256;

/// New entries after which half of what is known of weights is forgotten.
const REMEMBERED: u64 = 1 << 16;

/// The lowest rate is 2^-MOST_HALVINGS.
const MOST_HALVINGS: u32 = 40;

/// What one shadow has seen since it was made.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// The policy it runs.
    pub policy: PolicyKind,
    /// The capacity it stands for, as a multiple of the present one.
    pub factor: f64,
    /// That capacity, in the unit of the weights, at full scale.
    pub capacity: u64,
    /// The share of ids that is followed now, over 0 to 1.
    pub sampling_rate: f64,
    /// Followed requests since the beginning; only grows.
    pub requests: u64,
    /// Of these, those that missed; only grows.
    pub misses: u64,
}

impl Estimate {
    /// Misses per followed request since the beginning, 0 to 1; `None` before the first. For a window take
    /// differences of `misses` and `requests`.
    #[expect(clippy::as_conversions, reason = "a ratio of counters; the rounding above 2^53 does not show")]
    pub fn miss_ratio(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.misses as f64 / self.requests as f64)
    }
}

/// The ids that are followed: those whose mixed hash is at most the threshold. Shared by a tap and its
/// shadows.
#[derive(Debug, Clone)]
struct Threshold(Arc<AtomicU64>);

impl Threshold {
    #[inline]
    fn follows(&self, id: u64) -> bool {
        // The complement, so that sampling and the hash tables inside the shadows use unrelated bits.
        mix(!id) <= self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Shadow {
    factor: f64,
    cache: Exact,
}

/// Miniature caches for every pair of a policy and a capacity factor.
///
/// ```
/// use host_cache::{PolicyKind, Shadows};
///
/// let mut shadows = Shadows::new(&PolicyKind::ALL, &[0.5, 1.0, 2.0], 100, 1);
/// for id in (0..150).cycle().take(15_000) {
///     shadows.feed(id, 1);
/// }
/// let estimates = shadows.estimates();
/// let lru: Vec<_> = estimates.iter().filter(|e| e.policy == PolicyKind::Lru).collect();
/// assert_eq!(lru[1].misses, 15_000, "LRU never hits in a loop larger than the cache");
/// assert_eq!(lru[2].misses, 150, "twice the capacity holds the loop");
/// ```
#[derive(Debug)]
pub struct Shadows {
    shadows: Vec<Shadow>,
    capacity: u64,
    smallest_factor: f64,
    /// Expected weight of an entry.
    mean_weight: f64,
    /// The sampling rate is 2^-halvings.
    halvings: u32,
    threshold: Threshold,
    requests: u64,
    /// How many entries were new to the largest shadow, and what they weighed; halved now and then.
    new_entries: u64,
    new_weight: u64,
    /// Index of that shadow.
    largest: usize,
}

#[expect(
    clippy::as_conversions,
    reason = "weights and counts as real numbers; a share of 2^-53 does not matter here"
)]
const fn real(number: u64) -> f64 {
    number as f64
}

/// `capacity` x `factor`, at least 1: a shadow always has room for something.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float to integer saturates; NaN gives 0, then 1"
)]
fn scaled(capacity: u64, factor: f64) -> u64 {
    ((real(capacity) * factor).round() as u64).max(1)
}

fn rate(halvings: u32) -> f64 {
    0.5f64.powi(i32::try_from(halvings).unwrap_or(i32::MAX))
}

impl Shadows {
    /// Shadows of a cache of `capacity`, in the unit of the weights: one for each of `policies` at each of
    /// `factors` times that capacity (positive; 0.5, 1 and 2 are usual). `mean_weight_hint` is what an entry
    /// weighs as far as one knows, 1 where entries are counted.
    pub fn new(policies: &[PolicyKind], factors: &[f64], capacity: u64, mean_weight_hint: u64) -> Self {
        let pairs = policies.iter().flat_map(|&policy| factors.iter().map(move |&factor| (policy, factor)));
        let shadows = pairs.map(|(policy, factor)| Shadow { factor, cache: Exact::new(policy, 1) }).collect();
        let largest = (0..).zip(factors).max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(at, _)| at);
        let mut this = Self {
            shadows,
            capacity,
            smallest_factor: factors.iter().copied().fold(f64::INFINITY, f64::min).min(1e6),
            mean_weight: real(mean_weight_hint.max(1)),
            halvings: 0,
            threshold: Threshold(Arc::new(AtomicU64::new(u64::MAX))),
            requests: 0,
            new_entries: 0,
            new_weight: 0,
            largest,
        };
        this.halvings = this.fitting_halvings();
        this.apply_rate();
        this
    }

    /// A queue by which other threads offer requests to these shadows, with room for `places` (at least 1).
    pub fn tap(&self, places: usize) -> SampleTap {
        SampleTap::new(self.threshold.clone(), places)
    }

    /// A request for `id` (the key's hash) whose entry weighs `weight`. Ids that are not followed are
    /// ignored.
    pub fn feed(&mut self, id: u64, weight: u64) {
        if !self.threshold.follows(id) {
            return;
        }
        self.requests += 1;
        for (number, shadow) in self.shadows.iter_mut().enumerate() {
            if !shadow.cache.access(id, weight) && number == self.largest {
                self.new_entries += 1;
                self.new_weight = self.new_weight.saturating_add(weight.max(1));
            }
        }
        let early = self.requests.is_power_of_two() && self.requests >= BELIEVED;
        if early || self.requests.is_multiple_of(LOOK_EVERY) {
            self.measure_weight();
            self.review_rate();
        }
    }

    /// Every shadow's counters, by policy and then by factor, in the order given to [`Shadows::new`].
    pub fn estimates(&self) -> Vec<Estimate> {
        let estimate = |shadow: &Shadow| Estimate {
            policy: shadow.cache.policy(),
            factor: shadow.factor,
            capacity: scaled(self.capacity, shadow.factor),
            sampling_rate: self.sampling_rate(),
            requests: self.requests,
            misses: shadow.cache.misses(),
        };
        self.shadows.iter().map(estimate).collect()
    }

    /// The capacity of the cache that is shadowed changed; the shadows follow in proportion.
    pub fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.review_rate();
        self.apply_capacity();
    }

    /// The share of ids that is followed: a power of two, 1 for small caches.
    pub fn sampling_rate(&self) -> f64 {
        rate(self.halvings)
    }

    /// Entries that the smallest shadow is expected to hold when every id is followed.
    fn expected_entries(&self) -> f64 {
        real(self.capacity) * self.smallest_factor / self.mean_weight
    }

    fn fitting_halvings(&self) -> u32 {
        let mut halvings = 0;
        while halvings < MOST_HALVINGS && self.expected_entries() * rate(halvings + 1) >= ENTRIES {
            halvings += 1;
        }
        halvings
    }

    fn measure_weight(&mut self) {
        if self.new_entries >= BELIEVED {
            self.mean_weight = real(self.new_weight) / real(self.new_entries);
        }
        if self.new_entries >= REMEMBERED {
            self.new_entries /= 2;
            self.new_weight /= 2;
        }
    }

    fn review_rate(&mut self) {
        let entries = self.expected_entries() * self.sampling_rate();
        let too_few = entries < KEEP_FROM && self.halvings > 0;
        if too_few || entries > KEEP_TO {
            let halvings = self.fitting_halvings();
            if halvings != self.halvings {
                self.halvings = halvings;
                self.apply_rate();
            }
        }
    }

    fn apply_rate(&mut self) {
        self.threshold.0.store(u64::MAX >> self.halvings, Ordering::Relaxed);
        let threshold = self.threshold.clone();
        for shadow in &mut self.shadows {
            shadow.cache.retain(|id| threshold.follows(id));
        }
        self.apply_capacity();
    }

    fn apply_capacity(&mut self) {
        let rate = self.sampling_rate();
        for shadow in &mut self.shadows {
            shadow.cache.set_capacity(scaled(self.capacity, shadow.factor * rate));
        }
    }
}

#[cfg(test)]
mod tests;
