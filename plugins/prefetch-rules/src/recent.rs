//! The last accesses, kept from tick to tick: only the new ones are read from the host.
//!
//! Where the host did not keep all of them, what was read before is dropped: keys on either side of a gap do not follow
//! each other.

use strategy_sdk::accesses::AccessBatch;

/// Keys that are kept.
const WINDOW: usize = 4096;

/// The most that the host answers at once.
const BATCH: u32 = 4096;

/// Batches read in one tick. What is left is read in the next.
const MOST_BATCHES: usize = 4;

/// The last keys, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    keys: Vec<u64>,
    cursor: u64,
}

impl Recent {
    /// Reads on with `since`. Returns how many requests there were, those that were lost included.
    pub(crate) fn read(&mut self, since: impl Fn(u64, u32) -> AccessBatch) -> u64 {
        let mut requests = 0;
        for _ in 0..MOST_BATCHES {
            let batch = since(self.cursor, BATCH);
            requests += batch.next.saturating_sub(self.cursor);
            self.cursor = batch.next;
            if batch.lost > 0 {
                self.keys.clear();
            }
            let read = batch.keys.len();
            self.keys.extend(batch.keys);
            self.keys.drain(..self.keys.len().saturating_sub(WINDOW));
            if u32::try_from(read).is_ok_and(|read| read < BATCH) {
                break;
            }
        }
        requests
    }

    pub(crate) fn keys(&self) -> &[u64] {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host that has seen the keys 0, 1, 2 and so on up to `next`, and keeps the last `kept` of them.
    fn host(next: u64, kept: u64) -> impl Fn(u64, u32) -> AccessBatch {
        move |cursor, max| {
            let first = cursor.max(next.saturating_sub(kept));
            let end = next.min(first + u64::from(max));
            let keys: Vec<u64> = (first..end).collect();
            let len = keys.len();
            AccessBatch { next: end, lost: first - cursor, keys, sizes: vec![0; len], hits: vec![0; len] }
        }
    }

    #[test]
    fn only_what_is_new_is_read() {
        let mut recent = Recent::default();
        assert_eq!(recent.read(host(10, 4096)), 10);
        assert_eq!(recent.read(host(10, 4096)), 0);
        assert_eq!(recent.read(host(13, 3)), 3);
        assert_eq!(recent.keys(), (0..13).collect::<Vec<_>>());
    }

    #[test]
    fn the_last_keys_are_kept() {
        let mut recent = Recent::default();
        for next in [3_000, 6_000, 6_001] {
            recent.read(host(next, 4096));
        }
        assert_eq!(recent.keys(), (6_001 - 4096..6_001).collect::<Vec<_>>());
    }

    #[test]
    fn a_gap_ends_what_came_before_it() {
        let mut recent = Recent::default();
        recent.read(host(100, 4096));
        assert_eq!(recent.read(host(1_000, 50)), 900);
        assert_eq!(recent.keys(), (950..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_host_that_keeps_more_is_read_in_batches() {
        let mut recent = Recent::default();
        assert_eq!(recent.read(host(10_000, 10_000)), 10_000);
        assert_eq!(recent.keys(), (10_000 - 4096..10_000).collect::<Vec<_>>());
    }
}
