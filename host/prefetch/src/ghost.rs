//! What left the cache lately: to know which misses prefetching caused, and what it loads again and again.
//!
//! What waits unused takes room. Without it, what was evicted last would still be there, as much as the unused weighs:
//! exactly so under LRU, about so under other policies. So a miss of one of those is a miss that prefetching caused.
//!
//! Both memories are bounded, each behind a lock that is held for a look-up or a change, by requests alone.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;

/// Most keys that are remembered, of either kind.
const MOST: usize = 4_096;

/// Keys in the order in which they came, each with a weight.
#[derive(Debug, Default)]
struct Memory {
    queue: VecDeque<(u64, u64)>,
    /// Where a key is, counted from the first that ever came; and its weight.
    places: HashMap<u64, (u64, u64)>,
    next: u64,
    weight: u64,
}

impl Memory {
    fn push(&mut self, key: u64, weight: u64) {
        self.take(key);
        self.places.insert(key, (self.next, weight));
        self.queue.push_back((key, self.next));
        self.next += 1;
        self.weight += weight;
        self.trim(u64::MAX);
    }

    fn take(&mut self, key: u64) -> bool {
        let taken = self.places.remove(&key);
        self.weight -= taken.map_or(0, |(_, weight)| weight);
        taken.is_some()
    }

    /// Forgets the oldest, until at most `weight` is left.
    fn trim(&mut self, weight: u64) {
        while self.queue.len() > MOST || self.weight > weight {
            let Some((key, place)) = self.queue.pop_front() else { return };
            if self.places.get(&key).is_some_and(|(at, _)| *at == place) {
                self.take(key);
            }
        }
    }
}

/// A memory with its count apart, so that an empty one costs one load to find out.
#[derive(Debug, Default)]
pub(crate) struct Ghost {
    memory: Mutex<Memory>,
    len: AtomicUsize,
}

impl Ghost {
    /// Remembers a key, and of all keys the youngest up to `weight` together.
    pub(crate) fn push(&self, key: u64, of_key: u64, weight: u64) {
        let mut memory = self.memory.lock();
        memory.push(key, of_key);
        memory.trim(weight);
        self.len.store(memory.places.len(), Ordering::Relaxed);
    }

    /// Forgets a key, and answers whether it was among the youngest up to `weight` together.
    pub(crate) fn take(&self, key: u64, weight: u64) -> bool {
        if self.len.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut memory = self.memory.lock();
        memory.trim(weight);
        let taken = memory.take(key);
        self.len.store(memory.places.len(), Ordering::Relaxed);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_youngest_are_remembered_and_each_once() {
        let ghost = Ghost::default();
        assert!(!ghost.take(1, 100));
        for key in 1..=4 {
            ghost.push(key, 10, 30);
        }
        assert!(!ghost.take(1, 30), "the oldest of 40 bytes");
        assert!(ghost.take(4, 30) && !ghost.take(4, 30));
        ghost.push(2, 10, 30);
        assert!(!ghost.take(3, 10) && ghost.take(2, 10), "2 has come again");
        ghost.push(5, 10, 30);
        assert!(!ghost.take(5, 0), "nothing waits any more");
    }

    #[test]
    fn the_memory_is_bounded() {
        let ghost = Ghost::default();
        for key in 0..100_000 {
            ghost.push(key % 50_000, 0, u64::MAX);
        }
        let memory = ghost.memory.lock();
        assert!(memory.queue.len() <= MOST && memory.places.len() <= MOST);
    }
}
