//! The queues of S3-FIFO, S4-FIFO and Clock2Q+: small, main, and ghosts. The modules of the three say what each does.
//!
//! A newcomer enters S, or M where G remembers it. A hit only counts. While S holds its share, its oldest entry leaves:
//! to M, its count cleared, if it was hit often enough, else out and into G. Otherwise the oldest entry of M is looked at:
//! one with a count loses one of it and goes to M's end, one without goes out. So one victim is named at a time, from
//! queues that are total orders, and no tie is left.
//!
//! The policies differ in [`Rules`], which are numbers, and in what an entry carries, a [`Newcomer`]: S3-FIFO counts every
//! hit and needs nothing, so that a hit in it touches two bytes. The other two pass over hits in the newest part of S and
//! keep the age of an entry beside its links: what entered S so far, by weight. An entry's distance from the newest is
//! what entered after it. So a removal leaves the distances of others as they are, in place of closing the gap: the same
//! as in the authors' simulator.
//!
//! Until the first eviction, a newcomer that finds S at its share enters M. More capacity starts a new filling.

mod newcomer;
mod rules;

use crate::access_bits::{AccessBits, AccessTable};
use crate::ghosts::{ByHash, GhostStore, InSlot};
use crate::list::{Nodes, at};
use crate::replay::hit_in_stages;
use crate::segment::Segment;
use crate::weights::Weights;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};
pub use newcomer::{Aged, Newcomer};
pub use rules::{Rounding, Rules, Variant};

/// The flags of the access bits: the count of hits in the low two bits; whether the entry is in M; in S, whether it was
/// a ghost before.
const FREQUENCY: u16 = 3;
const MAIN: u16 = 4;
const RETURNED: u16 = 8;

/// Entries that the guess of the next victim looks at.
const STEPS_AHEAD: usize = 4;

/// The policy; see the [module](self).
#[derive(Debug, Clone)]
pub struct ThreeQueues<V: Variant, G: GhostStore = ByHash> {
    rules: Rules,
    capacity: u64,
    /// The share of S, in the unit of the weights.
    small_target: u64,
    /// The newest part of S, in the unit of the weights.
    skipped: u64,
    /// What G may weigh.
    ghost_limit: u64,
    /// What entered S so far, by weight; wraps.
    inflow: u64,
    access: AccessTable,
    links: Nodes<V::Entry>,
    store: G,
    weights: Weights,
    small: Segment,
    main: Segment,
    ghosts: G::Queue<<V::Entry as Newcomer>::Ghost>,
    /// Nothing was evicted since the capacity last grew.
    filling: bool,
    /// The fingerprint of the entry announced last, and the flags with which it enters, if it was a ghost.
    incoming: Option<(G::Fingerprint, Option<u16>)>,
}

impl<V: Variant> ThreeQueues<V> {
    /// A policy that holds no entry, for `capacity` in the unit of the weights, with the default parameters.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self::with(capacity, V::default())
    }
}

impl<V: Variant, G: GhostStore> ThreeQueues<V, G> {
    /// The same with other parameters, and ghosts in either way.
    #[must_use]
    pub fn with(capacity: u64, parameters: V) -> Self {
        let mut policy = Self {
            rules: parameters.rules(),
            capacity: 0,
            small_target: 0,
            skipped: 0,
            ghost_limit: 0,
            inflow: 0,
            access: AccessTable::new(),
            links: Nodes::new(),
            store: G::new(),
            weights: Weights::new(),
            small: Segment::new(),
            main: Segment::new(),
            ghosts: G::queue(),
            filling: true,
            incoming: None,
        };
        policy.set_capacity(capacity);
        policy
    }

    #[inline]
    fn push(&mut self, slot: Slot, fingerprint: G::Fingerprint, weight: u64, bits: AccessBits) {
        self.on_remove(slot);
        self.links.reach(slot.0, &V::Entry::entered(0));
        self.store.hold(slot.0, fingerprint);
        self.weights.set(slot.0, weight);
        self.access.set(slot, bits);
        if V::Entry::READ_ON_HIT && bits.flags() & MAIN == 0 {
            self.inflow = self.inflow.wrapping_add(weight);
            *self.links.data_mut(slot.0) = V::Entry::entered(self.inflow);
        }
        self.segment(bits).push(slot.0, weight);
    }

    /// The segment that an entry with these bits is in, ready to be changed.
    #[inline]
    const fn segment(&mut self, bits: AccessBits) -> Linked<'_, V::Entry> {
        let segment = if bits.flags() & MAIN == 0 { &mut self.small } else { &mut self.main };
        Linked { segment, links: &mut self.links }
    }

    /// Whether the search for a victim begins in S.
    #[inline]
    const fn gives_from_small(&self) -> bool {
        self.small.weight >= self.small_target || self.main.list.is_empty()
    }

    #[inline]
    fn limit(&mut self) {
        self.store.limit(&mut self.ghosts, &mut self.links, &self.weights, self.ghost_limit);
    }

    /// How an entry ranks in an export. In S every hit counts for it, those in the newest part too: they tell nothing of
    /// what is to come, but more than no hit. A clock's bit ranks by the uses behind it.
    fn rank(&self, bits: AccessBits) -> u32 {
        let (small, hits, most) =
            (bits.flags() & MAIN == 0, bits.uses() - 1, u32::from(self.rules.most_hits));
        let count = if small { hits.min(most) } else { u32::from(bits.flags() & FREQUENCY) };
        if small && count < u32::from(self.rules.to_main) {
            0
        } else if count > 0 && most == 1 {
            1 + hits
        } else {
            1 + count
        }
    }

    /// The cache is full: G will hold its share of as many as there are.
    #[cold]
    fn begin_evicting(&mut self) {
        self.filling = false;
        let entries = u64::from(self.small.list.len()) + u64::from(self.main.list.len());
        G::expect(&mut self.ghosts, self.rules.ghosts.of(entries));
    }

    /// Looks at the oldest entry of S: a victim, or one more in M.
    #[inline]
    fn leave_small(&mut self) -> Option<Slot> {
        let slot = Slot(self.small.list.front());
        let weight = self.weights.get(slot.0);
        let bits = self.access.held(slot)?;
        let flags = bits.flags();
        if flags & FREQUENCY >= self.rules.to_main {
            *bits = bits.with_flags(MAIN);
            self.small.remove(&mut self.links, slot.0, weight);
            self.main.push_back(&mut self.links, slot.0, weight);
            return None;
        }
        self.on_remove(slot);
        let ghost = V::Entry::ghost(flags & RETURNED != 0);
        self.store.remember(&mut self.ghosts, &mut self.links, slot.0, weight, ghost);
        self.limit();
        Some(slot)
    }

    /// Looks at the oldest entry of M: a victim, or once more around.
    #[inline]
    fn leave_main(&mut self) -> Option<Slot> {
        let slot = Slot(self.main.list.front());
        let bits = self.access.held(slot)?;
        if bits.flags() & FREQUENCY > 0 {
            *bits = bits.with_flags(bits.flags() - 1);
            self.main.renew(&mut self.links, slot.0);
            return None;
        }
        self.on_remove(slot);
        Some(slot)
    }
}

/// A segment and the slab that its list runs through.
struct Linked<'a, N> {
    segment: &'a mut Segment,
    links: &'a mut Nodes<N>,
}

impl<N: Newcomer> Linked<'_, N> {
    #[inline]
    fn push(self, index: u32, weight: u64) {
        self.segment.push_back(self.links, index, weight);
    }

    fn remove(self, index: u32, weight: u64) {
        self.segment.remove(self.links, index, weight);
    }
}

impl<V: Variant, G: GhostStore> Policy for ThreeQueues<V, G> {
    #[inline]
    fn prepare_hit(&self, slot: Slot) {
        self.prefetch_entry(slot);
    }

    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        let Some(bits) = self.access.held(slot) else { return };
        let flags = bits.flags();
        let counts = !V::Entry::READ_ON_HIT
            || flags & MAIN != 0
            || self.links.get(slot.0).is_some_and(|entry| entry.counts(self.inflow, self.skipped));
        let hit = u16::from(counts && flags & FREQUENCY < self.rules.most_hits);
        *bits = bits.used().with_flags(flags + hit);
    }

    #[inline]
    fn on_hits(&mut self, slots: &[Slot]) {
        hit_in_stages(self, slots);
    }

    fn prepare_miss(&self, id: u64) {
        G::fetch_lookup(&self.ghosts, self.store.fingerprint(id));
        if self.gives_from_small() {
            self.store.fetch_remember(&self.ghosts, self.small.list.front());
        }
    }

    #[inline]
    fn on_miss(&mut self, id: u64, _weight: u64) {
        let fingerprint = self.store.fingerprint(id);
        let ghost =
            self.store.forget(&mut self.ghosts, &mut self.links, &self.weights, fingerprint, |_| true);
        let flags = ghost.map(|ghost| {
            let returns = u16::from(V::Entry::returned(ghost));
            if returns >= self.rules.returns { MAIN } else { RETURNED }
        });
        self.incoming = Some((fingerprint, flags));
    }

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        if self.filling {
            self.begin_evicting();
        }
        self.store.choose();
        // The loops end: a look at S leaves S with one entry less, and M's counts fall by one a round.
        if self.gives_from_small() {
            while !self.small.list.is_empty() {
                let victim = self.leave_small();
                if victim.is_some() {
                    return victim;
                }
            }
        }
        while !self.main.list.is_empty() {
            let victim = self.leave_main();
            if victim.is_some() {
                return victim;
            }
        }
        None
    }

    fn next_victim(&self) -> Option<Slot> {
        let (segment, stays) =
            if self.gives_from_small() { (&self.small, self.rules.to_main) } else { (&self.main, 1) };
        let mut slot = segment.list.front();
        for _ in 0..STEPS_AHEAD {
            self.links.prefetch(slot);
            if self.access.get(Slot(slot)).flags() & FREQUENCY < stays {
                break;
            }
            slot = self.links.next(slot);
        }
        self.store.fetch_held(slot);
        Some(Slot(slot))
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        let fingerprint = self.store.fingerprint(id);
        let told = self.incoming.take().filter(|&(told, _)| told == fingerprint);
        let flags = told.and_then(|(_, flags)| flags).unwrap_or(0);
        let fills_main = self.filling && self.small.weight >= self.small_target;
        self.push(slot, fingerprint, weight, AccessBits::new(1, if fills_main { MAIN } else { flags }));
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        let bits = self.access.get(slot);
        if !bits.is_vacant() {
            let weight = self.weights.get(slot.0);
            self.segment(bits).remove(slot.0, weight);
            self.access.set(slot, AccessBits::VACANT);
        }
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        let bits = self.access.get(slot);
        if !bits.is_vacant() {
            let before = self.weights.get(slot.0);
            self.segment(bits).segment.reweigh(before, weight);
            self.weights.set(slot.0, weight);
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.small_target = self.rules.small_target(capacity);
        self.skipped = self.rules.skipped_weight(self.small_target);
        self.filling |= capacity > self.capacity;
        self.capacity = capacity;
        self.ghost_limit = self.rules.ghosts.of(capacity);
        self.limit();
    }

    /// First what would leave S for good, then M without a count, then all that its count saves, by that
    /// count; each segment from its oldest entry.
    fn export(&self) -> Vec<ExportedEntry> {
        let slots = self.small.list.iter(&self.links).chain(self.main.list.iter(&self.links));
        let mut entries: Vec<(AccessBits, Slot)> =
            slots.map(|slot| (self.access.get(Slot(slot)), Slot(slot))).collect();
        entries.sort_by_key(|&(bits, _)| self.rank(bits));
        entries.iter().map(|&(bits, slot)| ExportedEntry { slot, frequency: bits.uses() }).collect()
    }

    /// What was used once goes to S, the rest to M, the less used first. In M only differences count: the
    /// least used start without a count, as all counts fall together.
    fn import(&mut self, entries: &[ImportedEntry]) {
        let most = self.rules.most_hits;
        let frequency = |entry: &ImportedEntry| u16::try_from(entry.frequency - 1).unwrap_or(most).min(most);
        let mut main: Vec<&ImportedEntry> = Vec::new();
        for entry in entries {
            if entry.frequency > 1 {
                main.push(entry);
            } else {
                self.push(
                    entry.slot,
                    self.store.fingerprint(entry.id),
                    entry.weight,
                    AccessBits::new(entry.frequency, 0),
                );
            }
        }
        main.sort_by_key(|entry| frequency(entry));
        let least = main.first().map_or(0, |entry| frequency(entry));
        for entry in main {
            let bits = AccessBits::new(entry.frequency, MAIN | (frequency(entry) - least));
            self.push(entry.slot, self.store.fingerprint(entry.id), entry.weight, bits);
        }
    }

    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        Some(Box::new(self.clone()))
    }

    fn len(&self) -> usize {
        at(self.small.list.len()) + at(self.main.list.len())
    }
}

impl<V: Variant, G: GhostStore> ReplayPolicy for ThreeQueues<V, G> {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.access.fetch(slot);
        if V::Entry::READ_ON_HIT {
            self.links.fetch(slot.0);
        }
    }

    #[inline]
    fn ghost_slots(&mut self) -> Option<&mut InSlot> {
        self.store.in_slots()
    }

    fn by_hash(&self, ids: &[u64]) -> Option<Box<dyn Policy>> {
        Some(Box::new(ThreeQueues::<V, ByHash> {
            store: self.store.by_hash(ids),
            ghosts: G::queue_by_hash(&self.ghosts, &self.links, &self.weights, ids),
            incoming: None,
            rules: self.rules,
            capacity: self.capacity,
            small_target: self.small_target,
            skipped: self.skipped,
            ghost_limit: self.ghost_limit,
            inflow: self.inflow,
            access: self.access.clone(),
            links: self.links.clone(),
            weights: self.weights.clone(),
            small: self.small.clone(),
            main: self.main.clone(),
            filling: self.filling,
        }))
    }
}

#[cfg(test)]
mod tests;
