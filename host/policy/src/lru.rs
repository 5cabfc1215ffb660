//! LRU: evict the entry that was used least recently.
//!
//! The classic (Denning, "The working set model for program behavior", CACM 1968, gives the reasoning). No
//! parameters. The order is total, so there are no ties. A hit moves the entry to the back of one list.
//!
//! When not to use it: one pass over many entries (a scan) pushes everything else out, and a loop a little
//! larger than the cache never hits. ARC resists the first; neither resists the second.
//!
//! Uses are counted as well, though the order ignores them: a successor that orders by frequency starts
//! from them. The count lies in the node that a hit rewrites anyway.

use crate::list::{List, Nodes, at};
use crate::replay::hit_in_stages;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};
use std::hint::select_unpredictable;

/// Data of a node that is in no list: a resident entry was used at least once.
const OUT: u32 = 0;

/// The policy; see the [module](self).
#[derive(Debug, Clone)]
pub struct Lru {
    /// Uses of each slot, saturating; [`OUT`] where there is no entry.
    uses: Nodes<u32>,
    order: List,
}

impl Lru {
    /// A policy that holds no entry.
    #[must_use]
    pub const fn new() -> Self {
        Self { uses: Nodes::new(), order: List::new() }
    }

    #[inline]
    fn holds(&self, slot: Slot) -> bool {
        self.uses.get(slot.0).is_some_and(|&uses| uses != OUT)
    }

    #[inline]
    fn push(&mut self, slot: Slot, uses: u32) {
        self.uses.reach(slot.0, &OUT);
        if self.holds(slot) {
            self.order.remove(&mut self.uses, slot.0);
        }
        *self.uses.data_mut(slot.0) = uses.max(1);
        self.order.push_back(&mut self.uses, slot.0);
    }
}

impl Default for Lru {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for Lru {
    #[inline]
    fn prepare_hit(&self, slot: Slot) {
        self.prefetch_entry(slot);
    }

    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        if self.holds(slot) {
            let uses = self.uses.data_mut(slot.0);
            *uses = uses.saturating_add(1);
            self.order.move_to_back(&mut self.uses, slot.0);
        }
    }

    #[inline]
    fn on_hits(&mut self, slots: &[Slot]) {
        hit_in_stages(self, slots);
    }

    #[inline]
    fn on_miss(&mut self, _id: u64, _weight: u64) {}

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        let slot = Slot(self.order.front());
        self.holds(slot).then(|| {
            self.on_remove(slot);
            slot
        })
    }

    fn next_victim(&self) -> Option<Slot> {
        let slot = Slot(self.order.front());
        self.uses.prefetch(slot.0);
        Some(slot)
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, _id: u64, _weight: u64) {
        self.push(slot, 1);
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        if self.holds(slot) {
            self.order.remove(&mut self.uses, slot.0);
            *self.uses.data_mut(slot.0) = OUT;
        }
    }

    fn on_reweigh(&mut self, _slot: Slot, _weight: u64) {}

    fn set_capacity(&mut self, _capacity: u64) {}

    fn export(&self) -> Vec<ExportedEntry> {
        let entry = |slot| ExportedEntry { slot: Slot(slot), frequency: *self.uses.data(slot) };
        self.order.iter(&self.uses).map(entry).collect()
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        for entry in entries {
            self.push(entry.slot, entry.frequency);
        }
    }

    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        Some(Box::new(self.clone()))
    }

    fn len(&self) -> usize {
        at(self.order.len())
    }
}

impl ReplayPolicy for Lru {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.uses.fetch(slot.0);
    }

    #[inline]
    fn prefetch_neighbours(&self, slot: Slot) {
        self.uses.prefetch(slot.0);
    }

    #[inline]
    fn serves(&self) -> bool {
        true
    }

    /// The requested entry becomes the newest: the one hit, or a newcomer in the slot of the oldest.
    #[inline]
    fn serve(&mut self, hit: bool, slot: Slot) -> Option<Slot> {
        // Rare, so that the processor predicts the branch.
        let at_an_end = (slot.0 == self.order.front()) | (slot.0 == self.order.back());
        if (hit & at_an_end) | (self.order.len() < 2) {
            return None;
        }
        let slot = self.order.turn_or_renew(&mut self.uses, hit, slot.0);
        let uses = self.uses.data_mut(slot);
        *uses = select_unpredictable(hit, uses.saturating_add(1), 1);
        Some(Slot(slot))
    }
}
