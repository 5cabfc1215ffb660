//! LIRS: low inter-reference recency set (Jiang and Zhang, "LIRS: An Efficient Low Inter-reference Recency Set
//! Replacement Policy to Improve Buffer Cache Performance", SIGMETRICS 2002, section 3).
//!
//! Entries used again soon (LIR, 99 % of the capacity) are kept; the others (HIR, 1 %) wait in the queue Q, whose
//! oldest is the victim. The stack S orders by last use what was used since the oldest LIR entry was: LIR
//! entries, HIR entries, and ids of evicted ones (non-resident). An HIR entry, or such an id, that is used while
//! in S becomes LIR; the LIR entry at the bottom of S takes its place at the end of Q. While LIR has room, every
//! entry that is used becomes LIR.
//!
//! # S without a stack
//!
//! Every entry carries the time of its last use (a count of uses), and S is what was used after its bottom, the
//! LIR entry used least recently. So only the LIR entries need to be a list, pruning S is no work at all, and a
//! hit costs what it costs in LRU. HIR entries in S stand in Q in the order of their last use, because whatever
//! puts an HIR entry on top of S puts it at the end of Q as well (what falls to the end of Q from LIR is not in
//! S). They are evicted from Q's front, so the non-resident ones lie in S in order of eviction, below all HIR
//! entries: their oldest is their lowest, and goes first where they are too many.
//!
//! # What the paper leaves open
//!
//! - The number of non-resident ids, which the paper does not bound. Here they weigh at most
//!   as much as the capacity, a directory of twice the cache, as in ARC, and as in libCacheSim,
//!   whose miss ratios these are then to 0.1 points. With 200 % the mean over 41 runs of real traces falls by 0.7
//!   points (by up to 9 in caches of under 100 entries, but one rises by 2.3), with 300 % by 0.9, and more changes
//!   nothing: `ghosts` is a parameter.
//! - Weights: every share is a weight; an entry heavier than LIR's share is never LIR; several entries may leave
//!   LIR for one that enters.
//! - After a removal LIR may have room while HIR entries are there: the rule of the start holds again, what is
//!   used next becomes LIR. Q may be empty when a victim is needed: it is then the bottom of S.
//! - HIR's share is at least one unit.
//!
//! When not to use it: for recency without repetition (each entry used a few times soon after another, then
//! never): LIR fills with dead entries, and new ones have 1 % of the cache to prove themselves in.

mod parameters;

use crate::access_bits::{AccessBits, AccessTable};
use crate::ghosts::{ByHash, Carry, GhostStore, InSlot};
use crate::list::{NIL, Nodes, at};
use crate::replay::hit_in_stages;
use crate::segment::Segment;
use crate::weights::Weights;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};
pub use parameters::Parameters;

/// Ghosts below the bottom of S that are dropped for each that is added, so that few wait for
/// the bound to drop them, and no single call drops them all.
const PRUNED_PER_GHOST: u32 = 2;

/// The flags of the access bits: the status of a resident entry.
const LIR: u16 = 1;
const HIR: u16 = 2;

/// When an entry was last used. Compared, never counted.
type Stamp = u32;

/// A stamp in bytes, as ghosts keep it.
type Bytes = [u8; 4];

impl Carry<Bytes> for Stamp {
    #[inline]
    fn payload(&self) -> Bytes {
        self.to_le_bytes()
    }

    #[inline]
    fn set_payload(&mut self, payload: Bytes) {
        *self = Self::from_le_bytes(payload);
    }
}

/// The policy; see the [module](self).
#[derive(Debug, Clone)]
pub struct Lirs<G: GhostStore = ByHash> {
    capacity: u64,
    parameters: Parameters,
    max_lir: u64,
    max_ghosts: u64,
    access: AccessTable,
    stamps: Nodes<Stamp>,
    store: G,
    weights: Weights,
    /// The LIR entries by last use; the front is the bottom of S.
    lir: Segment,
    /// Q: the resident HIR entries. The front is the victim.
    queue: Segment,
    /// The non-resident ids, oldest first, each with the stamp of its last use.
    ghosts: G::Queue<Bytes>,
    /// The stamp of the last use.
    clock: u32,
    /// The entry announced by `on_miss`, and whether it was in S.
    incoming: Option<(G::Fingerprint, bool)>,
}

impl Lirs {
    /// A policy that holds no entry, for `capacity` in the unit of the weights.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self::with(capacity, Parameters::default())
    }
}

impl<G: GhostStore> Lirs<G> {
    /// The same with other parameters, and ghosts in either way.
    #[must_use]
    pub fn with(capacity: u64, parameters: Parameters) -> Self {
        let mut policy = Self {
            capacity: 0,
            parameters,
            max_lir: 0,
            max_ghosts: 0,
            access: AccessTable::new(),
            stamps: Nodes::new(),
            store: G::new(),
            weights: Weights::new(),
            lir: Segment::new(),
            queue: Segment::new(),
            ghosts: G::queue(),
            clock: 0,
            incoming: None,
        };
        policy.divide(capacity);
        policy
    }

    fn divide(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.max_lir = capacity - self.parameters.hir.of(capacity).max(1).min(capacity);
        self.max_ghosts = self.parameters.ghosts.of(capacity);
    }

    /// A stamp later than all others.
    #[inline]
    fn tick(&mut self) -> u32 {
        if self.clock == u32::MAX {
            self.renumber();
        }
        self.clock += 1;
        self.clock
    }

    /// Whether what was last used then is in S.
    #[inline]
    fn in_stack(&self, stamp: u32) -> bool {
        self.stamps.get(self.lir.list.front()).is_some_and(|&bottom| stamp > bottom)
    }

    /// Links the slot as the newest of its segment.
    #[inline]
    fn link(&mut self, slot: Slot, stamp: Stamp, bits: AccessBits) {
        let weight = self.weights.get(slot.0);
        *self.stamps.data_mut(slot.0) = stamp;
        self.access.set(slot, bits);
        let segment = if bits.flags() == LIR { &mut self.lir } else { &mut self.queue };
        segment.push_back(&mut self.stamps, slot.0, weight);
    }

    /// Takes the entry out of its segment, if it is in one. Its stamp stays.
    #[inline]
    fn unlink(&mut self, slot: Slot) {
        let weight = self.weights.get(slot.0);
        let segment = match self.access.get(slot).flags() {
            LIR => &mut self.lir,
            HIR => &mut self.queue,
            _ => return,
        };
        segment.remove(&mut self.stamps, slot.0, weight);
        self.access.set(slot, AccessBits::VACANT);
    }

    /// Whether an entry of this weight that is used now, and was in S or not, becomes LIR.
    #[inline]
    const fn becomes_lir(&self, weight: u64, in_stack: bool) -> bool {
        weight <= self.max_lir && (in_stack || weight <= self.max_lir.saturating_sub(self.lir.weight))
    }

    /// The next victim: the front of Q, or else the bottom of S.
    #[inline]
    const fn oldest(&self) -> Slot {
        let oldest = self.queue.list.front();
        Slot(if oldest == NIL { self.lir.list.front() } else { oldest })
    }

    /// Moves the bottom of S to the end of Q while LIR is too heavy. The stack is then pruned: what was used
    /// before the new bottom is not in it.
    #[inline]
    fn settle(&mut self) {
        while self.lir.weight > self.max_lir {
            let slot = Slot(self.lir.list.front());
            let (stamp, bits) = (*self.stamps.data(slot.0), self.access.get(slot));
            self.unlink(slot);
            self.link(slot, stamp, bits.with_flags(HIR));
        }
    }

    /// A hit on an HIR entry.
    #[inline]
    fn reuse(&mut self, slot: Slot, bits: AccessBits) {
        let in_stack = self.in_stack(*self.stamps.data(slot.0));
        let promoted = self.becomes_lir(self.weights.get(slot.0), in_stack);
        let bits = bits.used().with_flags(if promoted { LIR } else { HIR });
        let stamp = self.tick();
        self.unlink(slot);
        self.link(slot, stamp, bits);
        self.settle();
    }

    /// Keeps the id of an evicted entry that was in S.
    #[inline]
    fn remember(&mut self, slot: Slot, stamp: Stamp) {
        let weight = self.weights.get(slot.0);
        self.store.remember(&mut self.ghosts, &mut self.stamps, slot.0, weight, stamp.to_le_bytes());
        self.limit();
        for _ in 0..PRUNED_PER_GHOST {
            let oldest = G::oldest(&self.ghosts, &self.stamps);
            if oldest.is_none_or(|oldest| self.in_stack(u32::from_le_bytes(oldest))) {
                break;
            }
            self.store.drop_oldest(&mut self.ghosts, &mut self.stamps, &self.weights);
        }
    }

    #[inline]
    fn limit(&mut self) {
        self.store.limit(&mut self.ghosts, &mut self.stamps, &self.weights, self.max_ghosts);
    }

    #[inline]
    fn hold(&mut self, slot: Slot, fingerprint: G::Fingerprint, weight: u64) {
        self.stamps.reach(slot.0, &0);
        self.store.hold(slot.0, fingerprint);
        self.weights.set(slot.0, weight);
    }

    /// Makes the stamps small again, without changing their order: once in 2^32 uses.
    #[cold]
    fn renumber(&mut self) {
        let mut slots: Vec<u32> = self.lir.list.iter(&self.stamps).collect();
        slots.extend(self.queue.list.iter(&self.stamps));
        let mut stamps: Vec<Stamp> = slots.iter().map(|&slot| *self.stamps.data(slot)).collect();
        G::for_each_payload(&mut self.ghosts, &mut self.stamps, |stamp| {
            stamps.push(u32::from_le_bytes(stamp));
            stamp
        });
        stamps.sort_unstable();
        // The rank of a stamp, from 1. There are fewer ranks than there is memory for entries and ghosts.
        let rank = |stamp: u32| {
            let rank = stamps.partition_point(|&other| other <= stamp);
            u32::try_from(rank).unwrap_or(u32::MAX / 2)
        };
        for slot in slots {
            let stamp = self.stamps.data_mut(slot);
            *stamp = rank(*stamp);
        }
        G::for_each_payload(&mut self.ghosts, &mut self.stamps, |stamp| {
            rank(u32::from_le_bytes(stamp)).to_le_bytes()
        });
        self.clock = u32::try_from(stamps.len()).unwrap_or(u32::MAX / 2);
    }
}

impl<G: GhostStore> Policy for Lirs<G> {
    #[inline]
    fn prepare_hit(&self, slot: Slot) {
        self.prefetch_entry(slot);
    }

    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        let bits = self.access.get(slot);
        match bits.flags() {
            LIR => {
                *self.stamps.data_mut(slot.0) = self.tick();
                self.access.set(slot, bits.used());
                self.lir.list.move_to_back(&mut self.stamps, slot.0);
            }
            HIR => self.reuse(slot, bits),
            _ => {}
        }
    }

    #[inline]
    fn on_hits(&mut self, slots: &[Slot]) {
        hit_in_stages(self, slots);
    }

    fn prepare_miss(&self, id: u64) {
        G::fetch_lookup(&self.ghosts, self.store.fingerprint(id));
        self.store.fetch_remember(&self.ghosts, self.oldest().0);
    }

    #[inline]
    fn on_miss(&mut self, id: u64, _weight: u64) {
        let fingerprint = self.store.fingerprint(id);
        let stamp =
            self.store.forget(&mut self.ghosts, &mut self.stamps, &self.weights, fingerprint, |_| true);
        let in_stack = stamp.is_some_and(|stamp| self.in_stack(u32::from_le_bytes(stamp)));
        self.incoming = Some((fingerprint, in_stack));
    }

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        self.store.choose();
        let slot = self.oldest();
        let stamp = *self.stamps.get(slot.0)?;
        self.unlink(slot);
        if self.in_stack(stamp) {
            self.remember(slot, stamp);
        }
        Some(slot)
    }

    fn next_victim(&self) -> Option<Slot> {
        let slot = self.oldest();
        self.access.fetch(slot);
        self.stamps.prefetch(slot.0);
        self.store.fetch_held(slot.0);
        // Where LIR is full, the entry at the bottom of S leaves it for one that enters.
        let bottom = Slot(self.lir.list.front());
        self.access.fetch(bottom);
        self.stamps.prefetch(bottom.0);
        Some(slot)
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        self.on_remove(slot);
        let fingerprint = self.store.fingerprint(id);
        self.hold(slot, fingerprint, weight);
        let in_stack =
            self.incoming.take().is_some_and(|(incoming, in_stack)| incoming == fingerprint && in_stack);
        let status = if self.becomes_lir(weight, in_stack) { LIR } else { HIR };
        let stamp = self.tick();
        self.link(slot, stamp, AccessBits::new(1, status));
        self.settle();
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        self.unlink(slot);
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        let before = self.weights.get(slot.0);
        let segment = match self.access.get(slot).flags() {
            LIR => &mut self.lir,
            HIR => &mut self.queue,
            _ => return,
        };
        segment.weight = segment.weight - before + weight;
        self.weights.set(slot.0, weight);
        self.settle();
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.divide(capacity);
        self.incoming = None;
        self.settle();
        self.limit();
    }

    /// Q from its front, then LIR from the bottom of S.
    fn export(&self) -> Vec<ExportedEntry> {
        let slots = self.queue.list.iter(&self.stamps).chain(self.lir.list.iter(&self.stamps));
        slots
            .map(|slot| ExportedEntry { slot: Slot(slot), frequency: self.access.get(Slot(slot)).uses() })
            .collect()
    }

    /// The hottest are LIR, as far as they fit, the others HIR and not in S, both in the order given.
    fn import(&mut self, entries: &[ImportedEntry]) {
        for &ImportedEntry { slot, id, weight, frequency } in entries {
            self.on_remove(slot);
            self.hold(slot, self.store.fingerprint(id), weight);
            let stamp = self.tick();
            self.link(slot, stamp, AccessBits::new(frequency, LIR));
        }
        self.settle();
    }

    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        Some(Box::new(self.clone()))
    }

    fn len(&self) -> usize {
        at(self.lir.list.len()) + at(self.queue.list.len())
    }
}

impl<G: GhostStore> ReplayPolicy for Lirs<G> {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.access.fetch(slot);
        self.stamps.fetch(slot.0);
    }

    #[inline]
    fn prefetch_neighbours(&self, slot: Slot) {
        self.stamps.prefetch(slot.0);
    }

    #[inline]
    fn ghost_slots(&mut self) -> Option<&mut InSlot> {
        self.store.in_slots()
    }

    fn by_hash(&self, ids: &[u64]) -> Option<Box<dyn Policy>> {
        Some(Box::new(Lirs::<ByHash> {
            store: self.store.by_hash(ids),
            ghosts: G::queue_by_hash(&self.ghosts, &self.stamps, &self.weights, ids),
            incoming: None,
            capacity: self.capacity,
            parameters: self.parameters,
            max_lir: self.max_lir,
            max_ghosts: self.max_ghosts,
            access: self.access.clone(),
            stamps: self.stamps.clone(),
            weights: self.weights.clone(),
            lir: self.lir.clone(),
            queue: self.queue.clone(),
            clock: self.clock,
        }))
    }
}

#[cfg(test)]
mod tests;
