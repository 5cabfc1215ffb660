//! W-TinyLFU (Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM Transactions
//! on Storage 2017, section 4), with the details of Caffeine, the cache it was made for.
//!
//! A new entry enters the window, an LRU list with 1 % of the capacity. What the window cannot hold becomes a
//! candidate for the main part, a segmented LRU: it goes to probation, and by a hit there to protected (80 % of
//! main), whose oldest falls back to probation. When room is needed, the candidate stands against probation's
//! oldest entry, and the one requested less often lately, by the [sketch](Sketch), goes; on a tie the candidate.
//! Every [`SAMPLE_PER_ENTRY`] requests per entry all frequencies are halved. The window has a fixed size, as
//! published, or one that [follows the hit ratio](climber): `w-tinylfu-climb`.
//!
//! What the papers leave open, or the owner's sequence of calls requires:
//! - The entry that is announced counts as part of the window from then on, so that the window's oldest is the
//!   candidate while the victim is chosen. With unit weights the outcome is that of inserting first.
//! - No share is too small: the window is rounded up and holds at least one unit, main is what remains (as in
//!   Caffeine, and unlike libCacheSim, whose window is empty under 100 entries, so that nothing is stored).
//! - Weights: every share is a weight. A candidate has to win against each entry that would go for it. An entry
//!   heavier than the window skips it: into probation, as newest if it was requested more often than each of its
//!   victims, else as the next to go. One heavier than protected stays in probation.
//! - The sample is a multiple of the number of entries that fit: the capacity by the mean weight of the entries.
//! - Removal takes nothing out of the sketch, which cannot forget one id; its count fades with the others.
//! - Against flooding by keys that collide with the victim's counters, Caffeine admits a losing candidate that
//!   is warm itself ([`WARM`]) once in 128 times, by chance. Here that is decided by a hash of its id and the
//!   number of candidates so far: the same in every run, and not foreseeable where ids are keyed hashes.
//!
//! libCacheSim's W-TinyLFU is another algorithm, and its miss ratios differ by points either way: it halves after
//! 32 hits in main per entry instead of 10 requests, counts no hit in the window but every candidate once more,
//! and its counters have no upper limit.
//!
//! When not to use it: where an entry is used a few times soon after its insertion and never again (the window
//! is too small to see the second use, and high counts from earlier keep new entries out); LRU or ARC then do better. Also a loop
//! about as long as the sample: every count is 1 or, halved, 0, the newcomer always wins, and nothing hits.

pub mod climber;
mod parameters;
mod segments;
mod sketch;
mod usage;

use crate::list::{NIL, Nodes, at};
use crate::mix::mix;
use crate::parameters::Decimal;
use crate::replay::hit_in_stages;
use crate::weights::Weights;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};
use climber::Climber;
pub use parameters::Parameters;
use segments::{Entry, PROBATION, PROTECTED, Segments, VACANT, WINDOW};
pub use sketch::{MOST, Sketch};
use usage::Usage;

/// Protected's share of the main part.
const PROTECTED_SHARE: Decimal = Decimal::percent(80);

/// Requests after which the frequencies are halved, per entry that fits: the paper's W / C.
pub const SAMPLE_PER_ENTRY: u64 = 10;

/// A candidate with this frequency is admitted now and then though it loses: above what a halving leaves of 12.
pub const WARM: u32 = 6;

/// Of this many warm losers one is admitted.
pub const WARM_LOSERS_PER_ADMISSION: u64 = 128;

/// The entry announced by `on_miss`.
#[derive(Debug, Clone, Copy)]
struct Incoming {
    hash: u64,
    weight: u64,
    /// The highest frequency among the entries that went for one too heavy for the window.
    beaten: Option<u32>,
}

/// The policy; see the [module](self).
#[derive(Debug, Clone)]
pub struct WTinyLfu {
    capacity: u64,
    parameters: Parameters,
    max_window: u64,
    max_main: u64,
    max_protected: u64,
    entries: Nodes<Entry>,
    weights: Weights,
    segments: Segments,
    sketch: Sketch,
    /// Additions to the sketch after which it may be due to be halved.
    sample: u64,
    /// Candidates that lost while warm.
    warm_losers: u64,
    incoming: Option<Incoming>,
    /// Moves the window's border; `None` where it stays.
    climber: Option<Climber>,
}

impl WTinyLfu {
    /// A policy that holds no entry, for `capacity` in the unit of the weights.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self::with(capacity, Parameters::default())
    }

    /// The same with other parameters.
    #[must_use]
    pub fn with(capacity: u64, parameters: Parameters) -> Self {
        Self::build(capacity, parameters, None)
    }

    /// The same with a window that [follows the hit ratio](climber).
    #[must_use]
    pub fn climbing(capacity: u64, parameters: Parameters) -> Self {
        Self::build(capacity, parameters, Some(Climber::new()))
    }

    fn build(capacity: u64, parameters: Parameters, climber: Option<Climber>) -> Self {
        let mut policy = Self {
            capacity: 0,
            parameters,
            max_window: 0,
            max_main: 0,
            max_protected: 0,
            entries: Nodes::new(),
            weights: Weights::new(),
            segments: Segments::new(),
            sketch: Sketch::new(),
            sample: 0,
            warm_losers: 0,
            incoming: None,
            climber,
        };
        policy.divide(capacity);
        policy
    }

    fn divide(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.max_main = self.parameters.window.rest().of(capacity);
        self.max_window = capacity - self.max_main;
        self.max_protected = PROTECTED_SHARE.of(self.max_main);
        self.climber = self.climber.take().map(|_| Climber::new());
    }

    #[inline]
    fn held(&self, slot: Slot) -> Option<Entry> {
        self.entries.get(slot.0).copied().filter(|entry| entry.usage != Usage::VACANT)
    }

    const fn main_weight(&self) -> u64 {
        self.segments.probation.weight + self.segments.protected.weight
    }

    /// Makes the slot's entry the newest of its segment.
    #[inline]
    fn link(&mut self, slot: Slot, entry: Entry) {
        let weight = self.weights.get(slot.0);
        *self.entries.data_mut(slot.0) = entry;
        if let Some(segment) = self.segments.of(entry.usage.segment()) {
            segment.push_back(&mut self.entries, slot.0, weight);
        }
    }

    #[inline]
    fn unlink(&mut self, slot: Slot, entry: Entry) {
        let weight = self.weights.get(slot.0);
        if let Some(segment) = self.segments.of(entry.usage.segment()) {
            segment.remove(&mut self.entries, slot.0, weight);
            *self.entries.data_mut(slot.0) = VACANT;
        }
    }

    #[inline]
    fn relocate(&mut self, slot: Slot, segment: u32) {
        if let Some(entry) = self.held(slot) {
            self.unlink(slot, entry);
            self.link(slot, entry.in_segment(segment));
        }
    }

    /// Counts a request in the sketch.
    #[inline]
    fn count(&mut self, hash: u64, hit: bool) {
        self.sketch.add(hash);
        if let Some(climber) = &mut self.climber {
            climber.count(hit);
        }
        if self.sketch.additions() >= self.sample {
            self.age();
        }
    }

    /// Halves the sketch if the sample is complete, by what the entries weigh now.
    #[cold]
    fn age(&mut self) {
        let entries = self.len();
        let (Ok(count), weight) = (u64::try_from(entries), self.segments.window.weight + self.main_weight())
        else {
            return;
        };
        if weight == 0 {
            return; // nothing yet to tell how many entries will fit
        }
        let fitting = u128::from(self.capacity) * u128::from(count) / u128::from(weight);
        let sample = fitting.max(1).saturating_mul(u128::from(SAMPLE_PER_ENTRY));
        self.sample = u64::try_from(sample).unwrap_or(u64::MAX);
        if self.sketch.additions() >= self.sample {
            self.sketch.halve();
            self.sketch.shrink(entries);
        }
    }

    /// Whether the candidate is to be kept rather than the victim.
    #[inline]
    fn admits(&mut self, candidate: Entry, victim: Entry) -> bool {
        let (asks, has) = (self.sketch.estimate(candidate.hash()), self.sketch.estimate(victim.hash()));
        if asks > has {
            return true;
        }
        if asks < WARM {
            return false;
        }
        self.warm_losers = self.warm_losers.wrapping_add(1);
        mix(candidate.hash() ^ self.warm_losers).is_multiple_of(WARM_LOSERS_PER_ADMISSION)
    }

    /// The window's oldest entry against probation's: the one that goes.
    #[inline]
    fn contest(&mut self, candidate: Slot) -> Slot {
        let victim = Slot(self.segments.probation.list.front());
        match (self.held(candidate), self.held(victim)) {
            (Some(asks), Some(has)) if self.admits(asks, has) => victim,
            _ => candidate,
        }
    }

    /// Moves to probation what the window cannot hold. Only while nothing has to go.
    #[inline]
    fn settle_window(&mut self) {
        while self.segments.window.weight > self.max_window {
            self.relocate(Slot(self.segments.window.list.front()), PROBATION);
        }
    }

    /// Moves to probation what protected cannot hold.
    #[inline]
    fn settle_protected(&mut self) {
        while self.segments.protected.weight > self.max_protected {
            self.relocate(Slot(self.segments.protected.list.front()), PROBATION);
        }
    }

    /// A hit in probation.
    #[inline]
    fn promote(&mut self, slot: Slot) {
        if self.weights.get(slot.0) > self.max_protected {
            self.segments.probation.list.move_to_back(&mut self.entries, slot.0);
            return;
        }
        self.relocate(slot, PROTECTED);
        self.settle_protected();
    }

    #[inline]
    fn choose(&mut self) -> Slot {
        let incoming = self.incoming.filter(|incoming| incoming.weight <= self.max_window);
        let arriving = incoming.map_or(0, |incoming| incoming.weight);
        while self.segments.window.weight + arriving > self.max_window {
            let candidate = Slot(self.segments.window.list.front());
            if candidate.0 == NIL {
                break;
            }
            if self.main_weight() + self.weights.get(candidate.0) > self.max_main {
                return self.contest(candidate);
            }
            self.relocate(candidate, PROBATION);
        }
        // The window keeps its share: main gives the victims, and the window only where main is empty.
        let oldest = [&self.segments.probation, &self.segments.protected, &self.segments.window]
            .map(|segment| segment.list.front());
        Slot(oldest.into_iter().find(|&slot| slot != NIL).unwrap_or(NIL))
    }
}

impl Policy for WTinyLfu {
    #[inline]
    fn prepare_hit(&self, slot: Slot) {
        self.prefetch_entry(slot);
    }

    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        let Some(entry) = self.held(slot) else { return };
        self.count(entry.hash(), true);
        self.entries.data_mut(slot.0).usage = entry.usage.used();
        match entry.usage.segment() {
            WINDOW => self.segments.window.list.move_to_back(&mut self.entries, slot.0),
            PROTECTED => self.segments.protected.list.move_to_back(&mut self.entries, slot.0),
            _ => self.promote(slot),
        }
        self.climb();
    }

    #[inline]
    fn on_hits(&mut self, slots: &[Slot]) {
        hit_in_stages(self, slots);
    }

    fn prepare_miss(&self, id: u64) {
        self.prefetch_miss(id);
        self.prefetch_neighbours(Slot(self.segments.window.list.front()));
        self.prefetch_neighbours(Slot(self.segments.probation.list.front()));
    }

    #[inline]
    fn on_miss(&mut self, id: u64, weight: u64) {
        let hash = mix(id);
        self.count(hash, false);
        self.incoming = Some(Incoming { hash, weight, beaten: None });
    }

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        if let Some(climber) = &mut self.climber {
            climber.start();
        }
        let slot = self.choose();
        let entry = self.held(slot)?;
        self.unlink(slot, entry);
        if let Some(incoming) = &mut self.incoming
            && incoming.weight > self.max_window
        {
            let frequency = self.sketch.estimate(entry.hash());
            incoming.beaten = Some(incoming.beaten.map_or(frequency, |beaten| beaten.max(frequency)));
        }
        Some(slot)
    }

    /// The window's oldest, which loses most contests.
    fn next_victim(&self) -> Option<Slot> {
        let slot = self.segments.window.list.front();
        self.entries.prefetch(slot);
        self.entries.prefetch(self.segments.probation.list.front());
        Some(Slot(slot))
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        self.on_remove(slot);
        self.entries.reach(slot.0, &VACANT);
        self.weights.set(slot.0, weight);
        let hash = mix(id);
        let incoming = self.incoming.take().filter(|incoming| incoming.hash == hash);
        if weight <= self.max_window {
            self.link(slot, Entry::new(hash, WINDOW, 1));
        } else {
            self.link(slot, Entry::new(hash, PROBATION, 1));
            let beaten = incoming.and_then(|incoming| incoming.beaten);
            if beaten.is_some_and(|beaten| self.sketch.estimate(hash) <= beaten) {
                let list = &mut self.segments.probation.list;
                list.remove(&mut self.entries, slot.0);
                list.insert_after(&mut self.entries, NIL, slot.0);
            }
        }
        self.settle_window();
        self.sketch.reach(self.len());
        self.climb();
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        if let Some(entry) = self.held(slot) {
            self.unlink(slot, entry);
        }
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        let Some(entry) = self.held(slot) else { return };
        let before = self.weights.get(slot.0);
        self.weights.set(slot.0, weight);
        if let Some(segment) = self.segments.of(entry.usage.segment()) {
            segment.weight = segment.weight - before + weight;
        }
        // One that its segment cannot hold leaves it, and does not push the others out.
        match entry.usage.segment() {
            WINDOW if weight > self.max_window => self.relocate(slot, PROBATION),
            WINDOW => self.settle_window(),
            PROTECTED if weight > self.max_protected => self.relocate(slot, PROBATION),
            PROTECTED => self.settle_protected(),
            _ => {}
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.divide(capacity);
        self.incoming = None;
        // The next request computes the sample anew.
        self.sample = 0;
        // What the window holds beyond its share becomes a candidate when a victim is chosen.
        self.settle_protected();
    }

    /// Window, probation, protected, each from its oldest.
    fn export(&self) -> Vec<ExportedEntry> {
        let segments = [&self.segments.window, &self.segments.probation, &self.segments.protected];
        let slots = segments.into_iter().flat_map(|segment| segment.list.iter(&self.entries));
        slots
            .map(|slot| ExportedEntry { slot: Slot(slot), frequency: self.entries.data(slot).usage.uses() })
            .collect()
    }

    /// The hottest fill protected, the others probation, in the order given; the window stays empty for what
    /// comes. The sketch learns the frequencies, up to its [`MOST`].
    fn import(&mut self, entries: &[ImportedEntry]) {
        self.sketch.reach(entries.len());
        for &ImportedEntry { slot, id, weight, frequency } in entries {
            self.on_remove(slot);
            self.entries.reach(slot.0, &VACANT);
            self.weights.set(slot.0, weight);
            let hash = mix(id);
            self.sketch.raise(hash, frequency);
            self.link(slot, Entry::new(hash, PROBATION, frequency.max(1)));
        }
        // From the hottest down: which are protected. Then up again, so that they are linked in order.
        let hottest = entries.iter().rev().scan(0, |sum: &mut u64, entry| {
            *sum = sum.saturating_add(entry.weight);
            (*sum <= self.max_protected).then_some(())
        });
        let cold = entries.len() - hottest.count();
        for entry in entries.iter().skip(cold) {
            self.relocate(entry.slot, PROTECTED);
        }
    }

    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        Some(Box::new(self.clone()))
    }

    fn len(&self) -> usize {
        at(self.segments.window.list.len())
            + at(self.segments.probation.list.len())
            + at(self.segments.protected.list.len())
    }
}

impl ReplayPolicy for WTinyLfu {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.entries.fetch(slot.0);
    }

    /// The entry, then its block of the sketch.
    #[inline]
    fn prefetch_neighbours(&self, slot: Slot) {
        if let Some(entry) = self.entries.get(slot.0) {
            self.sketch.fetch(entry.hash());
        }
    }

    #[inline]
    fn prefetch_miss(&self, id: u64) {
        self.sketch.fetch(mix(id));
    }
}

#[cfg(test)]
mod tests;
