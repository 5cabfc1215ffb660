//! FIFO: evict the entry that was inserted first, used or not.
//!
//! The oldest of all (Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
//! Journal 1966, measures it). No parameters, no ties. A hit changes a counter and moves nothing, which makes it
//! the cheapest policy there is and the base line for the others.
//!
//! When not to use it: almost always. It evicts what is popular as soon as what is not, and, alone among the
//! policies here, may hit less with more room (Belady's anomaly).
//!
//! It hands over by what it knows of the entries: the least used first, of equals the oldest. Insertion order
//! alone would put entries first that have been in use the longest.

use crate::access_bits::{AccessBits, AccessTable};
use crate::list::{Nodes, Ring, at};
use crate::replay::hit_in_stages;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};
use std::hint::select_unpredictable;

/// The policy; see the [module](self).
#[derive(Debug, Clone)]
pub struct Fifo {
    access: AccessTable,
    links: Nodes<()>,
    order: Ring,
}

impl Fifo {
    /// A policy that holds no entry.
    #[must_use]
    pub const fn new() -> Self {
        Self { access: AccessTable::new(), links: Nodes::new(), order: Ring::new() }
    }

    #[inline]
    fn push(&mut self, slot: Slot, uses: u32) {
        self.on_remove(slot);
        self.links.reach(slot.0, &());
        self.order.push_back(&mut self.links, slot.0);
        self.access.set(slot, AccessBits::new(uses, 0));
    }
}

impl Default for Fifo {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for Fifo {
    #[inline]
    fn prepare_hit(&self, slot: Slot) {
        self.prefetch_entry(slot);
    }

    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        if let Some(bits) = self.access.held(slot) {
            *bits = bits.used();
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
        (!self.order.is_empty()).then(|| {
            self.on_remove(slot);
            slot
        })
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, _id: u64, _weight: u64) {
        self.push(slot, 1);
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        if let Some(bits) = self.access.held(slot) {
            *bits = AccessBits::VACANT;
            self.order.remove(&mut self.links, slot.0);
        }
    }

    fn on_reweigh(&mut self, _slot: Slot, _weight: u64) {}

    fn set_capacity(&mut self, _capacity: u64) {}

    fn export(&self) -> Vec<ExportedEntry> {
        let entry = |slot| ExportedEntry { slot: Slot(slot), frequency: self.access.get(Slot(slot)).uses() };
        let mut exported: Vec<_> = self.order.iter(&self.links).map(entry).collect();
        // Stable: of equally used entries the older one stays in front.
        exported.sort_by_key(|entry| entry.frequency);
        exported
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

impl ReplayPolicy for Fifo {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.access.fetch(slot);
    }

    #[inline]
    fn serves(&self) -> bool {
        true
    }

    /// A miss turns the ring: the oldest slot is the newest then.
    #[inline]
    fn serve(&mut self, hit: bool, slot: Slot) -> Option<Slot> {
        if self.order.is_empty() {
            return None;
        }
        let slot = Slot(select_unpredictable(hit, slot.0, self.order.front()));
        self.order.turn(&self.links, !hit);
        if let Some(bits) = self.access.held(slot) {
            *bits = select_unpredictable(hit, bits.used(), AccessBits::new(1, 0));
        }
        Some(slot)
    }
}
