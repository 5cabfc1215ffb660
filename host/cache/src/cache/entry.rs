//! Whole entries, keys and values together: for a cache whose keys hold more than what they are looked up by.
//!
//! A cache of small values keeps each in one allocation with its key, [`Packed`](crate::Packed) for instance: the key is that
//! allocation, and the value is `()`. It is looked up by a borrowed form of what the key is about, and what is read and handed
//! out is the key that lies in the cache.

use super::probation::Room;
use super::removed::Removed;
use super::{Cache, Cause, Change, Fill, Outcome, Present, Served};
use hashbrown::Equivalent;
use std::future::Future;
use std::hash::{BuildHasher, Hash};

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// As [`get_with_by_id`](Self::get_with_by_id), and `read` sees the key as well that lies in the cache.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key".to_owned(), 1);
    /// let found = cache.get_entry_with_by_id(cache.id("key"), "key", |key, value| (key.len(), *value));
    /// assert_eq!(found, Some((3, 1)));
    /// ```
    #[inline]
    pub fn get_entry_with_by_id<Q: Hash + Equivalent<K> + ?Sized, R>(
        &self,
        id: u64,
        key: &Q,
        read: impl FnOnce(&K, &V) -> R,
    ) -> Option<R> {
        self.lookup(id, key, read)
    }

    /// As [`peek_with`](Self::peek_with), and `read` sees the key as well that lies in the cache.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key".to_owned(), 1);
    /// let found = cache.peek_entry_with("key", |key, found| (key.len(), *found.value));
    /// assert_eq!(found, Some((3, 1)));
    /// ```
    pub fn peek_entry_with<Q: Hash + Equivalent<K> + ?Sized, R>(
        &self,
        key: &Q,
        read: impl FnOnce(&K, Present<'_, V>) -> R,
    ) -> Option<R> {
        let hash = self.id(key);
        self.shard(hash).peek(hash, key, &self.common.expiry, read)
    }

    /// As [`remove`](Self::remove), and returns the key as well that lay in the cache.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.insert("key".to_owned(), 1);
    /// assert_eq!(cache.remove_entry("key"), Some(("key".to_owned(), 1)));
    /// assert_eq!(cache.remove_entry("key"), None);
    /// ```
    pub fn remove_entry<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<(K, V)> {
        let hash = self.id(key);
        let (entry, cause) = self.shard(hash).remove(hash, key, &self.common)?;
        if let Some(listener) = &self.listener {
            listener(&entry.key, &entry.value, cause);
        }
        (cause == Cause::Removed).then_some((entry.key, entry.value))
    }

    /// As [`update`](Self::update), for who has the [id](Self::id) of `key` and a borrowed form of it: `change` sees the key
    /// that lies in the cache, and brings one only where it stores something. That key has to be equal to `key`: under another
    /// one it is not found.
    ///
    /// ```
    /// use host_cache::{Cache, Change, Life, Outcome};
    ///
    /// let cache = Cache::<String, u32>::builder(100).build();
    /// let count = |key: &str| {
    ///     let (_, outcome) = cache.update_entry_by_id(cache.id(key), key, |found| {
    ///         let count = found.map_or(0, |(_, found)| *found.value) + 1;
    ///         (Change::Store((key.to_owned(), count), Life::Same), ())
    ///     });
    ///     outcome
    /// };
    /// assert_eq!((count("visits"), count("visits")), (Some(Outcome::Inserted), Some(Outcome::Replaced)));
    /// assert_eq!(cache.get("visits"), Some(2));
    /// ```
    pub fn update_entry_by_id<Q: Hash + Equivalent<K> + ?Sized, R>(
        &self,
        id: u64,
        key: &Q,
        change: impl FnOnce(Option<(&K, Present<'_, V>)>) -> (Change<(K, V)>, R),
    ) -> (R, Option<Outcome>) {
        let mut removed = Removed::new();
        let weigh = |key: &K, value: &V| self.weight_of(key, value);
        let done = self.shard(id).update((id, key), change, weigh, &self.common, &mut removed);
        self.report(removed);
        done
    }
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// As [`get_or_try_insert_async`](Self::get_or_try_insert_async), for a borrowed form of a key and a `load` that gives the
    /// whole entry, under an equal key. A `K` is made of the borrowed form only where it has to be loaded.
    ///
    /// # Errors
    /// That of `load`, to the caller whose `load` failed.
    ///
    /// ```
    /// use host_cache::{Cache, Served};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = Cache::<String, u32>::builder(100).build();
    /// let load = async { Ok::<_, std::io::Error>(("page".to_owned(), 1)) };
    /// let found = cache.get_entry_or_try_insert_async("page", load).await.unwrap();
    /// assert_eq!(found, (("page".to_owned(), 1), Served::Loaded));
    /// # }
    /// ```
    pub async fn get_entry_or_try_insert_async<Q, E>(
        &self,
        key: &Q,
        load: impl Future<Output = Result<(K, V), E>>,
    ) -> Result<((K, V), Served), E>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        K: for<'q> From<&'q Q>,
    {
        let hand_out = |key: &K, value: &V| (key.clone(), value.clone());
        self.read_through(key, |key| K::from(key), load, hand_out).await
    }

    /// As [`try_fill_async`](Self::try_fill_async), for a borrowed form of a key and a `load` that gives the whole entry, under
    /// an equal key.
    ///
    /// # Errors
    /// That of `load`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = host_cache::Cache::<String, u32>::builder(100).build();
    /// let load = async { Ok::<_, ()>(("next page".to_owned(), 2)) };
    /// cache.try_fill_entry_async("next page", load).await.unwrap();
    /// assert_eq!(cache.get("next page"), Some(2));
    /// # }
    /// ```
    pub async fn try_fill_entry_async<Q, E>(
        &self,
        key: &Q,
        load: impl Future<Output = Result<(K, V), E>>,
    ) -> Result<Fill, E>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        K: for<'q> From<&'q Q>,
    {
        self.fill_through(key, |key| K::from(key), load, Room::Share).await
    }

    /// As [`try_fill_entry_async`](Self::try_fill_entry_async), into room that nobody needs, as
    /// [`fill_spare`](Self::fill_spare) does.
    ///
    /// # Errors
    /// That of `load`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = host_cache::Cache::<String, u32>::builder(100).build();
    /// let load = async { Ok::<_, ()>(("front page".to_owned(), 1)) };
    /// cache.try_fill_spare_entry_async("front page", load).await.unwrap();
    /// assert_eq!((cache.get("front page"), cache.stats().spare_filled), (Some(1), 1));
    /// # }
    /// ```
    pub async fn try_fill_spare_entry_async<Q, E>(
        &self,
        key: &Q,
        load: impl Future<Output = Result<(K, V), E>>,
    ) -> Result<Fill, E>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        K: for<'q> From<&'q Q>,
    {
        self.fill_through(key, |key| K::from(key), load, Room::Spare).await
    }
}

#[cfg(test)]
mod tests;
