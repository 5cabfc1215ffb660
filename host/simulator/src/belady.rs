//! Belady's MIN: the fewest misses that any eviction policy can reach on a recorded trace of unit-sized
//! entries (Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal
//! 1966).
//!
//! It evicts the entry whose next use lies farthest in the future. Every miss is stored, as in the other
//! policies (an optimum that may bypass the cache misses slightly less). Among entries that are never used
//! again it does not matter which goes.
//!
//! The next use of each request is computed once and shared by all capacities. The replay then needs
//! no table of entries: a resident entry *is* the position of its next use, kept in a bitmap with summary
//! levels, so that "was it resident" is one bit and "farthest next use" a walk down five levels.
//!
//! Memory: 4 bytes a request and 8 a distinct id to prepare, then 4 bytes and 1.02 bits a request.
#![expect(
    clippy::indexing_slicing,
    reason = "positions are below the number of requests the levels were made for"
)]

use crate::index::at;
use crate::replay::Tally;

/// The distance that stands for "not used again".
const NEVER: u32 = u32::MAX;

/// A trace prepared for [`Belady::misses`].
///
/// ```
/// use host_simulator::belady::Belady;
///
/// let trace = Belady::new(&[0, 1, 2, 0, 1, 2, 0, 1, 2]);
/// assert_eq!(trace.misses(3), 3);
/// assert_eq!(trace.misses(2), 6); // LRU would miss all nine
/// ```
#[derive(Debug)]
pub struct Belady {
    /// For each request the distance to the next one of the same id, or [`NEVER`]. A distance of 2^32 - 1 or
    /// more counts as never.
    distances: Vec<u32>,
}

impl Belady {
    /// Finds the next use of every request. Ids should be dense (0, 1, 2, ...): memory grows with the largest
    /// id.
    pub fn new(requests: &[u32]) -> Self {
        let mut preparation = Preparation::default();
        preparation.extend(requests);
        preparation.end()
    }

    /// Misses of the optimal policy with room for `capacity` entries, starting empty.
    pub fn misses(&self, capacity: usize) -> u64 {
        let requests = self.distances.len();
        let hits = self.replay(capacity).feed(requests, &[]).hits;
        u64::try_from(requests).map_or(0, |requests| requests - hits)
    }

    /// The optimal policy with room for `capacity` entries, at the beginning of the trace.
    pub fn replay(&self, capacity: usize) -> Optimum<'_> {
        let next_uses = Positions::new(self.distances.len());
        Optimum { distances: &self.distances, now: 0, next_uses, live: 0, dead: 0, capacity }
    }
}

/// A trace that is prepared piece by piece.
#[derive(Default)]
pub(crate) struct Preparation {
    distances: Vec<u32>,
    /// Where each id was used last: its distance is known when it is used again.
    last: Vec<usize>,
}

impl Preparation {
    /// Takes the requests that come next.
    pub(crate) fn extend(&mut self, requests: &[u32]) {
        for &id in requests {
            if at(id) >= self.last.len() {
                self.last.resize(at(id) + 1, usize::MAX);
            }
            let position = self.distances.len();
            let before = std::mem::replace(&mut self.last[at(id)], position);
            if before != usize::MAX {
                self.distances[before] = u32::try_from(position - before).unwrap_or(NEVER);
            }
            self.distances.push(NEVER);
        }
    }

    /// There are no more.
    pub(crate) fn end(self) -> Belady {
        Belady { distances: self.distances }
    }
}

/// The optimal policy somewhere in its trace; see [`Belady::replay`].
#[derive(Debug)]
pub struct Optimum<'a> {
    distances: &'a [u32],
    /// The request that comes next.
    now: usize,
    next_uses: Positions,
    /// Residents that have a next use.
    live: usize,
    /// Residents that are never used again.
    dead: usize,
    capacity: usize,
}

impl Optimum<'_> {
    /// Applies the next `requests` of the trace, or those that are left. `sizes` has one for each, or is empty; they
    /// are counted and change nothing else.
    pub fn feed(&mut self, requests: usize, sizes: &[u32]) -> Tally {
        let mut tally = Tally::default();
        let end = self.now.saturating_add(requests).min(self.distances.len());
        let mut sizes = sizes.iter();
        for now in std::mem::replace(&mut self.now, end)..end {
            let hit = self.access(now);
            match sizes.next() {
                Some(&size) => tally.count(hit, size.max(1)),
                None => tally.hits += u64::from(hit),
            }
        }
        tally
    }

    #[inline]
    fn access(&mut self, now: usize) -> bool {
        let hit = self.next_uses.remove(now);
        if hit {
            self.live -= 1;
        } else if self.live + self.dead == self.capacity {
            if self.dead > 0 {
                self.dead -= 1;
            } else if self.next_uses.remove_last() {
                self.live -= 1;
            } else {
                return false; // no capacity at all
            }
        }
        let distance = self.distances[now];
        if distance == NEVER {
            self.dead += 1;
        } else {
            self.next_uses.insert(now + at(distance));
            self.live += 1;
        }
        hit
    }
}

/// Misses of the optimal policy on `requests` with room for `capacity` unit-sized entries, starting empty.
/// For several capacities prepare a [`Belady`] once.
pub fn misses(requests: &[u32], capacity: usize) -> u64 {
    Belady::new(requests).misses(capacity)
}

/// A set of positions that gives up its largest: a bitmap, and above it levels with one bit a word of the
/// level below.
#[derive(Debug)]
struct Positions {
    levels: Vec<Vec<u64>>,
}

impl Positions {
    fn new(len: usize) -> Self {
        let mut levels = Vec::new();
        let mut len = len.max(1);
        loop {
            len = len.div_ceil(64);
            levels.push(vec![0; len]);
            if len == 1 {
                return Self { levels };
            }
        }
    }

    fn insert(&mut self, mut position: usize) {
        for level in &mut self.levels {
            let word = &mut level[position / 64];
            let was_empty = *word == 0;
            *word |= 1 << (position % 64);
            if !was_empty {
                return;
            }
            position /= 64;
        }
    }

    /// Whether the position was in the set.
    fn remove(&mut self, mut position: usize) -> bool {
        if self.levels[0][position / 64] & (1 << (position % 64)) == 0 {
            return false;
        }
        for level in &mut self.levels {
            let word = &mut level[position / 64];
            *word &= !(1 << (position % 64));
            if *word != 0 {
                break;
            }
            position /= 64;
        }
        true
    }

    /// Removes the largest position; false when the set is empty.
    fn remove_last(&mut self) -> bool {
        let mut position = 0;
        for level in self.levels.iter().rev() {
            let Some(bit) = level[position].checked_ilog2() else { return false };
            position = position * 64 + at(bit);
        }
        self.remove(position)
    }
}

#[cfg(test)]
mod tests {
    use super::{Belady, Positions, misses};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Straight from the definition: evict the resident whose next use is farthest.
    fn naive(requests: &[u32], capacity: usize) -> u64 {
        let mut resident: Vec<u32> = Vec::new();
        let mut misses = 0;
        for (now, &id) in requests.iter().enumerate() {
            if resident.contains(&id) {
                continue;
            }
            misses += 1;
            if capacity == 0 {
                continue;
            }
            if resident.len() == capacity {
                let next = |id| requests[now..].iter().position(|&r| r == id).unwrap_or(usize::MAX);
                let (victim, _) = resident.iter().enumerate().max_by_key(|&(_, &id)| next(id)).unwrap();
                resident.swap_remove(victim);
            }
            resident.push(id);
        }
        misses
    }

    proptest! {
        #[test]
        fn equals_the_definition(requests in prop::collection::vec(0u32..20, 0..200), capacity in 0usize..22) {
            prop_assert_eq!(misses(&requests, capacity), naive(&requests, capacity));
        }

        #[test]
        fn positions_equal_an_ordered_set(steps in prop::collection::vec((0u8..3, 0usize..9_000), 0..400)) {
            let mut positions = Positions::new(9_000);
            let mut model = BTreeSet::new();
            for (step, position) in steps {
                match step {
                    0 => { positions.insert(position); model.insert(position); }
                    1 => prop_assert_eq!(positions.remove(position), model.remove(&position)),
                    _ => prop_assert_eq!(positions.remove_last(), model.pop_last().is_some()),
                }
            }
            while let Some(last) = model.pop_last() {
                prop_assert!(positions.remove(last));
                positions.insert(last);
                prop_assert!(positions.remove_last());
            }
            prop_assert!(!positions.remove_last());
        }
    }

    #[test]
    fn parts_add_up_and_sizes_are_counted() {
        let requests: Vec<u32> = (0..5_000u32).map(|n| n * n % 97).collect();
        let sizes: Vec<u32> = requests.iter().map(|id| id % 7).collect();
        let trace = Belady::new(&requests);
        let (mut parts, mut whole) = (trace.replay(30), trace.replay(30));
        let all = whole.feed(usize::MAX, &sizes);
        let (mut hits, mut missed, mut bytes) = (0, 0, 0);
        for part in sizes.chunks(333) {
            let tally = parts.feed(part.len(), part);
            (hits, missed, bytes) = (hits + tally.hits, missed + tally.bytes_missed, bytes + tally.bytes);
        }
        assert_eq!((hits, missed, bytes), (all.hits, all.bytes_missed, all.bytes));
        assert_eq!(5_000 - hits, trace.misses(30));
        assert_eq!(bytes, sizes.iter().map(|&size| u64::from(size.max(1))).sum::<u64>());
    }

    #[test]
    fn an_empty_trace_has_no_misses() {
        assert_eq!(Belady::new(&[]).misses(10), 0);
    }
}
