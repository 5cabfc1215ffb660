//! Looks entries up: counted, or unseen by counters and policy; as a clone of the value, or by a closure that reads it where it
//! lies.

use super::removed::Removed;
use super::shard::Lookup;
use super::{Cache, Cause, Present};
use hashbrown::Equivalent;
use std::hash::{BuildHasher, Hash};

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The value of `key`. Counts as a hit or a miss, and a hit as a use.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key".to_owned(), 1);
    /// assert_eq!(cache.get("key"), Some(1));
    /// assert_eq!(cache.get("no such key"), None);
    /// ```
    #[inline]
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.lookup(self.id(key), key, |_, value| value.clone())
    }

    /// As [`get`](Self::get), for who has the [id](Self::id) of `key` already. With the id of another key it finds nothing.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// let id = cache.id("key");
    /// cache.insert_by_id(id, "key", 1);
    /// assert_eq!((cache.get_by_id(id, "key"), cache.get("key")), (Some(1), Some(1)));
    /// ```
    #[inline]
    pub fn get_by_id<Q: Hash + Equivalent<K> + ?Sized>(&self, id: u64, key: &Q) -> Option<V> {
        self.lookup(id, key, |_, value| value.clone())
    }

    /// As [`get`](Self::get), without a clone of the value: `read` sees it where it lies, and what it returns is returned.
    ///
    /// `read` runs inside the lock of a stripe of the shard. Changes of the shard wait for it, and so do lookups of threads that
    /// share the stripe. It has to be short, and must not use the cache.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("page", "<html>".to_owned());
    /// let mut reply = String::new();
    /// assert!(cache.get_with("page", |page| reply.push_str(page)).is_some());
    /// assert_eq!((reply.as_str(), cache.get_with("no such page", String::len)), ("<html>", None));
    /// assert_eq!((cache.stats().hits, cache.stats().misses), (1, 1));
    /// ```
    #[inline]
    pub fn get_with<Q: Hash + Equivalent<K> + ?Sized, R>(
        &self,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        self.lookup(self.id(key), key, |_, value| read(value))
    }

    /// As [`get_with`](Self::get_with), for who has the [id](Self::id) of `key` already. With the id of another key it finds
    /// nothing.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.get_with_by_id(cache.id("key"), "key", |value| value + 1), Some(2));
    /// ```
    #[inline]
    pub fn get_with_by_id<Q: Hash + Equivalent<K> + ?Sized, R>(
        &self,
        id: u64,
        key: &Q,
        read: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        self.lookup(id, key, |_, value| read(value))
    }

    /// The value of `key`, without counting and without telling the policy.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.peek("key"), Some(1));
    /// assert_eq!(cache.stats().hits, 0);
    /// ```
    pub fn peek<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.peek_with(key, |found| found.value.clone())
    }

    /// As [`peek`](Self::peek), without a clone of the value: `read` sees it where it lies, with the end of its time. It runs
    /// inside the lock of a stripe, as that of [`get_with`](Self::get_with).
    ///
    /// ```
    /// use host_cache::{Cache, Life};
    /// use std::time::Duration;
    ///
    /// let cache = Cache::builder(100).build();
    /// let end = cache.now() + Duration::from_secs(60);
    /// cache.insert_until("token", 7, Life::Until(end));
    /// assert_eq!(cache.peek_with("token", |found| (*found.value, found.until)), Some((7, Some(end))));
    /// ```
    pub fn peek_with<Q: Hash + Equivalent<K> + ?Sized, R>(
        &self,
        key: &Q,
        read: impl FnOnce(Present<'_, V>) -> R,
    ) -> Option<R> {
        let hash = self.id(key);
        self.shard(hash).peek(hash, key, &self.common.expiry, |_, found| read(found))
    }

    /// Whether there is an entry under `key`, without counting and without telling the policy.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key", 1);
    /// assert!(cache.contains("key") && !cache.contains("no such key"));
    /// ```
    pub fn contains<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> bool {
        self.peek_with(key, |_| ()).is_some()
    }

    /// A counted lookup.
    #[inline]
    pub(super) fn lookup<Q: Equivalent<K> + ?Sized, R>(
        &self,
        hash: u64,
        key: &Q,
        read: impl FnOnce(&K, &V) -> R,
    ) -> Option<R> {
        let shard = self.shard(hash);
        match shard.get(hash, key, &self.common.expiry, read) {
            Lookup::Hit(result) => Some(result),
            Lookup::Miss => None,
            Lookup::Waiting(read) => self.promote(hash, key, read),
            Lookup::Expired => {
                if let Some(entry) = shard.expire(hash, key, &self.common)
                    && let Some(listener) = &self.listener
                {
                    listener(&entry.key, &entry.value, Cause::Expired);
                }
                None
            }
        }
    }

    /// Reads the entry of a key that waits on probation.
    #[cold]
    fn promote<Q: Equivalent<K> + ?Sized, R>(
        &self,
        hash: u64,
        key: &Q,
        read: impl FnOnce(&K, &V) -> R,
    ) -> Option<R> {
        let mut removed = Removed::new();
        let result = self.shard(hash).promote(hash, key, &self.common, &mut removed, read);
        self.report(removed);
        result
    }
}
