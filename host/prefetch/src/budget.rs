//! How much may be prefetched, and how much of that is taken.
//!
//! All of it is atomic numbers: a request that takes from the budget waits for nobody, and a strategy that
//! changes a figure holds nobody up. Two requests that meet here may each see the other's half-made
//! reservation, and one then gets nothing though there was room: a prefetch less, which does no harm.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How much may be prefetched at the start. Each of the two figures is set alone later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Most loads under way at once. 0 switches prefetching off.
    pub max_in_flight: u32,
    /// Share of the cache that entries not yet asked for may take. 0.0 to 0.5; more counts as 0.5, not a
    /// number as 0.0.
    pub cache_share: f64,
}

/// The budget and its use.
#[derive(Debug)]
pub(crate) struct Account {
    max_in_flight: AtomicU32,
    /// The bits of an `f64`.
    cache_share: AtomicU64,
    capacity_bytes: AtomicU64,
    in_flight: AtomicU32,
    /// Unused entries, and what is reserved for those in flight.
    taken_bytes: AtomicU64,
    /// For the mean weight, which is what a load is expected to take. Both 0 before the first, unless a guess was given.
    loaded_bytes: AtomicU64,
    loads: AtomicU64,
}

impl Account {
    pub(crate) fn new(budget: Budget) -> Self {
        let account = Self {
            max_in_flight: AtomicU32::new(budget.max_in_flight),
            cache_share: AtomicU64::default(),
            capacity_bytes: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            taken_bytes: AtomicU64::new(0),
            loaded_bytes: AtomicU64::new(0),
            loads: AtomicU64::new(0),
        };
        account.set_cache_share(budget.cache_share);
        account
    }

    pub(crate) fn max_in_flight(&self) -> u32 {
        self.max_in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn set_max_in_flight(&self, loads: u32) {
        self.max_in_flight.store(loads, Ordering::Relaxed);
    }

    pub(crate) fn cache_share(&self) -> f64 {
        f64::from_bits(self.cache_share.load(Ordering::Relaxed))
    }

    pub(crate) fn set_cache_share(&self, share: f64) {
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 0.5) };
        self.cache_share.store(share.to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn set_capacity(&self, bytes: u64) {
        self.capacity_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// A guess of what a load weighs, until there was one.
    pub(crate) fn expect(&self, bytes: u64) {
        if self.loads.load(Ordering::Relaxed) == 0 {
            self.loaded_bytes.store(bytes, Ordering::Relaxed);
            self.loads.store(1, Ordering::Relaxed);
        }
    }

    /// What unused entries and those in flight take now.
    pub(crate) fn taken(&self) -> u64 {
        self.taken_bytes.load(Ordering::Relaxed)
    }

    /// Entries that there is room for, as far as is known; at least 1.
    pub(crate) fn room(&self) -> u64 {
        self.limit_bytes().checked_div(self.expected()).unwrap_or(u64::MAX).max(1)
    }

    fn expected(&self) -> u64 {
        let loads = self.loads.load(Ordering::Relaxed);
        self.loaded_bytes.load(Ordering::Relaxed).checked_div(loads).unwrap_or(0)
    }

    /// Whether another load may be under way.
    pub(crate) fn may_load(&self) -> bool {
        self.in_flight() < self.max_in_flight()
    }

    /// Takes a place among the loads under way, and nothing of the cache; false where there is none.
    pub(crate) fn begin(&self) -> bool {
        let most = self.max_in_flight();
        let one_more = |now: u32| (now < most).then(|| now + 1);
        self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Takes one load from the budget, and answers how many bytes are reserved for it. None where there is
    /// no room.
    pub(crate) fn reserve(&self) -> Option<u64> {
        if !self.begin() {
            return None;
        }
        let expected = self.expected();
        let limit = self.limit_bytes();
        let with_it = |taken: u64| (taken < limit && expected <= limit - taken).then(|| taken + expected);
        let fits = self.taken_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with_it);
        if fits.is_err() {
            self.land();
        }
        fits.ok().map(|_| expected)
    }

    /// A load is under way no more.
    pub(crate) fn land(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// An entry of this weight was loaded and is not yet asked for.
    pub(crate) fn take(&self, bytes: u64) {
        self.taken_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What [`reserve`](Self::reserve) or [`take`](Self::take) took is free again.
    pub(crate) fn free(&self, bytes: u64) {
        self.taken_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Notes what a load weighed.
    pub(crate) fn weigh(&self, bytes: u64) {
        let more = |sum: u64| Some(sum.saturating_add(bytes));
        // The closure never refuses.
        let _ = self.loaded_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        self.loads.fetch_add(1, Ordering::Relaxed);
    }

    #[expect(clippy::as_conversions, reason = "a share of the capacity, rounded; float to integer saturates")]
    fn limit_bytes(&self) -> u64 {
        (self.capacity_bytes.load(Ordering::Relaxed) as f64 * self.cache_share()) as u64
    }
}
