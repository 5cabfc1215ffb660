//! ARC: adaptive replacement cache (Megiddo and Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache",
//! FAST 2003, figure 4).
//!
//! T1 holds entries used once, T2 those used again, each in LRU order; B1 and B2 remember the ids of what was
//! evicted from them. A miss on an id in B1 says that T1 is too small, in B2 that T2 is: p, the target for
//! T1, moves accordingly. No parameter to set. Ties: none, every list is a total order.
//!
//! The paper counts pages; here every size is a weight (|T1| is the weight of T1, and so on), p moves by the
//! incoming weight times the paper's quotient, and c is the capacity. With unit weights all steps are
//! those of the paper, p being a real number as there. Three edges the paper does not have:
//! - victims are chosen one by one while the incoming entry does not fit, so REPLACE may run several
//!   times, or not at all after a removal left room;
//! - a new capacity clamps p and trims the ghosts so that |T1| + |B1| <= c and the whole <= 2c still hold;
//! - a user's removal leaves no ghost.
//!
//! When not to use it: a loop larger than the cache (nothing hits, so nothing adapts), and stable popularity
//! where LFU keeps more. Its ghosts cost memory: as many ids as the cache has entries.

use crate::ghosts::{ByHash, GhostStore, InSlot};
use crate::list::{Nodes, at};
use crate::replay::hit_in_stages;
use crate::segment::Segment;
use crate::weights::Weights;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};

/// One of the two halves of the directory: L1 = T1 + B1, seen once; L2 = T2 + B2, seen again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Once,
    Again,
}

/// What is kept for a slot: the uses of its entry, saturating, which is in T1 if they are 1, else in T2. Without an
/// entry it is 0, or says which half the last one was evicted from.
type Uses = i32;
const WAS_ONCE: Uses = -1;
const WAS_AGAIN: Uses = -2;

/// The entry announced by `on_miss`.
#[derive(Debug, Clone, Copy)]
struct Incoming<T> {
    fingerprint: T,
    weight: u64,
    /// The ghost list it was found in: cases II and III; `None` is case IV.
    ghost: Option<Half>,
}

/// The policy; see the [module](self).
#[derive(Debug, Clone)]
pub struct Adaptive<G: GhostStore = ByHash> {
    capacity: u64,
    /// Target weight of T1, from 0 to the capacity: the paper's p.
    target: f64,
    uses: Nodes<Uses>,
    store: G,
    weights: Weights,
    t1: Segment,
    t2: Segment,
    b1: G::Queue<()>,
    b2: G::Queue<()>,
    incoming: Option<Incoming<G::Fingerprint>>,
}

/// A weight as a real number. Weights above 2^53 lose their last bits, which moves p by less than 1 in 10^15.
#[expect(clippy::as_conversions, reason = "no lossless conversion exists; the loss is harmless, see above")]
const fn real(weight: u64) -> f64 {
    weight as f64
}

impl Adaptive {
    /// A policy that holds no entry, for `capacity` in the unit of the weights.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self::with_ghosts(capacity)
    }
}

impl<G: GhostStore> Adaptive<G> {
    /// The same with ghosts in either way.
    #[must_use]
    pub fn with_ghosts(capacity: u64) -> Self {
        Self {
            capacity,
            target: 0.0,
            uses: Nodes::new(),
            store: G::new(),
            weights: Weights::new(),
            t1: Segment::new(),
            t2: Segment::new(),
            b1: G::queue(),
            b2: G::queue(),
            incoming: None,
        }
    }

    /// The uses of an entry, and the segment of the residents it is in.
    #[inline]
    fn held(&mut self, slot: Slot) -> Option<(Uses, &mut Segment)> {
        let uses = self.uses.get(slot.0).copied().filter(|&uses| uses > 0)?;
        Some((uses, if uses == 1 { &mut self.t1 } else { &mut self.t2 }))
    }

    #[inline]
    fn push(&mut self, slot: Slot, fingerprint: G::Fingerprint, weight: u64, uses: Uses) {
        self.on_remove(slot);
        self.uses.reach(slot.0, &0);
        self.store.hold(slot.0, fingerprint);
        self.weights.set(slot.0, weight);
        *self.uses.data_mut(slot.0) = uses;
        let segment = if uses == 1 { &mut self.t1 } else { &mut self.t2 };
        segment.push_back(&mut self.uses, slot.0, weight);
    }

    fn seen_once(&self) -> u64 {
        self.t1.weight + G::weight(&self.b1)
    }

    fn directory(&self) -> u64 {
        self.seen_once() + self.t2.weight + G::weight(&self.b2)
    }

    #[inline]
    fn drop_oldest(&mut self, half: Half) -> bool {
        let queue = if half == Half::Once { &mut self.b1 } else { &mut self.b2 };
        self.store.drop_oldest(queue, &mut self.uses, &self.weights)
    }

    /// Forgets the ghost of a half with this fingerprint, if there is one.
    #[inline]
    fn forget(&mut self, half: Half, fingerprint: G::Fingerprint) -> bool {
        let (queue, was) =
            if half == Half::Once { (&mut self.b1, WAS_ONCE) } else { (&mut self.b2, WAS_AGAIN) };
        self.store.forget(queue, &mut self.uses, &self.weights, fingerprint, |&uses| uses == was).is_some()
    }

    /// The paper's REPLACE(x, p), except that it only names the half whose LRU entry goes.
    #[inline]
    fn replace(&self) -> Half {
        let in_b2 = self.incoming.is_some_and(|incoming| incoming.ghost == Some(Half::Again));
        let t1 = real(self.t1.weight);
        #[expect(
            clippy::float_cmp,
            reason = "the paper compares for equality, and with unit weights both may be whole"
        )]
        let over = t1 > self.target || (in_b2 && t1 == self.target);
        if self.t2.list.is_empty() || (over && !self.t1.list.is_empty()) { Half::Once } else { Half::Again }
    }

    /// Case IV.A, second branch: T1 fills the cache and B1 is empty, so that T1's LRU entry goes without a
    /// ghost.
    #[inline]
    fn once_fills_cache(&self) -> bool {
        self.incoming.is_some_and(|incoming| {
            incoming.ghost.is_none()
                && G::weight(&self.b1) == 0
                && self.t1.weight + incoming.weight > self.capacity
        })
    }

    /// Drops the oldest ghosts until `incoming` more weight in L1 leaves |L1| <= c and the directory <= 2c.
    /// An entry that comes from a ghost list changes neither with unit weights.
    #[inline]
    fn trim(&mut self, incoming: u64) {
        while self.seen_once() + incoming > self.capacity && self.drop_oldest(Half::Once) {}
        if self.seen_once() + incoming > self.capacity {
            // T1 alone is over: its own victims make the room, in the directory as in the cache.
            return;
        }
        let most = self.capacity.saturating_mul(2);
        while self.directory() + incoming > most && self.drop_oldest(Half::Again) {}
        while self.directory() + incoming > most && self.drop_oldest(Half::Once) {}
    }
}

impl<G: GhostStore> Policy for Adaptive<G> {
    #[inline]
    fn prepare_hit(&self, slot: Slot) {
        self.prefetch_entry(slot);
    }

    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        // Case I.
        let Some(&uses) = self.uses.get(slot.0) else { return };
        if uses > 1 {
            *self.uses.data_mut(slot.0) = uses.saturating_add(1);
            self.t2.renew(&mut self.uses, slot.0);
        } else if uses == 1 {
            let weight = self.weights.get(slot.0);
            *self.uses.data_mut(slot.0) = 2;
            self.t1.remove(&mut self.uses, slot.0, weight);
            self.t2.push_back(&mut self.uses, slot.0, weight);
        }
    }

    #[inline]
    fn on_hits(&mut self, slots: &[Slot]) {
        hit_in_stages(self, slots);
    }

    fn prepare_miss(&self, id: u64) {
        let fingerprint = self.store.fingerprint(id);
        G::fetch_lookup(&self.b1, fingerprint);
        G::fetch_lookup(&self.b2, fingerprint);
        let (segment, ghosts) =
            if self.replace() == Half::Once { (&self.t1, &self.b1) } else { (&self.t2, &self.b2) };
        self.store.fetch_remember(ghosts, segment.list.front());
    }

    #[inline]
    fn on_miss(&mut self, id: u64, weight: u64) {
        let fingerprint = self.store.fingerprint(id);
        // The quotients are taken with the ghost still counted, as in the paper.
        let (b1, b2) = (real(G::weight(&self.b1)), real(G::weight(&self.b2)));
        let ghost = if self.forget(Half::Once, fingerprint) {
            // Case II.
            let step = real(weight) * (b2 / b1).max(1.0);
            self.target = (self.target + step).min(real(self.capacity));
            Some(Half::Once)
        } else if self.forget(Half::Again, fingerprint) {
            // Case III.
            let step = real(weight) * (b1 / b2).max(1.0);
            self.target = (self.target - step).max(0.0);
            Some(Half::Again)
        } else {
            // Case IV: room for it in the directory.
            self.trim(weight);
            None
        };
        self.incoming = Some(Incoming { fingerprint, weight, ghost });
    }

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        self.store.choose();
        let without_ghost = self.once_fills_cache();
        let half = if without_ghost { Half::Once } else { self.replace() };
        let (segment, ghosts, was) = match half {
            Half::Once => (&mut self.t1, &mut self.b1, WAS_ONCE),
            Half::Again => (&mut self.t2, &mut self.b2, WAS_AGAIN),
        };
        if segment.list.is_empty() {
            return None;
        }
        let slot = Slot(segment.list.front());
        let weight = self.weights.get(slot.0);
        segment.remove(&mut self.uses, slot.0, weight);
        *self.uses.data_mut(slot.0) = was;
        if !without_ghost {
            self.store.remember(ghosts, &mut self.uses, slot.0, weight, ());
        }
        self.trim(0);
        Some(slot)
    }

    fn next_victim(&self) -> Option<Slot> {
        let segment = if self.replace() == Half::Once { &self.t1 } else { &self.t2 };
        let slot = Slot(segment.list.front());
        self.uses.prefetch(slot.0);
        self.store.fetch_held(slot.0);
        Some(slot)
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        let fingerprint = self.store.fingerprint(id);
        let returns = self
            .incoming
            .take()
            .is_some_and(|incoming| incoming.fingerprint == fingerprint && incoming.ghost.is_some());
        self.push(slot, fingerprint, weight, if returns { 2 } else { 1 });
        self.trim(0);
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        let weight = self.weights.get(slot.0);
        if let Some((uses, _)) = self.held(slot) {
            let segment = if uses == 1 { &mut self.t1 } else { &mut self.t2 };
            segment.remove(&mut self.uses, slot.0, weight);
            *self.uses.data_mut(slot.0) = 0;
        }
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        let before = self.weights.get(slot.0);
        if let Some((_, segment)) = self.held(slot) {
            segment.reweigh(before, weight);
            self.weights.set(slot.0, weight);
            self.trim(0);
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.target = self.target.min(real(capacity));
        self.incoming = None;
        self.trim(0);
    }

    fn export(&self) -> Vec<ExportedEntry> {
        let slots = self.t1.list.iter(&self.uses).chain(self.t2.list.iter(&self.uses));
        slots
            .map(|slot| ExportedEntry { slot: Slot(slot), frequency: self.uses.data(slot).unsigned_abs() })
            .collect()
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        for &ImportedEntry { slot, id, weight, frequency } in entries {
            let uses = Uses::try_from(frequency).unwrap_or(Uses::MAX).max(1);
            self.push(slot, self.store.fingerprint(id), weight, uses);
        }
    }

    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        Some(Box::new(self.clone()))
    }

    fn len(&self) -> usize {
        at(self.t1.list.len()) + at(self.t2.list.len())
    }
}

impl<G: GhostStore> ReplayPolicy for Adaptive<G> {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.uses.fetch(slot.0);
    }

    #[inline]
    fn prefetch_neighbours(&self, slot: Slot) {
        self.uses.prefetch(slot.0);
    }

    #[inline]
    fn ghost_slots(&mut self) -> Option<&mut InSlot> {
        self.store.in_slots()
    }

    fn by_hash(&self, ids: &[u64]) -> Option<Box<dyn Policy>> {
        Some(Box::new(Adaptive::<ByHash> {
            store: self.store.by_hash(ids),
            b1: G::queue_by_hash(&self.b1, &self.uses, &self.weights, ids),
            b2: G::queue_by_hash(&self.b2, &self.uses, &self.weights, ids),
            incoming: None,
            capacity: self.capacity,
            target: self.target,
            uses: self.uses.clone(),
            weights: self.weights.clone(),
            t1: self.t1.clone(),
            t2: self.t2.clone(),
        }))
    }
}

#[cfg(test)]
mod tests;
