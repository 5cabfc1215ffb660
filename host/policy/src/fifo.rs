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

use crate::list::{Nodes, Ring, at};
use crate::mark::{Mark, Marks};
use crate::{Policy, Resident, Slot, Standing};
use std::hint::select_unpredictable;

/// The policy; see the [module](self).
#[derive(Debug)]
pub struct Fifo {
    marks: Marks,
    links: Nodes<()>,
    order: Ring,
}

impl Fifo {
    /// A policy that holds no entry.
    #[must_use]
    pub const fn new() -> Self {
        Self { marks: Marks::new(), links: Nodes::new(), order: Ring::new() }
    }

    #[inline]
    fn push(&mut self, slot: Slot, uses: u32) {
        self.on_remove(slot);
        self.links.reach(slot.0, &());
        self.order.push_back(&mut self.links, slot.0);
        self.marks.set(slot, Mark::new(uses, 0));
    }
}

impl Default for Fifo {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for Fifo {
    #[inline]
    fn fetch(&self, slot: Slot) {
        self.marks.fetch(slot);
    }

    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        if let Some(mark) = self.marks.held(slot) {
            *mark = mark.used();
        }
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
    fn turns(&self) -> bool {
        true
    }

    /// A miss turns the ring: the oldest slot is the newest then.
    #[inline]
    fn turn(&mut self, hit: bool, slot: Slot) -> Option<Slot> {
        if self.order.is_empty() {
            return None;
        }
        let slot = Slot(select_unpredictable(hit, slot.0, self.order.front()));
        self.order.turn(&self.links, !hit);
        if let Some(mark) = self.marks.held(slot) {
            *mark = select_unpredictable(hit, mark.used(), Mark::new(1, 0));
        }
        Some(slot)
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        if let Some(mark) = self.marks.held(slot) {
            *mark = Mark::VACANT;
            self.order.remove(&mut self.links, slot.0);
        }
    }

    fn on_reweigh(&mut self, _slot: Slot, _weight: u64) {}

    fn set_capacity(&mut self, _capacity: u64) {}

    fn export(&self) -> Vec<Standing> {
        let standing = |slot| Standing { slot: Slot(slot), frequency: self.marks.get(Slot(slot)).uses() };
        let mut standings: Vec<_> = self.order.iter(&self.links).map(standing).collect();
        // Stable: of equally used entries the older one stays in front.
        standings.sort_by_key(|standing| standing.frequency);
        standings
    }

    fn import(&mut self, entries: &[Resident]) {
        for entry in entries {
            self.push(entry.slot, entry.frequency);
        }
    }

    fn len(&self) -> usize {
        at(self.order.len())
    }
}
