//! The tiers below the cache of a host, and what keeps them in step with it.
//!
//! | when | what is done |
//! |---|---|
//! | the cache evicts | the value goes into the queue of the chain, and nobody waits |
//! | somebody wants a key that the cache does not hold | [`Keyspace::fetch`](crate::Keyspace::fetch) puts into it what a tier has |
//! | a key was changed | [`Keyspace::changed`](crate::Keyspace::changed) tells the tiers, within the lock of the key |
//!
//! **Order.** Whoever changes a key in the cache holds its lock from before the change until the tiers were told of its begin, so
//! that both see changes in the same order. What was fetched goes into the cache within the same lock, and only if the
//! key has not changed since it was asked for.

mod sizes;

use std::cell::Cell;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use host_contract::dial::WITHOUT_END;
use host_profile::{Compression, TierSettings};
use host_tier::{
    Chain, ChainConfig, ChainStats, Clock, Coding, Disk, DiskConfig, DiskStats, Item, Link, Remote,
    RemoteConfig, RemoteStats, Stamp, TierError, Warm, WarmConfig,
};
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use crate::entry::{Entry, Found};
use crate::error::RunError;
use crate::keyspace::Keyspace;
use crate::value::encode::{self, TierTtl};
use sizes::Sizes;

/// Locks of keys, by their hash.
const LOCKS: usize = 1_024;

/// Entries that are copied out of the cache in one go.
const BATCH: usize = 256;

/// Bytes of an entry of the disk tier's index, with the slack of its table.
const INDEX_ENTRY: u64 = 25;

/// Keys that no tier has are remembered up to this number, at some 100 bytes each.
const NEGATIVE: usize = 100_000;

thread_local! {
    /// Older than whatever this thread evicts from now on. A value whose stamp is older than it need be is dropped sooner, and does no
    /// other harm.
    static STAMP: Cell<Stamp> = const { Cell::new(Stamp::OLDEST) };
}

/// What the tiers still have to do for a change. Dropping it stops nothing.
pub type Settling = JoinHandle<()>;

/// What opening the disk tier found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reopened {
    /// Entries that an earlier process has left.
    pub entries: u64,
    /// How long opening took.
    pub took: Duration,
}

/// The tiers of a host.
pub struct Tiers {
    chain: Chain,
    warm: Option<Arc<Warm>>,
    disk: Option<Arc<Disk>>,
    remote: Option<Arc<Remote>>,
    /// What memory holds goes to the disk at the end.
    keep: bool,
    /// How long they keep what has no end of life, in seconds; [`WITHOUT_END`] without end.
    ttl: AtomicU64,
    sizes: Arc<Sizes>,
    reopened: Option<Reopened>,
    locks: Box<[Mutex<()>]>,
    /// One fetch at a time for a key: a tier that gives a value away has it for one of them only.
    fetching: Box<[tokio::sync::Mutex<()>]>,
    clock: Clock,
    /// Where demotions run, and what a change has left to do. None once the tiers have ended.
    runtime: Mutex<Option<Runtime>>,
    handle: Handle,
}

/// Locks of some keys.
pub type KeyLocks<'a> = SmallVec<[MutexGuard<'a, ()>; 1]>;

impl Tiers {
    /// Opens the tiers that the settings name; none where they name none. Blocks while the disk tier is read.
    ///
    /// # Errors
    /// [`RunError::Tier`]: a folder or an address cannot be used. Servers are not connected to yet.
    pub fn open(settings: &TierSettings) -> Result<Option<Self>, RunError> {
        if !settings.is_any() {
            return Ok(None);
        }
        let clock = clock();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("tiers")
            .enable_all()
            .build()
            .map_err(RunError::Threads)?;
        let mut links = Vec::new();
        let mut warm = None;
        if let Some(settings) = &settings.warm {
            let coding = coding(settings.compression);
            let config = WarmConfig { capacity: settings.capacity.get(), coding };
            let made = Arc::new(Warm::new(config, clock.clone()));
            links.push(Link::exclusive(Arc::<Warm>::clone(&made)));
            warm = Some(made);
        }
        let (mut disk, mut reopened) = (None, None);
        if let Some(settings) = &settings.disk {
            let config = DiskConfig {
                region: u32::try_from(settings.region.get()).unwrap_or(u32::MAX),
                ..DiskConfig::new(&settings.dir, settings.capacity.get())
            };
            let began = Instant::now();
            let opened = Arc::new(Disk::open(&config, clock.clone())?);
            reopened =
                Some(Reopened { entries: host_tier::Tier::stats(&*opened).entries, took: began.elapsed() });
            links.push(Link::inclusive(Arc::<Disk>::clone(&opened)));
            disk = Some(opened);
        }
        let mut remote = None;
        let mut write_behind = 0;
        if let Some(settings) = &settings.remote {
            let config = RemoteConfig {
                addresses: settings.addresses.clone(),
                cluster: settings.cluster,
                prefix: settings.prefix.clone(),
                limit: settings.time_limit,
                failures: settings.failures,
                pauses: (settings.pause, settings.longest_pause),
            };
            let connected = Arc::new(Remote::new(&config, clock.clone())?);
            links.push(Link::shared(Arc::<Remote>::clone(&connected)));
            remote = Some(connected);
            write_behind = usize::try_from(settings.write_behind).unwrap_or(usize::MAX);
        }
        let negative = Some((NEGATIVE, settings.negative_ttl)).filter(|(_, ttl)| !ttl.is_zero());
        let config = ChainConfig { queue: settings.queue.get(), negative, write_behind };
        let chain = {
            let _in = runtime.enter();
            Chain::new(links, config, clock.clone())
        };
        Ok(Some(Self {
            chain,
            warm,
            disk,
            remote,
            keep: settings.disk.as_ref().is_some_and(|disk| disk.keep),
            ttl: AtomicU64::new(settings.ttl.map_or(WITHOUT_END, |ttl| ttl.as_secs())),
            sizes: Arc::new(Sizes::new(settings)),
            reopened,
            locks: std::iter::repeat_with(Mutex::default).take(LOCKS).collect(),
            fetching: std::iter::repeat_with(tokio::sync::Mutex::default).take(LOCKS).collect(),
            clock,
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        }))
    }

    /// What opening the disk tier found; none without one.
    #[must_use]
    pub fn reopened(&self) -> Option<Reopened> {
        self.reopened
    }

    /// What the chain and its tiers have done.
    #[must_use]
    pub fn stats(&self) -> ChainStats {
        self.chain.stats()
    }

    /// What the disk tier has written; none without one.
    #[must_use]
    pub fn disk_stats(&self) -> Option<DiskStats> {
        self.disk.as_ref().map(|disk| disk.disk_stats())
    }

    /// How the server of the remote tier stands; none without one.
    #[must_use]
    pub fn remote_stats(&self) -> Option<RemoteStats> {
        self.remote.as_ref().map(|remote| remote.remote_stats())
    }

    /// Bytes of memory that the tiers take. Cheap, and waits for nobody who writes.
    pub(crate) fn memory(&self) -> u64 {
        let warm = self.warm.as_ref().map_or(0, |warm| warm.bytes());
        let index = self.disk.as_ref().map_or(0, |disk| disk.index_entries().saturating_mul(INDEX_ENTRY));
        warm.saturating_add(self.chain.queued_bytes()).saturating_add(index)
    }

    /// How long tiers keep what has no end of life; none: without end.
    pub(crate) fn ttl(&self) -> Option<Duration> {
        let seconds = self.ttl.load(Ordering::Relaxed);
        (seconds < WITHOUT_END).then(|| Duration::from_secs(seconds))
    }

    /// Holds for what comes in from now on.
    pub(crate) fn set_ttl(&self, ttl: Option<Duration>) {
        self.ttl.store(ttl.map_or(WITHOUT_END, |ttl| ttl.as_secs()), Ordering::Relaxed);
    }

    /// Bytes that the warm tier may take; 0 without one.
    pub(crate) fn warm_capacity(&self) -> u64 {
        self.sizes.warm()
    }

    /// The least that the warm tier can do with; none without one.
    pub(crate) fn least_warm_capacity(&self) -> Option<u64> {
        self.warm.as_ref().map(|_| Warm::LEAST)
    }

    /// Changes the size of the warm tier in the background. Of several changes the last one counts.
    pub(crate) fn set_warm_capacity(&self, bytes: u64) {
        if let Some(warm) = &self.warm {
            self.sizes.set_warm(bytes, Arc::clone(warm), &self.handle);
        }
    }

    /// How the warm tier compresses what comes in.
    pub(crate) fn warm_compression(&self) -> Compression {
        match self.warm.as_ref().map(|warm| warm.coding()) {
            Some(Coding::Lz4) => Compression::Lz4,
            Some(Coding::Zstd) => Compression::Zstd,
            Some(Coding::None) | None => Compression::None,
        }
    }

    /// Holds for what comes in from now on.
    pub(crate) fn set_warm_compression(&self, compression: Compression) {
        if let Some(warm) = &self.warm {
            warm.set_coding(coding(compression));
        }
    }

    /// Bytes that the disk tier may use; 0 without one.
    pub(crate) fn disk_capacity(&self) -> u64 {
        self.sizes.disk()
    }

    /// What the disk tier can be told to use; none without one.
    pub(crate) fn disk_capacities(&self) -> Option<RangeInclusive<u64>> {
        self.disk.as_ref().map(|_| self.sizes.of_disk())
    }

    /// Changes what the disk tier uses, in the background. Of several changes the last one counts. Where the disk has no room the size
    /// stays.
    pub(crate) fn set_disk_capacity(&self, bytes: u64) {
        if let Some(disk) = &self.disk {
            self.sizes.set_disk(bytes, Arc::clone(disk), &self.handle);
        }
    }

    /// The clock by which entries live, in the cache as in the tiers.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// To be called before whatever may evict, by the thread that does it.
    #[inline]
    pub(crate) fn before_evicting(&self) {
        STAMP.set(self.chain.stamp());
    }

    /// The cache has evicted this.
    pub(crate) fn demote(&self, entry: &Entry, until: Option<Duration>) {
        let Some(key) = entry.key() else { return };
        if let Some(item) = self.item(key, entry.value(), until) {
            self.chain.demote(item, STAMP.get());
        }
    }

    /// The item of a value, as tiers take it now.
    pub(crate) fn item(&self, key: &[u8], value: Found<'_>, until: Option<Duration>) -> Option<Item> {
        let kept = TierTtl { now: self.clock.now(), ttl: self.ttl() };
        encode::item(Bytes::copy_from_slice(key), value, until, kept)
    }

    fn place(key: &[u8]) -> usize {
        usize::try_from(crate::key::ByteKey(key).number()).unwrap_or(0) % LOCKS
    }

    /// Locks keys that are about to be changed. In an order that is the same for everybody, and each once.
    pub(crate) fn lock<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) -> KeyLocks<'_> {
        let mut places: SmallVec<[usize; 4]> = keys.into_iter().map(Self::place).collect();
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.locks.get(place)).map(Mutex::lock).collect()
    }

    /// Holds off all other fetches of the key.
    pub(crate) async fn fetching(&self, key: &[u8]) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        Some(self.fetching.get(Self::place(key))?.lock().await)
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.chain.stamp()
    }

    pub(crate) async fn get(&self, key: &[u8]) -> Option<Item> {
        self.chain.get(key).await
    }

    pub(crate) fn has_changed_since(&self, key: &[u8], stamp: Stamp) -> bool {
        self.chain.has_changed_since(key, stamp)
    }

    /// A key has this value from now on, or none. To be called within its lock.
    pub(crate) fn changed(&self, key: &[u8], item: Option<Item>) -> Option<Settling> {
        match item {
            Some(item) => self.settle(self.chain.put(item)),
            None => self.settle(self.chain.remove(key)?),
        }
    }

    /// Whether a tier has what is put, and not what falls alone.
    pub(crate) fn wants_puts(&self) -> bool {
        self.remote.is_some()
    }

    /// All keys are gone.
    pub(crate) fn clear(&self) -> Option<Settling> {
        self.settle(self.chain.clear())
    }

    /// Does at once what needs no waiting, which is most, and the rest in the background.
    fn settle(
        &self,
        change: impl Future<Output = Result<(), TierError>> + Send + 'static,
    ) -> Option<Settling> {
        let _in = self.handle.enter();
        // What fails in a tier is counted and told there.
        let mut change: Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(async move { drop(change.await) });
        match change.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(()) => None,
            Poll::Pending => Some(self.handle.spawn(change)),
        }
    }

    /// Ends the tiers. What is in memory goes to the disk where the settings say so, as far as there is time; how much that was is
    /// returned.
    pub(crate) fn close(&self, keys: &Keyspace, grace: Duration) -> u64 {
        let until = Instant::now() + grace;
        let Some(runtime) = self.runtime.lock().take() else { return 0 };
        let drained = runtime.block_on(async { tokio::time::timeout(grace, self.chain.drained()).await });
        if drained.is_err() {
            tracing::warn!("what had left memory did not reach the tiers below in time");
        }
        let disk = self.disk.as_ref().filter(|_| self.keep);
        let kept = disk.map_or(0, |disk| self.keep(disk, keys, until));
        runtime.shutdown_timeout(until.saturating_duration_since(Instant::now()));
        kept
    }

    /// Puts entries on the disk until there is no more time or it fails.
    fn keep(&self, disk: &Disk, keys: &Keyspace, until: Instant) -> u64 {
        let (mut cursor, mut kept) = (0, 0);
        let mut items = Vec::new();
        loop {
            cursor = keys.scan(cursor, BATCH, |key, present| {
                items.extend(self.item(key, present.value, present.until));
            });
            for item in items.drain(..) {
                if Instant::now() >= until {
                    tracing::warn!(kept, "there was no time to keep all that memory holds");
                    return kept;
                }
                if let Err(error) = disk.put_blocking(&item) {
                    tracing::warn!(%error, kept, "what memory holds cannot be kept");
                    return kept;
                }
                kept += 1;
            }
            if cursor == 0 {
                return kept;
            }
        }
    }
}

fn coding(compression: Compression) -> Coding {
    match compression {
        Compression::Lz4 => Coding::Lz4,
        Compression::Zstd => Coding::Zstd,
        Compression::None => Coding::None,
    }
}

/// The time since the UNIX epoch, which never runs backwards: lifetimes are told and kept as moments that other hosts and
/// later runs know. Whoever sets the machine's clock back or forward while a host runs does not move the ends of lives.
pub(crate) fn clock() -> Clock {
    let epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let started = Instant::now();
    Clock::new(move || epoch + started.elapsed())
}

impl Drop for Tiers {
    fn drop(&mut self) {
        // Dropping a runtime waits, which is not allowed everywhere.
        if let Some(runtime) = self.runtime.get_mut().take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Tiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tiers").field("chain", &self.chain).finish_non_exhaustive()
    }
}
