//! SIEVE: a queue in order of insertion, and a hand that walks it and spares, once, what was used.
//!
//! Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction
//! Algorithm for Web Caches", NSDI 2024, algorithm 1. No parameters, no ties. A hit sets the entry's visited
//! mark. For a victim the hand goes from where it stands towards the newest entry, taking marks away, until it
//! meets an entry without one; that one goes, and the hand stays in its place. Past the newest entry it starts
//! again at the oldest. Unlike in CLOCK what was spared keeps its place, so that newcomers, whom the hand meets
//! soon, are sifted quickly.
//!
//! When not to use it: against scans and loops. One pass over more entries than fit evicts everything without
//! a mark; block traces gain less from it than web traces do.
//!
//! Weights change nothing: victims are named until the entry fits.

use crate::list::{List, NIL, Nodes, at};
use crate::mark::{Mark, Marks};
use crate::{Policy, Resident, Slot, Standing};

/// The flag of an entry that was used since the hand last passed it.
const VISITED: u16 = 1;

/// The policy; see the [module](self).
#[derive(Debug)]
pub struct Sieve {
    marks: Marks,
    links: Nodes<()>,
    order: List,
    /// Where the search for a victim goes on; [`NIL`] for the oldest entry.
    hand: u32,
}

impl Sieve {
    /// A policy that holds no entry.
    #[must_use]
    pub const fn new() -> Self {
        Self { marks: Marks::new(), links: Nodes::new(), order: List::new(), hand: NIL }
    }

    #[inline]
    fn push(&mut self, slot: Slot, mark: Mark) {
        self.on_remove(slot);
        self.links.reach(slot.0, &());
        self.order.push_back(&mut self.links, slot.0);
        self.marks.set(slot, mark);
    }

    /// Moves the hand to an entry without a mark, taking marks away on the way: twice around at most.
    #[inline]
    fn unmarked(&mut self) -> Option<Slot> {
        while !self.order.is_empty() {
            if self.hand == NIL {
                self.hand = self.order.front();
            }
            let slot = Slot(self.hand);
            let mark = self.marks.held(slot)?;
            if mark.flags() != VISITED {
                return Some(slot);
            }
            *mark = mark.with_flags(0);
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
    fn fetch(&self, slot: Slot) {
        self.marks.fetch(slot);
    }

    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        if let Some(mark) = self.marks.held(slot) {
            *mark = mark.used().with_flags(VISITED);
        }
    }

    #[inline]
    fn on_miss(&mut self, _id: u64, _weight: u64) {}

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        let slot = self.unmarked()?;
        self.on_remove(slot);
        Some(slot)
    }

    #[inline]
    fn turns(&self) -> bool {
        true
    }

    /// The victim's node moves to the end as it is.
    #[inline]
    fn turn(&mut self, hit: bool, slot: Slot) -> Option<Slot> {
        if hit {
            self.on_hit(slot);
            return Some(slot);
        }
        let slot = self.unmarked()?;
        self.hand = List::next(&self.links, slot.0);
        self.order.move_to_back(&mut self.links, slot.0);
        self.marks.set(slot, Mark::new(1, 0));
        Some(slot)
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, _id: u64, _weight: u64) {
        self.push(slot, Mark::new(1, 0));
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        if let Some(mark) = self.marks.held(slot) {
            *mark = Mark::VACANT;
            if self.hand == slot.0 {
                self.hand = List::next(&self.links, slot.0);
            }
            self.order.remove(&mut self.links, slot.0);
        }
    }

    fn on_reweigh(&mut self, _slot: Slot, _weight: u64) {}

    fn set_capacity(&mut self, _capacity: u64) {}

    /// What the hand would take first comes first: entries without a mark as it will meet them. Those with one
    /// follow, the least used first.
    fn export(&self) -> Vec<Standing> {
        let mut entries: Vec<(Mark, Slot)> =
            self.ahead().into_iter().map(|slot| (self.marks.get(slot), slot)).collect();
        entries.sort_by_key(|(mark, _)| (mark.flags(), if mark.flags() == 0 { 0 } else { mark.uses() }));
        entries.iter().map(|&(mark, slot)| Standing { slot, frequency: mark.uses() }).collect()
    }

    /// Entries used more than once get a mark, except those that lead: their marks would be the first that the
    /// hand takes away, and so it has, and stands behind them.
    fn import(&mut self, entries: &[Resident]) {
        let mut leading = true;
        for entry in entries {
            let used = entry.frequency > 1;
            let flags = if used && !leading { VISITED } else { 0 };
            self.push(entry.slot, Mark::new(entry.frequency, flags));
            if !used && leading {
                leading = false;
                self.hand = entry.slot.0;
            }
        }
    }

    fn len(&self) -> usize {
        at(self.order.len())
    }
}
