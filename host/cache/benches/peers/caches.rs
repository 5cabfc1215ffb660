//! The caches that are compared, behind one trait, each made anew for a benchmark.

use crate::requests::Key;
use hashbrown::HashTable;
use host_cache::{Cache, Registry};
use parking_lot::Mutex;
use quick_cache::{UnitWeighter, sync::DefaultLifecycle};

type Hasher = ahash::RandomState;

/// The loop that is timed, compiled for each cache.
pub(crate) trait Run<K>: Sync {
    /// Looks every key up, inserts those that miss, and counts the hits.
    fn run(&self, keys: &[K]) -> usize;
}

/// What is common to all caches here.
trait Peer<K>: Sync {
    fn get(&self, key: &K) -> Option<u64>;
    fn insert(&self, key: K, value: u64);
}

impl<K: Key, P: Peer<K>> Run<K> for P {
    fn run(&self, keys: &[K]) -> usize {
        let mut hits = 0;
        for key in keys {
            match self.get(key) {
                Some(value) => hits += usize::from(value == key.value()),
                None => self.insert(key.clone(), key.value()),
            }
        }
        hits
    }
}

impl<K: Key> Peer<K> for Cache<K, u64, Hasher> {
    fn get(&self, key: &K) -> Option<u64> {
        Self::get(self, key)
    }

    fn insert(&self, key: K, value: u64) {
        Self::insert(self, key, value);
    }
}

type Quick<K> = quick_cache::sync::Cache<K, u64, UnitWeighter, Hasher>;

impl<K: Key> Peer<K> for Quick<K> {
    fn get(&self, key: &K) -> Option<u64> {
        Self::get(self, key)
    }

    fn insert(&self, key: K, value: u64) {
        Self::insert(self, key, value);
    }
}

type Moka<K> = moka::sync::Cache<K, u64, Hasher>;

impl<K: Key> Peer<K> for Moka<K> {
    fn get(&self, key: &K) -> Option<u64> {
        Self::get(self, key)
    }

    fn insert(&self, key: K, value: u64) {
        Self::insert(self, key, value);
    }
}

type Foyer<K> = foyer::Cache<K, u64, Hasher>;

impl<K: Key> Peer<K> for Foyer<K> {
    fn get(&self, key: &K) -> Option<u64> {
        Self::get(self, key).map(|entry| *entry.value())
    }

    fn insert(&self, key: K, value: u64) {
        Self::insert(self, key, value);
    }
}

type Schnell<K> = Mutex<schnellru::LruMap<K, u64, schnellru::ByLength, Hasher>>;

impl<K: Key> Peer<K> for Schnell<K> {
    fn get(&self, key: &K) -> Option<u64> {
        self.lock().get(key).copied()
    }

    fn insert(&self, key: K, value: u64) {
        self.lock().insert(key, value);
    }
}

/// What nobody who evicts can expect to beat by much: hash tables under locks that keep everything.
struct Floor<K> {
    tables: Vec<Mutex<HashTable<(K, u64)>>>,
    hasher: Hasher,
}

impl<K: Key> Floor<K> {
    const TABLES: u32 = 64;

    fn new(hasher: Hasher) -> Self {
        Self { tables: (0..Self::TABLES).map(|_| Mutex::new(HashTable::new())).collect(), hasher }
    }

    #[expect(clippy::indexing_slicing, reason = "six bits for 64 tables")]
    fn table(&self, hash: u64) -> &Mutex<HashTable<(K, u64)>> {
        &self.tables[usize::try_from(hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58).unwrap_or(0)]
    }
}

impl<K: Key> Peer<K> for Floor<K> {
    fn get(&self, key: &K) -> Option<u64> {
        let hash = self.hasher.hash_one(key);
        self.table(hash).lock().find(hash, |(held, _)| held == key).map(|&(_, value)| value)
    }

    fn insert(&self, key: K, value: u64) {
        let hash = self.hasher.hash_one(&key);
        let mut table = self.table(hash).lock();
        // Looked for again, as a cache has to: another thread may have put it in.
        match table.find_mut(hash, |(held, _)| *held == key) {
            Some(held) => *held = (key, value),
            None => {
                table.insert_unique(hash, (key, value), |(held, _)| self.hasher.hash_one(held));
            }
        }
    }
}

/// The cache that the others are measured against.
pub(crate) const REFERENCE: &str = "quick_cache";

/// Policies of ours that are benchmarked, those of them that are built in.
const POLICIES: [&str; 8] = ["lru", "lfu", "arc", "sieve", "s3-fifo", "w-tinylfu", "lirs", "2q"];

/// The names of all caches, in the order of the table.
pub(crate) fn names() -> Vec<String> {
    let policies = Registry::default();
    let ours = POLICIES.iter().filter(|name| policies.get(name).is_ok());
    ours.map(|name| format!("host {name}"))
        .chain(
            ["quick_cache", "moka", "foyer", "schnellru + mutex", "floor (no eviction)"].map(str::to_owned),
        )
        .collect()
}

/// The cache with this name, empty. Every one hashes alike.
pub(crate) fn build<K: Key>(name: &str, capacity: u64) -> Option<Box<dyn Run<K>>> {
    let hasher = Hasher::with_seeds(1, 2, 3, 4);
    let entries = usize::try_from(capacity).ok()?;
    Some(match name {
        "quick_cache" => {
            let lifecycle = DefaultLifecycle::default();
            Box::new(Quick::<K>::with(entries, capacity, UnitWeighter, hasher, lifecycle))
        }
        "moka" => {
            let moka: Moka<K> = moka::sync::Cache::builder().max_capacity(capacity).build_with_hasher(hasher);
            Box::new(moka)
        }
        "foyer" => {
            let foyer: Foyer<K> = foyer::CacheBuilder::new(entries).with_hash_builder(hasher).build();
            Box::new(foyer)
        }
        "schnellru + mutex" => {
            let limit = schnellru::ByLength::new(u32::try_from(capacity).ok()?);
            let schnell: Schnell<K> = Mutex::new(schnellru::LruMap::with_hasher(limit, hasher));
            Box::new(schnell)
        }
        "floor (no eviction)" => Box::new(Floor::<K>::new(hasher)),
        ours => {
            let policies = Registry::default();
            let policy = policies.get(ours.strip_prefix("host ")?).ok()?;
            Box::new(Cache::<K, u64>::builder(capacity).policy(policy).hasher(hasher).build())
        }
    })
}
