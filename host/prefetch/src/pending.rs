//! Keys prefetched and not asked for yet, and keys held back to measure what prefetching saves.
//!
//! An entry is in flight from the moment it is issued until its load is reported; then it is unused until
//! it is asked for, evicted or too old. One asked for while in flight is decided (late) but stays on the
//! table, because its load still takes its part of the budget. An entry that was held back waits for as long as it would
//! have waited in the cache: until as many came after it as there is room for, those not counted that are asked for.
//!
//! # Locks
//!
//! The table is a striped lock: a key's entry is in one of [`STRIPES`] maps, each behind a lock that is
//! held for one look-up and one change, by whoever reports or asks about a key of it. Nothing that a tick
//! calls takes a stripe; only [`finish`](Pending::finish), at the end of a run, goes through them one at a
//! time. Ages have a queue of their own, and so has what is held back; their locks are taken when an entry comes to them
//! and as the oldest one goes. A stripe may be taken under them, never the other way round.

mod measure;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::Mutex;

use crate::budget::Account;
use crate::gate::{ASKED, Family, Gate, Place, UNASKED, asked_after};
use crate::ghost::Ghost;
use crate::load_time::{Clock, LoadTime};
use crate::stats::{Held, Outcome, Record};

/// A power of two, several times the number of threads that serve requests.
const STRIPES: usize = 64;

/// The rule that asked for a key, and how sure it was.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) record: Arc<Record>,
    pub(crate) family: Arc<Family>,
    pub(crate) place: Place,
}

impl Source {
    /// The gate of the rule, if it has one, and the one of its kind.
    fn gates(&self) -> impl Iterator<Item = &Gate> {
        self.record.gate.iter().chain([self.family.gate(self.place)])
    }

    fn score(&self, score: f64) {
        self.gates().for_each(|gate| gate.score(score));
    }

    /// A key that was held back was asked for or not.
    fn decide_held(&self, why: Held, score: f64, asked: bool) {
        if asked {
            self.record.held_asked(why);
        }
        if why == Held::Place {
            // The rule is not to blame for what was tried of its kind.
            self.family.gate(self.place).score(score);
        } else {
            self.score(score);
        }
    }

    fn decide(&self, outcome: Outcome, score: f64) {
        self.record.decide(outcome);
        self.gates().for_each(|gate| gate.close(score));
    }

    fn issue(&self) {
        self.record.issue();
        self.gates().for_each(Gate::open);
    }
}

#[derive(Debug)]
pub(crate) struct Loaded {
    source: Source,
    stage: Stage,
    /// When it was issued or held back.
    at: Duration,
    /// Whose trigger was held back, and why, where another one loaded the key all the same.
    held: Option<(Source, Held)>,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Being loaded, with `reserved` bytes of the budget. `decided` once it was asked for.
    InFlight { reserved: u64, decided: bool },
    /// In the cache. `ticket` tells this loading of the key from an earlier one in the age queue.
    Unused { weight: u64, ticket: u64 },
    /// Not loaded. `since` is the clock when it was held back.
    Held { why: Held, ticket: u64, since: u64 },
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
    pub(crate) load_time: LoadTime,
    /// Where the chance comes from by which keys are held back; none where rules are not measured.
    seed: Option<u64>,
    draws: AtomicU64,
    /// What is held back, in the order in which it was.
    held: Mutex<VecDeque<Age>>,
    /// The clock up to which nothing held back lapses by its age: of the front of `held`.
    none_lapses_until: AtomicU64,
    /// Keys decided, held back or not, and those of them that were asked for.
    decided: AtomicU64,
    asked: AtomicU64,
    /// Whether keys were held back that the next trigger may load.
    again: AtomicBool,
    /// Arrivals for which a key that found no room is still wanted.
    short: AtomicU32,
    /// Evicted while entries waited unused.
    displaced: Ghost,
    /// Wasted lately.
    wasted: Ghost,
    /// Wasted by their age, or to make room, and still in the cache.
    to_drop: Mutex<Vec<u64>>,
    /// Of `to_drop`, so that having none costs one load to find out.
    drops: AtomicUsize,
}

impl Pending {
    pub(crate) fn new(account: Account, unused_after: u64, seed: Option<u64>, clock: Clock) -> Self {
        Self {
            account,
            unused_after,
            stripes: (0..STRIPES).map(|_| Stripe::default()).collect(),
            entries: AtomicUsize::new(0),
            clock: AtomicU64::new(0),
            tickets: AtomicU64::new(0),
            ages: Mutex::default(),
            none_old_until: AtomicU64::new(u64::MAX),
            load_time: LoadTime::new(clock),
            seed,
            draws: AtomicU64::new(0),
            held: Mutex::default(),
            none_lapses_until: AtomicU64::new(u64::MAX),
            decided: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            again: AtomicBool::new(false),
            short: AtomicU32::new(0),
            displaced: Ghost::default(),
            wasted: Ghost::default(),
            to_drop: Mutex::default(),
            drops: AtomicUsize::new(0),
        }
    }

    /// Whether there is no entry, which costs one load to find out.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.load(Ordering::Relaxed) == 0
    }

    /// Whether a key is on the table, and no trigger may ask for it. One that is held back may be loaded for another trigger.
    pub(crate) fn contains(&self, key: u64) -> bool {
        let open = |loaded: &Loaded| matches!(loaded.stage, Stage::Held { .. });
        !self.is_empty() && self.stripe(key).lock().get(&key).is_some_and(|loaded| !open(loaded))
    }

    /// Notes a demand access: decides the key, if it was prefetched, and those that are too old.
    pub(crate) fn access(&self, key: u64) {
        let now = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        let mut stripe = self.stripe(key).lock();
        if let Entry::Occupied(mut entry) = stripe.entry(key) {
            match entry.get().stage {
                Stage::Unused { weight, .. } => {
                    self.account.free(weight);
                    self.decide(&self.remove(entry), Outcome::Timely);
                }
                Stage::InFlight { reserved, decided: false } => {
                    // The entry will have been asked for when it arrives: it takes none of the share.
                    self.account.free(reserved);
                    let loaded = entry.get_mut();
                    loaded.stage = Stage::InFlight { reserved: 0, decided: true };
                    self.decide(loaded, Outcome::Late);
                }
                Stage::InFlight { decided: true, .. } => {}
                Stage::Held { why, ticket, since } => {
                    let Loaded { source, at, .. } = self.remove(entry);
                    // It may have been held back after this request took its place in the order: by one that overtook it.
                    let waited = now.saturating_sub(since);
                    let in_time = waited <= self.usual() && !self.has_lapsed(ticket);
                    let part = self.load_time.part_since(at);
                    self.decide_held(
                        &source,
                        why,
                        if in_time { asked_after(part) } else { UNASKED },
                        in_time,
                    );
                }
            }
        }
        drop(stripe);
        if now > self.none_old_until.load(Ordering::Relaxed) {
            self.waste_old(now);
        }
        if now > self.none_lapses_until.load(Ordering::Relaxed) {
            self.lapse(&mut self.held.lock(), now);
        }
    }

    fn issue(&self, key: u64, source: Source) -> bool {
        let reserved = loop {
            match self.account.reserve() {
                Some(reserved) => break reserved,
                // The cache drops what has waited longest, too.
                None if self.seed.is_some() && self.account.may_load() && self.waste_oldest() => {}
                None => return false,
            }
        };
        let (stage, at) = (Stage::InFlight { reserved, decided: false }, self.load_time.now());
        let mut stripe = self.stripe(key).lock();
        match stripe.entry(key) {
            Entry::Vacant(place) => {
                self.issued(key, &source);
                self.entries.fetch_add(1, Ordering::Relaxed);
                place.insert(Loaded { source, stage, at, held: None });
                true
            }
            Entry::Occupied(mut entry) if matches!(entry.get().stage, Stage::Held { .. }) => {
                self.issued(key, &source);
                let before = std::mem::replace(entry.get_mut(), Loaded { source, stage, at, held: None });
                if let Stage::Held { why, .. } = before.stage {
                    entry.get_mut().held = Some((before.source, why));
                }
                true
            }
            Entry::Occupied(_) => {
                self.account.land();
                self.account.free(reserved);
                false
            }
        }
    }

    fn issued(&self, key: u64, source: &Source) {
        source.issue();
        if self.wasted.take(key, u64::MAX) {
            source.record.issued_again();
        }
    }

    fn decide(&self, loaded: &Loaded, outcome: Outcome) {
        let asked = outcome != Outcome::Wasted;
        self.count(asked);
        let score = match outcome {
            Outcome::Timely => ASKED,
            Outcome::Late => asked_after(self.load_time.part_since(loaded.at)),
            Outcome::Wasted => UNASKED,
        };
        loaded.source.decide(outcome, score);
        if let Some((source, why)) = &loaded.held {
            source.decide_held(*why, score, asked);
        }
    }

    fn count(&self, asked: bool) {
        self.decided.fetch_add(1, Ordering::Relaxed);
        self.asked.fetch_add(u64::from(asked), Ordering::Relaxed);
    }

    /// Decides the entry that has waited longest as wasted; false where none waits.
    fn waste_oldest(&self) -> bool {
        let mut ages = self.ages.lock();
        let oldest = ages.pop_front();
        if let Some(Age { key, ticket, .. }) = oldest {
            self.waste(key, Some(ticket));
        }
        self.look_at_front(&ages);
        oldest.is_some()
    }

    /// A request for the key has arrived, and takes no more of the budget: loaded, it is in time; under way, its place is its
    /// own. Answers whether it was prefetched.
    pub(crate) fn arrived(&self, key: u64) -> bool {
        let mut stripe = self.stripe(key).lock();
        let Entry::Occupied(mut entry) = stripe.entry(key) else { return false };
        match &mut entry.get_mut().stage {
            Stage::Unused { weight, .. } => {
                self.account.free(*weight);
                self.decide(&self.remove(entry), Outcome::Timely);
                true
            }
            Stage::InFlight { reserved, .. } => {
                self.account.free(std::mem::take(reserved));
                true
            }
            Stage::Held { .. } => false,
        }
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
        let loaded = self.remove(entry);
        if !decided {
            self.decide(&loaded, Outcome::Wasted);
        }
    }

    /// Decides an unused entry as wasted; only of that `ticket`, if one is given.
    pub(crate) fn waste(&self, key: u64, only: Option<u64>) {
        let mut stripe = self.stripe(key).lock();
        let Entry::Occupied(entry) = stripe.entry(key) else { return };
        let Stage::Unused { weight, ticket } = entry.get().stage else { return };
        if only.is_none_or(|only| only == ticket) {
            self.account.free(weight);
            self.decide(&self.remove(entry), Outcome::Wasted);
            self.wasted.push(key, 0, u64::MAX);
            if only.is_some() && self.seed.is_some() {
                let mut to_drop = self.to_drop.lock();
                to_drop.push(key);
                self.drops.store(to_drop.len(), Ordering::Relaxed);
            }
        }
    }

    /// Decides everything that is left.
    pub(crate) fn finish(&self) {
        for Stripe(stripe) in &self.stripes {
            let mut entries = stripe.lock();
            self.entries.fetch_sub(entries.len(), Ordering::Relaxed);
            for (_, loaded) in entries.drain() {
                match loaded.stage {
                    Stage::Held { .. } => continue,
                    Stage::Unused { weight, .. } => self.account.free(weight),
                    Stage::InFlight { reserved, .. } => {
                        self.account.land();
                        self.account.free(reserved);
                    }
                }
                if !matches!(loaded.stage, Stage::InFlight { decided: true, .. }) {
                    self.decide(&loaded, Outcome::Wasted);
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
            && now.saturating_sub(arrived) > self.usual()
        {
            ages.pop_front();
            self.waste(key, Some(ticket));
        }
        self.look_at_front(&ages);
    }

    fn look_at_front(&self, ages: &VecDeque<Age>) {
        let until = ages.front().map_or(u64::MAX, |front| front.arrived.saturating_add(self.usual()));
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

    fn remove(&self, entry: hashbrown::hash_map::OccupiedEntry<'_, u64, Loaded>) -> Loaded {
        self.entries.fetch_sub(1, Ordering::Relaxed);
        entry.remove()
    }

    #[expect(clippy::indexing_slicing, reason = "the number is cut to the number of stripes")]
    fn stripe(&self, key: u64) -> &Mutex<HashMap<u64, Loaded>> {
        // Neighbours go to different stripes; what is not a run is spread by the multiplication.
        let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        &self.stripes[usize::try_from(mixed).unwrap_or(0) % STRIPES].0
    }
}
