//! What became of an entry, and what a cache counts.

use host_policy::PolicyFactory;

/// Why an entry left the cache, or did not enter it; told to the [`listener`](super::Builder::listener).
///
/// ```
/// use host_cache::{Cache, Cause};
/// use std::sync::mpsc;
///
/// let (heard, causes) = mpsc::channel();
/// let cache = Cache::builder(1).shards(1).listener(move |&key, _, cause| drop(heard.send((key, cause)))).build();
/// cache.insert(1, "one");
/// cache.insert(1, "uno");
/// cache.insert(2, "two");
/// cache.remove(&2);
/// let causes: Vec<_> = causes.try_iter().collect();
/// assert_eq!(causes, [(1, Cause::Replaced), (1, Cause::Evicted), (2, Cause::Removed)]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The policy chose it to make room.
    Evicted,
    /// A new value came under its key.
    Replaced,
    /// [`Cache::remove`](super::Cache::remove) or [`Cache::clear`](super::Cache::clear).
    Removed,
    /// It weighs more than its shard's share of the capacity and never entered.
    Refused,
    /// Its time to live, or to be idle, was over.
    Expired,
    /// It was loaded ahead of need, and nobody asked for it before younger ones needed its place.
    Unused,
}

/// What became of an [`insert`](super::Cache::insert).
///
/// ```
/// use host_cache::{Cache, Outcome};
///
/// let cache = Cache::builder(10).shards(1).weigher(|_: &u8, text: &&str| text.len() as u64).build();
/// assert_eq!(cache.insert(1, "one"), Outcome::Inserted);
/// assert_eq!(cache.insert(1, "uno"), Outcome::Replaced);
/// assert_eq!(cache.insert(1, "far too long"), Outcome::Refused);
/// assert_eq!(cache.get(&1), None, "what was there is out of date");
/// ```
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
///
/// ```
/// use host_cache::Cache;
///
/// let cache = Cache::builder(100).build();
/// cache.insert("key", 1);
/// cache.get("key");
/// cache.get("no such key");
/// let stats = cache.stats();
/// assert_eq!((stats.hits, stats.misses, stats.entries), (1, 1, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Lookups that found their entry.
    pub hits: u64,
    /// Of these, lookups that found it on probation: it had been loaded ahead of need.
    pub promoted: u64,
    /// Lookups that did not, those that then waited for another's load included.
    pub misses: u64,
    /// Of these, lookups that were then served by another caller's load and caused none of their own.
    pub waited: u64,
    /// Values stored, replacements included.
    pub insertions: u64,
    /// Entries that the policy chose to go.
    pub evictions: u64,
    /// Entries removed because their time was over.
    pub expired: u64,
    /// Values not stored because they were too heavy.
    pub refused: u64,
    /// Entries loaded ahead of need that left without being asked for.
    pub unused: u64,
    /// Entries that were loaded ahead of need into [spare room](super::Cache::fill_spare).
    pub spare_filled: u64,
    /// Of these, entries that were asked for.
    pub spare_asked: u64,
    /// Of these, entries that wait there now.
    pub spare: u64,
    /// Entries now, those included whose time is over and that were not removed yet.
    pub entries: u64,
    /// Sum of their weights.
    pub weight: u64,
    /// Of this, weight of what was loaded ahead of need and waits to be asked for.
    pub probation: u64,
    /// The limit of that sum.
    pub capacity: u64,
    /// The policy that was set. [`in_force`](Self::in_force) says whether shards follow it.
    pub policy: PolicyFactory,
    /// The policy that takes a shard over from one that lost track of its entries.
    pub fallback: PolicyFactory,
    /// How often that happened; only grows.
    pub fallbacks: u64,
    /// Shards that the fallback took over and that no policy was set for since.
    pub degraded_shards: u64,
    /// Why a policy lost track last, in words; `None` where none has.
    pub fault: Option<String>,
    /// The policy that lost track last, which need not be the one that is set now; `None` where none has.
    pub failed: Option<PolicyFactory>,
    /// All shards.
    pub shards: u64,
}

impl Stats {
    /// The policy in force: the one that was set, or the fallback if any shard fell back to it. Setting the policy again puts it
    /// in force again.
    ///
    /// ```
    /// use host_cache::{Cache, builtin};
    ///
    /// let cache = Cache::<u64, u64>::builder(100).policy(&builtin::ARC).build();
    /// assert_eq!(cache.stats().in_force(), builtin::ARC);
    /// ```
    #[must_use]
    pub fn in_force(&self) -> PolicyFactory {
        if self.degraded_shards > 0 { self.fallback.clone() } else { self.policy.clone() }
    }

    /// Hits per lookup, 0 to 1; 0 before the first lookup.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).build();
    /// assert_eq!(cache.stats().hit_ratio(), 0.0);
    /// cache.insert("key", 1);
    /// cache.get("key");
    /// cache.get("no such key");
    /// assert_eq!(cache.stats().hit_ratio(), 0.5);
    /// ```
    #[expect(clippy::as_conversions, reason = "a ratio of counters; the rounding above 2^53 does not show")]
    pub fn hit_ratio(&self) -> f64 {
        let lookups = self.hits + self.misses;
        if lookups == 0 { 0.0 } else { self.hits as f64 / lookups as f64 }
    }
}
