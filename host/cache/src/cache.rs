//! The memory cache: a sharded store, and an order of its entries that can be exchanged while it runs.
//!
//! A key's hash picks the shard. A [shard](shard) keeps its entries apart from their order, so that lookups run side
//! by side and a policy can be replaced while values stay where they are. Every shard owns an equal share of the
//! capacity and never exceeds it; this bounds the sum without a lock over all shards. In return an entry heavier than
//! a share is refused, and a policy sees its own shard only: with many shards and few entries its choice is coarser.
//! [`Builder::shards`] `(1)` makes it exact.
//!
//! No operation returns an error of the cache's own. What cannot be stored is refused, counted and reported to the
//! listener. A policy that loses track of its entries is replaced by LRU, and [`Stats::fallbacks`] counts it.

mod builder;
mod control;
mod entry;
mod expiry;
mod flight;
mod inspect;
mod load;
mod lookup;
mod outcome;
mod probation;
mod read_buffer;
mod removed;
mod scan;
mod shard;
mod store;
mod striped_lock;
mod table;
mod update;
mod weights;

pub use builder::Builder;
pub use expiry::{Clock, Life};
pub use inspect::Iter;
pub use load::{Fill, Served};
pub use outcome::{Cause, Outcome, Stats};
pub use update::{Change, Present};

use crate::sync::{AtomicU64, Mutex};
use hashbrown::Equivalent;
use host_policy::PolicyFactory;
use removed::{Gone, Removed};
use shard::{Common, Shard};
use std::hash::{BuildHasher, Hash};
use std::time::Duration;
use store::{Entry, Incoming};

type Weigher<K, V> = std::sync::Arc<dyn Fn(&K, &V) -> u64 + Send + Sync>;
type Listener<K, V> = Box<dyn Fn(&K, &V, Cause) + Send + Sync>;
type Evicted<K, V> = Box<dyn Fn(&K, &V, Option<Duration>) + Send + Sync>;

/// A concurrent cache bounded by the total weight of its entries, whose policy and capacity change while it
/// runs.
///
/// Values are handed out as clones: wrap large ones in an `Arc`. Keys may be looked up in any borrowed form that
/// hashes and compares alike, such as `str` for `String`; see [`Equivalent`].
///
/// # Guarantees
///
/// - The weights of all entries sum to at most [`capacity`](Self::capacity) at every instant, also while
///   threads insert, switch the policy and resize. When a smaller capacity is set, the old one holds until
///   [`set_capacity`](Self::set_capacity) returns, and the new one from then on. What is
///   [reserved](Self::set_reserved) of it is no room.
/// - A key is loaded by one caller at a time ([`get_or_try_insert_with`](Self::get_or_try_insert_with)). A
///   loader that fails, panics or is dropped leaves nothing behind.
/// - [`set_policy`](Self::set_policy) drops no entry and keeps what the old policy knew, as the
///   [policy module](crate::policy) lists.
/// - An entry whose [time](Builder::time_to_live) is over is never returned. A cache whose entries have no
///   lifetimes reads no clock.
/// - A lookup does not wait for a change of policy. It waits for an insert into its shard, about a microsecond, and
///   for another lookup in its shard only if the two threads share one of the shard's stripes: there is one for each
///   core, up to eight.
/// - While a shard's policy changes, the policy may not learn of some hits. With one shard and one thread it learns of
///   all, and the cache hits exactly where a simulation does.
/// - Values are dropped, and the listener is called, outside of all locks.
///
/// # When a policy fails
///
/// A policy that has to evict and names no entry, or one that is not there, has lost track of its shard's entries. The
/// [fallback](Builder::fallback), LRU unless set otherwise, takes that shard over within the same call. No entry is lost and the
/// capacity holds. The new order is what the policy could still export; entries that it did not export count as coldest.
/// Other shards keep the policy. [`Stats::fallbacks`] counts such events, [`Stats::fault`] says why, and
/// [`Stats::degraded_shards`] says how many shards follow the fallback since; [`set_policy`](Self::set_policy), also with the policy that failed, or [`clear`](Self::clear) ends that state.
///
/// A policy that names resident entries which are a bad choice is not found out here, and a native one that panics or does not
/// return does so in the caller's thread, within the shard's lock. One that is a component has a deadline, runs in a thread that
/// holds no lock, and is taken for failed when it misses it.
///
/// The key's `Hash` and `Eq`, the value's `Clone`, the clock, the policy, and what is handed to a method to read or change an
/// entry run inside a shard's lock and must not use the cache.
///
/// ```
/// use host_cache::{Cache, Outcome, builtin};
///
/// let cache = Cache::builder(1 << 20)
///     .policy(&builtin::ARC)
///     .weigher(|key: &String, text: &String| (key.len() + text.len()) as u64)
///     .build();
/// assert_eq!(cache.insert("greeting".to_owned(), "hello".to_owned()), Outcome::Inserted);
/// assert_eq!(cache.get("greeting").as_deref(), Some("hello"));
/// cache.set_policy(&builtin::LFU);
/// assert_eq!(cache.get("greeting").as_deref(), Some("hello"));
/// assert_eq!(cache.weight(), 13);
/// ```
pub struct Cache<K, V, S = ahash::RandomState> {
    shards: Box<[Shard<K, V>]>,
    /// Shift that leaves as many high bits of a spread hash as there are shards.
    shift: u32,
    common: Common<S>,
    weigher: Option<Weigher<K, V>>,
    listener: Option<Listener<K, V>>,
    evicted: Option<Evicted<K, V>>,
    /// Held through a change of capacity or policy, so that two of them do not mix.
    changing: Mutex<()>,
    capacity: AtomicU64,
    /// What of it is no room for entries.
    reserved: AtomicU64,
    policy: Mutex<PolicyFactory>,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// A builder for a cache of `capacity`, in the unit of the weigher; entries, where none is set.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(1_000).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.capacity(), 1_000);
    /// ```
    pub fn builder(capacity: u64) -> Builder<K, V> {
        Builder::new(capacity)
    }
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// Stores `value` under `key`, evicting what the policy says. A value under a key that is there replaces
    /// the older one and counts as a use.
    ///
    /// ```
    /// use host_cache::{Cache, Outcome};
    ///
    /// let cache = Cache::builder(100).build();
    /// assert_eq!(cache.insert("key", 1), Outcome::Inserted);
    /// assert_eq!(cache.insert("key", 2), Outcome::Replaced);
    /// ```
    #[inline]
    pub fn insert(&self, key: K, value: V) -> Outcome {
        self.insert_living(key, value, None)
    }

    /// As [`insert`](Self::insert), with a time to live of its own, which takes the place of the
    /// [cache's](Self::time_to_live). A time to be idle still holds.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert_with_ttl("token", 1, Duration::from_secs(60));
    /// cache.insert_with_ttl("out of date", 2, Duration::ZERO);
    /// assert_eq!((cache.get("token"), cache.get("out of date")), (Some(1), None));
    /// ```
    pub fn insert_with_ttl(&self, key: K, value: V, ttl: Duration) -> Outcome {
        self.insert_living(key, value, Some(ttl))
    }

    /// Removes the entry of `key` and returns its value, if its time was not over. A load of the key that is under
    /// way will not be stored.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.remove("key"), Some(1));
    /// assert_eq!(cache.remove("key"), None);
    /// ```
    pub fn remove<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// The hash by which the cache, its policies and shadows know `key`.
    ///
    /// ```
    /// let cache = host_cache::Cache::<String, u64>::builder(100).build();
    /// assert_eq!(cache.id("key"), cache.id(&"key".to_owned()));
    /// ```
    #[inline]
    pub fn id<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.common.hasher.hash_one(key)
    }

    /// As [`insert`](Self::insert), for who has the [id](Self::id) of `key` already. Under the id of another key it is not
    /// found by its key.
    #[inline]
    pub fn insert_by_id(&self, id: u64, key: K, value: V) -> Outcome {
        self.store(self.incoming(id, key, value, None))
    }

    /// Begins to fetch the memory that a lookup of the key of this [id](Self::id) will read, and waits for nothing: for who
    /// knows which lookups come next.
    #[inline]
    pub fn prefetch(&self, id: u64) {
        self.shard(id).prefetch(id);
    }

    /// The second step of [`prefetch`](Self::prefetch), for keys that hold a pointer: `fetch` sees the key that a lookup of this
    /// [id](Self::id) will probably find, and begins to fetch what lies behind it. To be called when the first step is done, which
    /// this one waits for otherwise. Where it `replaces` the entry, what an insert reads of it besides is fetched as well.
    ///
    /// `fetch` runs inside the lock of a stripe, as what is handed to [`get_with`](Self::get_with).
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key".to_owned(), 1);
    /// let id = cache.id("key");
    /// cache.prefetch(id);
    /// let mut seen = false;
    /// cache.prefetch_entry(id, false, |key| seen = key == "key");
    /// assert!(seen);
    /// ```
    #[inline]
    pub fn prefetch_entry(&self, id: u64, replaces: bool, fetch: impl FnOnce(&K)) {
        self.shard(id).prefetch_entry(id, replaces, fetch);
    }

    #[inline]
    fn insert_living(&self, key: K, value: V, ttl: Option<Duration>) -> Outcome {
        self.store(self.incoming(self.id(&key), key, value, ttl))
    }

    #[inline]
    fn store(&self, incoming: Incoming<K, V>) -> Outcome {
        let mut removed = Removed::new();
        let outcome = self.shard(incoming.hash).insert(incoming, &self.common, None, &mut removed);
        self.report(removed);
        // Only an insert on behalf of a load is ever overtaken.
        outcome.unwrap_or(Outcome::Refused)
    }

    #[inline]
    fn incoming(&self, hash: u64, key: K, value: V, ttl: Option<Duration>) -> Incoming<K, V> {
        let weight = self.weight_of(&key, &value);
        let lifetime = self.common.expiry.begin(ttl);
        Incoming { hash, weight, lifetime, entry: Entry { key, value } }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the shift leaves as many values as there are shards")]
    fn shard(&self, hash: u64) -> &Shard<K, V> {
        // In two steps, because with one shard the shift would be the whole width.
        &self.shards[usize::try_from(spread(hash) >> 1 >> self.shift).unwrap_or(0)]
    }

    /// Tells the listener, and drops. Called with no lock of a shard held.
    #[inline]
    fn report(&self, removed: Removed<K, V>) {
        for Gone { entry, cause, until } in removed.into_iter() {
            if let Some(listener) = &self.listener {
                listener(&entry.key, &entry.value, cause);
            }
            if cause == Cause::Evicted
                && let Some(evicted) = &self.evicted
            {
                evicted(&entry.key, &entry.value, until);
            }
        }
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
