//! An origin in virtual time: every load takes a latency and, where there are so many, one of its slots.
//!
//! What is loaded ahead of need is charged as what is loaded on demand. A load that finds every slot taken waits for the
//! first that is free, so that a demand behind prefetches waits for them: loading what nobody asks for costs time, not
//! only room in the cache.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// An origin, with what its loads have cost so far.
///
/// ```
/// use host_simulator::{Demand, Origin};
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// let mut origin = Origin::new(ms(10), Some(2));
/// let now = Duration::ZERO;
/// assert_eq!(origin.load(now, Demand::Ahead), ms(10));
/// assert_eq!(origin.load(now, Demand::Ahead), ms(10));
/// assert_eq!(origin.load(now, Demand::Now), ms(20), "behind two prefetches");
/// assert_eq!((origin.loads(), origin.delayed(), origin.delay()), (3, 1, ms(10)));
/// ```
#[derive(Debug)]
pub struct Origin {
    latency: Duration,
    slots: Option<usize>,
    /// When the loads under way end.
    ends: BinaryHeap<Reverse<Duration>>,
    loads: u64,
    delayed: u64,
    delay: Duration,
}

/// Why something is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// A request waits for it.
    Now,
    /// It is expected to be asked for.
    Ahead,
}

impl Origin {
    /// An origin of which each load takes `latency`, and that works on so many at once; without `slots`, on any number. 0
    /// slots count as 1.
    #[must_use]
    pub fn new(latency: Duration, slots: Option<u32>) -> Self {
        let slots = slots.map(|slots| usize::try_from(slots.max(1)).unwrap_or(usize::MAX));
        let ends = BinaryHeap::new();
        Self { latency, slots, ends, loads: 0, delayed: 0, delay: Duration::ZERO }
    }

    /// Begins a load, and says when it ends. `now` never goes back.
    pub fn load(&mut self, now: Duration, demand: Demand) -> Duration {
        self.loads += 1;
        let Some(slots) = self.slots else { return now + self.latency };
        while self.ends.peek().is_some_and(|Reverse(end)| *end <= now) {
            self.ends.pop();
        }
        let free = if self.ends.len() < slots { None } else { self.ends.pop() };
        let begins = free.map_or(now, |Reverse(end)| end);
        if demand == Demand::Now && begins > now {
            self.delayed += 1;
            self.delay += begins - now;
        }
        let end = begins + self.latency;
        self.ends.push(Reverse(end));
        end
    }

    /// Loads so far.
    #[must_use]
    pub fn loads(&self) -> u64 {
        self.loads
    }

    /// Demands that waited for a slot.
    #[must_use]
    pub fn delayed(&self) -> u64 {
        self.delayed
    }

    /// How long they waited together.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn without_a_number_of_slots_nothing_waits() {
        let mut origin = Origin::new(ms(5), None);
        assert!((0..100).all(|_| origin.load(ms(1), Demand::Now) == ms(6)));
        assert_eq!((origin.loads(), origin.delayed(), origin.ends.len()), (100, 0, 0));
    }

    #[test]
    fn loads_queue_for_the_first_slot_that_is_free() {
        let mut origin = Origin::new(ms(10), Some(2));
        assert_eq!(origin.load(ms(0), Demand::Now), ms(10));
        assert_eq!(origin.load(ms(4), Demand::Ahead), ms(14));
        assert_eq!(origin.load(ms(5), Demand::Ahead), ms(20));
        assert_eq!(origin.load(ms(6), Demand::Now), ms(24), "the second slot is free at 14");
        assert_eq!((origin.delayed(), origin.delay()), (1, ms(8)));
        assert_eq!(origin.load(ms(24), Demand::Now), ms(34), "all have ended");
        assert_eq!(Origin::new(ms(1), Some(0)).load(ms(0), Demand::Now), ms(1));
    }
}
