//! Keys prefetched and not asked for yet.
//!
//! An entry is in flight from the moment it is issued until its load is reported; then it is unused until
//! it is asked for, evicted or too old. One asked for while in flight is decided (late) but stays on the
//! table, because its load still takes its part of the budget.
//!
//! # Locks
//!
//! The table is a striped lock: a key's entry is in one of [`STRIPES`] maps, each behind a lock that is
//! held for one look-up and one change, by whoever reports or asks about a key of it. Nothing that a tick
//! calls takes a stripe; only [`finish`](Pending::finish), at the end of a run, goes through them one at a
//! time. Ages have a queue of their own, whose lock is taken when a load is reported and by the access at
//! which the oldest entry has grown old; a stripe may be taken under it, never the other way round.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::Mutex;

use crate::budget::Account;
use crate::stats::{Outcome, Record};

/// A power of two, several times the number of threads that serve requests.
const STRIPES: usize = 64;

#[derive(Debug)]
pub(crate) struct Loaded {
    record: Arc<Record>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Being loaded, with `reserved` bytes of the budget. `decided` once it was asked for.
    InFlight { reserved: u64, decided: bool },
    /// In the cache. `ticket` tells this loading of the key from an earlier one in the age queue.
    Unused { weight: u64, ticket: u64 },
}

/// Two cache lines, because processors fetch them in pairs: neighbours must not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(Mutex<HashMap<u64, Loaded>>);

/// When an unused entry grows old.
#[derive(Debug, Clone, Copy)]
struct Age {
    /// The clock when it arrived.
    arrived: u64,
    key: u64,
    ticket: u64,
}

#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) account: Account,
    unused_after: u64,
    stripes: Box<[Stripe]>,
    /// Entries in all stripes.
    entries: AtomicUsize,
    /// Accesses so far, while there was anything to follow.
    clock: AtomicU64,
    tickets: AtomicU64,
    /// Unused entries in the order in which they arrived, among lines of entries decided since.
    ages: Mutex<VecDeque<Age>>,
    /// The clock up to which nothing grows old: of the front of `ages`.
    none_old_until: AtomicU64,
}

impl Pending {
    pub(crate) fn new(account: Account, unused_after: u64) -> Self {
        Self {
            account,
            unused_after,
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
            entries: AtomicUsize::new(0),
            clock: AtomicU64::new(0),
            tickets: AtomicU64::new(0),
            ages: Mutex::default(),
            none_old_until: AtomicU64::new(u64::MAX),
        }
    }

    /// Whether there is no entry, which costs one load to find out.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn contains(&self, key: u64) -> bool {
        !self.is_empty() && self.stripe(key).lock().contains_key(&key)
    }

    /// Notes a demand access: decides the key, if it was prefetched, and those that are too old.
    pub(crate) fn access(&self, key: u64) {
        let now = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        let mut stripe = self.stripe(key).lock();
        if let Entry::Occupied(mut entry) = stripe.entry(key) {
            match entry.get().stage {
                Stage::Unused { weight, .. } => {
                    self.account.free(weight);
                    self.remove(entry).decide(Outcome::Timely);
                }
                Stage::InFlight { reserved, decided: false } => {
                    // The entry will have been asked for when it arrives: it takes none of the share.
                    self.account.free(reserved);
                    let loaded = entry.get_mut();
                    loaded.stage = Stage::InFlight { reserved: 0, decided: true };
                    loaded.record.decide(Outcome::Late);
                }
                Stage::InFlight { decided: true, .. } => {}
            }
        }
        drop(stripe);
        if now > self.none_old_until.load(Ordering::Relaxed) {
            self.waste_old(now);
        }
    }

    /// Puts a key on the table, if it is not there and the budget has room. Answers whether it has.
    pub(crate) fn issue(&self, key: u64, record: &Arc<Record>) -> bool {
        let mut stripe = self.stripe(key).lock();
        let Entry::Vacant(place) = stripe.entry(key) else { return false };
        let Some(reserved) = self.account.reserve() else { return false };
        record.issue();
        let stage = Stage::InFlight { reserved, decided: false };
        place.insert(Loaded { record: Arc::clone(record), stage });
        self.entries.fetch_add(1, Ordering::Relaxed);
        true
    }

    pub(crate) fn loaded(&self, key: u64, weight: u64) {
        let mut stripe = self.stripe(key).lock();
        let Entry::Occupied(mut entry) = stripe.entry(key) else { return };
        let Stage::InFlight { reserved, decided } = entry.get().stage else { return };
        self.account.land();
        self.account.free(reserved);
        self.account.weigh(weight);
        if decided {
            self.remove(entry);
            return;
        }
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        entry.get_mut().stage = Stage::Unused { weight, ticket };
        self.account.take(weight);
        drop(stripe);
        let mut ages = self.ages.lock();
        ages.push_back(Age { arrived: self.clock.load(Ordering::Relaxed), key, ticket });
        self.trim(&mut ages);
        self.look_at_front(&ages);
    }

    pub(crate) fn failed(&self, key: u64) {
        let mut stripe = self.stripe(key).lock();
        let Entry::Occupied(entry) = stripe.entry(key) else { return };
        let Stage::InFlight { reserved, decided } = entry.get().stage else { return };
        self.account.land();
        self.account.free(reserved);
        let record = self.remove(entry);
        if !decided {
            record.decide(Outcome::Wasted);
        }
    }

    /// Decides an unused entry as wasted; only of that `ticket`, if one is given.
    pub(crate) fn waste(&self, key: u64, only: Option<u64>) {
        let mut stripe = self.stripe(key).lock();
        let Entry::Occupied(entry) = stripe.entry(key) else { return };
        let Stage::Unused { weight, ticket } = entry.get().stage else { return };
        if only.is_none_or(|only| only == ticket) {
            self.account.free(weight);
            self.remove(entry).decide(Outcome::Wasted);
        }
    }

    /// Decides everything that is left.
    pub(crate) fn finish(&self) {
        for Stripe(stripe) in &self.stripes {
            let mut entries = stripe.lock();
            self.entries.fetch_sub(entries.len(), Ordering::Relaxed);
            for (_, Loaded { record, stage }) in entries.drain() {
                match stage {
                    Stage::Unused { weight, .. } => self.account.free(weight),
                    Stage::InFlight { reserved, .. } => {
                        self.account.land();
                        self.account.free(reserved);
                    }
                }
                if !matches!(stage, Stage::InFlight { decided: true, .. }) {
                    record.decide(Outcome::Wasted);
                }
            }
        }
        let mut ages = self.ages.lock();
        self.trim(&mut ages);
        self.look_at_front(&ages);
    }

    /// Decides the unused entries that arrived too long before `now`.
    fn waste_old(&self, now: u64) {
        let mut ages = self.ages.lock();
        while let Some(&Age { arrived, key, ticket }) = ages.front()
            && now.saturating_sub(arrived) > self.unused_after
        {
            ages.pop_front();
            self.waste(key, Some(ticket));
        }
        self.look_at_front(&ages);
    }

    fn look_at_front(&self, ages: &VecDeque<Age>) {
        let until = ages.front().map_or(u64::MAX, |front| front.arrived.saturating_add(self.unused_after));
        self.none_old_until.store(until, Ordering::Relaxed);
    }

    /// Entries decided otherwise leave their line in the age queue behind. Without this, a long age limit
    /// and much traffic would grow it without bound.
    fn trim(&self, ages: &mut VecDeque<Age>) {
        if ages.len() > 64 && ages.len() / 2 > self.entries.load(Ordering::Relaxed) {
            ages.retain(|age| {
                let stripe = self.stripe(age.key).lock();
                let stage = stripe.get(&age.key).map(|loaded| loaded.stage);
                matches!(stage, Some(Stage::Unused { ticket, .. }) if ticket == age.ticket)
            });
        }
    }

    /// Every stripe at once, as if requests held them all.
    #[cfg(test)]
    pub(crate) fn lock_all(&self) -> Vec<parking_lot::MutexGuard<'_, HashMap<u64, Loaded>>> {
        self.stripes.iter().map(|stripe| stripe.0.lock()).collect()
    }

    fn remove(&self, entry: hashbrown::hash_map::OccupiedEntry<'_, u64, Loaded>) -> Arc<Record> {
        self.entries.fetch_sub(1, Ordering::Relaxed);
        entry.remove().record
    }

    #[expect(clippy::indexing_slicing, reason = "the number is cut to the number of stripes")]
    fn stripe(&self, key: u64) -> &Mutex<HashMap<u64, Loaded>> {
        // Neighbours go to different stripes; what is not a run is spread by the multiplication.
        let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        &self.stripes[usize::try_from(mixed).unwrap_or(0) % STRIPES].0
    }
}
