//! Loads that are under way in virtual time, by the time at which each is there.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use ahash::RandomState;

use crate::wiring::fixed_hasher;

/// Loads of objects, by their numbers.
#[derive(Debug)]
pub(crate) struct UnderWay {
    due: BinaryHeap<Reverse<(Duration, u64)>>,
    /// Those that nobody has waited for yet.
    loads: HashMap<u64, Duration, RandomState>,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self { due: BinaryHeap::new(), loads: HashMap::with_hasher(fixed_hasher()) }
    }
}

impl UnderWay {
    /// A load begins, and is there at the time `due`.
    pub(crate) fn begin(&mut self, number: u64, due: Duration) {
        self.due.push(Reverse((due, number)));
        self.loads.insert(number, due);
    }

    /// Takes a load that is there by `now`, the earliest first. One that was waited for is not among them.
    pub(crate) fn landed(&mut self, now: Duration) -> Option<u64> {
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            if due > now {
                return None;
            }
            self.due.pop();
            if self.loads.remove(&number).is_some() {
                return Some(number);
            }
        }
        None
    }

    /// Takes the load of this object, for who waits for it, and says when it is there; none where there is no such load.
    pub(crate) fn awaited(&mut self, number: u64) -> Option<Duration> {
        self.loads.remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_land_in_the_order_of_their_times_and_one_that_was_waited_for_does_not_land_again() {
        let mut under_way = UnderWay::default();
        let at = Duration::from_millis;
        for (number, due) in [(1, 30), (2, 10), (3, 20), (4, 90)] {
            under_way.begin(number, at(due));
        }
        assert_eq!(under_way.landed(at(9)), None);
        assert_eq!(under_way.awaited(3), Some(at(20)));
        assert_eq!(under_way.awaited(3), None);
        let landed: Vec<u64> = std::iter::from_fn(|| under_way.landed(at(30))).collect();
        assert_eq!(landed, [2, 1]);
        assert_eq!(under_way.landed(at(89)), None);
        assert_eq!(under_way.landed(at(90)), Some(4));
    }
}
