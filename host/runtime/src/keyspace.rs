//! Keys of bytes in a running host, for who serves them to clients: lookups that copy no key and no value, and changes in
//! one step.
//!
//! A lookup counts as a request: strategies and shadows see it. What it took is told apart, by
//! [`finished`](Keyspace::finished), since a server answers many requests at once. Nothing here waits for a strategy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use host_cache::{Change, Life, Outcome};

use crate::entry::{Entry, Found, Given};
use crate::key::ByteKey;
use crate::live::Live;
use crate::tiers::{KeyLocks, Settling, Tiers};
use crate::value::{FlatLimits, encode};

/// An entry that is there, as who reads or changes it sees it.
#[derive(Debug, Clone, Copy)]
pub struct Present<'a> {
    /// Its value.
    pub value: Found<'a>,
    /// The end of its time to live, on the clock that [`Keyspace::now`] tells; `None` where it lives without end.
    pub until: Option<Duration>,
}

impl<'a> Present<'a> {
    fn new(entry: &'a Entry, found: host_cache::Present<'_, ()>) -> Self {
        Self { value: entry.value(), until: found.until }
    }
}

/// A key whose memory is being fetched: see [`Keyspace::prefetch`].
#[derive(Debug, Clone, Copy)]
pub struct Prefetched(u64);

/// Of an entry so many bytes are fetched ahead: those of a small value. Of a longer one the processor fetches the rest itself, as
/// it is copied. One that is replaced is fetched as well, since the allocator hands out its memory to the next one.
const FIRST_BYTES: usize = 192;

/// The keys of a host and their values. A clone is the same one.
#[derive(Clone)]
pub struct Keyspace {
    live: Arc<Live>,
    /// Seconds, as of the last [`advance`](Self::advance): a lookup that read the clock would take half as long again.
    seconds: Arc<AtomicU32>,
}

impl Keyspace {
    pub(crate) fn new(live: Arc<Live>) -> Self {
        let keys = Self { live, seconds: Arc::default() };
        keys.advance();
        keys
    }

    /// Values that are used from here on are used at this time. To be called a few times in a second; times of use are as
    /// exact as that.
    pub fn advance(&self) {
        // The lower bits: what matters is how far two times lie apart.
        let seconds = u32::try_from(self.now().as_secs() & u64::from(u32::MAX)).unwrap_or(0);
        self.seconds.store(seconds, Ordering::Relaxed);
    }

    #[inline]
    fn seconds(&self) -> u32 {
        self.seconds.load(Ordering::Relaxed)
    }

    /// An entry that is used now.
    #[inline]
    fn entry(&self, key: &[u8], value: Given<'_>) -> Entry {
        let entry = Entry::of_bytes(key, value);
        entry.used_at(self.seconds());
        entry
    }

    /// How long the value of `key` has not been read or changed, in whole seconds up to 194 days. Asking for it is no use.
    #[must_use]
    pub fn idle(&self, key: &[u8]) -> Option<Duration> {
        let idle = |entry: &Entry, _: host_cache::Present<'_, ()>| entry.idle(self.seconds());
        self.live.plane.cache.peek_entry_with(&ByteKey(key), idle).map(Duration::from_secs)
    }

    /// Reads the value of `key` where it lies, within a lock: `read` must be short and not use the keyspace. Counts as a request.
    #[inline]
    pub fn get_with<R>(&self, key: &[u8], read: impl FnOnce(Found<'_>) -> R) -> Option<R> {
        let plane = &self.live.plane;
        let key = ByteKey(key);
        let id = plane.cache.id(&key);
        let found = plane.cache.get_entry_with_by_id(id, &key, |entry, ()| {
            entry.used_at(self.seconds());
            let value = entry.value();
            (value.weight(), read(value))
        });
        let (weight, found) = match found {
            Some((weight, found)) => (plane.weight_of_bytes(key.0, weight), Some(found)),
            // What it weighs is known when somebody stores it.
            None => (1, None),
        };
        // The log has 32 bits for it: 4 GiB and more count as the largest.
        plane.metrics.accesses.passed(
            key.number(),
            u32::try_from(weight).unwrap_or(u32::MAX),
            found.is_some(),
        );
        if found.is_some() {
            plane.weighed(|| id, weight, true, || plane.prefixes.groups(key.0));
        }
        found
    }

    /// Begins to fetch the memory that a lookup of `key` will read first, and waits for nothing.
    #[inline]
    #[must_use]
    pub fn prefetch(&self, key: &[u8]) -> Prefetched {
        let cache = &self.live.plane.cache;
        let id = cache.id(&ByteKey(key));
        cache.prefetch(id);
        Prefetched(id)
    }

    /// Begins to fetch the entry itself, to be read or else to be replaced. To be called some hundred instructions after the first
    /// step, which this one waits for otherwise: several keys at a time, each step for all of them.
    #[inline]
    pub fn prefetch_entry(&self, key: Prefetched, replaces: bool) {
        self.live.plane.cache.prefetch_entry(key.0, replaces, |entry| entry.prefetch(FIRST_BYTES));
    }

    /// As [`get_with`](Self::get_with), and counts as nothing. It tells when the entry's time is over, too.
    pub fn peek_with<R>(&self, key: &[u8], read: impl FnOnce(Present<'_>) -> R) -> Option<R> {
        self.live.plane.cache.peek_entry_with(&ByteKey(key), |entry, found| read(Present::new(entry, found)))
    }

    /// What is below the cache; none where nothing is.
    #[inline]
    #[must_use]
    pub fn tiers(&self) -> Option<&Arc<Tiers>> {
        self.live.plane.tiers.as_ref()
    }

    /// Puts into the cache what a tier has of a key that the cache does not hold. Nothing waits for a request for another key.
    pub async fn fetch(self, key: Bytes, limits: FlatLimits) {
        let Some(tiers) = self.live.plane.tiers.clone() else { return };
        let _alone = tiers.fetching(&key).await;
        if self.contains(&key) {
            return;
        }
        let stamp = tiers.stamp();
        let Some(item) = tiers.get(&key).await else { return };
        let Some((value, until)) = encode::value(item, limits) else { return };
        let _lock = tiers.lock([&*key]);
        // Whoever has changed it meanwhile knows better.
        if tiers.has_changed_since(&key, stamp) {
            return;
        }
        let life = until.map_or(Life::Endless, Life::Until);
        self.update(&key, |present| match present {
            Some(_) => (Change::Keep, ()),
            None => (Change::Store(Given::Value(value), life), ()),
        });
    }

    /// Keeps keys from being changed by others, from before a change until the tiers were [told](Self::changed). Nothing is locked
    /// where there are no tiers.
    pub fn lock<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) -> KeyLocks<'_> {
        self.tiers().map_or_else(KeyLocks::new, |tiers| tiers.lock(keys))
    }

    /// Tells the tiers that a key was changed in the cache. What they still have to do, if anything, is to be waited for before
    /// anybody is told that the change was made.
    pub fn changed(&self, key: &[u8]) -> Option<Settling> {
        let tiers = self.tiers()?;
        let item = |present: Present<'_>| tiers.item(key, present.value, present.until);
        let item = if tiers.wants_puts() { self.peek_with(key, item).flatten() } else { None };
        tiers.changed(key, item)
    }

    /// Stores a value. [`Outcome::Refused`] where it is too large; what was there is removed then.
    #[inline]
    pub fn insert<'v>(&self, key: &[u8], value: impl Into<Given<'v>>, life: Life) -> Outcome {
        let (plane, value) = (&self.live.plane, value.into());
        let (id, weight) = (plane.cache.id(&ByteKey(key)), value.weight());
        plane.before_evicting();
        let outcome = plane.cache.insert_until_by_id(id, self.entry(key, value), (), life);
        plane.inflow.add(weight);
        if outcome == Outcome::Inserted {
            let weight = plane.weight_of_bytes(key, weight);
            plane.weighed(|| id, weight, false, || plane.prefixes.groups(key));
        }
        outcome
    }

    /// Reads and changes the entry of a key in one step, as [`host_cache::Cache::update`] does.
    pub fn update<'v, R>(
        &self,
        key: &[u8],
        change: impl FnOnce(Option<Present<'_>>) -> (Change<Given<'v>>, R),
    ) -> (R, Option<Outcome>) {
        let (plane, mut weight) = (&self.live.plane, 0);
        let id = plane.cache.id(&ByteKey(key));
        plane.before_evicting();
        let (result, outcome) = plane.cache.update_entry_by_id(id, &ByteKey(key), |found| {
            if let Some((entry, _)) = &found {
                entry.used_at(self.seconds());
            }
            let (change, result) = change(found.map(|(entry, found)| Present::new(entry, found)));
            let store = |value: Given<'v>| {
                weight = value.weight();
                (self.entry(key, value), ())
            };
            (change.map(store), result)
        });
        plane.inflow.add(weight);
        if outcome == Some(Outcome::Inserted) {
            let weight = plane.weight_of_bytes(key, weight);
            plane.weighed(|| id, weight, false, || plane.prefixes.groups(key));
        }
        (result, outcome)
    }

    /// Removes the value of `key`, and says whether there was one.
    pub fn remove(&self, key: &[u8]) -> bool {
        self.live.plane.cache.remove_entry(&ByteKey(key)).is_some()
    }

    /// Whether there is a value, without counting.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.live.plane.cache.contains(&ByteKey(key))
    }

    /// Visits entries from `cursor` on, as [`host_cache::Cache::scan`] does. Numbered keys are passed over.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], Present<'_>)) -> u64 {
        self.live.plane.cache.scan(cursor, count, |entry, found| {
            if let Some(key) = entry.key() {
                visit(key, Present::new(entry, found));
            }
        })
    }

    /// Some entry, chosen by this random number.
    pub fn random_with<R>(&self, random: u64, read: impl FnOnce(&[u8], Present<'_>) -> R) -> Option<R> {
        let found = self.live.plane.cache.random_with(random, |entry, found| {
            let key = entry.key()?;
            Some(read(key, Present::new(entry, found)))
        });
        found.flatten()
    }

    /// Removes everything from the cache.
    pub fn clear(&self) {
        self.live.plane.cache.clear();
    }

    /// Removes everything from the tiers. What they still have to do is returned, as by [`changed`](Self::changed).
    pub fn clear_tiers(&self) -> Option<Settling> {
        self.tiers().and_then(|tiers| tiers.clear())
    }

    /// Removes what is over its time.
    pub fn purge_expired(&self) {
        self.live.plane.cache.purge_expired();
    }

    /// Entries, those included that are over their time and were not removed yet.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.live.plane.cache.len()
    }

    /// Of these, the ones with an end.
    #[must_use]
    pub fn expiring(&self) -> u64 {
        self.live.plane.cache.expiring()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time on the cache's clock: since the UNIX epoch, and never backwards.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.live.plane.cache.now()
    }

    /// What a value under `key` counts for against the capacity.
    #[must_use]
    pub fn weight_of(&self, key: &[u8], value: Found<'_>) -> u64 {
        self.live.plane.weight_of_bytes(key, value.weight())
    }

    /// So many requests took `time` each, from their arrival to their answer.
    pub fn finished(&self, time: Duration, requests: u64) {
        self.live.plane.finished_alike(time, requests);
    }
}

impl std::fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyspace").field("cache", &self.live.plane.cache).finish_non_exhaustive()
    }
}
