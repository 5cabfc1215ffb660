//! The memory cache: a sharded store, and an order of its entries that can be exchanged while it runs.
//!
//! A key's hash picks the shard; a [shard](shard) keeps its entries and their order apart, so that a hit
//! takes no exclusive lock and a policy can be replaced while values stay where they are. Every shard owns an
//! equal share of the capacity and never exceeds it, which is what bounds the sum without a lock over all
//! shards. The price is that an entry heavier than a share is refused, and that a policy sees its shard only:
//! with many shards and few entries its choice is coarser. [`Builder::shards`] `(1)` makes it exact.
//!
//! Nothing here fails: what cannot be stored is refused, counted and reported to the listener.

mod builder;
mod flight;
mod lanes;
mod load;
mod notes;
mod shard;
mod store;
mod table;

pub use builder::Builder;
pub use load::{Fill, Served};

use hashbrown::Equivalent;
use crate::sync::{AtomicU64, Mutex, Ordering};
use host_policy::{MOST_CAPACITY, PolicyKind};
use shard::{Gone, Incoming, Shard};
use std::hash::{BuildHasher, Hash};
use store::Entry;

/// Why an entry left the cache, or did not enter it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The policy chose it to make room.
    Evicted,
    /// A new value came under its key.
    Replaced,
    /// [`Cache::remove`] or [`Cache::clear`].
    Removed,
    /// It weighs more than its shard's share of the capacity and never entered.
    Refused,
}

/// What became of an [`insert`](Cache::insert).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Stored under a key that was not there.
    Inserted,
    /// Stored in place of an older value.
    Replaced,
    /// Not stored: it weighs more than its shard's share of the capacity. An older value of the key was
    /// removed.
    Refused,
}

/// The counters and sizes of a cache at about one moment: each is right, they are not read in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Lookups that found their entry.
    pub hits: u64,
    /// Lookups that did not, those that then waited for another's load included.
    pub misses: u64,
    /// Of these, lookups that were then served by another caller's load and caused none of their own.
    pub waited: u64,
    /// Values stored, replacements included.
    pub insertions: u64,
    /// Entries that the policy chose to go.
    pub evictions: u64,
    /// Values not stored because they were too heavy.
    pub refused: u64,
    /// Entries now.
    pub entries: u64,
    /// Sum of their weights.
    pub weight: u64,
    /// The limit of that sum.
    pub capacity: u64,
    /// The policy in charge.
    pub policy: PolicyKind,
}

impl Stats {
    /// Hits per lookup, 0 to 1; 0 before the first lookup.
    #[expect(clippy::as_conversions, reason = "a ratio of counters; the rounding above 2^53 does not show")]
    pub fn hit_ratio(&self) -> f64 {
        let lookups = self.hits + self.misses;
        if lookups == 0 { 0.0 } else { self.hits as f64 / lookups as f64 }
    }
}

type Weigher<K, V> = Box<dyn Fn(&K, &V) -> u64 + Send + Sync>;
type Listener<K, V> = Box<dyn Fn(&K, &V, Cause) + Send + Sync>;

/// A concurrent cache bounded by the total weight of its entries, whose policy and capacity change while it
/// runs.
///
/// Values are handed out as clones: wrap large ones in an `Arc`.
///
/// # Guarantees
///
/// - The weights of all entries sum to at most [`capacity`](Self::capacity) at every instant, also while
///   threads insert, switch the policy and resize. When a smaller capacity is set, the old one holds until
///   [`set_capacity`](Self::set_capacity) returns, and the new one from then on.
/// - A key is loaded by one caller at a time ([`get_or_try_insert_with`](Self::get_or_try_insert_with)). A
///   loader that fails, panics or is dropped leaves nothing behind.
/// - [`set_policy`](Self::set_policy) drops no entry and keeps what the old policy knew, as the
///   [policy module](crate::policy) lists.
/// - A lookup takes no exclusive lock. Under contention a policy may miss a few hits; with one shard and one
///   thread it misses none, and the cache hits exactly where [`Exact`](crate::Exact) does.
/// - Values are dropped, and the listener is called, outside of all locks.
///
/// The key's `Hash`, `Eq` and the value's `Clone` run inside a shard's lock and must not use the cache.
///
/// ```
/// use host_cache::{Cache, Outcome, PolicyKind};
///
/// let cache = Cache::builder(1 << 20)
///     .policy(PolicyKind::Arc)
///     .weigher(|key: &String, text: &String| (key.len() + text.len()) as u64)
///     .build();
/// assert_eq!(cache.insert("greeting".to_owned(), "hello".to_owned()), Outcome::Inserted);
/// assert_eq!(cache.get("greeting").as_deref(), Some("hello"));
/// cache.set_policy(PolicyKind::Lfu);
/// assert_eq!(cache.get("greeting").as_deref(), Some("hello"));
/// assert_eq!(cache.weight(), 13);
/// ```
pub struct Cache<K, V, S = ahash::RandomState> {
    shards: Box<[Shard<K, V>]>,
    /// Shift that leaves as many high bits of a spread hash as there are shards.
    shift: u32,
    hasher: S,
    weigher: Option<Weigher<K, V>>,
    listener: Option<Listener<K, V>>,
    /// Held through a change of capacity or policy, so that two of them do not mix.
    changing: Mutex<()>,
    capacity: AtomicU64,
    policy: Mutex<PolicyKind>,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// A builder for a cache of `capacity`, in the unit of the weigher; entries, where none is set.
    pub fn builder(capacity: u64) -> Builder<K, V> {
        Builder::new(capacity)
    }
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The value of `key`. Counts as a hit or a miss, and a hit as a use.
    #[inline]
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        let hash = self.id(key);
        self.shard(hash).get(hash, key)
    }

    /// The value of `key`, without counting and without telling the policy.
    pub fn peek<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        let hash = self.id(key);
        self.shard(hash).peek(hash, key, V::clone)
    }

    /// Whether there is an entry under `key`, without counting and without telling the policy.
    pub fn contains<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> bool {
        let hash = self.id(key);
        self.shard(hash).peek(hash, key, |_| ()).is_some()
    }

    /// Stores `value` under `key`, evicting what the policy says. A value under a key that is there replaces
    /// the older one and counts as a use.
    pub fn insert(&self, key: K, value: V) -> Outcome {
        let incoming = self.weigh(key, value);
        let mut gone = Gone::new();
        let outcome = self.shard(incoming.hash).insert(incoming, &self.hasher, None, &mut gone);
        self.report(gone);
        // Only an insert on behalf of a load is ever overtaken.
        outcome.unwrap_or(Outcome::Refused)
    }

    /// Removes the entry of `key` and returns its value. A load of the key that is under way will not be
    /// stored.
    pub fn remove<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        let hash = self.id(key);
        let entry = self.shard(hash).remove(hash, key)?;
        if let Some(listener) = &self.listener {
            listener(&entry.key, &entry.value, Cause::Removed);
        }
        Some(entry.value)
    }

    /// Removes every entry, shard by shard. Loads under way will not be stored.
    pub fn clear(&self) {
        let _changing = self.changing.lock();
        let kind = self.policy();
        for shard in &self.shards {
            let mut gone = Gone::new();
            shard.clear(kind, &mut gone);
            self.report(gone);
        }
    }

    /// Changes the capacity (over 2^62 counts as 2^62) and evicts what no longer fits. The number of shards
    /// stays, so that the heaviest entry that is accepted shrinks with it. Must not be called by the
    /// listener.
    pub fn set_capacity(&self, capacity: u64) {
        let capacity = capacity.min(MOST_CAPACITY);
        let _changing = self.changing.lock();
        // The published capacity is never below what the shards may hold.
        self.capacity.fetch_max(capacity, Ordering::SeqCst);
        for (shard, share) in self.shards.iter().zip(shares(capacity, self.shards.len())) {
            shard.set_capacity(share, &self.hasher, |gone| self.report(gone));
        }
        self.capacity.store(capacity, Ordering::SeqCst);
    }

    /// Puts another policy in charge, shard by shard, without dropping an entry; the [policy
    /// module](crate::policy) says what becomes of their order. Lookups go on; inserts into a shard wait
    /// while it changes hands. Must not be called by the listener.
    pub fn set_policy(&self, kind: PolicyKind) {
        let _changing = self.changing.lock();
        if std::mem::replace(&mut *self.policy.lock(), kind) != kind {
            for shard in &self.shards {
                shard.set_policy(kind, &self.hasher);
            }
        }
    }

    /// The limit of the sum of weights.
    pub fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::SeqCst)
    }

    /// The policy in charge.
    pub fn policy(&self) -> PolicyKind {
        *self.policy.lock()
    }

    /// Sum of the weights of all entries.
    pub fn weight(&self) -> u64 {
        self.sum(|shard| &shard.counters.weight)
    }

    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.sum(|shard| &shard.counters.entries)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of shards, a power of two.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// All counters and sizes.
    pub fn stats(&self) -> Stats {
        let lookups = self.shards.iter().map(Shard::lookups);
        let (hits, misses) = lookups.fold((0, 0), |sum, lookups| (sum.0 + lookups.0, sum.1 + lookups.1));
        Stats {
            hits,
            misses,
            waited: self.sum(|shard| &shard.counters.waited),
            insertions: self.sum(|shard| &shard.counters.insertions),
            evictions: self.sum(|shard| &shard.counters.evictions),
            refused: self.sum(|shard| &shard.counters.refused),
            entries: self.len(),
            weight: self.weight(),
            capacity: self.capacity(),
            policy: self.policy(),
        }
    }

    /// Shows every entry to `visit`, shard by shard, in no particular order. An entry that stays all the
    /// while is shown once. `visit` runs inside a shard's shared lock: it must not use the cache and should
    /// be short.
    pub fn for_each(&self, mut visit: impl FnMut(&K, &V)) {
        for shard in &self.shards {
            shard.for_each(&mut visit);
        }
    }

    /// The hash by which the cache, its policies and shadows know `key`.
    #[inline]
    pub fn id<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The weight that the weigher gives to an entry, at least 1.
    pub fn weight_of(&self, key: &K, value: &V) -> u64 {
        self.weigher.as_ref().map_or(1, |weigher| weigher(key, value).max(1))
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

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the shift leaves as many values as there are shards")]
    fn shard(&self, hash: u64) -> &Shard<K, V> {
        // In two steps, because with one shard the shift would be the whole width.
        &self.shards[usize::try_from(spread(hash) >> 1 >> self.shift).unwrap_or(0)]
    }

    #[inline]
    fn weigh(&self, key: K, value: V) -> Incoming<K, V> {
        Incoming { hash: self.id(&key), weight: self.weight_of(&key, &value), entry: Entry { key, value } }
    }

    /// Tells the listener, and drops. Called with no lock of a shard held.
    fn report(&self, gone: Gone<K, V>) {
        if let Some(listener) = &self.listener {
            for (entry, cause) in gone.into_iter() {
                listener(&entry.key, &entry.value, cause);
            }
        }
    }

    fn sum(&self, counter: impl Fn(&Shard<K, V>) -> &AtomicU64) -> u64 {
        self.shards.iter().map(|shard| counter(shard).load(Ordering::Acquire)).sum()
    }
}

/// A hash of which every half depends on all of `hash`, because a caller's hasher may leave bits empty. The upper
/// bits pick the shard, the lower ones the place in it.
#[inline]
#[expect(clippy::as_conversions, reason = "the halves of a product of twice the width")]
const fn spread(hash: u64) -> u64 {
    let product = hash as u128 * 0x9E37_79B9_7F4A_7C15;
    (product >> 64) as u64 ^ product as u64
}

/// `capacity` in `count` shares that differ by at most one.
fn shares(capacity: u64, count: usize) -> impl Iterator<Item = u64> {
    let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
    (0..count).map(move |number| capacity / count + u64::from(number < capacity % count))
}

impl<K, V, S> std::fmt::Debug for Cache<K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("shards", &self.shards.len())
            .field("capacity", &self.capacity)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
