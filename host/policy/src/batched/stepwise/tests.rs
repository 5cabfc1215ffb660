//! A batched LRU behind the adapter, beside the native one, under an owner that does all that owners do.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::batched::Opening;
use crate::{Lru, PolicyFactory};

/// LRU in batches. Remembers what it evicts until four more are remembered, which changes no victim.
#[derive(Default)]
struct Batches {
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
        assert_eq!((batch.weights.len(), batch.ids.len()), (batch.events.len(), batch.events.len()));
        for ((number, event), &weight) in (0..).zip(batch.events).zip(batch.weights) {
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

fn batches(fails_at: Option<u64>) -> PolicyFactory {
    PolicyFactory::batched("batches", move |opening: Opening| {
        Ok(Box::new(Batches { capacity: opening.capacity, fails_at, ..Batches::default() }))
    })
}

/// An owner as a cache is one: slots used again, room made before an entry comes in.
struct Owner {
    policy: Box<dyn Policy>,
    capacity: u64,
    used: u64,
    slots: BTreeMap<u64, (u32, u64)>,
    free: Vec<u32>,
    evicted: Vec<u64>,
}

impl Owner {
    fn new(policy: Box<dyn Policy>, capacity: u64) -> Self {
        let (slots, free) = (BTreeMap::new(), (0..64).rev().collect());
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

    fn access(&mut self, id: u64, weight: u64) -> bool {
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

    fn remove(&mut self, id: u64) {
        if let Some((slot, _)) = self.slots.get(&id) {
            self.policy.on_remove(Slot(*slot));
            self.take(id);
        }
    }

    /// Another value under a key that is there: room first, and then the new weight.
    fn replace(&mut self, id: u64, weight: u64) {
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

    fn resize(&mut self, capacity: u64) {
        self.capacity = capacity;
        self.policy.set_capacity(capacity);
        while self.used > self.capacity && self.evict() {}
    }
}

proptest! {
    #[test]
    fn the_victims_are_those_of_the_native_policy(
        steps in prop::collection::vec((0u8..10, 0u64..40, 1u64..4), 0..400),
    ) {
        let mut ours = Owner::new(batches(None).build(20), 20);
        let mut native = Owner::new(Box::new(Lru::new()), 20);
        for (step, id, weight) in steps {
            for owner in [&mut ours, &mut native] {
                match step {
                    0 => owner.remove(id),
                    1 => owner.replace(id, weight),
                    2 => owner.resize(10 + id / 2),
                    _ => prop_assert!(owner.access(id, weight)),
                }
            }
            prop_assert_eq!(&ours.evicted, &native.evicted);
            prop_assert_eq!(&ours.slots, &native.slots);
        }
        prop_assert_eq!(ours.policy.len(), native.policy.len());
    }
}

#[test]
fn another_policy_takes_over_from_it_and_it_from_another() {
    let mut one = Owner::new(batches(None).build(10), 10);
    for id in [1, 2, 3, 1] {
        one.access(id, 2);
    }
    // What is kept back is told before the next miss, and not before an export.
    one.access(4, 2);
    let slots: Vec<u32> = one.policy.export().iter().map(|entry| entry.slot.0).collect();
    let of = |id| one.slots[&id].0;
    assert_eq!(slots, [of(2), of(3), of(1), of(4)]);
    let entry = |id: u64| ImportedEntry { slot: Slot(of(id)), id, weight: 2, frequency: 1 };
    let entries: Vec<ImportedEntry> = [2, 3, 1, 4].map(entry).into();
    let mut other = batches(None).rebuild(10, &entries);
    other.on_hit(Slot(of(2)));
    assert_eq!([other.victim(), other.victim()], [Some(Slot(of(3))), Some(Slot(of(1)))]);
}

#[test]
fn one_that_fails_names_no_victim_from_then_on() {
    let mut owner = Owner::new(batches(Some(30)).build(10), 10);
    let served = (0..100).take_while(|id| owner.access(*id, 1)).count();
    assert_eq!(served, 29);
    assert_eq!(owner.policy.victim(), None);
    let mut closed = PolicyFactory::batched("closed", |_| Err("not today".to_owned())).build(10);
    closed.on_miss(1, 1);
    closed.on_insert(Slot(0), 1, 1);
    assert_eq!(closed.victim(), None);
}
