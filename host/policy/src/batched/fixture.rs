//! A batched LRU, and an owner of entries that does all that owners do, for the tests of the adapters.

use std::collections::{BTreeMap, VecDeque};

use super::{Answer, Batch, BatchedPolicy, Kind, Opening};
use crate::{ExportedEntry, ImportedEntry, Policy, PolicyFactory, Slot};

/// LRU in batches. Remembers what it evicts until four more are remembered, which changes no victim.
#[derive(Default)]
pub(super) struct Batches {
    capacity: u64,
    used: u64,
    /// Coldest first, with weights.
    order: Vec<(u32, u32)>,
    remembered: VecDeque<u32>,
    /// The number of the turn that fails.
    fails_at: Option<u64>,
    turns: u64,
}

impl Batches {
    fn take(&mut self, slot: u32) -> bool {
        let place = self.order.iter().position(|(other, _)| *other == slot);
        let taken = place.map(|place| self.order.remove(place));
        self.used -= taken.map_or(0, |(_, weight)| u64::from(weight));
        taken.is_some()
    }

    fn put(&mut self, slot: u32, weight: u32) {
        self.order.push((slot, weight));
        self.used += u64::from(weight);
    }

    fn make_room(&mut self, incoming: u64, at: u32, answer: &mut Answer) {
        while self.used + incoming > self.capacity {
            let (slot, _) = self.order[0];
            self.take(slot);
            answer.evict(slot, true, at);
            self.remembered.push_back(slot);
        }
    }

    fn forget(&mut self, answer: &mut Answer) {
        while self.remembered.len() > 4 {
            answer.forgotten.extend(self.remembered.pop_front());
        }
    }
}

impl BatchedPolicy for Batches {
    fn wants_ids(&self) -> bool {
        true
    }

    fn turn(&mut self, batch: Batch<'_>, answer: &mut Answer) -> Result<(), String> {
        self.turns += 1;
        if self.fails_at == Some(self.turns) {
            return Err("a fault".to_owned());
        }
        assert_eq!(batch.ids.len(), batch.events.len());
        let weight = |at| batch.weights.get(at).copied().unwrap_or(1);
        for ((number, at), event) in (0..).zip(0..).zip(batch.events) {
            let weight = weight(at);
            let (slot, kind) = Kind::read(*event).unwrap();
            let resident = self.order.iter().find(|(other, _)| *other == slot).map(|(_, weight)| *weight);
            self.take(slot);
            match (kind, resident) {
                (Kind::Removed, _) => {}
                (Kind::Used, Some(before)) => self.put(slot, before),
                (Kind::Used | Kind::Replaced, _) => {
                    self.remembered.retain(|other| *other != slot);
                    self.make_room(u64::from(weight), number, answer);
                    self.put(slot, weight);
                }
            }
        }
        self.forget(answer);
        Ok(())
    }

    fn resize(&mut self, capacity: u64, answer: &mut Answer) -> Result<(), String> {
        self.capacity = capacity;
        self.make_room(0, 0, answer);
        self.forget(answer);
        Ok(())
    }

    fn hand_over(&mut self) -> Result<Vec<ExportedEntry>, String> {
        let entry = |(slot, _): &(u32, u32)| ExportedEntry { slot: Slot(*slot), frequency: 1 };
        Ok(self.order.iter().map(entry).collect())
    }

    fn take_over(&mut self, entries: &[ImportedEntry]) -> Result<(), String> {
        entries.iter().for_each(|entry| self.put(entry.slot.0, u32::try_from(entry.weight).unwrap()));
        Ok(())
    }
}

pub(super) fn batches(fails_at: Option<u64>) -> PolicyFactory {
    PolicyFactory::batched("batches", move |opening: Opening| {
        Ok(Box::new(Batches { capacity: opening.capacity, fails_at, ..Batches::default() }))
    })
}

/// An owner as a cache is one: slots used again, room made before an entry comes in.
pub(super) struct Owner {
    pub(super) policy: Box<dyn Policy>,
    pub(super) capacity: u64,
    pub(super) used: u64,
    /// Slot and weight of each entry, by id.
    pub(super) slots: BTreeMap<u64, (u32, u64)>,
    free: Vec<u32>,
    pub(super) evicted: Vec<u64>,
}

impl Owner {
    pub(super) fn new(policy: Box<dyn Policy>, capacity: u64) -> Self {
        let (slots, free) = (BTreeMap::new(), (0..256).rev().collect());
        Self { policy, capacity, used: 0, slots, free, evicted: Vec::new() }
    }

    fn take(&mut self, id: u64) {
        if let Some((slot, weight)) = self.slots.remove(&id) {
            self.used -= weight;
            self.free.push(slot);
        }
    }

    /// False where the policy names nothing that is there.
    fn evict(&mut self) -> bool {
        let Some(Slot(victim)) = self.policy.victim() else { return false };
        let Some((&id, _)) = self.slots.iter().find(|(_, (slot, _))| *slot == victim) else { return false };
        self.take(id);
        self.evicted.push(id);
        true
    }

    pub(super) fn access(&mut self, id: u64, weight: u64) -> bool {
        if let Some((slot, _)) = self.slots.get(&id) {
            self.policy.on_hit(Slot(*slot));
            return true;
        }
        self.policy.on_miss(id, weight);
        while self.used + weight > self.capacity {
            if !self.evict() {
                return false;
            }
        }
        let slot = self.free.pop().unwrap();
        self.slots.insert(id, (slot, weight));
        self.used += weight;
        self.policy.on_insert(Slot(slot), id, weight);
        true
    }

    pub(super) fn remove(&mut self, id: u64) {
        if let Some((slot, _)) = self.slots.get(&id) {
            self.policy.on_remove(Slot(*slot));
            self.take(id);
        }
    }

    /// Another value under a key that is there: room first, and then the new weight.
    pub(super) fn replace(&mut self, id: u64, weight: u64) {
        let Some(&(slot, before)) = self.slots.get(&id) else { return };
        self.policy.on_hit(Slot(slot));
        while self.slots.contains_key(&id) && self.used - before + weight > self.capacity {
            if !self.evict() {
                return;
            }
        }
        if self.slots.contains_key(&id) {
            self.policy.on_reweigh(Slot(slot), weight);
            self.used = self.used - before + weight;
            self.slots.insert(id, (slot, weight));
        }
    }

    pub(super) fn resize(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.policy.set_capacity(capacity);
        while self.used > self.capacity && self.evict() {}
    }
}
