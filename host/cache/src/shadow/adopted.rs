//! A shadow's policy in charge of the cache that it shadowed.
//!
//! A cache that changes its policy holds what the old one kept, and a policy that begins with the wrong entries may keep
//! them for good. A shadow that follows every key has the right ones, with all that its policy has learnt. So the cache
//! takes over that policy, and catches up with the shadow while it goes on:
//!
//! - An entry that both hold is resident in both.
//! - What only the shadow holds stays resident in the policy, and is a *gap* in the cache: the first request for it
//!   misses, and to the policy that is a hit.
//! - What only the cache holds is *extra*: it goes first when the cache needs room, and the policy hears of it when it is
//!   used, as of any entry that it did not hold.
//!
//! So the cache never misses what the shadow would have hit, but for one miss a gap. The policy numbers its entries by the
//! slots of the shadow; here they are translated.
#![expect(
    clippy::indexing_slicing,
    reason = "slots are those that were handed out, below the length of their table"
)]

use std::collections::{HashMap, VecDeque};

use ahash::RandomState;
use host_policy::{ExportedEntry, ImportedEntry, Policy, PolicyFactory, Slot};

use crate::index::at;

/// What a shadow hands to the cache that it shadows.
pub struct ShadowState {
    pub(super) kind: PolicyFactory,
    pub(super) policy: Box<dyn Policy>,
    pub(super) capacity: u64,
    /// Id and weight of each entry by slot; `None` for a free slot.
    pub(super) entries: Vec<Option<(u64, u64)>>,
}

impl ShadowState {
    /// The policy.
    pub const fn policy(&self) -> &PolicyFactory {
        &self.kind
    }
}

impl std::fmt::Debug for ShadowState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShadowState").field("policy", &self.kind).finish_non_exhaustive()
    }
}

/// An entry of the inner policy.
#[derive(Debug, Clone, Copy)]
struct Held {
    id: u64,
    weight: u64,
    /// The slot in the cache; `None` for a gap.
    outer: Option<Slot>,
}

/// Where an entry of the cache stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Vacant,
    Inner(Slot),
    /// With the number of its turn in the queue.
    Extra {
        id: u64,
        weight: u64,
        turn: u64,
    },
}

/// The policy; see the [module](self).
pub(crate) struct Adopted {
    inner: Box<dyn Policy>,
    capacity: u64,
    /// Sum of the weights of what the inner policy holds.
    weight: u64,
    held: Vec<Option<Held>>,
    free: Vec<Slot>,
    /// The inner slot of each gap, by id.
    gaps: HashMap<u64, Slot, RandomState>,
    places: Vec<Place>,
    /// The extra entries, the first to go in front, with their turns. One whose turn is another's has left.
    extras: VecDeque<(Slot, u64)>,
    turn: u64,
    extra_count: usize,
}

/// Turns in the queue below which those that are over are not looked for.
const FEWEST_QUEUED: usize = 64;

/// Whether the extra entry still has this turn.
fn is_turn(places: &[Place], slot: Slot, turn: u64) -> bool {
    matches!(places.get(at(slot.0)), Some(Place::Extra { turn: of, .. }) if *of == turn)
}

impl Adopted {
    /// Puts the state in charge of a cache with these entries, from the first to go to the last.
    pub(crate) fn new(state: ShadowState, capacity: u64, entries: &[ImportedEntry]) -> Self {
        let mut held = Vec::with_capacity(state.entries.len());
        let mut free = Vec::new();
        let mut gaps = HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4));
        let mut sum = 0;
        for (slot, entry) in (0..).map(Slot).zip(&state.entries) {
            held.push(entry.map(|(id, weight)| Held { id, weight, outer: None }));
            match *entry {
                Some((id, weight)) => {
                    sum += weight;
                    gaps.insert(id, slot);
                }
                None => free.push(slot),
            }
        }
        let mut this = Self {
            inner: state.policy,
            capacity,
            weight: sum,
            held,
            free,
            gaps,
            places: Vec::new(),
            extras: VecDeque::new(),
            turn: 0,
            extra_count: 0,
        };
        // To some policies a capacity is a reason to learn anew, also where it is the same.
        if state.capacity != capacity {
            this.inner.set_capacity(capacity);
        }
        for &ImportedEntry { slot, id, weight, .. } in entries {
            if this.gaps.contains_key(&id) {
                this.fill_gap(slot, id, weight);
            } else {
                this.put_aside(slot, id, weight);
            }
        }
        this.make_room(0);
        this
    }

    fn place(&self, slot: Slot) -> Place {
        self.places.get(at(slot.0)).copied().unwrap_or(Place::Vacant)
    }

    fn set_place(&mut self, slot: Slot, place: Place) {
        if self.places.len() <= at(slot.0) {
            self.places.resize(at(slot.0) + 1, Place::Vacant);
        }
        self.places[at(slot.0)] = place;
    }

    /// Makes an entry of the cache extra, the last of them to go.
    fn put_aside(&mut self, slot: Slot, id: u64, weight: u64) {
        self.turn += 1;
        self.extra_count += 1;
        self.extras.push_back((slot, self.turn));
        self.set_place(slot, Place::Extra { id, weight, turn: self.turn });
        // A cache that has room asks for no victim, and what was used again would stay in the queue for good.
        if self.extras.len() > 2 * self.extra_count + FEWEST_QUEUED {
            let places = &self.places;
            self.extras.retain(|&(slot, turn)| is_turn(places, slot, turn));
        }
    }

    /// The entry is in the cache now. Answers its slot in the inner policy, if there was a gap for it.
    fn fill_gap(&mut self, outer: Slot, id: u64, weight: u64) -> Option<Slot> {
        let slot = self.gaps.remove(&id)?;
        let held = self.held[at(slot.0)].as_mut()?;
        held.outer = Some(outer);
        let before = std::mem::replace(&mut held.weight, weight);
        if before != weight {
            self.weight = self.weight - before + weight;
            self.inner.on_reweigh(slot, weight);
        }
        self.set_place(outer, Place::Inner(slot));
        Some(slot)
    }

    /// Lets the inner policy evict until so much more fits. What it evicts stays in the cache, as extra.
    fn make_room(&mut self, weight: u64) {
        while self.weight.saturating_add(weight) > self.capacity {
            let Some(slot) = self.inner.victim() else { return };
            match self.release(slot) {
                Some(Held { outer: Some(outer), id, weight }) => self.put_aside(outer, id, weight),
                // A gap, or an inner policy that lost track: its owner finds out when it asks for victims.
                Some(Held { outer: None, .. }) => {}
                None => return,
            }
        }
    }

    /// Forgets what the inner policy no longer holds.
    fn release(&mut self, slot: Slot) -> Option<Held> {
        let held = self.held.get_mut(at(slot.0))?.take()?;
        self.weight -= held.weight;
        self.free.push(slot);
        if held.outer.is_none() {
            self.gaps.remove(&held.id);
        }
        Some(held)
    }

    /// Tells the inner policy of an entry that it has been told the miss of.
    fn enter(&mut self, outer: Slot, id: u64, weight: u64) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.held.push(None);
            Slot(u32::try_from(self.held.len() - 1).unwrap_or(u32::MAX))
        });
        self.held[at(slot.0)] = Some(Held { id, weight, outer: Some(outer) });
        self.weight += weight;
        self.set_place(outer, Place::Inner(slot));
        self.inner.on_insert(slot, id, weight);
    }
}

impl Policy for Adopted {
    fn on_hit(&mut self, slot: Slot) {
        match self.place(slot) {
            Place::Vacant => {}
            Place::Inner(inner) => self.inner.on_hit(inner),
            Place::Extra { id, weight, .. } => {
                self.extra_count -= 1;
                self.set_place(slot, Place::Vacant);
                self.inner.on_miss(id, weight);
                self.make_room(weight);
                self.enter(slot, id, weight);
            }
        }
    }

    fn prepare_miss(&self, id: u64) {
        self.inner.prepare_miss(id);
    }

    fn next_victim(&self) -> Option<Slot> {
        match self.extras.front() {
            Some(&(slot, turn)) => Some(slot).filter(|&slot| is_turn(&self.places, slot, turn)),
            None => self.held.get(at(self.inner.next_victim()?.0)).copied().flatten()?.outer,
        }
    }

    fn on_miss(&mut self, id: u64, weight: u64) {
        if !self.gaps.contains_key(&id) {
            self.inner.on_miss(id, weight);
            self.make_room(weight);
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        while let Some((slot, turn)) = self.extras.pop_front() {
            if is_turn(&self.places, slot, turn) {
                self.extra_count -= 1;
                self.set_place(slot, Place::Vacant);
                return Some(slot);
            }
        }
        loop {
            let slot = self.inner.victim()?;
            if let Some(outer) = self.release(slot)?.outer {
                self.set_place(outer, Place::Vacant);
                return Some(outer);
            }
        }
    }

    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        self.on_remove(slot);
        match self.fill_gap(slot, id, weight) {
            Some(inner) => self.inner.on_hit(inner),
            None => self.enter(slot, id, weight),
        }
    }

    fn on_remove(&mut self, slot: Slot) {
        match self.place(slot) {
            Place::Vacant => return,
            Place::Inner(inner) => {
                self.inner.on_remove(inner);
                self.release(inner);
            }
            Place::Extra { .. } => self.extra_count -= 1,
        }
        self.set_place(slot, Place::Vacant);
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        match self.place(slot) {
            Place::Vacant => {}
            Place::Inner(inner) => {
                if let Some(held) = self.held.get_mut(at(inner.0)).and_then(Option::as_mut) {
                    self.weight = self.weight - held.weight + weight;
                    held.weight = weight;
                    self.inner.on_reweigh(inner, weight);
                }
            }
            Place::Extra { id, turn, .. } => self.set_place(slot, Place::Extra { id, weight, turn }),
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.inner.set_capacity(capacity);
        self.make_room(0);
    }

    /// The extra entries, then those of the inner policy.
    fn export(&self) -> Vec<ExportedEntry> {
        let here = |&&(slot, turn): &&(Slot, u64)| is_turn(&self.places, slot, turn);
        let extras = self.extras.iter().filter(here).map(|&(slot, _)| ExportedEntry { slot, frequency: 1 });
        let inner = self.inner.export().into_iter().filter_map(|entry| {
            let held = self.held.get(at(entry.slot.0)).copied().flatten()?;
            held.outer.map(|slot| ExportedEntry { slot, frequency: entry.frequency })
        });
        extras.chain(inner).collect()
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        for entry in entries {
            self.on_miss(entry.id, entry.weight);
            self.on_insert(entry.slot, entry.id, entry.weight);
        }
    }

    fn len(&self) -> usize {
        self.extra_count + self.inner.len().saturating_sub(self.gaps.len())
    }
}

#[cfg(test)]
mod tests;
