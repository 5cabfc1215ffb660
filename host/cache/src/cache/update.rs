//! Reads and changes an entry in one step.

use super::expiry::{Life, Lifetime};
use super::store::{Entry, Incoming};
use super::{Cache, Outcome};
use std::hash::{BuildHasher, Hash};
use std::time::Duration;

/// An entry that is there, as who [reads](Cache::peek_with) or [changes](Cache::update) it sees it.
///
/// ```
/// let cache = host_cache::Cache::builder(100).build();
/// cache.insert("key", 1);
/// assert_eq!(cache.peek_with("key", |found| (*found.value, found.until)), Some((1, None)));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Present<'a, V> {
    /// Its value.
    pub value: &'a V,
    /// The end of its time to live, a moment on the [cache's clock](Cache::now); `None` where it lives without end. It says
    /// nothing of a [time to be idle](super::Builder::time_to_idle), whose end each use puts off.
    pub until: Option<Duration>,
}

impl<'a, V> Present<'a, V> {
    #[inline]
    pub(super) fn new(value: &'a V, lifetime: Option<&Lifetime>) -> Self {
        Self { value, until: lifetime.and_then(Lifetime::until) }
    }
}

impl<V> Clone for Present<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Present<'_, V> {}

/// What an [`update`](Cache::update) does with the entry of its key.
///
/// ```
/// use host_cache::{Cache, Change};
///
/// let cache = Cache::builder(100).build();
/// cache.insert("key", 1);
/// cache.update("key", |_| (Change::Remove, ()));
/// assert_eq!(cache.get("key"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<V> {
    /// Nothing: it stays as it is.
    Keep,
    /// Removes it, if it is there.
    Remove,
    /// Stores this value in its place, or as a new entry.
    Store(V, Life),
    /// Changes the end of its time to live, if it is there. That is no use: its time to be idle goes on.
    Live(Life),
}

impl<V> Change<V> {
    /// The same with what `make` makes of a value that is to be stored.
    ///
    /// ```
    /// use host_cache::{Change, Life};
    ///
    /// let change = Change::Store(1, Life::Same).map(|value| value + 1);
    /// assert_eq!(change, Change::Store(2, Life::Same));
    /// ```
    pub fn map<T>(self, make: impl FnOnce(V) -> T) -> Change<T> {
        match self {
            Self::Keep => Change::Keep,
            Self::Remove => Change::Remove,
            Self::Store(value, life) => Change::Store(make(value), life),
            Self::Live(life) => Change::Live(life),
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// Reads and changes the entry of `key` in one step: nobody changes it in between. Returns what `change` returned, and the
    /// outcome where it stored something.
    ///
    /// An entry over its time counts as none, and is removed as [expired](super::Cause::Expired). One that waits on
    /// [probation](Self::set_probation_share) is there. An update is not counted as a lookup. To store counts as
    /// [`insert`](Self::insert) does: a replacement is a use, and what is too heavy is refused and what was there removed.
    /// Unless the entry is kept, a load of the key that is under way will not be stored.
    ///
    /// `change` runs inside the shard's lock, and so does the [weigher](super::Builder::weigher) for the value that it stores.
    /// Lookups go on meanwhile, other changes of the shard wait: it has to be short, and must not use the cache. Where it
    /// panics nothing is changed.
    ///
    /// ```
    /// use host_cache::{Cache, Change, Life, Outcome};
    ///
    /// let cache = Cache::builder(100).build();
    /// let count = |key: &'static str| {
    ///     cache.update(key, |found| {
    ///         let count = found.map_or(0, |found| *found.value) + 1;
    ///         (Change::Store(count, Life::Same), count)
    ///     })
    /// };
    /// assert_eq!(count("visits"), (1, Some(Outcome::Inserted)));
    /// assert_eq!(count("visits"), (2, Some(Outcome::Replaced)));
    /// let is_there = cache.update("visits", |found| (Change::Keep, found.is_some()));
    /// assert_eq!(is_there, (true, None));
    /// ```
    pub fn update<R>(
        &self,
        key: K,
        change: impl FnOnce(Option<Present<'_, V>>) -> (Change<V>, R),
    ) -> (R, Option<Outcome>) {
        self.update_by_id(self.id(&key), &key, change)
    }

    /// As [`insert`](Self::insert), for an entry that lives as `life` says.
    ///
    /// ```
    /// use host_cache::{Cache, Life};
    /// use std::time::Duration;
    ///
    /// let cache = Cache::builder(100).build();
    /// let end = cache.now() + Duration::from_secs(60);
    /// cache.insert_until("token", 7, Life::Until(end));
    /// cache.insert_until("token", 8, Life::Same);
    /// assert_eq!(cache.peek_with("token", |found| (*found.value, found.until)), Some((8, Some(end))));
    /// ```
    pub fn insert_until(&self, key: K, value: V, life: Life) -> Outcome {
        self.insert_until_by_id(self.id(&key), key, value, life)
    }

    /// As [`insert_until`](Self::insert_until), for who has the [id](Self::id) of `key` already. Under the id of another key it
    /// is not found by its key.
    ///
    /// ```
    /// use host_cache::{Cache, Life};
    ///
    /// let cache = Cache::builder(100).build();
    /// cache.insert_until_by_id(cache.id("key"), "key", 1, Life::Endless);
    /// assert_eq!(cache.get("key"), Some(1));
    /// ```
    pub fn insert_until_by_id(&self, id: u64, key: K, value: V, life: Life) -> Outcome {
        if life == Life::Same {
            // How long the entry lives that is there is known inside the lock.
            let store = |_: Option<Present<'_, V>>| (Change::Store(value, life), ());
            return self.update_by_id(id, &key, store).1.unwrap_or(Outcome::Refused);
        }
        let weight = self.weight_of(&key, &value);
        let lifetime = self.common.expiry.begin_as(life, None);
        self.store(Incoming { hash: id, weight, lifetime, entry: Entry { key, value } })
    }

    fn update_by_id<R>(
        &self,
        id: u64,
        key: &K,
        change: impl FnOnce(Option<Present<'_, V>>) -> (Change<V>, R),
    ) -> (R, Option<Outcome>) {
        self.update_entry_by_id(id, key, |found| {
            let (change, result) = change(found.map(|(_, present)| present));
            (change.map(|value| (key.clone(), value)), result)
        })
    }
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The time now, by which entries live: that of the [clock](super::Builder::clock), by default the time since the cache was
    /// built.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let at_rest = || Duration::from_secs(5);
    /// let cache = host_cache::Cache::<u64, u64>::builder(100).clock(at_rest).build();
    /// assert_eq!(cache.now(), Duration::from_secs(5));
    /// ```
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.common.expiry.now())
    }
}

#[cfg(test)]
mod tests;
