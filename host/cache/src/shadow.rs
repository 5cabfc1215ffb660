//! Shadows: miniature caches that say what another policy or another capacity would have missed.
//!
//! Miniature simulation (Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using
//! Miniature Simulations", USENIX ATC 2017) on spatially sampled requests (SHARDS: Waldspurger, Park,
//! Garthwaite, Ahmad, FAST 2015): an id is followed if and only if its mixed hash is under a threshold, so
//! that of a followed id every request is seen, and a cache of R times the capacity then misses as the full
//! one would. One runs for each pair of policy and capacity factor, all on the same requests. [`rate`] says how many ids are
//! followed.
//!
//! # The estimate
//!
//! The sample follows too many or too few of a few very hot ids, and they alone can be most of the error: they hit in
//! every cache, and chance decides how many of their hits are counted. So misses are divided not by the requests that
//! were followed, but by the number to be expected, R times all requests. That is SHARDS-adj (section 3.3 there): the
//! difference counts as hits.
//!
//! An entry heavier than a shadow's scaled capacity always misses there: where single entries weigh more than the
//! sample of a cache, the estimate is pessimistic.
//!
//! # What it costs
//!
//! [`rows`] has one table of the ids for all shadows, and [`mod@arm`] runs one policy at a time over a batch of requests, so that
//! what a shadow does is its policy's work and little else. Nanoseconds a followed request of six policies, LRU, ARC, S3-FIFO,
//! W-TinyLFU, LIRS and 2Q, the least of ten runs each on two cores that others used as well ("after other work": 8 MiB were
//! written elsewhere before each 256 requests, as it is in a live run). `cargo bench -p host-cache --bench shadows` measures
//! the eight that the bundled strategy follows now; docs/cache.md has its figures.
//!
//! | | 1,000 entries | after other work | 10,000 entries | after other work |
//! |---|---:|---:|---:|---:|
//! | a table, slots, ghosts by hash and a policy behind a pointer for each shadow | 293 | 435 | 348 | 932 |
//! | one table, batches, ghosts in its rows | 185 | 237 | 201 | 459 |
//!
//! With ghosts by hash the second line would be 1.6 times as long (CPU time of 2 million requests to each, half of them
//! misses: 400 ns against 253, and 563 against 338). What is left is the policies' own: some 230 instructions a request
//! and policy where half of the requests miss.
//!
//! Nothing here reads a clock or a random source: the same ids give the same estimates.
//!
//! Shadows run off the request path: request threads offer to a [`SampleTap`], whoever owns the [`Shadows`]
//! drains it.

mod adopted;
#[cfg(test)]
mod alone;
mod arm;
mod groups;
mod rate;
mod rows;
mod tap;

pub(crate) use adopted::Adopted;
pub use adopted::ShadowState;
pub use groups::{GroupEstimate, Groups};
pub use tap::SampleTap;

use crate::index::NIL;
use arm::{Arm, Asked, arm};
use groups::Counts;
use host_policy::PolicyFactory;
use rate::{MIN_WEIGHED, Rate};
use rows::Rows;

/// What a shadow takes for an entry, ghosts included, and what the table of all of them takes beside, about: 0.6 MB of three shadows of
/// some 1,800 entries.
const ENTRY_BYTES: f64 = 60.0;
const TABLE_BYTES: f64 = 100.0;

/// Requests that are followed at once, at most: as many as a tap of the runtime hands over.
const BATCH: usize = 256;

/// Followed requests between two reviews of the mean weight; in the beginning also at each power of two from
/// [`MIN_WEIGHED`], so that a wrong hint is found out early.
const REVIEW_EVERY: u64 = 4_096;

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
    /// What their entries weighed; only grows.
    pub missed_weight: u64,
}

impl Estimate {
    /// The estimated miss ratio since the beginning, 0 to 1; `None` before the first request. For a window take
    /// differences of `misses` and `requests`.
    #[expect(clippy::as_conversions, reason = "a ratio of counters; the rounding above 2^53 does not show")]
    pub fn miss_ratio(&self) -> Option<f64> {
        (self.requests > 0).then(|| (self.misses as f64 / self.requests as f64).min(1.0))
    }
}

struct Shadow {
    policy: PolicyFactory,
    factor: f64,
    /// Requests that were to be expected when it began.
    since: f64,
    misses: u64,
    missed_weight: u64,
    /// Of each group.
    group_misses: Counts,
    /// Followed requests of each group when it began, or when the group did.
    group_since: Counts,
    arm: Box<dyn Arm>,
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
    rows: Rows,
    capacity: u64,
    /// In the order given.
    factors: Vec<f64>,
    rate: Rate,
    /// Requests that were followed, those that wait not counted.
    followed: u64,
    /// Those of each group.
    grouped: Counts,
    /// Requests that were to be expected.
    expected: f64,
    /// Requests that were offered to the tap when it was drained last.
    offered: u64,
    /// Followed requests that no shadow has been asked for yet: fewer than `due`.
    waiting: Vec<Asked>,
    /// Requests in the present batch.
    due: usize,
    /// The share of the capacity that they may take.
    share: Option<f64>,
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

impl Shadows {
    /// Shadows of a cache of `capacity`, in the unit of the weights: one for each of `policies` at each of
    /// `factors` times that capacity (positive; 0.5, 1 and 2 are usual). `mean_weight_hint` is what an entry
    /// weighs as far as one knows, 1 where entries are counted.
    pub fn new(policies: &[PolicyFactory], factors: &[f64], capacity: u64, mean_weight_hint: u64) -> Self {
        let mut this = Self {
            shadows: Vec::new(),
            rows: Rows::new(),
            capacity,
            factors: factors.to_vec(),
            rate: Rate::new(mean_weight_hint, real(capacity) * smallest(factors)),
            followed: 0,
            grouped: Counts::default(),
            expected: 0.0,
            offered: 0,
            waiting: Vec::with_capacity(BATCH),
            due: BATCH,
            share: None,
        };
        this.follow(policies);
        this
    }

    /// The shadows take at most about this share of what the cache may hold, over 0 to 1, where weights are bytes: a bound on how
    /// many ids they follow. No bound unless set.
    ///
    /// ```
    /// use host_cache::{Shadows, builtin};
    ///
    /// let mut shadows = Shadows::new(&[builtin::LRU, builtin::ARC], &[1.0], 10_000_000, 600);
    /// assert_eq!(shadows.sampling_rate(), 1.0);
    /// shadows.bound(1.0 / 32.0);
    /// assert_eq!(shadows.sampling_rate(), 1.0 / 16.0);
    /// ```
    pub fn bound(&mut self, share: f64) {
        self.settle();
        self.share = Some(share);
        self.review_rate();
    }

    /// A queue by which other threads offer requests to these shadows, with room for `capacity` of them (at least 1).
    pub fn tap(&self, capacity: usize) -> SampleTap {
        SampleTap::new(self.rate.threshold().clone(), capacity)
    }

    /// A request for `id` (the key's hash) whose entry weighs `weight`. Every request is to be told, also those
    /// whose id is not followed: their number counts.
    pub fn feed(&mut self, id: u64, weight: u64) {
        self.expected += self.sampling_rate();
        if self.rate.threshold().follows(id) {
            self.sample(id, weight, Groups::NONE);
        }
    }

    /// A followed request. It waits until there are enough for a batch, or somebody wants to know.
    #[inline]
    fn sample(&mut self, id: u64, weight: u64, groups: Groups) {
        self.waiting.push(Asked { id, weight: weight.max(1), row: NIL, groups });
        if self.waiting.len() >= self.due {
            self.settle();
        }
    }

    /// Asks the shadows for what waits.
    fn settle(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        for asked in &mut self.waiting {
            asked.row = self.rows.of(asked.id);
            self.grouped.add(asked.groups);
        }
        let largest = largest(&self.factors);
        for (number, shadow) in self.shadows.iter_mut().enumerate() {
            let missed = shadow.arm.access(&mut self.rows, &self.waiting, &mut shadow.group_misses);
            shadow.misses += missed.requests;
            shadow.missed_weight = shadow.missed_weight.saturating_add(missed.weight);
            if number == largest {
                self.rate.weigh(missed);
            }
        }
        self.rows.settle();
        self.followed += u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        self.waiting.clear();
        let early = self.followed.is_power_of_two() && self.followed >= MIN_WEIGHED;
        if early || self.followed.is_multiple_of(REVIEW_EVERY) {
            self.rate.measure_weight();
            self.review_rate();
        }
        // No batch goes beyond a review of the rate: it depends on the rate whether the next request is followed.
        let next = self.followed + 1;
        let review = next.next_power_of_two().max(MIN_WEIGHED).min(next.next_multiple_of(REVIEW_EVERY));
        self.due = usize::try_from(review - self.followed).unwrap_or(BATCH).min(BATCH);
    }

    /// A tap with room for `capacity` has handed over `fed` followed requests; `full` says that it had no room for some.
    /// Since the beginning `offered` requests were offered to it. Answers how many it has dropped.
    fn drained(&mut self, capacity: u64, fed: u64, offered: u64, full: bool) -> u64 {
        let offered = offered.saturating_sub(std::mem::replace(&mut self.offered, offered));
        let dropped = if full { self.rate.dropped(offered, fed) } else { 0 };
        // Of what was dropped nothing is known, neither hits nor misses.
        self.expected += real(offered) * self.sampling_rate() - real(dropped);
        if self.rate.drained(capacity, fed, dropped, self.room()) {
            self.apply_rate();
        }
        dropped
    }

    /// Every shadow's counters, by policy and then by factor, in the order given to [`Shadows::new`].
    pub fn estimates(&mut self) -> Vec<Estimate> {
        self.settle();
        let estimate = |shadow: &Shadow| Estimate {
            policy: shadow.policy.clone(),
            factor: shadow.factor,
            capacity: scaled(self.capacity, shadow.factor),
            sampling_rate: self.sampling_rate(),
            requests: whole(self.expected - shadow.since),
            misses: shadow.misses,
            missed_weight: shadow.missed_weight,
        };
        self.shadows.iter().map(estimate).collect()
    }

    /// What every shadow has seen of a group of keys, in the order of the [estimates](Self::estimates).
    pub fn group_estimates(&mut self, number: u32) -> Vec<GroupEstimate> {
        self.settle();
        let estimate = |shadow: &Shadow| GroupEstimate {
            policy: shadow.policy.clone(),
            factor: shadow.factor,
            capacity: scaled(self.capacity, shadow.factor),
            sampling_rate: self.sampling_rate(),
            requests: self.grouped.get(number) - shadow.group_since.get(number),
            misses: shadow.group_misses.get(number),
        };
        self.shadows.iter().map(estimate).collect()
    }

    /// Counts a group anew from here: its number stands for other keys than before.
    pub fn begin_group(&mut self, number: u32) {
        self.settle();
        for shadow in &mut self.shadows {
            shadow.group_misses.set(number, 0);
            shadow.group_since.set(number, self.grouped.get(number));
        }
    }

    /// The policies that are followed, in the order of the [estimates](Self::estimates).
    pub fn policies(&self) -> Vec<PolicyFactory> {
        let each = self.shadows.iter().step_by(self.factors.len().max(1));
        each.map(|shadow| shadow.policy.clone()).collect()
    }

    /// Follows exactly these policies from now on. One that was followed before keeps what it has seen; a new one starts
    /// empty, and its estimates count from here.
    pub fn follow(&mut self, policies: &[PolicyFactory]) {
        self.settle();
        let mut before = std::mem::take(&mut self.shadows);
        let pairs =
            policies.iter().flat_map(|policy| self.factors.iter().map(move |&factor| (policy, factor)));
        let kept: Vec<_> = pairs
            .map(|(policy, factor)| {
                let same = |shadow: &Shadow| shadow.policy == *policy && shadow.factor == factor;
                let kept = before.iter().position(same).map(|at| before.swap_remove(at));
                (policy, factor, kept)
            })
            .collect();
        // Before the new ones come, so that they find free columns.
        for shadow in before {
            self.rows.remove_column(shadow.arm.column());
        }
        for (policy, factor, kept) in kept {
            self.shadows.push(kept.unwrap_or_else(|| Shadow {
                policy: policy.clone(),
                factor,
                since: self.expected,
                misses: 0,
                missed_weight: 0,
                group_misses: Counts::default(),
                group_since: self.grouped,
                arm: arm(policy, 1, &mut self.rows),
            }));
        }
        if self.share.is_some() {
            self.review_rate();
        }
        self.apply_capacity();
    }

    /// Runs each policy at these multiples of the capacity from now on. Shadows at a multiple that stays keep what they have
    /// seen.
    pub fn set_factors(&mut self, factors: &[f64]) {
        if self.factors == factors {
            return;
        }
        self.settle();
        let policies = self.policies();
        self.factors = factors.to_vec();
        self.review_rate();
        self.follow(&policies);
    }

    /// The capacity of the cache that is shadowed changed; the shadows follow in proportion.
    pub fn set_capacity(&mut self, capacity: u64) {
        self.settle();
        self.capacity = capacity;
        self.review_rate();
        self.apply_capacity();
    }

    /// What the shadow of `policy` at the present capacity has learnt, for the cache to take over; `None` where there is no
    /// such shadow, only a sample of the ids is followed, or the policy cannot be copied.
    pub fn state(&mut self, policy: &PolicyFactory) -> Option<ShadowState> {
        self.settle();
        let present = |shadow: &&Shadow| shadow.policy == *policy && shadow.factor == 1.0;
        let shadow = self.shadows.iter().find(present).filter(|_| self.rate.is_whole())?;
        shadow.arm.state(&self.rows, policy)
    }

    /// The share of ids that is followed: a power of two, 1 for small caches.
    pub fn sampling_rate(&self) -> f64 {
        self.rate.share()
    }

    /// What the smallest shadow may weigh when every id is followed.
    fn room(&self) -> f64 {
        real(self.capacity) * smallest(&self.factors)
    }

    fn review_rate(&mut self) {
        if let Some(share) = self.share {
            // All together, in entries of the smallest.
            let sizes: f64 = self.shadows.iter().map(|shadow| shadow.factor / smallest(&self.factors)).sum();
            self.rate.bound(real(self.capacity) * share / (TABLE_BYTES + ENTRY_BYTES * sizes.max(1.0)));
        }
        if self.rate.review(self.room()) {
            self.apply_rate();
        }
    }

    fn apply_rate(&mut self) {
        let threshold = self.rate.threshold();
        for shadow in &mut self.shadows {
            shadow.arm.retain(&mut self.rows, &|id| threshold.follows(id));
        }
        self.apply_capacity();
    }

    fn apply_capacity(&mut self) {
        let rate = self.sampling_rate();
        for shadow in &mut self.shadows {
            shadow.arm.set_capacity(&mut self.rows, scaled(self.capacity, shadow.factor * rate));
        }
        self.rows.settle();
    }
}

impl std::fmt::Debug for Shadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shadow")
            .field("policy", &self.policy)
            .field("factor", &self.factor)
            .field("misses", &self.misses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
