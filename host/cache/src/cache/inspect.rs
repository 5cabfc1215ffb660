//! What a cache tells of itself: sizes, counters, entries.

use super::shard::Shard;
use super::{Cache, Stats};
use crate::sync::{AtomicU64, Ordering};
use hashbrown::Equivalent;
use host_policy::PolicyFactory;
use std::hash::{BuildHasher, Hash};

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The limit of the sum of weights.
    ///
    /// ```
    /// assert_eq!(host_cache::Cache::<u64, u64>::builder(100).build().capacity(), 100);
    /// ```
    pub fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::SeqCst)
    }

    /// What of the capacity is [kept](Self::set_reserved) from entries.
    ///
    /// ```
    /// assert_eq!(host_cache::Cache::<u64, u64>::builder(100).build().reserved(), 0);
    /// ```
    pub fn reserved(&self) -> u64 {
        self.reserved.load(Ordering::SeqCst)
    }

    /// The policy that was set last. A shard follows LRU in its place where that policy lost track of the shard's
    /// entries: see [`Stats::fallbacks`].
    ///
    /// ```
    /// use host_cache::{Cache, builtin};
    ///
    /// assert_eq!(Cache::<u64, u64>::builder(100).build().policy(), builtin::LRU);
    /// ```
    pub fn policy(&self) -> PolicyFactory {
        self.policy.lock().clone()
    }

    /// Sum of the weights of all entries, those included whose time is over and that were not removed yet.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).weigher(|_, text: &&str| text.len() as u64).build();
    /// cache.insert(1, "four");
    /// assert_eq!(cache.weight(), 4);
    /// ```
    pub fn weight(&self) -> u64 {
        self.sum(|shard| &shard.counters.weight)
    }

    /// Number of entries, those included whose time is over and that were not removed yet.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.len(), 1);
    /// ```
    pub fn len(&self) -> u64 {
        self.sum(|shard| &shard.counters.entries)
    }

    /// Of these, the ones with a time to live. What is [on probation](Self::prefetch) is left out.
    ///
    /// ```
    /// use host_cache::{Cache, Life};
    ///
    /// let cache = Cache::builder(100).build();
    /// cache.insert_until(1, "soon over", Life::Until(cache.now() + std::time::Duration::from_secs(1)));
    /// cache.insert(2, "for ever");
    /// assert_eq!((cache.len(), cache.expiring()), (2, 1));
    /// ```
    pub fn expiring(&self) -> u64 {
        self.shards.iter().map(Shard::expiring).sum()
    }

    /// Whether there is no entry.
    ///
    /// ```
    /// assert!(host_cache::Cache::<u64, u64>::builder(100).build().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the shard of `key` may still take without evicting anything, about.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).shards(1).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.room_beside("other key"), 99);
    /// ```
    pub fn room_beside<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> u64 {
        let room = self.capacity().saturating_sub(self.reserved());
        let share = room / u64::try_from(self.shards.len()).unwrap_or(u64::MAX).max(1);
        share.saturating_sub(self.shard(self.id(key)).counters.weight.load(Ordering::Acquire))
    }

    /// Number of shards, a power of two.
    ///
    /// ```
    /// assert_eq!(host_cache::Cache::<u64, u64>::builder(100).shards(3).build().shards(), 4);
    /// ```
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// The weight that the weigher gives to an entry, at least 1.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).weigher(|_: &u64, text: &&str| text.len() as u64).build();
    /// assert_eq!((cache.weight_of(&1, &"four"), cache.weight_of(&1, &"")), (4, 1));
    /// ```
    #[inline]
    pub fn weight_of(&self, key: &K, value: &V) -> u64 {
        self.weigher.as_ref().map_or(1, |weigher| weigher(key, value).max(1))
    }

    /// All counters and sizes. See [`Stats`].
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.stats().insertions, 1);
    /// ```
    pub fn stats(&self) -> Stats {
        // Read first: a lookup is counted as a miss before it is promoted.
        let promoted = self.sum(|shard| &shard.counters.promoted);
        let lookups = self.shards.iter().map(Shard::lookups);
        let (hits, misses) = lookups.fold((0, 0), |sum, lookups| (sum.0 + lookups.0, sum.1 + lookups.1));
        // Read before the reason, which is written first.
        let fallbacks = self.sum(|shard| &shard.counters.fallbacks);
        let (failed, fault) = self.common.fault.lock().clone().unzip();
        Stats {
            hits: hits + promoted,
            promoted,
            misses: misses.saturating_sub(promoted),
            waited: self.sum(|shard| &shard.counters.waited),
            insertions: self.sum(|shard| &shard.counters.insertions),
            evictions: self.sum(|shard| &shard.counters.evictions),
            expired: self.sum(|shard| &shard.counters.expired),
            refused: self.sum(|shard| &shard.counters.refused),
            unused: self.sum(|shard| &shard.counters.unused),
            spare_filled: self.sum(|shard| &shard.counters.spare_filled),
            spare_asked: self.sum(|shard| &shard.counters.spare_asked),
            spare: self.sum(|shard| &shard.counters.spare),
            entries: self.len(),
            weight: self.weight(),
            probation: self.sum(|shard| &shard.counters.probation),
            capacity: self.capacity(),
            policy: self.policy(),
            fallback: self.common.fallback.clone(),
            fallbacks,
            degraded_shards: self.sum(|shard| &shard.counters.degraded),
            fault,
            failed,
            shards: u64::try_from(self.shards.len()).unwrap_or(u64::MAX),
        }
    }

    /// Shows every entry to `visit`, shard by shard, in no particular order. An entry that stays all the
    /// while is shown once. `visit` runs inside a shard's lock: lookups go on, inserts wait for it; it must not use
    /// the cache and should be short.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// (1..=4).for_each(|key| drop(cache.insert(key, key)));
    /// let mut sum = 0;
    /// cache.for_each(|_, value| sum += value);
    /// assert_eq!(sum, 10);
    /// ```
    pub fn for_each(&self, mut visit: impl FnMut(&K, &V)) {
        for shard in &self.shards {
            shard.for_each(&self.common.expiry, &mut visit);
        }
    }

    /// Clones of all entries, in no particular order, without counting and without telling the policy.
    ///
    /// A shard is copied at one instant, when the iterator comes to it, and held by nobody while its entries are
    /// given out. An entry that stays all the while is given once; one that comes, goes or changes meanwhile is
    /// given as it was at the instant of its shard, or not at all; none is given twice.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// (1..=3).for_each(|key| drop(cache.insert(key, key * 10)));
    /// let mut entries: Vec<(u64, u64)> = cache.iter().collect();
    /// entries.sort();
    /// assert_eq!(entries, [(1, 10), (2, 20), (3, 30)]);
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V, S>
    where
        K: Clone,
    {
        Iter { cache: self, ahead: self.shards.iter(), copied: Vec::new().into_iter() }
    }

    /// Checks every shard's books: weights against their sum and limit, entries against table and policy. For
    /// tests and soak runs; takes every lock in turn and time in proportion to the entries.
    ///
    /// # Errors
    /// Says which shard is wrong, and how.
    #[doc(hidden)]
    pub fn check(&self) -> Result<(), String> {
        for (number, shard) in self.shards.iter().enumerate() {
            shard.check().map_err(|wrong| format!("shard {number}: {wrong}"))?;
        }
        Ok(())
    }

    fn sum(&self, counter: impl Fn(&Shard<K, V>) -> &AtomicU64) -> u64 {
        self.shards.iter().map(|shard| counter(shard).load(Ordering::Acquire)).sum()
    }
}

/// Clones of a cache's entries; from [`Cache::iter`].
///
/// ```
/// let cache = host_cache::Cache::builder(100).build();
/// cache.insert("key", 1);
/// for (key, value) in &cache {
///     assert_eq!((key, value), ("key", 1));
/// }
/// ```
pub struct Iter<'a, K, V, S = ahash::RandomState> {
    cache: &'a Cache<K, V, S>,
    ahead: std::slice::Iter<'a, Shard<K, V>>,
    copied: std::vec::IntoIter<(K, V)>,
}

impl<K: Hash + Eq + Clone, V: Clone, S> Iterator for Iter<'_, K, V, S> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            if let Some(entry) = self.copied.next() {
                return Some(entry);
            }
            let shard = self.ahead.next()?;
            let mut entries = Vec::new();
            shard.for_each(&self.cache.common.expiry, &mut |key: &K, value: &V| {
                entries.push((key.clone(), value.clone()));
            });
            self.copied = entries.into_iter();
        }
    }
}

impl<K, V, S> std::fmt::Debug for Iter<'_, K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Iter")
            .field("copied", &self.copied.len())
            .field("shards", &self.ahead.len())
            .finish_non_exhaustive()
    }
}

impl<'a, K: Hash + Eq + Clone, V: Clone, S: BuildHasher> IntoIterator for &'a Cache<K, V, S> {
    type Item = (K, V);
    type IntoIter = Iter<'a, K, V, S>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
