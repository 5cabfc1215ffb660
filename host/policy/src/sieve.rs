//! SIEVE: a queue in order of insertion, and a hand that walks it and spares, once, what was used.
//!
//! Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction
//! Algorithm for Web Caches", NSDI 2024, algorithm 1. No parameters, no ties. A hit sets the entry's visited
//! bit. For a victim the hand goes from where it stands towards the newest entry, clearing bits, until it
//! meets an entry whose bit is clear; that one goes, and the hand stays in its place. Past the newest entry it starts
//! again at the oldest. Unlike in CLOCK what was spared keeps its place, so that newcomers, whom the hand meets
//! soon, are sifted quickly.
//!
//! When not to use it: against scans and loops. One pass over more entries than fit evicts everything without
//! a visited bit; block traces gain less from it than web traces do.
//!
//! Weights change nothing: victims are named until the entry fits.

use crate::access_bits::{AccessBits, AccessTable};
use crate::list::{List, NIL, Nodes, at};
use crate::replay::hit_in_stages;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};

/// The flag of an entry that was used since the hand last passed it.
const VISITED: u16 = 1;

/// Entries that the guess of the next victim looks at.
const STEPS_AHEAD: usize = 4;

/// The policy; see the [module](self).
#[derive(Debug, Clone)]
pub struct Sieve {
    access: AccessTable,
    links: Nodes<()>,
    order: List,
    /// Where the search for a victim goes on; [`NIL`] for the oldest entry.
    hand: u32,
}

impl Sieve {
    /// A policy that holds no entry.
    #[must_use]
    pub const fn new() -> Self {
        Self { access: AccessTable::new(), links: Nodes::new(), order: List::new(), hand: NIL }
    }

    #[inline]
    fn push(&mut self, slot: Slot, bits: AccessBits) {
        self.on_remove(slot);
        self.links.reach(slot.0, &());
        self.order.push_back(&mut self.links, slot.0);
        self.access.set(slot, bits);
    }

    /// Moves the hand to an entry whose bit is clear, clearing bits on the way: twice around at most.
    #[inline]
    fn unvisited(&mut self) -> Option<Slot> {
        while !self.order.is_empty() {
            if self.hand == NIL {
                self.hand = self.order.front();
            }
            let slot = Slot(self.hand);
            let bits = self.access.held(slot)?;
            if bits.flags() != VISITED {
                return Some(slot);
            }
            *bits = bits.with_flags(0);
            self.hand = List::next(&self.links, self.hand);
        }
        None
    }

    /// The entries as the hand will meet them: from where it stands to the newest, then from the oldest.
    fn ahead(&self) -> Vec<Slot> {
        let mut slots: Vec<Slot> = self.order.iter(&self.links).map(Slot).collect();
        if let Some(place) = slots.iter().position(|slot| slot.0 == self.hand) {
            slots.rotate_left(place);
        }
        slots
    }
}

impl Default for Sieve {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy for Sieve {
    #[inline]
    fn prepare_hit(&self, slot: Slot) {
        self.prefetch_entry(slot);
    }

    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        if let Some(bits) = self.access.held(slot) {
            *bits = bits.used().with_flags(VISITED);
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
        let slot = self.unvisited()?;
        self.on_remove(slot);
        Some(slot)
    }

    fn next_victim(&self) -> Option<Slot> {
        let mut slot = if self.hand == NIL { self.order.front() } else { self.hand };
        for _ in 0..STEPS_AHEAD {
            self.links.prefetch(slot);
            if self.access.get(Slot(slot)).flags() != VISITED {
                break;
            }
            slot = self.links.next(slot);
        }
        Some(Slot(slot))
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, _id: u64, _weight: u64) {
        self.push(slot, AccessBits::new(1, 0));
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        if let Some(bits) = self.access.held(slot) {
            *bits = AccessBits::VACANT;
            if self.hand == slot.0 {
                self.hand = List::next(&self.links, slot.0);
            }
            self.order.remove(&mut self.links, slot.0);
        }
    }

    fn on_reweigh(&mut self, _slot: Slot, _weight: u64) {}

    fn set_capacity(&mut self, _capacity: u64) {}

    /// What the hand would take first comes first: entries whose bit is clear, as it will meet them. Those whose bit is set
    /// follow, the least used first.
    fn export(&self) -> Vec<ExportedEntry> {
        let mut entries: Vec<(AccessBits, Slot)> =
            self.ahead().into_iter().map(|slot| (self.access.get(slot), slot)).collect();
        entries.sort_by_key(|(bits, _)| (bits.flags(), if bits.flags() == 0 { 0 } else { bits.uses() }));
        entries.iter().map(|&(bits, slot)| ExportedEntry { slot, frequency: bits.uses() }).collect()
    }

    /// Entries used more than once get a visited bit, except those that lead: theirs would be the first that the
    /// hand clears, so they start clear, and the hand starts behind them.
    fn import(&mut self, entries: &[ImportedEntry]) {
        let mut leading = true;
        for entry in entries {
            let used = entry.frequency > 1;
            let flags = if used && !leading { VISITED } else { 0 };
            self.push(entry.slot, AccessBits::new(entry.frequency, flags));
            if !used && leading {
                leading = false;
                self.hand = entry.slot.0;
            }
        }
    }

    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        Some(Box::new(self.clone()))
    }

    fn len(&self) -> usize {
        at(self.order.len())
    }
}

impl ReplayPolicy for Sieve {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.access.fetch(slot);
    }
}
