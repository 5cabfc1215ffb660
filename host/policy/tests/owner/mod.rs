//! An owner of unit-sized entries that compares a policy with a naive model of it: every hit, every victim. It retains
//! in their slots what a policy that remembers there wants retained.

use host_policy::{InSlot, ReplayPolicy, Slot};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A cache of unit-sized entries.
pub(crate) trait Model {
    /// Whether the request hit, and what was evicted for it.
    fn access(&mut self, id: u64) -> (bool, Vec<u64>);
    /// Takes out an entry that is there.
    fn remove(&mut self, id: u64);
    /// Changes the capacity; what was evicted for it.
    fn resize(&mut self, capacity: usize) -> Vec<u64>;
    /// The entries from the coldest to the hottest.
    fn order(&self) -> Vec<u64>;
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Access(u64),
    Remove(u64),
    Resize(usize),
}

/// Requests that mix a hot set, a wider set and runs, with few removals and new capacities between.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let run = (0u64..60, 1u64..25).prop_map(|(start, len)| (start..start + len).map(Step::Access).collect());
    let piece = prop_oneof![
        40 => (0u64..8).prop_map(|id| vec![Step::Access(id)]),
        30 => (0u64..40).prop_map(|id| vec![Step::Access(id)]),
        10 => run,
        6 => (0u64..40).prop_map(|id| vec![Step::Remove(id)]),
        1 => (0usize..24).prop_map(|capacity| vec![Step::Resize(capacity)]),
    ];
    prop::collection::vec(piece, 0..300).prop_map(|pieces| pieces.concat())
}

struct Owner<P> {
    policy: P,
    capacity: usize,
    slots: BTreeMap<u64, u32>,
    /// What was evicted from a slot and is retained there.
    retained: BTreeMap<u32, u64>,
    /// The slot that each id had last.
    last: BTreeMap<u64, u32>,
}

impl<P: ReplayPolicy> Owner<P> {
    fn evict_to(&mut self, most: usize) -> Vec<u64> {
        let mut evicted = Vec::new();
        while self.slots.len() > most {
            let victim = self.policy.victim().expect("there are entries").0;
            let id = *self.slots.iter().find(|&(_, &slot)| slot == victim).expect("the victim is resident").0;
            self.slots.remove(&id);
            if self.policy.ghost_slots().is_some_and(|ghosts| ghosts.retains()) {
                self.retained.insert(victim, id);
            }
            evicted.push(id);
        }
        evicted
    }

    fn access(&mut self, id: u64) -> (bool, Vec<u64>) {
        if let Some(&slot) = self.slots.get(&id) {
            self.policy.on_hit(Slot(slot));
            return (true, Vec::new());
        }
        if self.capacity == 0 {
            return (false, Vec::new());
        }
        let last = self.last.get(&id).filter(|slot| self.retained.get(slot) == Some(&id));
        if let Some(ghosts) = self.policy.ghost_slots() {
            ghosts.set_lookup(last.map(|&slot| Slot(slot)));
        }
        self.policy.on_miss(id, 1);
        let evicted = self.evict_to(self.capacity - 1);
        let slot = if let Some(Slot(slot)) = self.policy.ghost_slots().and_then(InSlot::reclaim) {
            assert!(self.retained.remove(&slot).is_some(), "{slot} was not retained");
            slot
        } else {
            let taken = |slot: &u32| self.slots.values().any(|held| held == slot);
            let free = |slot: &u32| !taken(slot) && !self.retained.contains_key(slot);
            (0..).find(free).expect("a free slot")
        };
        assert!(self.slots.values().all(|&held| held != slot), "{slot} is occupied");
        self.slots.insert(id, slot);
        self.last.insert(id, slot);
        self.policy.on_insert(Slot(slot), id, 1);
        (false, evicted)
    }
}

/// Takes both through the steps.
pub(crate) fn compare<P: ReplayPolicy>(
    policy: P,
    model: &mut impl Model,
    capacity: usize,
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let mut owner =
        Owner { policy, capacity, slots: BTreeMap::new(), retained: BTreeMap::new(), last: BTreeMap::new() };
    for (at, step) in steps.iter().enumerate() {
        match *step {
            Step::Access(id) => {
                prop_assert_eq!(owner.access(id), model.access(id), "step {}: {:?}", at, step)
            }
            Step::Remove(id) => {
                if let Some(slot) = owner.slots.remove(&id) {
                    owner.policy.on_remove(Slot(slot));
                    model.remove(id);
                }
            }
            Step::Resize(capacity) => {
                owner.capacity = capacity;
                owner.policy.set_capacity(u64::try_from(capacity).expect("small"));
                prop_assert_eq!(owner.evict_to(capacity), model.resize(capacity), "step {}: {:?}", at, step);
            }
        }
        let id_of = |slot: Slot| *owner.slots.iter().find(|&(_, &held)| held == slot.0).expect("resident").0;
        let order: Vec<u64> = owner.policy.export().iter().map(|exported| id_of(exported.slot)).collect();
        prop_assert_eq!(order, model.order(), "step {}: {:?}", at, step);
        prop_assert_eq!(owner.policy.len(), owner.slots.len());
    }
    Ok(())
}
