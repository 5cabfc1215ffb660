//! Shadows: miniature caches that say what another policy or another capacity would have missed.
//!
//! Miniature simulation (Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using
//! Miniature Simulations", USENIX ATC 2017) on spatially sampled requests (SHARDS: Waldspurger, Park,
//! Garthwaite, Ahmad, FAST 2015): an id is followed if and only if its mixed hash is under a threshold, so
//! that of a followed id every request is seen, and a cache of R times the capacity then misses as the full
//! one would. One [`Miniature`] runs for each pair of policy and capacity factor, all on the same requests.
//!
//! # The estimate
//!
//! The sample follows too many or too few of a few very hot ids, and they alone can be most of the error: they hit in
//! every cache, and chance decides how many of their hits are counted. So misses are divided not by the requests that
//! were followed, but by the number to be expected, R times all requests. That is SHARDS-adj (section 3.3 there): the
//! difference counts as hits.
//!
//! # The rate
//!
//! A cache of up to 16,384 entries is followed whole: its shadows are exact, and it can take over what they have learnt
//! ([`Shadows::state`]). For a larger one R is a power of two, the smallest at which the smallest shadow is expected to hold
//! at least 4,096 entries. The estimates of LRU, LFU and ARC are then 0.5 points off in the mean and 2.0 at most, on the
//! three caches of docs/choosing.md that are large enough (`cargo test -p host-simulator --test simulator -- --ignored
//! estimates --nocapture`).
//!
//! What an entry weighs is a hint at first and is measured from then on. The rate moves only when the smallest
//! shadow would hold under 2,048 entries or over 16,384, so that ordinary drift of weights or capacity does not
//! disturb it. When it falls, entries over the new threshold leave the shadows; when it rises, the newly followed
//! ids are misses once.
//!
//! Shadows must not cost more than they gain. A [`SampleTap`] that drops requests, because they come faster than they
//! can be followed, halves the rate until it drops next to none, down to 128 entries in the smallest shadow. After a
//! long time with a queue under a quarter full it doubles the rate again. The rate in an [`Estimate`] says how coarse
//! the estimate is.
//!
//! An entry heavier than a shadow's scaled capacity always misses there: where single entries weigh more than the
//! sample of a cache, the estimate is pessimistic.
//!
//! Nothing here reads a clock or a random source: the same ids give the same estimates.
//!
//! Shadows run off the request path: request threads offer to a [`SampleTap`], whoever owns the [`Shadows`]
//! drains it.

mod adopted;
mod miniature;
mod tap;

pub(crate) use adopted::Adopted;
pub use adopted::ShadowState;
pub use tap::SampleTap;

use host_contract::split_mix::mix;
use host_policy::PolicyFactory;
use miniature::Miniature;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Entries of the smallest shadow up to which every id is followed.
const WHOLE_ENTRIES: f64 = 16_384.0;

/// Entries the smallest shadow should hold when a rate below 1 is chosen.
const TARGET_ENTRIES: f64 = 4_096.0;

/// Entries of the smallest shadow under which, and over which, another rate is chosen.
const KEEP_FROM: f64 = 2_048.0;
const KEEP_TO: f64 = WHOLE_ENTRIES;

/// Entries of the smallest shadow under which no load lowers the rate: fewer say nothing.
const MIN_ENTRIES: f64 = 128.0;

/// One of so many followed requests may be dropped before the rate is halved.
const MAX_DROPPED: u64 = 16;

/// Drains in a row with little to do after which a rate that was lowered for the load is doubled: half a minute at
/// a hundred a second.
const IDLE_DRAINS: u32 = 3_000;

/// Followed requests between two reviews of the mean weight; in the beginning also at each power of two from
/// [`MIN_WEIGHED`], so that a wrong hint is found out early.
const REVIEW_EVERY: u64 = 4_096;

/// New entries whose weights must have been seen before they are believed rather than the hint.
const MIN_WEIGHED: u64 = 256;

/// New entries after which half of what is known of weights is forgotten.
const WEIGHT_WINDOW: u64 = 1 << 16;

/// The lowest rate is 2^-MAX_HALVINGS.
const MAX_HALVINGS: u32 = 40;

/// What one shadow has seen since it was made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// The policy it runs.
    pub policy: PolicyFactory,
    /// The capacity it stands for, as a multiple of the present one.
    pub factor: f64,
    /// That capacity, in the unit of the weights, at full scale.
    pub capacity: u64,
    /// The share of ids that is followed now, over 0 to 1.
    pub sampling_rate: f64,
    /// Requests of which a sample was to be expected: all since the beginning, times the rate; only grows.
    pub requests: u64,
    /// Followed requests that missed; only grows. In a short window they may be more than were to be expected.
    pub misses: u64,
}

impl Estimate {
    /// The estimated miss ratio since the beginning, 0 to 1; `None` before the first request. For a window take
    /// differences of `misses` and `requests`.
    #[expect(clippy::as_conversions, reason = "a ratio of counters; the rounding above 2^53 does not show")]
    pub fn miss_ratio(&self) -> Option<f64> {
        (self.requests > 0).then(|| (self.misses as f64 / self.requests as f64).min(1.0))
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
    /// Requests that were to be expected when it began.
    since: f64,
    cache: Miniature,
}

/// Miniature caches for every pair of a policy and a capacity factor.
///
/// ```
/// use host_cache::{Shadows, builtin};
///
/// let mut shadows = Shadows::new(&builtin::ALL, &[0.5, 1.0, 2.0], 100, 1);
/// for id in (0..150).cycle().take(15_000) {
///     shadows.feed(id, 1);
/// }
/// let estimates = shadows.estimates();
/// let lru: Vec<_> = estimates.iter().filter(|e| e.policy == builtin::LRU).collect();
/// assert_eq!(lru[1].misses, 15_000, "LRU never hits in a loop larger than the cache");
/// assert_eq!(lru[2].misses, 150, "twice the capacity holds the loop");
/// ```
#[derive(Debug)]
pub struct Shadows {
    shadows: Vec<Shadow>,
    capacity: u64,
    /// In the order given.
    factors: Vec<f64>,
    smallest_factor: f64,
    /// Expected weight of an entry.
    mean_weight: f64,
    /// The sampling rate is 2^-halvings; `load_halvings` of them are because of the load.
    halvings: u32,
    load_halvings: u32,
    /// Drains in a row with little to do.
    idle: u32,
    threshold: Threshold,
    /// Requests that were followed.
    followed: u64,
    /// Requests that were to be expected.
    expected: f64,
    /// Requests that were offered to the tap when it was drained last.
    offered: u64,
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
fn scaled(capacity: u64, factor: f64) -> u64 {
    whole(real(capacity) * factor).max(1)
}

/// At most a million, also where there are none.
fn smallest(factors: &[f64]) -> f64 {
    factors.iter().copied().fold(1e6, f64::min)
}

/// The place of the largest.
fn largest(factors: &[f64]) -> usize {
    (0..).zip(factors).max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(at, _)| at)
}

/// The nearest whole number.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float to integer saturates; NaN gives 0"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

fn rate(halvings: u32) -> f64 {
    0.5f64.powi(i32::try_from(halvings).unwrap_or(i32::MAX))
}

impl Shadows {
    /// Shadows of a cache of `capacity`, in the unit of the weights: one for each of `policies` at each of
    /// `factors` times that capacity (positive; 0.5, 1 and 2 are usual). `mean_weight_hint` is what an entry
    /// weighs as far as one knows, 1 where entries are counted.
    pub fn new(policies: &[PolicyFactory], factors: &[f64], capacity: u64, mean_weight_hint: u64) -> Self {
        let pairs = policies.iter().flat_map(|policy| factors.iter().map(move |&factor| (policy, factor)));
        let shadows = pairs
            .map(|(policy, factor)| Shadow { factor, since: 0.0, cache: Miniature::new(policy, 1) })
            .collect();
        let mut this = Self {
            shadows,
            capacity,
            factors: factors.to_vec(),
            smallest_factor: smallest(factors),
            mean_weight: real(mean_weight_hint.max(1)),
            halvings: 0,
            load_halvings: 0,
            idle: 0,
            threshold: Threshold(Arc::new(AtomicU64::new(u64::MAX))),
            followed: 0,
            expected: 0.0,
            offered: 0,
            new_entries: 0,
            new_weight: 0,
            largest: largest(factors),
        };
        this.halvings = this.fitting_halvings();
        this.apply_rate();
        this
    }

    /// A queue by which other threads offer requests to these shadows, with room for `capacity` of them (at least 1).
    pub fn tap(&self, capacity: usize) -> SampleTap {
        SampleTap::new(self.threshold.clone(), capacity)
    }

    /// A request for `id` (the key's hash) whose entry weighs `weight`. Every request is to be told, also those
    /// whose id is not followed: their number counts.
    pub fn feed(&mut self, id: u64, weight: u64) {
        self.expected += self.sampling_rate();
        if self.threshold.follows(id) {
            self.sample(id, weight);
        }
    }

    fn sample(&mut self, id: u64, weight: u64) {
        self.followed += 1;
        for (number, shadow) in self.shadows.iter_mut().enumerate() {
            if !shadow.cache.access(id, weight) && number == self.largest {
                self.new_entries += 1;
                self.new_weight = self.new_weight.saturating_add(weight.max(1));
            }
        }
        let early = self.followed.is_power_of_two() && self.followed >= MIN_WEIGHED;
        if early || self.followed.is_multiple_of(REVIEW_EVERY) {
            self.measure_weight();
            self.review_rate();
        }
    }

    /// A tap with room for `capacity` has handed over `fed` followed requests; `full` says that it had no room for some.
    /// Since the beginning `offered` requests were offered to it. Answers how many it has dropped.
    fn drained(&mut self, capacity: u64, fed: u64, offered: u64, full: bool) -> u64 {
        let offered = offered.saturating_sub(std::mem::replace(&mut self.offered, offered));
        let due = real(offered) * self.sampling_rate();
        let dropped = if full { whole(due).saturating_sub(fed) } else { 0 };
        // Of what was dropped nothing is known, neither hits nor misses.
        self.expected += due - real(dropped);

        if dropped > fed.saturating_add(dropped) / MAX_DROPPED {
            self.idle = 0;
            if self.expected_entries() * rate(self.halvings + 1) >= MIN_ENTRIES {
                self.load_halvings += 1;
                self.set_halvings(self.halvings + 1);
            }
        } else if self.load_halvings > 0 && fed < capacity / 4 {
            self.idle += 1;
            if self.idle >= IDLE_DRAINS {
                self.idle = 0;
                self.load_halvings -= 1;
                self.set_halvings(self.halvings.saturating_sub(1));
            }
        } else {
            self.idle = 0;
        }
        dropped
    }

    /// Every shadow's counters, by policy and then by factor, in the order given to [`Shadows::new`].
    pub fn estimates(&self) -> Vec<Estimate> {
        let estimate = |shadow: &Shadow| Estimate {
            policy: shadow.cache.policy().clone(),
            factor: shadow.factor,
            capacity: scaled(self.capacity, shadow.factor),
            sampling_rate: self.sampling_rate(),
            requests: whole(self.expected - shadow.since),
            misses: shadow.cache.misses(),
        };
        self.shadows.iter().map(estimate).collect()
    }

    /// The policies that are followed, in the order of the [estimates](Self::estimates).
    pub fn policies(&self) -> Vec<PolicyFactory> {
        let each = self.shadows.iter().step_by(self.factors.len().max(1));
        each.map(|shadow| shadow.cache.policy().clone()).collect()
    }

    /// Follows exactly these policies from now on. One that was followed before keeps what it has seen; a new one starts
    /// empty, and its estimates count from here.
    pub fn follow(&mut self, policies: &[PolicyFactory]) {
        let mut before = std::mem::take(&mut self.shadows);
        for policy in policies {
            for &factor in &self.factors {
                let same = |shadow: &Shadow| shadow.cache.policy() == policy && shadow.factor == factor;
                let kept = before.iter().position(same).map(|at| before.swap_remove(at));
                let new = || Shadow { factor, since: self.expected, cache: Miniature::new(policy, 1) };
                self.shadows.push(kept.unwrap_or_else(new));
            }
        }
        self.apply_capacity();
    }

    /// Runs each policy at these multiples of the capacity from now on. Shadows at a multiple that stays keep what they have
    /// seen.
    pub fn set_factors(&mut self, factors: &[f64]) {
        if self.factors == factors {
            return;
        }
        let policies = self.policies();
        self.factors = factors.to_vec();
        self.smallest_factor = smallest(factors);
        self.largest = largest(factors);
        self.review_rate();
        self.follow(&policies);
    }

    /// The capacity of the cache that is shadowed changed; the shadows follow in proportion.
    pub fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.review_rate();
        self.apply_capacity();
    }

    /// What the shadow of `policy` at the present capacity has learnt, for the cache to take over; `None` where there is no
    /// such shadow, only a sample of the ids is followed, or the policy cannot be copied.
    pub fn state(&self, policy: &PolicyFactory) -> Option<ShadowState> {
        let present = |shadow: &&Shadow| shadow.cache.policy() == policy && shadow.factor == 1.0;
        self.shadows.iter().find(present).filter(|_| self.halvings == 0)?.cache.state()
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
        if self.expected_entries() <= WHOLE_ENTRIES {
            return 0;
        }
        let mut halvings = 0;
        while halvings < MAX_HALVINGS && self.expected_entries() * rate(halvings + 1) >= TARGET_ENTRIES {
            halvings += 1;
        }
        halvings
    }

    fn measure_weight(&mut self) {
        if self.new_entries >= MIN_WEIGHED {
            self.mean_weight = real(self.new_weight) / real(self.new_entries);
        }
        if self.new_entries >= WEIGHT_WINDOW {
            self.new_entries /= 2;
            self.new_weight /= 2;
        }
    }

    fn review_rate(&mut self) {
        // What the load takes away is not given back here.
        let unstrained = self.halvings.saturating_sub(self.load_halvings);
        let entries = self.expected_entries() * rate(unstrained);
        let too_few = entries < KEEP_FROM && unstrained > 0;
        if too_few || entries > KEEP_TO {
            let fitting = self.fitting_halvings();
            while self.load_halvings > 0
                && self.expected_entries() * rate(fitting + self.load_halvings) < MIN_ENTRIES
            {
                self.load_halvings -= 1;
            }
            self.set_halvings(fitting + self.load_halvings);
        }
    }

    fn set_halvings(&mut self, halvings: u32) {
        if halvings != self.halvings {
            self.halvings = halvings;
            self.apply_rate();
        }
    }

    fn apply_rate(&mut self) {
        let threshold = u64::MAX.checked_shr(self.halvings).unwrap_or(0);
        self.threshold.0.store(threshold, Ordering::Relaxed);
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
