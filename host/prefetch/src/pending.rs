//! Keys loaded ahead and not asked for yet, and the budget that bounds them.
//!
//! An entry is in flight from the moment it is issued until its load is reported; then it is unused until
//! it is asked for, evicted or too old. One asked for while in flight is decided (late) but stays on the
//! table, because its load still takes a place of the budget.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::stats::{Outcome, Record};

/// How much may be loaded ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Most loads under way at once. 0 switches prefetching off.
    pub max_in_flight: u32,
    /// Share of the cache that entries not yet asked for may take. 0.0 to 0.5; more counts as 0.5, not a
    /// number as 0.0.
    pub cache_share: f64,
}

impl Budget {
    fn clamped(self) -> Self {
        let share = if self.cache_share.is_nan() { 0.0 } else { self.cache_share.clamp(0.0, 0.5) };
        Self { cache_share: share, ..self }
    }
}

#[derive(Debug)]
struct Loaded {
    record: Arc<Record>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Being loaded; `reserved` bytes are set aside. `decided` once it was asked for.
    InFlight { reserved: u64, decided: bool },
    /// In the cache. `ticket` tells this loading of the key from an earlier one in the age queue.
    Unused { weight: u64, ticket: u64 },
}

#[derive(Debug)]
pub(crate) struct Pending {
    budget: Budget,
    capacity_bytes: u64,
    unused_after: u64,
    entries: HashMap<u64, Loaded>,
    in_flight: u32,
    /// Unused entries, and what is reserved for those in flight.
    taken_bytes: u64,
    /// For the mean weight, which is what a load is expected to take.
    loaded_bytes: u64,
    loads: u64,
    /// Accesses so far, while there was anything to follow.
    clock: u64,
    /// Unused entries in the order in which they arrived: (clock on arrival, key, ticket).
    ages: VecDeque<(u64, u64, u64)>,
    tickets: u64,
}

impl Pending {
    pub(crate) fn new(budget: Budget, unused_after: u64) -> Self {
        Self {
            budget: budget.clamped(),
            capacity_bytes: 0,
            unused_after,
            entries: HashMap::default(),
            in_flight: 0,
            taken_bytes: 0,
            loaded_bytes: 0,
            loads: 0,
            clock: 0,
            ages: VecDeque::new(),
            tickets: 0,
        }
    }

    pub(crate) fn budget(&self) -> Budget {
        self.budget
    }

    pub(crate) fn set_budget(&mut self, budget: Budget) {
        self.budget = budget.clamped();
    }

    pub(crate) fn set_capacity(&mut self, bytes: u64) {
        self.capacity_bytes = bytes;
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(crate) fn unused_bytes(&self) -> u64 {
        let unused = |entry: &Loaded| match entry.stage {
            Stage::Unused { weight, .. } => weight,
            Stage::InFlight { .. } => 0,
        };
        self.entries.values().map(unused).sum()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains(&self, key: u64) -> bool {
        self.entries.contains_key(&key)
    }

    /// Notes a demand access: decides the key, if it was loaded ahead, and those grown old.
    pub(crate) fn access(&mut self, key: u64) {
        self.clock += 1;
        if let Entry::Occupied(mut entry) = self.entries.entry(key) {
            match entry.get().stage {
                Stage::Unused { weight, .. } => {
                    self.taken_bytes = self.taken_bytes.saturating_sub(weight);
                    entry.remove().record.decide(Outcome::Timely);
                }
                Stage::InFlight { reserved, decided: false } => {
                    // The entry will have been asked for when it arrives: it takes none of the share.
                    self.taken_bytes = self.taken_bytes.saturating_sub(reserved);
                    let loaded = entry.get_mut();
                    loaded.stage = Stage::InFlight { reserved: 0, decided: true };
                    loaded.record.decide(Outcome::Late);
                }
                Stage::InFlight { decided: true, .. } => {}
            }
        }
        while let Some(&(arrived, old, ticket)) = self.ages.front()
            && self.clock - arrived > self.unused_after
        {
            self.ages.pop_front();
            self.waste(old, Some(ticket));
        }
    }

    /// Takes a place of the budget for a key. False where there is none, or the key is on the table.
    pub(crate) fn issue(&mut self, key: u64, record: &Arc<Record>) -> bool {
        let expected = self.loaded_bytes.checked_div(self.loads).unwrap_or(0);
        let limit = self.limit_bytes();
        let fits = self.taken_bytes < limit && expected <= limit - self.taken_bytes;
        if self.in_flight >= self.budget.max_in_flight || !fits {
            return false;
        }
        let Entry::Vacant(place) = self.entries.entry(key) else { return false };
        let stage = Stage::InFlight { reserved: expected, decided: false };
        place.insert(Loaded { record: Arc::clone(record), stage });
        record.issue();
        self.in_flight += 1;
        self.taken_bytes += expected;
        true
    }

    pub(crate) fn loaded(&mut self, key: u64, weight: u64) {
        let Entry::Occupied(mut entry) = self.entries.entry(key) else { return };
        let Stage::InFlight { reserved, decided } = entry.get().stage else { return };
        self.in_flight -= 1;
        self.taken_bytes = self.taken_bytes.saturating_sub(reserved);
        self.loaded_bytes = self.loaded_bytes.saturating_add(weight);
        self.loads += 1;
        if decided {
            entry.remove();
            return;
        }
        self.tickets += 1;
        entry.get_mut().stage = Stage::Unused { weight, ticket: self.tickets };
        self.taken_bytes = self.taken_bytes.saturating_add(weight);
        self.ages.push_back((self.clock, key, self.tickets));
        self.trim_ages();
    }

    pub(crate) fn failed(&mut self, key: u64) {
        let Entry::Occupied(entry) = self.entries.entry(key) else { return };
        let Stage::InFlight { reserved, decided } = entry.get().stage else { return };
        self.in_flight -= 1;
        self.taken_bytes = self.taken_bytes.saturating_sub(reserved);
        let loaded = entry.remove();
        if !decided {
            loaded.record.decide(Outcome::Wasted);
        }
    }

    /// Decides an unused entry as wasted; only of that `ticket`, if one is given.
    pub(crate) fn waste(&mut self, key: u64, only: Option<u64>) {
        let Entry::Occupied(entry) = self.entries.entry(key) else { return };
        let Stage::Unused { weight, ticket } = entry.get().stage else { return };
        if only.is_none_or(|only| only == ticket) {
            self.taken_bytes = self.taken_bytes.saturating_sub(weight);
            entry.remove().record.decide(Outcome::Wasted);
        }
    }

    /// Decides everything that is left.
    pub(crate) fn finish(&mut self) {
        for (_, loaded) in self.entries.drain() {
            if !matches!(loaded.stage, Stage::InFlight { decided: true, .. }) {
                loaded.record.decide(Outcome::Wasted);
            }
        }
        self.ages.clear();
        (self.in_flight, self.taken_bytes) = (0, 0);
    }

    /// Entries decided otherwise leave their line in the age queue behind. Without this, a long age limit
    /// and much traffic would grow it without bound.
    fn trim_ages(&mut self) {
        if self.ages.len() > 64 && self.ages.len() / 2 > self.entries.len() {
            let entries = &self.entries;
            self.ages.retain(|(_, key, ticket)| {
                entries.get(key).is_some_and(
                    |loaded| matches!(loaded.stage, Stage::Unused { ticket: present, .. } if present == *ticket),
                )
            });
        }
    }

    #[expect(clippy::as_conversions, reason = "a share of the capacity, rounded; float to integer saturates")]
    fn limit_bytes(&self) -> u64 {
        (self.capacity_bytes as f64 * self.budget.cache_share) as u64
    }
}
