//! The disk tier: a log of preallocated regions in one folder.
//!
//! | file | what it is about |
//! |---|---|
//! | `log.rs` | the folder's two files, whose they are, and what was left of an earlier process |
//! | `region.rs`, `record.rs` | how regions and records lie there |
//! | `index.rs`, `state.rs` | what memory knows of them |
//! | `writer.rs`, `removals.rs`, `evict.rs` | appending, removing and making room |
//! | `recover.rs` | reading it all again |
//!
//! Items are appended to the open region of their lifetime group, so that a region tends to be over as a whole. A lookup is one probe of
//! the index and one positioned read, of which the checksum and the whole key are compared; it is made at once where the system has the
//! bytes in memory, and on a thread for waiting where not. What is put under a new key goes into memory at once; writing is all on such
//! threads, one writer at a time.
//!
//! How it fails: whatever does not check out is a miss, counted, and the key is forgotten. A disk that fails makes puts and
//! removals return an error; the key is a miss then until the process ends, but after that its older value can come back. A full
//! disk is met when the tier is opened or grows, and at no other time.

mod bytes;
mod config;
mod evict;
mod index;
mod log;
mod record;
mod recover;
mod region;
mod removals;
mod state;
mod writer;

use std::sync::Arc;

use parking_lot::Mutex;

pub use config::DiskConfig;

use self::bytes::length;
use self::index::Place;
use self::log::{Left, Log};
use self::record::{Record, What};
use self::removals::Removals;
use self::state::State;
use self::writer::Writer;
use crate::hash::hash;
use crate::item::size;
use crate::meter::Meter;
use crate::{Answer, Clock, Item, Tier, TierError, TierStats};

/// Up to so many bytes are read on the caller's thread where the system has them in memory: some 10 us of copying.
const AT_ONCE: u32 = 64 * 1024;

/// Lookups again, where the record went from its place while it was read.
const TRIES: usize = 3;

/// What the disk tier has written, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// Bytes of records that came in, with their headers of 28 bytes: items that were put, and tombstones of
    /// what was removed.
    pub bytes_admitted: u64,
    /// Puts of what was there already, which were not written again.
    pub puts_unchanged: u64,
    /// Bytes written to the files: records that came in, all below, footers and heads.
    pub bytes_written: u64,
    /// Of these, records that were asked for, and that were written again when their region was evicted.
    pub bytes_written_again: u64,
    /// Of these, tombstones that had to be written when a region was evicted.
    pub bytes_of_tombstones: u64,
}

/// What the disk tier knows beside [`TierStats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// What was written since it was opened.
    pub counters: DiskCounters,
    /// Regions in all.
    pub regions: u64,
    /// Regions that hold nothing.
    pub regions_free: u64,
    /// Entries of the index, with the tombstones: 17 bytes each, and as much again of slack at most.
    pub index_entries: u64,
}

/// Values in a folder, which are there again after a restart.
///
/// What was put and removed survives the end of the process, however it ends, but for the last few puts of keys that were new. It survives
/// the end of the machine only where the tier was closed before that, which dropping it does. Else it starts empty.
#[derive(Debug)]
pub struct Disk {
    core: Arc<Core>,
}

#[derive(Debug)]
struct Core {
    log: Log,
    /// Bytes of a region.
    region: u32,
    clock: Clock,
    meter: Meter,
    /// Locked before `state` where both are.
    writer: Mutex<Writer>,
    state: Mutex<State>,
    removals: Removals,
    /// Regions of smaller generations do not count.
    floor: Mutex<u64>,
}

impl Disk {
    /// Opens the folder and reads what an earlier process has left there. Blocks: some 0.1 s for a million entries, and as long as the file
    /// system takes to reserve the room.
    ///
    /// # Errors
    /// [`TierError::InUse`] where another process has the folder, [`TierError::NoRoom`] where the disk is too full,
    /// [`TierError::Setting`] and [`TierError::File`].
    pub fn open(config: &DiskConfig, clock: Clock) -> Result<Self, TierError> {
        let regions = config.regions()?;
        let (log, left) = Log::open(&config.folder)?;
        let left = left.filter(|left| left.region == config.region && left.is_whole());
        if left.is_none() && log.len()? > 0 {
            tracing::warn!(
                folder = %config.folder.display(),
                "the disk tier starts empty: the machine ended while it was open, the size of its regions was changed, or its lock file was damaged"
            );
            log.cut(0)?;
        }
        let floor = left.map_or(0, |left| left.floor);
        let before = u32::try_from(log.len()? / u64::from(config.region)).unwrap_or(u32::MAX);
        let all = usize::try_from(regions.max(before)).unwrap_or(usize::MAX);
        let core = Core {
            log,
            region: config.region,
            clock,
            meter: Meter::default(),
            writer: Mutex::default(),
            state: Mutex::new(State::new(all, 0)),
            removals: Removals::default(),
            floor: Mutex::new(floor),
        };
        core.leave(floor, false)?;
        core.log.reserve(size(all) * u64::from(config.region))?;
        if core.recover(all, floor)? {
            tracing::warn!(
                folder = %config.folder.display(),
                "the disk tier found damage and dropped all that may be older than what was lost"
            );
        }
        let disk = Self { core: Arc::new(core) };
        if regions < before {
            disk.core.resize(regions)?;
        }
        Ok(disk)
    }

    /// Bytes that it may take from now on. What has no room any more is evicted. Returns when the folder has its new size.
    ///
    /// # Errors
    /// [`TierError::Setting`] for a capacity of less than 8 or more than 65,536 regions, [`TierError::NoRoom`] where the disk is too
    /// full, in which case the size stays.
    pub async fn set_capacity(&self, capacity: u64) -> Result<(), TierError> {
        let regions = config::regions(capacity, self.core.region)?;
        self.blocking(move |core| core.resize(regions)).await
    }

    /// As [`Tier::put`], on the caller's thread: for who has many items and no runtime.
    ///
    /// # Errors
    /// [`TierError::File`] where the disk fails.
    pub fn put_blocking(&self, item: &Item) -> Result<(), TierError> {
        let since = self.core.clock.now();
        match self.core.put(item).inspect_err(|_| self.core.meter.failed())? {
            true => self.core.meter.put(since, &self.core.clock),
            false => self.core.meter.refused(),
        }
        Ok(())
    }

    /// Writes what is in memory to the files. Needed by nobody but who wants to look at the files: dropping the tier does it.
    ///
    /// # Errors
    /// [`TierError::File`] where the disk fails.
    pub async fn flush(&self) -> Result<(), TierError> {
        let flush = |core: &Core| {
            let mut writer = core.writer.lock();
            (0..config::GROUPS).try_for_each(|group| core.flush(&mut writer, group))
        };
        self.blocking(flush).await
    }

    /// Entries of the index, with the tombstones. Waits for no writer, where [`disk_stats`](Self::disk_stats) does.
    #[must_use]
    pub fn index_entries(&self) -> u64 {
        size(self.core.state.lock().index.len())
    }

    /// What it knows beside [`Tier::stats`].
    #[must_use]
    pub fn disk_stats(&self) -> DiskStats {
        let counters = self.core.writer.lock().counters;
        let state = self.core.state.lock();
        DiskStats {
            counters,
            regions: size(state.regions.len()),
            regions_free: size(state.free.len()),
            index_entries: size(state.index.len()),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Core) -> Result<T, TierError> + Send + 'static,
    ) -> Result<T, TierError> {
        let core = Arc::clone(&self.core);
        let done = tokio::task::spawn_blocking(move || work(&core)).await;
        done.unwrap_or(Err(TierError::Stopped { tier: "disk" })).inspect_err(|_| self.core.meter.failed())
    }

    async fn remove_with_others(&self, hash: u64) -> Result<(), TierError> {
        let (first, outcome) = self.core.removals.add(hash);
        if first {
            let core = Arc::clone(&self.core);
            let carry_out = move || {
                let mut writer = core.writer.lock();
                core.removals.carry_out(|hashes| core.remove_locked(&mut writer, hashes));
            };
            if tokio::task::spawn_blocking(carry_out).await.is_err() {
                self.core.removals.give_up();
            }
        }
        outcome.await.unwrap_or(Err(TierError::Stopped { tier: "disk" }))
    }

    async fn look_up(&self, key: &[u8]) -> Result<Option<Item>, TierError> {
        let hash = hash(key);
        for _ in 0..TRIES {
            let (place, generation) = match self.core.find(hash) {
                At::Nowhere => return Ok(None),
                At::Memory(bytes, generation) => {
                    return Ok(self.core.check(&bytes, generation, key).flatten());
                }
                At::File(place, generation) => (place, generation),
            };
            let at = self.core.at(place.region, place.offset);
            let at_once = Some(length(place.bound)).filter(|_| place.bound <= AT_ONCE);
            let bytes = match at_once.and_then(|bytes| self.core.log.read_at_once(at, bytes)) {
                Some(bytes) => bytes,
                None => self.blocking(move |core| core.log.read(at, length(place.bound))).await?,
            };
            if let Some(found) = self.core.check(&bytes, generation, key) {
                return Ok(found);
            }
            // Either it went from there meanwhile, or it is damaged.
            let still = matches!(self.core.find(hash), At::File(p, g) if (p, g) == (place, generation));
            if still {
                self.core.meter.failed();
                self.blocking(move |core| core.remove(&[hash])).await?;
                return Ok(None);
            }
        }
        Ok(None)
    }
}

/// Where a record is.
enum At {
    Nowhere,
    /// In memory: its bytes, and what may follow.
    Memory(Vec<u8>, u64),
    File(Place, u64),
}

impl Core {
    fn holds(&self, hash: u64) -> bool {
        self.state.lock().index.get(hash).is_some_and(|slot| !slot.tombstone)
    }

    fn find(&self, hash: u64) -> At {
        let mut state = self.state.lock();
        let Some(slot) = state.index.get(hash).filter(|slot| !slot.tombstone) else { return At::Nowhere };
        state.note_hit(hash, slot);
        if let Some((bytes, generation)) = state.in_memory(slot.place) {
            let bytes = bytes.get(..length(slot.place.bound)).unwrap_or(bytes);
            return At::Memory(bytes.to_vec(), generation);
        }
        let Some(region) = state.region(slot.place.region) else { return At::Nowhere };
        // What is behind the region's records is not worth reading, and may be behind the end of the file.
        let bound = slot.place.bound.min(self.region.saturating_sub(slot.place.offset));
        At::File(Place { bound, ..slot.place }, region.generation)
    }

    /// The item in these bytes, if it is of this key and not over. The outer one is none where the bytes are no such record.
    fn check(&self, bytes: &[u8], generation: u64, key: &[u8]) -> Option<Option<Item>> {
        let record = Record::read(bytes, generation).filter(|record| record.what == What::Item)?;
        // Another key of the same hash is no fault.
        let item = (record.key == key).then(|| record.item());
        Some(item.filter(|item| !item.is_over(self.clock.now())))
    }

    fn leave(&self, floor: u64, closed: bool) -> Result<(), TierError> {
        *self.floor.lock() = floor;
        self.log.leave(&Left { region: self.region, floor, closed, boot: log::boot() })
    }

    /// Changes the number of regions.
    fn resize(&self, regions: u32) -> Result<(), TierError> {
        let mut writer = self.writer.lock();
        let (before, wanted) =
            (self.state.lock().regions.len(), usize::try_from(regions).unwrap_or(usize::MAX));
        let bytes = u64::from(regions) * u64::from(self.region);
        let numbers = |range: std::ops::Range<usize>| range.filter_map(|number| u16::try_from(number).ok());
        if wanted > before {
            self.log.reserve(bytes)?;
            let mut state = self.state.lock();
            state.regions.resize(wanted, state::Region::FREE);
            state.free.extend(numbers(before..wanted));
            return Ok(());
        }
        for group in 0..config::GROUPS {
            self.seal(&mut writer, group)?;
        }
        let last = u16::try_from(wanted.saturating_sub(1)).unwrap_or(u16::MAX);
        let free_up_to_last = || {
            let mut state = self.state.lock();
            state.free.retain(|region| *region <= last);
            state.free.len()
        };
        for region in numbers(wanted..before) {
            // What is carried over has to have where to go, below.
            while free_up_to_last() < writer::RESERVE {
                let Some(victim) = self.victim(last) else { break };
                self.evict_region(&mut writer, victim)?;
            }
            let sealed =
                self.state.lock().region(region).is_some_and(|region| region.phase == state::Phase::Sealed);
            if sealed {
                self.evict_region(&mut writer, region)?;
            }
        }
        free_up_to_last();
        self.state.lock().regions.truncate(wanted);
        self.log.cut(bytes)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the disk tier could not be closed in the orderly way; it may start empty");
        }
    }
}

impl Tier for Disk {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Item>> {
        Box::pin(async move {
            let since = self.core.clock.now();
            let found = self.look_up(key).await;
            let hit = matches!(found, Ok(Some(_)));
            self.core.meter.looked_up(hit, since, &self.core.clock);
            found
        })
    }

    fn put(&self, item: Item) -> Answer<'_, ()> {
        Box::pin(async move {
            let since = self.core.clock.now();
            if self.core.put_at_once(&item).is_some() || self.blocking(move |core| core.put(&item)).await? {
                self.core.meter.put(since, &self.core.clock);
            } else {
                self.core.meter.refused();
            }
            Ok(())
        })
    }

    fn remove<'a>(&'a self, key: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            let hash = hash(key);
            self.core.meter.removed();
            // Nothing to wait for where it holds nothing.
            if !self.core.holds(hash) {
                return Ok(());
            }
            self.remove_with_others(hash).await.inspect_err(|_| self.core.meter.failed())
        })
    }

    /// Nothing is to be done where it holds nothing.
    fn remove_at_once(&self, key: &[u8]) -> bool {
        let nothing = !self.core.holds(hash(key));
        if nothing {
            self.core.meter.removed();
        }
        nothing
    }

    fn clear(&self) -> Answer<'_, ()> {
        Box::pin(async move { self.blocking(|core| core.clear_locked(&mut core.writer.lock())).await })
    }

    fn stats(&self) -> TierStats {
        let state = self.core.state.lock();
        let (regions, free) = (size(state.regions.len()), size(state.free.len()));
        let region = u64::from(self.core.region);
        TierStats {
            entries: state.live,
            bytes: (regions - free.min(regions)) * region,
            capacity: regions * region,
            ..self.core.meter.stats()
        }
    }
}
