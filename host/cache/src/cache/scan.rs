//! Comes by entries without naming them: a scan in pieces, and one at random.

use super::{Cache, Present};
use crate::sync::Ordering;
use std::hash::{BuildHasher, Hash};

/// Groups of the table that one call of [`Cache::scan`] looks at beyond one for each entry wanted: of a table that was emptied
/// it does not look at everything in one go.
const GROUPS: usize = 1 << 10;

/// Groups that are looked at in one go, within the lock.
const BATCH: usize = 64;

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// Visits entries from `cursor` on, which begins at 0, and returns the cursor to go on with; 0 at the end.
    ///
    /// An entry that is there from the first call to the last is visited at least once, however the cache grows, evicts or
    /// changes its policy meanwhile. It is visited once, unless it waits on [probation](Self::set_probation_share) and is asked
    /// for meanwhile. An entry that comes or goes meanwhile may be visited or not. Those over their time are not. Nothing is
    /// counted, and the policy is not told.
    ///
    /// A call goes on until `count` entries or more were visited. It ends with fewer where it has come by a thousand places and
    /// more without any. It visits entries of equal hash together, and with the first entries of a shard all that wait on
    /// probation there, so that there may be more than `count`.
    ///
    /// The cursor is all that is kept between calls, and is less than 2^44. Any number is taken for one: a scan from it ends. It
    /// holds for this cache as long as it exists, and for no other one.
    ///
    /// `visit` runs inside a shard's lock. Lookups go on, changes wait for it: it has to be short, and must not use the cache.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// (0..50).for_each(|key| drop(cache.insert(key, key * 2)));
    /// let (mut cursor, mut seen) = (0, Vec::new());
    /// loop {
    ///     cursor = cache.scan(cursor, 10, |&key, found| seen.push((key, *found.value)));
    ///     if cursor == 0 {
    ///         break;
    ///     }
    /// }
    /// seen.sort();
    /// assert_eq!(seen, (0..50).map(|key| (key, key * 2)).collect::<Vec<_>>());
    /// ```
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&K, Present<'_, V>)) -> u64 {
        let (shard, mut from) = parts(cursor);
        let (mut visited, mut looked) = (0, 0);
        for (number, shard) in self.shards.iter().enumerate().skip(shard) {
            let mut next = Some(from);
            from = 0;
            while let Some(hash) = next {
                if looked > 0 && (visited >= count || looked >= count.saturating_add(GROUPS)) {
                    return cursor_of(number, hash);
                }
                let batch = Batch { count: count.saturating_sub(visited), groups: BATCH };
                let passed = shard.scan(hash, batch, &self.common.expiry, &mut |key, found| {
                    visited += 1;
                    visit(key, found);
                });
                (next, looked) = (passed.next, looked + passed.groups.max(1));
            }
        }
        0
    }

    /// Lets `read` see some entry that is not over its time: about each is as likely as any other, if each `random` is. `None`
    /// where there is no entry. Nothing is counted, and the policy is not told.
    ///
    /// `read` runs inside a shard's lock. Lookups go on, changes wait for it: it has to be short, and must not use the cache.
    /// Where most entries are over their time and were not removed yet, it takes time in proportion to them.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// assert_eq!(cache.random_with(7, |&key: &u64, _| key), None);
    /// cache.insert(3, "three");
    /// assert_eq!(cache.random_with(7, |&key, found| (key, *found.value)), Some((3, "three")));
    /// ```
    pub fn random_with<R>(&self, random: u64, read: impl FnOnce(&K, Present<'_, V>) -> R) -> Option<R> {
        let entries = |number: usize| {
            self.shards.get(number).map_or(0, |shard| shard.counters.entries.load(Ordering::Acquire))
        };
        // The shard with the entry of this number, as far as is known without a lock.
        let mut ahead = below(random, (0..self.shards.len()).map(entries).sum());
        let mut first = 0;
        while let Some(rest) = ahead.checked_sub(entries(first))
            && first + 1 < self.shards.len()
        {
            ahead = rest;
            first += 1;
        }
        let mut read = read;
        for shard in self.shards.iter().cycle().skip(first).take(self.shards.len()) {
            match shard.random(random, &self.common.expiry, read) {
                Ok(result) => return Some(result),
                Err(unused) => read = unused,
            }
        }
        None
    }
}

/// How far a shard is to be scanned in one go: up to so many entries, or so many groups of its table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    pub(super) count: usize,
    pub(super) groups: usize,
}

/// How far a shard was scanned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passed {
    /// The hash to go on with; `None` at the end of the shard.
    pub(super) next: Option<u32>,
    /// The groups that were looked at.
    pub(super) groups: usize,
}

/// Shard and hash of a cursor: the upper and the lower 32 bits.
fn parts(cursor: u64) -> (usize, u32) {
    let hash = u32::try_from(cursor & u64::from(u32::MAX)).unwrap_or(0);
    (usize::try_from(cursor >> 32).unwrap_or(usize::MAX), hash)
}

/// Never 0 but for the beginning of the first shard, with which no scan ends.
fn cursor_of(shard: usize, hash: u32) -> u64 {
    (u64::try_from(shard).unwrap_or(0) << 32) | u64::from(hash)
}

/// A number below `end`, each as likely as any other if each `random` is; 0 where `end` is 0.
pub(super) fn below(random: u64, end: u64) -> u64 {
    u64::try_from((u128::from(random) * u128::from(end)) >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests;
