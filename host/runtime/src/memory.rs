//! Keeps the memory of a process within the capacity of its cache.
//!
//! The cache bounds what its entries weigh. The process takes more: what the policy remembers of entries that are gone, shadows,
//! what is under way to clients and from them, and what the allocator keeps of memory that was freed. How much that is nobody can
//! say beforehand, so it is measured: a [`Governor`] looks at what the process holds, many times a second and outside of the way
//! of requests, and takes what entries do not account for off the room that they have. Where memory is short the allocator
//! is told to give back what it keeps, and the cache what it keeps for entries that are gone.
//!
//! Beside that, it has [huge pages](huge_pages) made of what is in use.
//!
//! What the process held before the first entry came, its code and its strategies, is not counted: it is the same with any cache.
//!
//! A [`Keeper`] is the thread that does it. It acts on the difference that it finds, so that between two looks the capacity can
//! be exceeded by as much as comes in meanwhile.

mod allocator;
mod governor;
mod huge_pages;
mod inflow;
mod program;

pub(crate) use allocator::taken;
use governor::{Governor, Reading};
use huge_pages::HugePages;
pub(crate) use inflow::Inflow;
use inflow::Rate;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host_telemetry::resident_memory_bytes;

use crate::data_plane::Store;
use crate::tiers::Tiers;

/// From look to look, where there is room, and where there is little.
const CALM: Duration = Duration::from_millis(100);
const PRESSED: Duration = Duration::from_millis(20);

/// The allocator may be at work for one part in so many of the time: it holds locks meanwhile.
const WORK_SHARE: u32 = 8;

/// How often it is told to give back what it keeps while all together stays within the capacity: less would be reserved then. Less
/// often while little has come free since: it looks at all that is free, for some 0.1 s of a full cache.
const REGULARLY: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(16);

/// The share of what the cache keeps for entries that may be idle, where there is room, and where there is little.
const IDLE: f64 = 0.75;
const IDLE_PRESSED: f64 = 0.25;

/// With room, one part in so many of the capacity may lie idle in the allocator: what a flush leaves goes back to the system.
const IDLE_MEMORY: u64 = 16;

/// One part in so many of the capacity stays free for what comes in between two looks.
const MARGIN: u64 = 64;

/// A look after one part in so many of the capacity has come in in large values.
const WOKEN: u64 = 128;

/// Keeps the memory of this process within the capacity of its cache, until it is dropped.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Takes what the process holds now for its base. Puts huge pages under what comes from here on, where they are wanted. None where
    /// the system does not tell what a process holds: the cache then bounds what its entries weigh.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn start(
        cache: Arc<Store>,
        tiers: Option<Arc<Tiers>>,
        inflow: Arc<Inflow>,
        huge_pages: bool,
    ) -> std::io::Result<Option<Self>> {
        allocator::set_up();
        let Some(base) = resident_memory_bytes() else { return Ok(None) };
        let stop = Arc::new(AtomicBool::new(false));
        let keeping = Keeping {
            governor: Governor::new(base),
            cache,
            tiers,
            inflow,
            reserved: 0,
            rate: Rate::default(),
            looked: Instant::now(),
            stop: Arc::clone(&stop),
            given_back: None,
            beside: 0,
            huge_pages: HugePages::new(huge_pages),
        };
        let thread = std::thread::Builder::new().name("host-memory".to_owned()).spawn(|| keeping.run())?;
        Ok(Some(Self { stop, thread: Some(thread) }))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there was told when it happened.
            drop(thread.join());
        }
    }
}

struct Keeping {
    governor: Governor,
    cache: Arc<Store>,
    /// What they take has a bound of its own.
    tiers: Option<Arc<Tiers>>,
    inflow: Arc<Inflow>,
    /// What the cache was told to keep free.
    reserved: u64,
    rate: Rate,
    looked: Instant,
    stop: Arc<AtomicBool>,
    /// When the allocator gave back last, and how long that took.
    given_back: Option<(Instant, Duration)>,
    /// What the process held beside its entries after that, bytes.
    beside: u64,
    huge_pages: HugePages,
}

impl Keeping {
    fn run(mut self) {
        program::forget_start();
        while !self.stop.load(Ordering::Relaxed) {
            let pressed = self.look();
            self.huge_pages.look();
            std::thread::park_timeout(if pressed { PRESSED } else { CALM });
        }
    }

    /// `ahead` is what comes in before the next look.
    fn reading(&self, ahead: u64) -> Option<Reading> {
        let below = self.tiers.as_ref().map_or(0, |tiers| tiers.memory());
        let resident = resident_memory_bytes()?.saturating_sub(below);
        let capacity = self.cache.capacity();
        let capacity = (capacity - capacity / MARGIN).saturating_sub(ahead);
        Some(Reading { resident, weight: self.cache.weight(), capacity })
    }

    /// Looks once, and says whether there is little room.
    fn look(&mut self) -> bool {
        let capacity = self.cache.capacity();
        self.inflow.wake(std::thread::current(), capacity / WOKEN);
        let elapsed = std::mem::replace(&mut self.looked, Instant::now()).elapsed();
        let ahead = self.rate.look(self.inflow.take(), elapsed, capacity);
        let Some(mut reading) = self.reading(ahead) else { return false };
        let pressed = self.governor.is_pressed(reading);
        self.cache.shrink(if pressed { IDLE_PRESSED } else { IDLE });
        let beside = |reading: Reading| reading.resident.saturating_sub(reading.weight);
        self.beside = self.beside.min(beside(reading));
        let much = capacity / if pressed { MARGIN } else { IDLE_MEMORY };
        let has_grown = beside(reading) > self.beside.saturating_add(much);
        let regularly = if self.governor.is_over(reading) {
            Duration::ZERO
        } else if has_grown {
            REGULARLY
        } else {
            SELDOM
        };
        let rested =
            |(end, took): (Instant, Duration)| end.elapsed() >= regularly.max(took * (WORK_SHARE - 1));
        // What an empty cache has beside it is what it began with, and not what the start has left behind.
        let wanted = pressed || has_grown || self.governor.empty;
        if wanted && self.given_back.is_none_or(rested) {
            let begun = Instant::now();
            allocator::give_back();
            self.given_back = Some((Instant::now(), begun.elapsed()));
            reading = self.reading(ahead).unwrap_or(reading);
            self.beside = beside(reading);
        }
        self.governor.look(reading);
        let reserved = self.governor.reserved + capacity / MARGIN + ahead;
        if reserved != self.reserved {
            self.reserved = reserved;
            if let Some(tiers) = &self.tiers {
                tiers.before_evicting();
            }
            self.cache.set_reserved(reserved);
        }
        pressed
    }
}

#[cfg(test)]
mod tests {
    use host_cache::Cache;

    use super::*;
    use crate::entry::Entry;

    const MB: u64 = 1_000_000;

    #[test]
    fn what_the_process_holds_beside_entries_is_no_room_for_them() {
        let Some(base) = resident_memory_bytes() else { return };
        let cache: Store = Cache::builder(400 * MB)
            .steady_weigher(|_: &Entry, (): &()| 1)
            .hasher(crate::wiring::fixed_hasher())
            .build();
        let cache = Arc::new(cache);
        let mut keeping = Keeping {
            governor: Governor::new(base),
            cache: Arc::clone(&cache),
            tiers: None,
            inflow: Arc::default(),
            reserved: 0,
            rate: Rate::default(),
            looked: Instant::now(),
            stop: Arc::default(),
            given_back: None,
            beside: 0,
            huge_pages: HugePages::new(false),
        };
        keeping.look();
        cache.insert(Entry::of_bytes(b"key", &b"value"[..]), ());
        let block = std::hint::black_box(vec![1_u8; 300_000_000]);
        assert!(!keeping.look(), "entries have room yet");
        // Other tests allocate and free meanwhile.
        assert!(cache.reserved() > 150 * MB, "{}", cache.reserved());
        drop(block);
        let reserved = cache.reserved();
        keeping.look();
        assert!(cache.reserved() < reserved);
        assert_eq!(cache.capacity(), 400 * MB);
    }
}
