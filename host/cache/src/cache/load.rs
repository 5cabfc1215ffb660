//! Reads through the cache: look up, else load once and store.
//!
//! The two methods are one algorithm, blocking and asynchronous. A caller that finds neither the entry nor a
//! load under way leads: it registers, looks once more (the load it just missed may have been stored
//! meanwhile), loads, stores, and hands its value to whoever waited. When it fails, the waiters start over
//! and one of them leads.

mod through;

use super::Cache;
use super::flight::Role;
use super::probation::Room;
use super::removed::Removed;
use hashbrown::Equivalent;
use std::convert::Infallible;
use std::future::Future;
use std::hash::{BuildHasher, Hash};

/// Where the value of a read-through came from.
///
/// ```
/// use host_cache::{Cache, Served};
///
/// let cache = Cache::builder(100).build();
/// assert_eq!(cache.get_or_insert_with("key", || 1), (1, Served::Loaded));
/// assert_eq!(cache.get_or_insert_with("key", || 2), (1, Served::Hit));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Served {
    /// It was in the cache.
    Hit,
    /// This caller loaded it.
    Loaded,
    /// Another caller loaded it meanwhile.
    Waited,
}

/// What a fill found or did.
///
/// ```
/// use host_cache::{Cache, Fill};
///
/// let cache = Cache::builder(100).build();
/// assert_eq!(cache.try_fill_with("key", || Ok::<_, ()>(1)), Ok(Fill::Loaded));
/// assert_eq!(cache.try_fill_with("key", || Ok::<_, ()>(2)), Ok(Fill::Present));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fill {
    /// The entry was there already.
    Present,
    /// Another caller is loading it.
    UnderWay,
    /// This caller loaded it.
    Loaded,
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// The value of `key`; if it is not there, `load`s it, stores it, and returns it whether or not the cache
    /// had room. As [`get_or_try_insert_with`](Self::get_or_try_insert_with), for a `load` that cannot fail.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// let (length, _) = cache.get_or_insert_with("word", || "word".len());
    /// assert_eq!(length, 4);
    /// ```
    pub fn get_or_insert_with(&self, key: K, load: impl FnOnce() -> V) -> (V, Served) {
        let Ok(found) = self.get_or_try_insert_with(key, || Ok::<V, Infallible>(load()));
        found
    }

    /// The value of `key`; if it is not there, awaits `load`, stores its value, and returns it whether or not
    /// the cache had room. As [`get_or_try_insert_async`](Self::get_or_try_insert_async), for a `load` that cannot
    /// fail.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = host_cache::Cache::builder(100).build();
    /// let (length, _) = cache.get_or_insert_async("word", async { "word".len() }).await;
    /// assert_eq!(length, 4);
    /// # }
    /// ```
    pub async fn get_or_insert_async(&self, key: K, load: impl Future<Output = V>) -> (V, Served) {
        let Ok(found) = self.get_or_try_insert_async(key, async { Ok::<V, Infallible>(load.await) }).await;
        found
    }

    /// The value of `key`; if it is not there, `load`s it, stores it, and returns it whether or not the cache
    /// had room.
    ///
    /// While one caller loads a key, others block for its value, and `load` runs outside all locks. If it
    /// fails or panics, nothing is stored and one of those who wait loads in its place. A key that is
    /// inserted or removed by hand during its load keeps that newer state. The lookup counts as a hit or a
    /// miss.
    ///
    /// `load` must not load the same key through the same cache: it would wait for itself.
    ///
    /// # Errors
    /// That of `load`, to the caller whose `load` failed.
    ///
    /// ```
    /// use host_cache::{Cache, Served};
    ///
    /// let cache = Cache::builder(100).build();
    /// let length = |word: &str| cache.get_or_try_insert_with(word.to_owned(), || Ok::<_, ()>(word.len()));
    /// assert_eq!(length("word"), Ok((4, Served::Loaded)));
    /// assert_eq!(length("word"), Ok((4, Served::Hit)));
    /// ```
    pub fn get_or_try_insert_with<E>(
        &self,
        key: K,
        load: impl FnOnce() -> Result<V, E>,
    ) -> Result<(V, Served), E> {
        let hash = self.id(&key);
        let shard = self.shard(hash);
        if let Some(value) = self.lookup(hash, &key, value_of) {
            return Ok((value, Served::Hit));
        }
        loop {
            match shard.flights.join(hash, &key, K::clone) {
                Role::Lead(lead) => {
                    let lead = match self.unless_stored(hash, &key, lead, value_of) {
                        Ok(lead) => lead,
                        Err(value) => return Ok((value, Served::Waited)),
                    };
                    let value = load()?;
                    return Ok((self.land(hash, lead, (key, value), value_of), Served::Loaded));
                }
                Role::Wait(flight) => {
                    if let Some(value) = flight.wait(value_of) {
                        self.waited(hash, &key);
                        return Ok((value, Served::Waited));
                    }
                }
            }
        }
    }

    /// The value of `key`; if it is not there, awaits `load`, stores its value, and returns it whether or not
    /// the cache had room.
    ///
    /// As [`get_or_try_insert_with`](Self::get_or_try_insert_with), for tasks: those who wait do not block
    /// their thread, and a caller whose future is dropped leaves the load to one of the others. It needs no
    /// particular runtime. Threads and tasks may wait for each other's loads; a thread that drives the
    /// loading task must not itself block on it.
    ///
    /// # Errors
    /// That of `load`, to the caller whose `load` failed.
    ///
    /// ```
    /// use host_cache::{Cache, Served};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = Cache::builder(100).build();
    /// let load = async { Ok::<_, std::io::Error>("page".to_owned()) };
    /// let (page, served) = cache.get_or_try_insert_async(7, load).await.unwrap();
    /// assert_eq!((page.as_str(), served), ("page", Served::Loaded));
    /// # }
    /// ```
    pub async fn get_or_try_insert_async<E>(
        &self,
        key: K,
        load: impl Future<Output = Result<V, E>>,
    ) -> Result<(V, Served), E> {
        let load = async { load.await.map(|value| (key.clone(), value)) };
        self.read_through(&key, K::clone, load, value_of).await
    }

    /// Loads `key` ahead of need, unless it is there or being loaded. It counts as no lookup and no use, and does
    /// not wait; lookups that come meanwhile wait for it as for any load.
    ///
    /// The entry waits on probation, which [`set_probation_share`](Self::set_probation_share) bounds, and no policy sees
    /// it there. The first lookup that finds it counts as a hit, and to the policy it is a miss that was loaded. Entries
    /// that are not asked for leave [unused](super::Cause::Unused), the oldest first.
    ///
    /// # Errors
    /// That of `load`.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// assert_eq!(cache.try_fill_with("page", || Err("no such page")), Err("no such page"));
    /// cache.try_fill_with("next page", || Ok::<_, &str>(2)).unwrap();
    /// assert_eq!((cache.get("next page"), cache.stats().misses), (Some(2), 0));
    /// ```
    pub fn try_fill_with<E>(&self, key: K, load: impl FnOnce() -> Result<V, E>) -> Result<Fill, E> {
        let hash = self.id(&key);
        match self.begin_fill(hash, &key, K::clone) {
            Ok(lead) => {
                let value = load()?;
                self.land_fill(hash, lead, (key, value), Room::Share);
                Ok(Fill::Loaded)
            }
            Err(found) => Ok(found),
        }
    }

    /// As [`try_fill_with`](Self::try_fill_with), for tasks. When the future is dropped nothing is left behind.
    ///
    /// # Errors
    /// That of `load`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.try_fill_async("next page", async { Ok::<_, ()>(2) }).await.unwrap();
    /// assert_eq!(cache.get("next page"), Some(2));
    /// # }
    /// ```
    pub async fn try_fill_async<E>(
        &self,
        key: K,
        load: impl Future<Output = Result<V, E>>,
    ) -> Result<Fill, E> {
        self.try_fill_in_async(key, load, Room::Share).await
    }

    /// As [`try_fill_async`](Self::try_fill_async), into room that nobody needs, as [`fill_spare`](Self::fill_spare) does.
    ///
    /// # Errors
    /// That of `load`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.try_fill_spare_async("front page", async { Ok::<_, ()>(1) }).await.unwrap();
    /// assert_eq!(cache.get("front page"), Some(1));
    /// # }
    /// ```
    pub async fn try_fill_spare_async<E>(
        &self,
        key: K,
        load: impl Future<Output = Result<V, E>>,
    ) -> Result<Fill, E> {
        self.try_fill_in_async(key, load, Room::Spare).await
    }

    /// Stores what was loaded ahead of need elsewhere, as [`try_fill_with`](Self::try_fill_with) does. Nothing happens
    /// where there is an entry under `key`.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.fill("page", 1);
    /// cache.fill("page", 2);
    /// assert_eq!((cache.get("page"), cache.stats().promoted), (Some(1), 1));
    /// ```
    pub fn fill(&self, key: K, value: V) {
        self.fill_in(key, value, Room::Share);
    }

    /// Stores what was loaded long ahead of need in room that nobody needs yet, beyond the share of
    /// [probation](Self::set_probation_share). It is refused where there is none, and leaves
    /// [unused](super::Cause::Unused), the latest first, as soon as anything else needs the room: nothing is evicted for
    /// it, and every policy evicts what it would evict without it. Asked for, it becomes an entry like any.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(2).shards(1).build();
    /// cache.fill_spare("front page", 1);
    /// cache.fill_spare("back page", 2);
    /// cache.insert("page", 3);
    /// assert_eq!((cache.get("back page"), cache.get("front page")), (None, Some(1)));
    /// assert_eq!((cache.stats().spare_filled, cache.stats().spare_asked), (2, 1));
    /// ```
    pub fn fill_spare(&self, key: K, value: V) {
        self.fill_in(key, value, Room::Spare);
    }

    async fn try_fill_in_async<E>(
        &self,
        key: K,
        load: impl Future<Output = Result<V, E>>,
        room: Room,
    ) -> Result<Fill, E> {
        let load = async { load.await.map(|value| (key.clone(), value)) };
        self.fill_through(&key, K::clone, load, room).await
    }

    fn fill_in(&self, key: K, value: V, room: Room) {
        let incoming = self.incoming(self.id(&key), key, value, None);
        let mut removed = Removed::new();
        self.shard(incoming.hash).fill(incoming, &self.common, None, room, &mut removed);
        self.report(removed);
    }

    /// Drops what was loaded ahead of need and not asked for yet. Nothing happens to an entry that was.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// cache.fill("page", 1);
    /// cache.insert("asked for", 2);
    /// cache.discard("page");
    /// cache.discard("asked for");
    /// assert_eq!((cache.get("page"), cache.get("asked for"), cache.stats().unused), (None, Some(2), 1));
    /// ```
    pub fn discard<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) {
        let hash = self.id(key);
        let mut removed = Removed::new();
        self.shard(hash).discard(hash, key, &mut removed);
        self.report(removed);
    }
}

/// What is handed out of an entry by its value.
fn value_of<K, V: Clone>(_: &K, value: &V) -> V {
    value.clone()
}
