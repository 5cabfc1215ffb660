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
//! - victims are asked for one by one while the incoming entry does not fit, so REPLACE may run several
//!   times, or not at all after a removal left room;
//! - a new capacity clamps p and trims the ghosts so that |T1| + |B1| <= c and the whole <= 2c still hold;
//! - a user's removal leaves no ghost.
//!
//! When not to use it: a loop larger than the cache (nothing hits, so nothing adapts), and stable popularity
//! where LFU keeps more. Its ghosts cost memory: as many ids as the cache has entries.

mod ghosts;

use crate::list::{List, Nodes, at};
use crate::{Policy, Resident, Slot, Standing};
use ghosts::Ghosts;

/// One of the two halves of the directory: L1 = T1 + B1, seen once; L2 = T2 + B2, seen again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Once,
    Again,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    weight: u64,
    /// Uses, saturating; 0 where there is no entry.
    uses: u32,
    half: Half,
}

const VACANT: Entry = Entry { id: 0, weight: 0, uses: 0, half: Half::Once };

/// The entry announced by `on_miss`.
#[derive(Debug, Clone, Copy)]
struct Incoming {
    id: u64,
    weight: u64,
    /// The ghost list it was found in: cases II and III; `None` is case IV.
    ghost: Option<Half>,
}

/// A list of residents, with their weight.
#[derive(Debug)]
struct Part {
    list: List,
    weight: u64,
}

impl Part {
    const fn new() -> Self {
        Self { list: List::new(), weight: 0 }
    }
}

/// The policy; see the [module](self).
#[derive(Debug)]
pub struct Adaptive {
    capacity: u64,
    /// Target weight of T1, from 0 to the capacity: the paper's p.
    target: f64,
    entries: Nodes<Entry>,
    t1: Part,
    t2: Part,
    ghosts: Ghosts,
    incoming: Option<Incoming>,
}

/// A weight as a real number. Weights above 2^53 lose their last bits, which moves p by less than 1 in 10^15.
#[expect(clippy::as_conversions, reason = "no lossless conversion exists; the loss is harmless, see above")]
const fn real(weight: u64) -> f64 {
    weight as f64
}

impl Adaptive {
    /// A policy that holds no entry, for `capacity` in the unit of the weights.
    pub const fn new(capacity: u64) -> Self {
        Self {
            capacity,
            target: 0.0,
            entries: Nodes::new(),
            t1: Part::new(),
            t2: Part::new(),
            ghosts: Ghosts::new(),
            incoming: None,
        }
    }

    fn held(&self, slot: Slot) -> Option<Entry> {
        self.entries.get(slot.0).copied().filter(|entry| entry.uses > 0)
    }

    const fn part(&mut self, half: Half) -> &mut Part {
        match half {
            Half::Once => &mut self.t1,
            Half::Again => &mut self.t2,
        }
    }

    fn link(&mut self, slot: Slot, entry: Entry) {
        *self.entries.data_mut(slot.0) = entry;
        let part = match entry.half {
            Half::Once => &mut self.t1,
            Half::Again => &mut self.t2,
        };
        part.list.push_back(&mut self.entries, slot.0);
        part.weight += entry.weight;
    }

    fn unlink(&mut self, slot: Slot, entry: Entry) {
        let part = match entry.half {
            Half::Once => &mut self.t1,
            Half::Again => &mut self.t2,
        };
        part.list.remove(&mut self.entries, slot.0);
        part.weight -= entry.weight;
        *self.entries.data_mut(slot.0) = VACANT;
    }

    const fn seen_once(&self) -> u64 {
        self.t1.weight + self.ghosts.weight(Half::Once)
    }

    const fn directory(&self) -> u64 {
        self.seen_once() + self.t2.weight + self.ghosts.weight(Half::Again)
    }

    /// The paper's REPLACE(x, p), except that it only names the half whose LRU entry goes.
    fn replace(&self) -> Half {
        let in_b2 = self.incoming.is_some_and(|incoming| incoming.ghost == Some(Half::Again));
        let t1 = real(self.t1.weight);
        #[expect(
            clippy::float_cmp,
            reason = "the paper asks for equality, and with unit weights both may be whole"
        )]
        let over = t1 > self.target || (in_b2 && t1 == self.target);
        if self.t2.list.is_empty() || (over && !self.t1.list.is_empty()) { Half::Once } else { Half::Again }
    }

    /// Case IV.A, second branch: T1 fills the cache and B1 is empty, so that T1's LRU entry goes without a
    /// ghost.
    fn once_fills_cache(&self) -> bool {
        self.incoming.is_some_and(|incoming| {
            incoming.ghost.is_none()
                && self.ghosts.weight(Half::Once) == 0
                && self.t1.weight + incoming.weight > self.capacity
        })
    }

    /// Drops the oldest ghosts until `incoming` more weight in L1 leaves |L1| <= c and the directory <= 2c.
    /// An entry that comes from a ghost list changes neither with unit weights.
    fn trim(&mut self, incoming: u64) {
        while self.seen_once() + incoming > self.capacity && self.ghosts.drop_oldest(Half::Once) {}
        if self.seen_once() + incoming > self.capacity {
            // T1 alone is over: its own victims make the room, in the directory as in the cache.
            return;
        }
        let most = self.capacity.saturating_mul(2);
        while self.directory() + incoming > most && self.ghosts.drop_oldest(Half::Again) {}
        while self.directory() + incoming > most && self.ghosts.drop_oldest(Half::Once) {}
    }
}

impl Policy for Adaptive {
    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        // Case I.
        let Some(entry) = self.held(slot) else { return };
        let uses = entry.uses.saturating_add(1);
        if entry.half == Half::Again {
            self.entries.data_mut(slot.0).uses = uses;
            self.t2.list.move_to_back(&mut self.entries, slot.0);
        } else {
            self.unlink(slot, entry);
            self.link(slot, Entry { uses, half: Half::Again, ..entry });
        }
    }

    fn on_miss(&mut self, id: u64, weight: u64) {
        let (b1, b2) = (real(self.ghosts.weight(Half::Once)), real(self.ghosts.weight(Half::Again)));
        let ghost = self.ghosts.forget(id);
        match ghost {
            // Case II. The quotients are taken with the ghost still counted, as in the paper.
            Some(Half::Once) => {
                let step = real(weight) * (b2 / b1).max(1.0);
                self.target = (self.target + step).min(real(self.capacity));
            }
            // Case III.
            Some(Half::Again) => {
                let step = real(weight) * (b1 / b2).max(1.0);
                self.target = (self.target - step).max(0.0);
            }
            // Case IV: room for it in the directory.
            None => self.trim(weight),
        }
        self.incoming = Some(Incoming { id, weight, ghost });
    }

    fn victim(&mut self) -> Option<Slot> {
        let without_ghost = self.once_fills_cache();
        let half = if without_ghost { Half::Once } else { self.replace() };
        let slot = Slot(self.part(half).list.front());
        let entry = self.held(slot)?;
        self.unlink(slot, entry);
        if !without_ghost {
            self.ghosts.remember(entry.id, entry.weight, half);
            self.trim(0);
        }
        Some(slot)
    }

    fn next_victim(&self) -> Option<Slot> {
        let part = if self.replace() == Half::Once { &self.t1 } else { &self.t2 };
        Some(Slot(part.list.front()))
    }

    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        self.on_remove(slot);
        self.entries.reach(slot.0, &VACANT);
        let ghost = self.incoming.take().filter(|incoming| incoming.id == id).and_then(|found| found.ghost);
        let (uses, half) = if ghost.is_some() { (2, Half::Again) } else { (1, Half::Once) };
        self.link(slot, Entry { id, weight, uses, half });
        self.trim(0);
    }

    fn on_remove(&mut self, slot: Slot) {
        if let Some(entry) = self.held(slot) {
            self.unlink(slot, entry);
        }
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        if let Some(entry) = self.held(slot) {
            self.entries.data_mut(slot.0).weight = weight;
            let part = self.part(entry.half);
            part.weight = part.weight - entry.weight + weight;
            self.trim(0);
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.target = self.target.min(real(capacity));
        self.incoming = None;
        self.trim(0);
    }

    fn export(&self) -> Vec<Standing> {
        let slots = self.t1.list.iter(&self.entries).chain(self.t2.list.iter(&self.entries));
        slots.map(|slot| Standing { slot: Slot(slot), frequency: self.entries.data(slot).uses }).collect()
    }

    fn import(&mut self, entries: &[Resident]) {
        for &Resident { slot, id, weight, frequency } in entries {
            self.on_remove(slot);
            self.entries.reach(slot.0, &VACANT);
            let half = if frequency > 1 { Half::Again } else { Half::Once };
            self.link(slot, Entry { id, weight, uses: frequency.max(1), half });
        }
    }

    fn len(&self) -> usize {
        at(self.t1.list.len()) + at(self.t2.list.len())
    }
}

#[cfg(test)]
mod tests;
