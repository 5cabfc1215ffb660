//! How a cache is set up.

use super::expiry::{Clock, Expiry, Monotonic};
use super::shard::{Common, Shard};
use super::weights::{Weighing, Weights};
use super::{Cache, Cause, Evicted, Listener, Weigher, shares};
use crate::sync::{AtomicU64, Mutex, cores};
use host_policy::{MOST_CAPACITY, PolicyFactory, builtin};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Shards per core by default: few enough that each keeps a meaningful order, enough that two threads rarely
/// meet.
const SHARDS_PER_CORE: usize = 4;

/// The smallest share of a shard by default, without a weigher (entries) and with one (bytes, presumably):
/// below it a policy has too little to choose from, and large values would be refused.
const MIN_SHARD_ENTRIES: u64 = 1 << 10;
const MIN_SHARD_BYTES: u64 = 1 << 20;

/// Share of a shard for entries that were loaded ahead of need, unless set otherwise.
const PROBATION: f64 = 0.1;

const MAX_SHARDS: usize = 1 << 12;

/// Most stripes of a shard's [`StripedLock`](super::striped_lock::StripedLock). There is one for each core, up to
/// this number: an insert takes all of them.
const MAX_STRIPES: usize = 8;

/// Sets up a [`Cache`]; from [`Cache::builder`].
///
/// ```
/// use host_cache::{Cache, builtin};
/// use std::time::Duration;
///
/// let cache = Cache::builder(64 << 20)
///     .policy(&builtin::ARC)
///     .weigher(|key: &String, page: &Vec<u8>| (key.len() + page.len()) as u64)
///     .time_to_live(Duration::from_secs(600))
///     .build();
/// cache.insert("/".to_owned(), vec![0; 1_000]);
/// assert_eq!(cache.weight(), 1_001);
/// ```
pub struct Builder<K, V, S = ahash::RandomState> {
    capacity: u64,
    policy: PolicyFactory,
    fallback: PolicyFactory,
    shards: Option<usize>,
    hasher: S,
    weigher: Option<Weigher<K, V>>,
    /// Whether it may be asked whenever a weight is wanted.
    steady: bool,
    listener: Option<Listener<K, V>>,
    evicted: Option<Evicted<K, V>>,
    live: Option<Duration>,
    idle: Option<Duration>,
    clock: Option<Box<dyn Clock>>,
}

impl<K, V> Builder<K, V> {
    pub(super) fn new(capacity: u64) -> Self {
        let hasher = ahash::RandomState::new();
        Self {
            capacity,
            policy: builtin::LRU,
            fallback: builtin::LRU,
            shards: None,
            hasher,
            weigher: None,
            steady: false,
            listener: None,
            evicted: None,
            live: None,
            idle: None,
            clock: None,
        }
    }
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Builder<K, V, S> {
    /// The policy to start with; LRU by default.
    ///
    /// ```
    /// use host_cache::{Cache, builtin};
    ///
    /// let cache = Cache::<u64, u64>::builder(100).policy(&builtin::LFU).build();
    /// assert_eq!(cache.policy(), builtin::LFU);
    /// ```
    #[must_use]
    pub fn policy(mut self, policy: &PolicyFactory) -> Self {
        self.policy = policy.clone();
        self
    }

    /// The policy that takes over, with all entries, from one that lost track of them; LRU by default. It should be one that
    /// cannot fail itself: it is built within a lock, so not one that is a component.
    ///
    /// ```
    /// use host_cache::{Cache, PolicyFactory, builtin};
    ///
    /// let open = |_| Err("there is no such file".to_owned());
    /// let broken = PolicyFactory::batched("broken", open);
    /// let cache = Cache::builder(10).policy(&broken).fallback(&builtin::SIEVE).build();
    /// (0..20).for_each(|key| drop(cache.insert(key, key)));
    /// let stats = cache.stats();
    /// assert_eq!(stats.in_force(), builtin::SIEVE);
    /// assert_eq!(stats.fault.as_deref(), Some("there is no such file"));
    /// ```
    #[must_use]
    pub fn fallback(mut self, policy: &PolicyFactory) -> Self {
        self.fallback = policy.clone();
        self
    }

    /// What an entry weighs, 0 counting as 1. By default every entry weighs 1. Called once per insert,
    /// outside locks, but for an [`update`](Cache::update), within whose lock it runs; must give the same entry the same weight.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).weigher(|_, text: &String| text.len() as u64).build();
    /// cache.insert("key", "x".repeat(60));
    /// assert_eq!(cache.weight(), 60);
    /// ```
    #[must_use]
    pub fn weigher(mut self, weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Arc::new(weigher));
        self.steady = false;
        self
    }

    /// As [`weigher`](Self::weigher), for one that tells a weight from the entry at little cost: it is asked whenever the weight
    /// is wanted, also within a lock, and no weights are kept, which saves four bytes an entry. It must not use the cache, and
    /// not panic.
    ///
    /// ```
    /// let cache = host_cache::Cache::builder(100).steady_weigher(|_, text: &&str| text.len() as u64).build();
    /// cache.insert("key", "four");
    /// cache.insert("key", "seventeen letters");
    /// cache.insert("other key", "x");
    /// assert_eq!(cache.weight(), 18);
    /// cache.remove("key");
    /// assert_eq!(cache.weight(), 1);
    /// ```
    #[must_use]
    pub fn steady_weigher(mut self, weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Arc::new(weigher));
        self.steady = true;
        self
    }

    /// Number of shards, rounded up to a power of two, at most 4,096. By default four per core, but no more
    /// than leave each 1,024 entries, or 1 MiB where a weigher is set. One makes the policy exact.
    ///
    /// ```
    /// assert_eq!(host_cache::Cache::<u64, u64>::builder(100).shards(5).build().shards(), 8);
    /// ```
    #[must_use]
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// How keys are hashed; by default ahash with a seed of the process. A seeded one makes runs repeat.
    ///
    /// ```
    /// use std::hash::{BuildHasherDefault, DefaultHasher};
    ///
    /// let hasher = BuildHasherDefault::<DefaultHasher>::default();
    /// let cache = host_cache::Cache::builder(100).hasher(hasher).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.get("key"), Some(1));
    /// ```
    #[must_use]
    pub fn hasher<T: BuildHasher>(self, hasher: T) -> Builder<K, V, T> {
        let Self {
            capacity,
            policy,
            fallback,
            shards,
            weigher,
            steady,
            listener,
            evicted,
            live,
            idle,
            clock,
            ..
        } = self;
        Builder {
            capacity,
            policy,
            fallback,
            shards,
            hasher,
            weigher,
            steady,
            listener,
            evicted,
            live,
            idle,
            clock,
        }
    }

    /// Who is told of entries that leave or are refused, and why. Called by the thread that caused it,
    /// outside the shards' locks, after the fact. It may use the cache, except `set_capacity`, `set_policy`
    /// and `clear`.
    ///
    /// ```
    /// use host_cache::{Cache, Cause};
    ///
    /// let cache = Cache::builder(100)
    ///     .listener(|key, value, cause| assert_eq!((*key, *value, cause), ("key", 1, Cause::Removed)))
    ///     .build();
    /// cache.insert("key", 1);
    /// cache.remove("key");
    /// ```
    #[must_use]
    pub fn listener(mut self, listener: impl Fn(&K, &V, Cause) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Who takes over what the policy chooses to go, with the end of its time to live, a moment on the [cache's
    /// clock](Cache::now): a tier below. Called as the [`listener`](Self::listener) is, and after it.
    ///
    /// ```
    /// use host_cache::Cache;
    /// use std::sync::mpsc;
    ///
    /// let (below, fallen) = mpsc::channel();
    /// let cache = Cache::builder(1).shards(1).evicted(move |&key, &value, _| drop(below.send((key, value)))).build();
    /// cache.insert(1, "one");
    /// cache.insert(2, "two");
    /// cache.remove(&2);
    /// assert_eq!(fallen.try_iter().collect::<Vec<_>>(), [(1, "one")]);
    /// ```
    #[must_use]
    pub fn evicted(mut self, evicted: impl Fn(&K, &V, Option<Duration>) + Send + Sync + 'static) -> Self {
        self.evicted = Some(Box::new(evicted));
        self
    }

    /// How long an entry lives after its insert, where [`insert_with_ttl`](Cache::insert_with_ttl) does not say
    /// otherwise; without end by default. A replacement begins anew. [`Cache::set_time_to_live`] changes it later.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cache = host_cache::Cache::builder(100).time_to_live(Duration::from_secs(3_600)).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.get("key"), Some(1));
    /// ```
    #[must_use]
    pub const fn time_to_live(mut self, live: Duration) -> Self {
        self.live = Some(live);
        self
    }

    /// How long an entry lives after its last use: an insert, or a lookup that found it. Without end by default.
    /// Where an entry has a time to live as well, the earlier end counts.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cache = host_cache::Cache::builder(100).time_to_idle(Duration::ZERO).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.get("key"), None);
    /// ```
    #[must_use]
    pub const fn time_to_idle(mut self, idle: Duration) -> Self {
        self.idle = Some(idle);
        self
    }

    /// Where lifetimes take the time from; by default the machine's monotonic clock. See [`Clock`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let at_rest = || Duration::from_secs(5);
    /// let cache = host_cache::Cache::builder(100).time_to_live(Duration::from_nanos(1)).clock(at_rest).build();
    /// cache.insert("key", 1);
    /// assert_eq!(cache.get("key"), Some(1));
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Box::new(clock));
        self
    }

    /// The cache, empty.
    ///
    /// ```
    /// let cache = host_cache::Cache::<u64, u64>::builder(100).build();
    /// assert!(cache.is_empty());
    /// ```
    pub fn build(self) -> Cache<K, V, S> {
        let capacity = self.capacity.min(MOST_CAPACITY);
        let least = if self.weigher.is_some() { MIN_SHARD_BYTES } else { MIN_SHARD_ENTRIES };
        let count = self.shards.unwrap_or_else(|| default_shards(capacity, least));
        let count = count.clamp(1, MAX_SHARDS).next_power_of_two();
        let stripes = cores().clamp(1, MAX_STRIPES);
        let weighing = || match &self.weigher {
            None => Weighing::Alike,
            Some(weigher) if self.steady => Weighing::Told(Arc::clone(weigher)),
            Some(_) => Weighing::Kept(Weights::new()),
        };
        let shards = shares(capacity, count)
            .map(|share| Shard::new(&self.policy, share, PROBATION, weighing(), stripes))
            .collect();
        let clock = self.clock.unwrap_or_else(|| Box::new(Monotonic(Instant::now())));
        Cache {
            shards,
            shift: 63 - count.ilog2(),
            common: Common {
                hasher: self.hasher,
                expiry: Expiry::new(clock, self.live, self.idle),
                fallback: self.fallback,
                fault: Mutex::new(None),
            },
            weigher: self.weigher,
            listener: self.listener,
            evicted: self.evicted,
            changing: Mutex::new(()),
            capacity: AtomicU64::new(capacity),
            reserved: AtomicU64::new(0),
            policy: Mutex::new(self.policy),
        }
    }
}

fn default_shards(capacity: u64, least: u64) -> usize {
    let wanted = cores().saturating_mul(SHARDS_PER_CORE).next_power_of_two();
    let affordable = (capacity / least).checked_ilog2().map_or(1, |log| 1 << log.min(30));
    wanted.min(affordable)
}

impl<K, V, S> std::fmt::Debug for Builder<K, V, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("capacity", &self.capacity)
            .field("policy", &self.policy)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}
