//! The warm tier: values in memory, compressed, limited in bytes, each with an end of life of its own.
//!
//! moka orders and evicts (W-TinyLFU), and this file weighs what it holds: the bytes of key and value as they lie there, and
//! [`OVERHEAD`] an entry. moka writes to its order later than to its table. So that its limit holds for large values, too, it is told
//! to catch up whenever a 64th of the limit has come in.
//!
//! moka cannot change its limit. [`Warm::set_capacity`] makes a second cache and moves the entries over, some at a time, under a
//! lock that keeps requests out for those few; until an entry has moved, the old cache has it, and never both do. So what both hold
//! falls from the old limit to the new one, or stays below it. Who calls waits for the whole move; requests do not.
//!
//! The listener of evictions is called on the way of a put, with moka's lock of the key held: it must not come back to this tier.
//! Whoever removes a key has that lock after it, so that an eviction is told before a removal of the key that came later has returned.

mod coding;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use ahash::RandomState;
use bytes::Bytes;
use moka::Expiry;
use moka::notification::RemovalCause;
use moka::sync::Cache;
use parking_lot::{Mutex, RwLock};

pub use coding::Coding;
use coding::Stored;

use crate::item::size;
use crate::meter::Meter;
use crate::{Answer, Clock, Evicted, Item, Tier, TierError, TierStats};

/// Bytes that an entry takes beside key and value: moka's table, order and timer, and two allocations. So it is a tier
/// for values of some hundred bytes and more. `tests/warm_bytes.rs` measures it.
const OVERHEAD: u64 = 560;

/// Entries that are moved at a time, while requests wait: some 0.1 ms.
const MOVED_AT_ONCE: usize = 128;

/// moka is told to catch up when this part of the limit has come in.
const CATCH_UP: u64 = 64;

/// Settings of the [`Warm`] tier.
#[derive(Debug, Clone, Copy)]
pub struct WarmConfig {
    /// Bytes that it may take, 64 KiB or more; less counts as that.
    pub capacity: u64,
    /// How values are compressed.
    pub coding: Coding,
}

/// Hashed faster than by the standard library, and by a seed of its own as well.
type Map = Cache<Bytes, Stored, RandomState>;

/// Values in memory, compressed. Cheap to ask: it waits for nothing.
pub struct Warm {
    caches: RwLock<Caches>,
    clock: Clock,
    meter: Arc<Meter>,
    evicted: Arc<RwLock<Option<Evicted>>>,
    /// Bytes that came in since moka caught up.
    came_in: AtomicU64,
    /// Held through a whole change of the limit.
    resizing: Mutex<()>,
}

/// The cache, and the one before it while entries move over. A key is in one of them at most.
struct Caches {
    current: Map,
    previous: Option<Map>,
    capacity: u64,
    coding: Coding,
}

impl Caches {
    fn all(&self) -> impl Iterator<Item = &Map> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    fn bytes(&self) -> u64 {
        self.all().map(Cache::weighted_size).sum()
    }

    fn remove(&self, key: &[u8]) -> Option<Stored> {
        self.all().filter_map(|cache| cache.remove(key)).next()
    }
}

impl Warm {
    /// The least that it can take: room for a few entries. Bytes.
    pub const LEAST: u64 = 64 * 1024;

    /// An empty tier.
    #[must_use]
    pub fn new(config: WarmConfig, clock: Clock) -> Self {
        let (meter, evicted) = (Arc::<Meter>::default(), Arc::default());
        let capacity = config.capacity.max(Self::LEAST);
        let current = cache(capacity, &clock, &meter, &evicted);
        Self {
            caches: RwLock::new(Caches { current, previous: None, capacity, coding: config.coding }),
            clock,
            meter,
            evicted,
            came_in: AtomicU64::new(0),
            resizing: Mutex::new(()),
        }
    }

    /// Bytes that it takes, as far as moka has caught up. Cheap, where [`Tier::stats`] is not.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.caches.read().bytes()
    }

    /// Bytes that it may take from now on; less than 64 KiB counts as that. Returns when everything has moved: some 1 s for a million entries.
    /// What has no room any more is evicted.
    pub fn set_capacity(&self, capacity: u64) {
        let _one_at_a_time = self.resizing.lock();
        let capacity = capacity.max(Self::LEAST);
        {
            let mut caches = self.caches.write();
            if caches.capacity == capacity {
                return;
            }
            let next = cache(capacity, &self.clock, &self.meter, &self.evicted);
            caches.previous = Some(std::mem::replace(&mut caches.current, next));
            caches.capacity = capacity;
        }
        while self.move_some() {}
        self.caches.write().previous = None;
        self.catch_up();
    }

    /// Moves some entries to the new cache; false where none were left.
    fn move_some(&self) -> bool {
        let caches = self.caches.write();
        let Some(previous) = &caches.previous else { return false };
        let some: Vec<Arc<Bytes>> = previous.iter().take(MOVED_AT_ONCE).map(|(key, _)| key).collect();
        for key in &some {
            if let Some(stored) = previous.remove(&**key) {
                caches.current.insert(Bytes::clone(key), stored);
            }
        }
        previous.run_pending_tasks();
        caches.current.run_pending_tasks();
        !some.is_empty()
    }

    /// How it compresses what comes in.
    #[must_use]
    pub fn coding(&self) -> Coding {
        self.caches.read().coding
    }

    /// Compresses what comes in from now on in this way. What is there stays as it is.
    pub fn set_coding(&self, coding: Coding) {
        self.caches.write().coding = coding;
    }

    fn catch_up(&self) {
        self.came_in.store(0, Relaxed);
        self.caches.read().current.run_pending_tasks();
    }

    fn insert(&self, item: &Item) {
        let since = self.clock.now();
        if item.is_over(since) {
            self.meter.refused();
            self.caches.read().remove(&item.key);
            return;
        }
        let stored = Stored::new(item, self.coding());
        let weight = weight(&item.key, &stored);
        let caches = self.caches.read();
        if let Some(previous) = &caches.previous {
            previous.invalidate(&item.key);
        }
        caches.current.insert(Bytes::copy_from_slice(&item.key), stored);
        let capacity = caches.capacity;
        drop(caches);
        if self.came_in.fetch_add(weight, Relaxed).saturating_add(weight) > capacity / CATCH_UP {
            self.catch_up();
        }
        self.meter.put(since, &self.clock);
    }

    fn look_up(&self, key: &[u8], take: bool) -> Option<Item> {
        let since = self.clock.now();
        let stored = {
            let caches = self.caches.read();
            if take { caches.remove(key) } else { caches.all().find_map(|cache| cache.get(key)) }
        };
        let item =
            stored.filter(|stored| stored.until.is_none_or(|until| until > since)).and_then(|stored| {
                let item = stored.item(Bytes::copy_from_slice(key));
                if item.is_none() {
                    self.meter.failed();
                    self.caches.read().remove(key);
                }
                item
            });
        self.meter.looked_up(item.is_some(), since, &self.clock);
        item
    }
}

impl std::fmt::Debug for Warm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Warm").field("capacity", &self.caches.read().capacity).finish_non_exhaustive()
    }
}

impl Tier for Warm {
    fn name(&self) -> &'static str {
        "warm"
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Item>> {
        Box::pin(async move { Ok(self.look_up(key, false)) })
    }

    fn put(&self, item: Item) -> Answer<'_, ()> {
        Box::pin(async move {
            self.insert(&item);
            Ok(())
        })
    }

    fn remove<'a>(&'a self, key: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            self.remove_at_once(key);
            Ok(())
        })
    }

    fn remove_at_once(&self, key: &[u8]) -> bool {
        self.meter.removed();
        self.caches.read().remove(key);
        true
    }

    fn take<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Item>> {
        Box::pin(async move { Ok(self.look_up(key, true)) })
    }

    fn clear(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            // A new cache, in which nothing of before can be. One that is being moved goes as well.
            let mut caches = self.caches.write();
            caches.current = cache(caches.capacity, &self.clock, &self.meter, &self.evicted);
            caches.previous = None;
            Ok::<(), TierError>(())
        })
    }

    fn stats(&self) -> TierStats {
        let caches = self.caches.read();
        caches.all().for_each(Cache::run_pending_tasks);
        let entries = caches.all().map(Cache::entry_count).sum();
        let bytes = caches.bytes();
        TierStats { entries, bytes, capacity: caches.capacity, ..self.meter.stats() }
    }

    fn hand_evicted_to(&self, evicted: Evicted) {
        *self.evicted.write() = Some(evicted);
    }
}

fn weight(key: &Bytes, stored: &Stored) -> u64 {
    size(key.len()) + size(stored.len()) + OVERHEAD
}

fn cache(capacity: u64, clock: &Clock, meter: &Arc<Meter>, evicted: &Arc<RwLock<Option<Evicted>>>) -> Map {
    let (meter, evicted) = (Arc::clone(meter), Arc::clone(evicted));
    Cache::builder()
        .max_capacity(capacity)
        .weigher(|key, stored| u32::try_from(weight(key, stored)).unwrap_or(u32::MAX))
        .expire_after(EndOfLife(clock.clone()))
        .eviction_listener(move |key: Arc<Bytes>, stored: Stored, cause| {
            if cause != RemovalCause::Size {
                return;
            }
            meter.evicted(1);
            let evicted = evicted.read().clone();
            if let Some((evicted, item)) = evicted.zip(stored.item(Bytes::clone(&key))) {
                evicted(item);
            }
        })
        .build_with_hasher(RandomState::new())
}

/// Tells moka how long an entry has to live. moka counts from then by a clock of its own; a lookup asks ours again.
struct EndOfLife(Clock);

impl EndOfLife {
    fn left(&self, stored: &Stored) -> Option<Duration> {
        stored.until.map(|until| until.saturating_sub(self.0.now()))
    }
}

impl Expiry<Bytes, Stored> for EndOfLife {
    fn expire_after_create(&self, _: &Bytes, stored: &Stored, _: Instant) -> Option<Duration> {
        self.left(stored)
    }

    fn expire_after_update(
        &self,
        _: &Bytes,
        stored: &Stored,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.left(stored)
    }
}
