//! Tiers in a chain, behind a cache in memory.
//!
//! | the cache | calls | and then |
//! |---|---|---|
//! | misses | [`Chain::get`] | holds the item in memory; an exclusive tier has forgotten it with that |
//! | evicts | [`Chain::demote`] | has let go of it; it is in the queue, and then in the first tier that takes what falls |
//! | is written to | [`Chain::put`], [`Chain::remove`] | no tier has anything older once that has returned |
//!
//! What a tier evicts goes on to the next one that takes what falls, if the tier hands it over: the warm tier does, the disk tier
//! does not. A value that was loaded from the origin reaches a shared tier only if it is put, too.
//!
//! **Nothing older comes back.** A demotion is on its way for a while, and its key may be put or removed meanwhile. So it carries a
//! [`Stamp`] that the cache took *before* the call that evicted the item; every put and removal has a stamp as well, and what is
//! older than the last change of its key is not taken (`chain/changes.rs`), and a change takes what is in the queue out of it. The last
//! look at that, the write to the tier, and all of a put or removal are made under a lock of the key, one of 256. One task moves
//! items, in the order in which they came.
//!
//! How it fails: a tier that cannot be asked is passed over, and counted. A move that fails loses the item, which is a miss later. A put or removal
//! that fails in a tier goes on to the others and returns the first error; each tier says what it keeps of its promise then.

mod changes;
mod config;
mod negative;
mod queue;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::task::JoinHandle;

use changes::Changes;
pub use config::{ChainConfig, ChainStats, Holds, Link, Writes};
use negative::Negative;
use queue::{Job, Queue};

use crate::hash::hash;
use crate::{Clock, Item, TierError};

const LOCKS: usize = 256;

/// Between two looks at the queue, so that what comes within it is moved together: else each eviction would wake the worker, which
/// costs a request on the same processor as much as its own work. The queue has room for 16 GB/s then.
const REST: Duration = Duration::from_millis(1);

/// When a value was in its place for certain; for [`Chain::demote`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    /// Older than every other.
    pub const OLDEST: Self = Self(0);
}

/// Tiers in order. Dropping it drops what is on its way; [`Chain::drained`] waits for that before.
#[derive(Debug)]
pub struct Chain {
    shared: Arc<Shared>,
    worker: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    links: Vec<Link>,
    clock: Clock,
    queue: Queue,
    changes: Changes,
    negative: Option<Negative>,
    locks: Vec<Arc<Mutex<()>>>,
    /// Puts and removals that may be on their way to shared tiers without that their caller waits.
    write_behind: Arc<Semaphore>,
    counters: Counters,
}

/// A change of a key that has begun. It ends when this is dropped.
#[derive(Debug)]
struct Begun {
    shared: Arc<Shared>,
    hash: u64,
    stamp: u64,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.shared.changes.end(self.hash);
    }
}

#[derive(Debug, Default)]
struct Counters {
    demoted: AtomicU64,
    promoted: AtomicU64,
    dropped: AtomicU64,
    overtaken: AtomicU64,
    failed: AtomicU64,
    hits_in_queue: AtomicU64,
    negative_hits: AtomicU64,
}

/// A removal of all keys that has begun. It ends when this is dropped.
#[derive(Debug)]
struct Clearing(Arc<Shared>);

impl Clearing {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.changes.begin_all();
        shared.queue.clear();
        Self(Arc::clone(shared))
    }
}

impl Drop for Clearing {
    fn drop(&mut self) {
        self.0.changes.end_all();
    }
}

impl Chain {
    /// A chain of these tiers, nearest first. It may have none. Has to be called in a tokio runtime with a timer, where it spawns
    /// the task that moves items.
    #[must_use]
    pub fn new(links: Vec<Link>, config: ChainConfig, clock: Clock) -> Self {
        let shared = Arc::new(Shared {
            links,
            clock,
            queue: Queue::new(config.queue),
            changes: Changes::new(),
            negative: config.negative.map(|(keys, lifetime)| Negative::new(keys, lifetime)),
            locks: std::iter::repeat_with(Arc::default).take(LOCKS).collect(),
            write_behind: Arc::new(Semaphore::new(config.write_behind.min(Semaphore::MAX_PERMITS))),
            counters: Counters::default(),
        });
        for (number, link) in shared.links.iter().enumerate() {
            // Weak, or the tier and the chain would keep each other.
            let to = Arc::downgrade(&shared);
            link.tier.hand_evicted_to(Arc::new(move |item| {
                if let Some(shared) = Weak::upgrade(&to) {
                    let stamp = shared.changes.stamp();
                    shared.demote(item, stamp, number + 1);
                }
            }));
        }
        let worker = tokio::spawn(work(Arc::clone(&shared)));
        Self { shared, worker }
    }

    /// A stamp for what is evicted from now on. It is to be taken *before* the call to the cache that may evict, and may serve for all that this evicts.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp(self.shared.changes.stamp())
    }

    /// The item of a key, if any tier has it. Whoever asks is taken to hold it in memory then. A change of the key that is under
    /// way ends first.
    pub async fn get(&self, key: &[u8]) -> Option<Item> {
        self.shared.get(key).await
    }

    /// Whether the key may have been put or removed since this stamp was taken, or is just now: what was got before is
    /// out of date then.
    #[must_use]
    pub fn has_changed_since(&self, key: &[u8], stamp: Stamp) -> bool {
        let (changes, hash) = (&self.shared.changes, hash(key));
        changes.is_under_way(hash) || changes.has_changed_since(hash, stamp.0)
    }

    /// Takes what the cache evicts, and returns at once. Where the queue is full the oldest in it is dropped, and counted.
    pub fn demote(&self, item: Item, stamp: Stamp) {
        self.shared.demote(item, stamp.0, 0);
    }

    /// Says that a key has a new value, which the cache holds in memory: tiers that take what falls forget the key, shared ones have the
    /// value. Its place in the order of changes is that of the call, and not of the first poll. Of two puts at once the later
    /// one counts; the earlier one may be left out. It does not wait for shared tiers where [`ChainConfig::write_behind`] has room.
    ///
    /// # Errors
    /// The first [`TierError`] of a tier that was waited for. The others were told all the same.
    pub fn put(&self, item: Item) -> impl Future<Output = Result<(), TierError>> + Send + use<> {
        let begun = Shared::begin(&self.shared, &item.key);
        Shared::change(begun, item.key.clone(), Some(item))
    }

    /// Says that a key is gone. As [`Chain::put`]; none where that is done already, which takes no memory and is the case for most keys
    /// where no tier is shared.
    ///
    /// # Errors
    /// The first [`TierError`] of a tier that was waited for. The others were told all the same.
    pub fn remove(&self, key: &[u8]) -> Option<impl Future<Output = Result<(), TierError>> + Send + use<>> {
        let begun = Shared::begin(&self.shared, key);
        if begun.remove_at_once(key) {
            return None;
        }
        Some(Shared::change(begun, Bytes::copy_from_slice(key), None))
    }

    /// Forgets every key in every tier. Its place in the order of changes is that of the call; what is put before the first poll may
    /// be forgotten, too.
    ///
    /// # Errors
    /// The first [`TierError`] of a tier. The others were told all the same.
    pub fn clear(&self) -> impl Future<Output = Result<(), TierError>> + Send + use<> {
        let clearing = Clearing::new(&self.shared);
        async move {
            let shared = &clearing.0;
            let mut locks = Vec::new();
            for lock in &shared.locks {
                locks.push(lock.lock().await);
            }
            shared.queue.clear();
            let mut outcome = Ok(());
            for link in &shared.links {
                outcome = outcome.and(shared.counted(link.tier.clear().await));
            }
            shared.queue.clear();
            if let Some(negative) = &shared.negative {
                negative.clear();
            }
            outcome
        }
    }

    /// Waits until nothing is on its way.
    pub async fn drained(&self) {
        self.shared.queue.drained().await;
    }

    /// The tiers, nearest first.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.shared.links
    }

    /// Bytes of the queue now.
    #[must_use]
    pub fn queued_bytes(&self) -> u64 {
        self.shared.queue.size().1
    }

    /// What it has done since it was made.
    #[must_use]
    pub fn stats(&self) -> ChainStats {
        let (shared, counters) = (&self.shared, &self.shared.counters);
        let (queued, queued_bytes) = shared.queue.size();
        ChainStats {
            tiers: shared.links.iter().map(|link| (link.tier.name(), link.tier.stats())).collect(),
            demoted: counters.demoted.load(Relaxed),
            promoted: counters.promoted.load(Relaxed),
            dropped: counters.dropped.load(Relaxed),
            overtaken: counters.overtaken.load(Relaxed),
            failed: counters.failed.load(Relaxed),
            hits_in_queue: counters.hits_in_queue.load(Relaxed),
            negative_hits: counters.negative_hits.load(Relaxed),
            queued,
            queued_bytes,
        }
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

/// Moves what is in the queue, for ever.
async fn work(shared: Arc<Shared>) {
    loop {
        shared.queue.filled().await;
        while let Some(job) = shared.queue.begin() {
            shared.carry_out(job).await;
        }
        tokio::time::sleep(REST).await;
    }
}

impl Shared {
    fn key_lock(&self, hash: u64) -> Option<&Arc<Mutex<()>>> {
        self.locks.get(usize::try_from(hash >> 48).unwrap_or(0) % LOCKS)
    }

    async fn lock(&self, hash: u64) -> Option<OwnedMutexGuard<()>> {
        Some(Arc::clone(self.key_lock(hash)?).lock_owned().await)
    }

    fn counted<T>(&self, outcome: Result<T, TierError>) -> Result<T, TierError> {
        outcome.inspect_err(|error| {
            self.counters.failed.fetch_add(1, Relaxed);
            tracing::debug!(%error, "a tier failed");
        })
    }

    async fn get(&self, key: &[u8]) -> Option<Item> {
        let (hash, now) = (hash(key), self.clock.now());
        if self.negative.as_ref().is_some_and(|negative| negative.has(hash, now)) {
            self.counters.negative_hits.fetch_add(1, Relaxed);
            return None;
        }
        // What lies in the tiers until it has ended may be older.
        if self.changes.is_under_way(hash) {
            drop(self.lock(hash).await);
        }
        let stamp = self.changes.stamp();
        if let Some(item) = self.queue.take(key).filter(|item| !item.is_over(now)) {
            self.counters.hits_in_queue.fetch_add(1, Relaxed);
            return Some(item);
        }
        let mut all_answered = true;
        for (number, link) in self.links.iter().enumerate() {
            let found = match link.holds {
                Holds::Exclusive => link.tier.take(key).await,
                Holds::Inclusive => link.tier.get(key).await,
            };
            match self.counted(found) {
                Ok(Some(item)) => {
                    self.promote(&item, stamp, number);
                    return Some(item);
                }
                Ok(None) => {}
                Err(_) => all_answered = false,
            }
        }
        if let Some(negative) = self.negative.as_ref().filter(|_| all_answered) {
            negative.add(hash, now, || self.changes.has_changed_since(hash, stamp));
        }
        None
    }

    /// Copies what was found in a tier to those before it that keep copies.
    fn promote(&self, item: &Item, stamp: u64, found_in: usize) {
        for (target, link) in self.links.iter().enumerate().take(found_in) {
            if link.holds == Holds::Inclusive && link.writes == Writes::Demotions {
                self.counters.promoted.fetch_add(1, Relaxed);
                self.push(Job { item: item.clone(), target, stamp });
                return;
            }
        }
    }

    /// Takes what fell from above the tier of this number.
    fn demote(&self, item: Item, stamp: u64, from: usize) {
        let mut takers = self.links.iter().enumerate().skip(from);
        let Some((target, _)) = takers.find(|(_, link)| link.writes == Writes::Demotions) else { return };
        self.counters.demoted.fetch_add(1, Relaxed);
        self.push(Job { item, target, stamp });
    }

    fn push(&self, job: Job) {
        let hash = hash(&job.item.key);
        let stamp = job.stamp;
        match self.queue.push(job, || !self.changes.has_changed_since(hash, stamp)) {
            Some(dropped) => self.counters.dropped.fetch_add(dropped, Relaxed),
            None => self.counters.overtaken.fetch_add(1, Relaxed),
        };
        if let Some(negative) = &self.negative {
            negative.forget(hash);
        }
    }

    async fn carry_out(&self, job: Job) {
        let Job { item, target, .. } = job;
        let (hash, key) = (hash(&item.key), item.key.clone());
        let _lock = self.lock(hash).await;
        let link = self.links.get(target);
        let overtaken = self.queue.is_discarded() || item.is_over(self.clock.now());
        let Some(link) = link.filter(|_| !overtaken) else {
            self.counters.overtaken.fetch_add(1, Relaxed);
            self.queue.finish();
            return;
        };
        let _ = self.counted(link.tier.put(item).await);
        // It went up again while it was on its way down.
        if self.queue.finish() && link.holds == Holds::Exclusive {
            let _ = self.counted(link.tier.remove(&key).await);
        }
    }

    /// A change of a key begins: what is on its way is older.
    fn begin(this: &Arc<Self>, key: &[u8]) -> Begun {
        let hash = hash(key);
        let stamp = this.changes.begin(hash);
        this.queue.discard(key);
        Begun { shared: Arc::clone(this), hash, stamp }
    }

    async fn change(begun: Begun, key: Bytes, item: Option<Item>) -> Result<(), TierError> {
        let this = Arc::clone(&begun.shared);
        let lock = this.lock(begun.hash).await;
        let mut outcome = Ok(());
        for link in this.links.iter().filter(|link| link.writes == Writes::Demotions) {
            outcome = outcome.and(this.counted(link.tier.remove(&key).await));
        }
        // What a tier has evicted before it forgot the key came here with a stamp of its own, which may be newer than that of the begin.
        this.queue.discard(&key);
        if let Some(negative) = &this.negative {
            negative.forget(begun.hash);
        }
        if this.links.iter().all(|link| link.writes == Writes::Demotions) {
            return outcome;
        }
        match Arc::clone(&this.write_behind).try_acquire_owned() {
            Ok(permit) => {
                tokio::spawn(async move {
                    // Counted where it failed. Each tier says what it keeps of its promise then.
                    let _ = begun.tell_shared(&key, item).await;
                    drop((lock, permit));
                });
                outcome
            }
            Err(_) => outcome.and(begun.tell_shared(&key, item).await),
        }
    }
}

impl Begun {
    /// Removes the key from all tiers, if that takes no wait. The tiers that may take one are the lower ones, so that mostly nothing
    /// was done where it does; what is evicted from one to the next meanwhile waits for the lock, and is discarded here.
    fn remove_at_once(&self, key: &[u8]) -> bool {
        let shared = &self.shared;
        let Some(Ok(_lock)) = shared.key_lock(self.hash).map(|lock| lock.try_lock()) else { return false };
        if !shared.links.iter().rev().all(|link| link.tier.remove_at_once(key)) {
            return false;
        }
        // As in `Shared::change`.
        shared.queue.discard(key);
        if let Some(negative) = &shared.negative {
            negative.forget(self.hash);
        }
        true
    }

    async fn tell_shared(&self, key: &[u8], item: Option<Item>) -> Result<(), TierError> {
        let this = &self.shared;
        // A later one that came first has been to every tier. A shared tier must not have this older value after it, and need not have the newer one.
        let item = item.filter(|_| !this.changes.has_begun_since(self.hash, self.stamp));
        let mut outcome = Ok(());
        for link in this.links.iter().filter(|link| link.writes == Writes::Puts) {
            let told = match &item {
                Some(item) => link.tier.put(item.clone()).await,
                None => link.tier.remove(key).await,
            };
            outcome = outcome.and(this.counted(told));
        }
        if let Some(negative) = &this.negative {
            negative.forget(self.hash);
        }
        outcome
    }
}
