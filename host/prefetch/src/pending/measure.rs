//! What is held back to measure the rules, what prefetching displaces, and what the cache is to drop.
//!
//! A key that is held back is on the table like one that was loaded, so that each access looks in one place. It lapses as an
//! entry would leave the cache: when as many came after it as there is room for, or when it has grown old.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::hash_map::Entry;
use host_contract::split_mix::mix;

use super::{Age, Loaded, Pending, Source, Stage};
use crate::finders::Wanted;
use crate::gate::{CAUSED, Phase, UNASKED};
use crate::rule::InForce;
use crate::stats::Held;

/// Held back at once, at the most.
const MOST_HELD: usize = 4_096;
/// Accesses within which an entry may be asked for, however little room there is.
const LEAST_USUAL: u64 = 64;
/// Of the triggers of rules in force, one in so many is held back.
const CONTROL: u64 = 20;
/// Arrivals after which a key that found no room is given up.
const SHORT: u32 = 64;

impl Pending {
    /// How many keys ahead an entry may be, so that those before it are not dropped for it.
    pub(crate) fn deepest(&self) -> u32 {
        match self.seed {
            Some(_) => u32::try_from(self.account.room().div_ceil(2)).unwrap_or(u32::MAX).max(1),
            None => u32::MAX,
        }
    }

    /// Settles what becomes of a key that a rule asks for and that is not there: puts it on the table and answers true, where it
    /// is to be loaded and the budget has room. `control` is whether the rule is held back this time, once it was drawn.
    pub(crate) fn offer(&self, wanted: &Wanted, of: &InForce, control: &mut Option<bool>) -> bool {
        let place = wanted.place;
        let source = || Source { record: Arc::clone(&of.record), family: Arc::clone(&of.family), place };
        if wanted.phase != Phase::Live {
            let own = of.record.gate.as_ref().is_some_and(|gate| gate.phase() == Phase::Trial);
            let why = if own { Held::Rule } else { Held::Place };
            self.hold(wanted.target, source(), why);
            return false;
        }
        if self.measures() {
            if !self.account.may_load() || !of.dares(place) {
                self.short.store(SHORT, Ordering::Relaxed);
                return false;
            }
            if *control.get_or_insert_with(|| self.draws_control()) {
                // The next trigger may load it.
                self.again.store(true, Ordering::Relaxed);
                self.hold(wanted.target, source(), Held::Control);
                return false;
            }
        }
        let issued = self.issue(wanted.target, source());
        if !issued {
            self.short.store(SHORT, Ordering::Relaxed);
        }
        issued
    }

    /// Whether keys were held back to measure a rule since this was asked last.
    pub(crate) fn takes_again(&self) -> bool {
        self.again.load(Ordering::Relaxed) && self.again.swap(false, Ordering::Relaxed)
    }

    /// Whether the budget had no room for a key a moment ago.
    pub(crate) fn was_short(&self) -> bool {
        let left = self.short.load(Ordering::Relaxed);
        if left > 0 {
            self.short.store(left - 1, Ordering::Relaxed);
        }
        left > 0
    }

    /// Whether rules are measured.
    pub(crate) fn measures(&self) -> bool {
        self.seed.is_some()
    }

    /// Whether a trigger is to be held back.
    fn draws_control(&self) -> bool {
        let draw = || self.draws.fetch_add(1, Ordering::Relaxed);
        self.seed.is_some_and(|seed| mix(seed ^ mix(draw())).is_multiple_of(CONTROL))
    }

    fn hold(&self, key: u64, source: Source, why: Held) {
        let mut stripe = self.stripe(key).lock();
        let Entry::Vacant(place) = stripe.entry(key) else { return };
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let since = self.clock.load(Ordering::Relaxed);
        source.record.hold(why);
        let stage = Stage::Held { why, ticket, since };
        place.insert(Loaded { source, stage, at: self.load_time.now(), held: None });
        self.entries.fetch_add(1, Ordering::Relaxed);
        drop(stripe);
        let mut held = self.held.lock();
        held.push_back(Age { arrived: since, key, ticket });
        self.lapse(&mut held, since);
    }

    /// Gives up what was held back long enough.
    pub(super) fn lapse(&self, held: &mut VecDeque<Age>, now: u64) {
        let usual = self.usual();
        while let Some(&Age { arrived, key, ticket }) = held.front()
            && (held.len() > MOST_HELD || self.has_lapsed(ticket) || now.saturating_sub(arrived) > usual)
        {
            held.pop_front();
            self.give_up(key, ticket);
        }
        let until = held.front().map_or(u64::MAX, |front| front.arrived.saturating_add(usual));
        self.none_lapses_until.store(until, Ordering::Relaxed);
    }

    /// Accesses after which an entry that nobody asked for counts as wasted.
    pub(super) fn usual(&self) -> u64 {
        match self.seed {
            Some(_) => self.account.room().saturating_mul(4).clamp(LEAST_USUAL, self.unused_after),
            None => self.unused_after,
        }
    }

    /// A key that was held back was not asked for.
    fn give_up(&self, key: u64, of: u64) {
        let mut stripe = self.stripe(key).lock();
        if let Entry::Occupied(entry) = stripe.entry(key)
            && let Stage::Held { why, ticket, .. } = entry.get().stage
            && ticket == of
        {
            let Loaded { source, .. } = self.remove(entry);
            self.decide_held(&source, why, UNASKED, false);
        }
    }

    /// Whether an entry of this ticket would have left the cache by now.
    #[expect(clippy::as_conversions, reason = "a rough count; float to integer saturates")]
    pub(super) fn has_lapsed(&self, ticket: u64) -> bool {
        // Those that are asked for make room for as many more.
        let (asked, decided) = (self.asked.load(Ordering::Relaxed), self.decided.load(Ordering::Relaxed));
        let unasked = (1.0 - asked as f64 / decided.max(1) as f64).max(0.125);
        let room = (self.account.room() as f64 / unasked) as u64;
        self.tickets.load(Ordering::Relaxed).saturating_sub(ticket) > room
    }

    pub(super) fn decide_held(&self, source: &Source, why: Held, score: f64, asked: bool) {
        self.count(asked);
        source.decide_held(why, score, asked);
    }

    /// An entry that was not prefetched, or was asked for since, was evicted.
    pub(crate) fn displaced(&self, key: u64, weight: u64) {
        let waiting = self.account.taken();
        if waiting > 0 && self.seed.is_some() {
            self.displaced.push(key, weight, waiting);
        }
    }

    /// A request missed: where it would have hit but for what waits, that is charged to a rule of which something waits.
    pub(crate) fn missed(&self, key: u64) {
        if !self.displaced.take(key, self.account.taken()) {
            return;
        }
        let ages = self.ages.lock();
        let draw = usize::try_from(mix(key) >> 32).unwrap_or(0);
        let waiting = ages.iter().cycle().skip(draw % ages.len().max(1)).take(ages.len());
        for Age { key, ticket: of, .. } in waiting {
            let stripe = self.stripe(*key).lock();
            if let Some(Loaded { source, stage: Stage::Unused { ticket, .. }, .. }) = stripe.get(key)
                && ticket == of
            {
                source.record.cause();
                source.score(CAUSED);
                return;
            }
        }
    }

    /// What the cache is to drop.
    pub(crate) fn take_drops(&self) -> Vec<u64> {
        if self.drops.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        self.drops.store(0, Ordering::Relaxed);
        std::mem::take(&mut self.to_drop.lock())
    }
}
