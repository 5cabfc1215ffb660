//! How a cache is set up.

use super::shard::Shard;
use super::{Cache, Cause, Listener, Weigher, shares};
use host_policy::{MOST_CAPACITY, PolicyKind};
use parking_lot::Mutex;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::AtomicU64;

/// Shards per core by default: few enough that each keeps a meaningful order, enough that two threads rarely
/// meet.
const SHARDS_PER_CORE: usize = 4;

/// The smallest share of a shard by default, without a weigher (entries) and with one (bytes, presumably):
/// below it a policy has too little to choose from, and large values would be refused.
const LEAST_ENTRIES: u64 = 1 << 10;
const LEAST_BYTES: u64 = 1 << 20;

/// Most shards there can be.
const MOST_SHARDS: usize = 1 << 12;

/// Most lanes for lookups in a shard; see [`Lanes`](super::lanes::Lanes). A lane a core, as far as it goes: an
/// insert takes every one of them.
const MOST_LANES: usize = 8;

/// Sets up a [`Cache`]; from [`Cache::builder`].
pub struct Builder<K, V, S = ahash::RandomState> {
    capacity: u64,
    policy: PolicyKind,
    shards: Option<usize>,
    hasher: S,
    weigher: Option<Weigher<K, V>>,
    listener: Option<Listener<K, V>>,
}

impl<K, V> Builder<K, V> {
    pub(super) fn new(capacity: u64) -> Self {
        let hasher = ahash::RandomState::new();
        Self { capacity, policy: PolicyKind::Lru, shards: None, hasher, weigher: None, listener: None }
    }
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> Builder<K, V, S> {
    /// The policy to start with; LRU by default.
    #[must_use]
    pub const fn policy(mut self, policy: PolicyKind) -> Self {
        self.policy = policy;
        self
    }

    /// What an entry weighs, 0 counting as 1. By default every entry weighs 1. Called once per insert,
    /// outside locks; must give the same entry the same weight.
    #[must_use]
    pub fn weigher(mut self, weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Box::new(weigher));
        self
    }

    /// Number of shards, rounded up to a power of two, at most 4,096. By default four per core, but no more
    /// than leave each 1,024 entries, or 1 MiB where a weigher is set. One makes the policy exact.
    #[must_use]
    pub const fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// How keys are hashed; by default ahash with a seed of the process. A seeded one makes runs repeat.
    #[must_use]
    pub fn hasher<T: BuildHasher>(self, hasher: T) -> Builder<K, V, T> {
        let Self { capacity, policy, shards, weigher, listener, .. } = self;
        Builder { capacity, policy, shards, hasher, weigher, listener }
    }

    /// Who is told of entries that leave or are refused, and why. Called by the thread that caused it,
    /// outside the shards' locks, after the fact. It may use the cache, except `set_capacity`, `set_policy`
    /// and `clear`.
    #[must_use]
    pub fn listener(mut self, listener: impl Fn(&K, &V, Cause) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// The cache, empty.
    pub fn build(self) -> Cache<K, V, S> {
        let capacity = self.capacity.min(MOST_CAPACITY);
        let least = if self.weigher.is_some() { LEAST_BYTES } else { LEAST_ENTRIES };
        let count = self.shards.unwrap_or_else(|| default_shards(capacity, least));
        let count = count.clamp(1, MOST_SHARDS).next_power_of_two();
        let lanes = cores().clamp(1, MOST_LANES).next_power_of_two();
        Cache {
            shards: shares(capacity, count).map(|share| Shard::new(self.policy, share, self.weigher.is_some(), lanes)).collect(),
            shift: 63 - count.ilog2(),
            hasher: self.hasher,
            weigher: self.weigher,
            listener: self.listener,
            changing: Mutex::new(()),
            capacity: AtomicU64::new(capacity),
            policy: Mutex::new(self.policy),
        }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
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
