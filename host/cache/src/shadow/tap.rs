//! The way from request threads to the shadows: a bounded queue without locks.
//!
//! A request whose id is not followed costs a hash and a comparison. A followed one is queued. A request never waits
//! for its shadow: once a request finds the queue full, nothing is queued until it is drained, and each request costs
//! one look at a flag that nobody writes meanwhile. There is no counter of dropped requests that threads would contend
//! for; what the cache counted less what was queued is what was dropped. Dropping breaks up reuse and makes the
//! estimates pessimistic, so the shadows then lower their rate. Two numbers bound what they cost: the capacity of the
//! queue, and how often it is drained.

use super::Shadows;
use super::groups::Groups;
use super::rate::Threshold;
use crossbeam_queue::ArrayQueue;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bits of a weight that is queued. The others say which groups the request belongs to, so that one takes no more room for them.
const WEIGHT: u32 = 48;

/// A followed request.
#[derive(Debug, Clone, Copy)]
struct Offered {
    id: u64,
    weight_and_groups: u64,
}

impl Offered {
    /// A weight of 2^48, that is 256 TiB, and above counts as the largest below.
    fn new(id: u64, weight: u64, groups: Groups) -> Self {
        let weight = weight.min((1 << WEIGHT) - 1);
        Self { id, weight_and_groups: weight | u64::from(groups.bits()) << WEIGHT }
    }

    fn weight(self) -> u64 {
        self.weight_and_groups & ((1 << WEIGHT) - 1)
    }

    fn groups(self) -> Groups {
        // What is left are 16 bits.
        Groups::from_bits(u16::try_from(self.weight_and_groups >> WEIGHT).unwrap_or_default())
    }
}

/// See [`Shadows::tap`].
///
/// ```
/// use host_cache::{Shadows, builtin};
///
/// let mut shadows = Shadows::new(&[builtin::LRU], &[1.0], 100, 1);
/// let tap = shadows.tap(1024);
/// std::thread::scope(|threads| {
///     threads.spawn(|| (0..10).for_each(|id| tap.offer(id, 1)));
/// });
/// assert_eq!(tap.drain_into(&mut shadows, 10), 10);
/// assert_eq!(shadows.estimates()[0].requests, 10);
/// ```
#[derive(Debug)]
pub struct SampleTap {
    threshold: Threshold,
    queue: ArrayQueue<Offered>,
    /// Since the last drain a request found the queue full. A hint: one that is queued in spite of it does no harm.
    full: AtomicBool,
    dropped: AtomicU64,
}

impl SampleTap {
    pub(super) fn new(threshold: Threshold, capacity: usize) -> Self {
        let queue = ArrayQueue::new(capacity.max(1));
        Self { threshold, queue, full: AtomicBool::new(false), dropped: AtomicU64::new(0) }
    }

    /// Offers a request for `id` (the key's hash) whose entry weighs `weight`. Never blocks.
    #[inline]
    pub fn offer(&self, id: u64, weight: u64) {
        self.offer_in(id, weight, || Groups::NONE);
    }

    /// The same of a request of these groups, which are asked for only where it is followed.
    #[inline]
    pub fn offer_in(&self, id: u64, weight: u64, groups: impl FnOnce() -> Groups) {
        if !self.full.load(Ordering::Relaxed)
            && self.threshold.follows(id)
            && self.queue.push(Offered::new(id, weight, groups())).is_err()
        {
            self.full.store(true, Ordering::Relaxed);
        }
    }

    /// Feeds what is queued, at most one queue full, and says how much it was. `offered` is the number of requests
    /// that were offered since the beginning, as whoever offers counts them (a cache counts its requests anyway):
    /// counted here it would cost every request a step on a line shared by all threads.
    pub fn drain_into(&self, shadows: &mut Shadows, offered: u64) -> usize {
        shadows.settle();
        let mut fed = 0;
        while fed < self.queue.capacity()
            && let Some(offered) = self.queue.pop()
        {
            shadows.sample(offered.id, offered.weight(), offered.groups());
            fed += 1;
        }
        shadows.settle();
        let full = self.full.swap(false, Ordering::Relaxed);
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let dropped = shadows.drained(count(self.queue.capacity()), count(fed), offered, full);
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
        fed
    }

    /// Followed requests that found the queue full, as many as were to be expected, up to the last drain.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
