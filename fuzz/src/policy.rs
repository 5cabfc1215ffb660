//! A policy that is told of batches and answers what the bytes say: mostly as FIFO would, and now and then anything at all.
//!
//! Whoever asks it must not panic, must name no entry that its owner has not, and must keep every entry that it has not evicted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use host_policy::batched::{Answer, Batch, BatchedPolicy, Kind, Opening};
use host_policy::{ExportedEntry, ImportedEntry, Policy, PolicyFactory, Preparation, Slot};

/// The bytes, of which each decision takes one; zeros once they are used up.
#[derive(Clone)]
struct Script(Arc<Mutex<VecDeque<u8>>>);

impl Script {
    fn next(&self) -> u8 {
        self.0.lock().ok().and_then(|mut bytes| bytes.pop_front()).unwrap_or(0)
    }

    fn is_over(&self) -> bool {
        self.0.lock().map_or(true, |bytes| bytes.is_empty())
    }

    /// Small numbers as a rule.
    fn number(&self) -> u32 {
        match self.next() {
            255 => u32::from_le_bytes([self.next(), self.next(), self.next(), self.next()]),
            small => u32::from(small) % 40,
        }
    }
}

struct Fifo {
    script: Script,
    capacity: u64,
    used: u64,
    queue: VecDeque<(u32, u64)>,
}

impl Fifo {
    fn make_room(&mut self, incoming: u64, at: u32, answer: &mut Answer) {
        while self.used + incoming > self.capacity {
            let Some((slot, weight)) = self.queue.pop_front() else { return };
            self.used -= weight;
            match self.script.next() {
                250 => answer.evict(self.script.number(), true, at),
                251 => answer.evict(slot, false, self.script.number()),
                252 => answer.forgotten.push(self.script.number()),
                253 => answer.victims.push(self.script.number()),
                254 => {}
                other => answer.evict(slot, other % 2 == 1, at),
            }
            // What is remembered is forgotten some time.
            if self.script.next() % 4 == 3 {
                answer.forgotten.push(slot);
            }
        }
    }
}

impl BatchedPolicy for Fifo {
    fn wants_ids(&self) -> bool {
        false
    }

    fn turn(&mut self, batch: Batch<'_>, answer: &mut Answer) -> Result<(), String> {
        for (number, event) in (0..).zip(batch.events) {
            let Some((slot, kind)) = Kind::read(*event) else { return Err("no such kind".to_owned()) };
            let at = usize::try_from(number).unwrap_or(0);
            let weight = u64::from(batch.weights.get(at).copied().unwrap_or(1));
            let place = self.queue.iter().position(|(other, _)| *other == slot);
            match (kind, place) {
                (Kind::Used, Some(_)) | (Kind::Removed, None) => {}
                (Kind::Removed, Some(place)) => {
                    self.used -= self.queue.remove(place).map_or(0, |(_, weight)| weight);
                }
                (Kind::Used | Kind::Replaced, place) => {
                    if let Some(place) = place {
                        self.used -= self.queue.remove(place).map_or(0, |(_, weight)| weight);
                    }
                    self.make_room(weight, number, answer);
                    self.queue.push_back((slot, weight));
                    self.used += weight;
                }
            }
        }
        match self.script.next() {
            255 => Err("it says so".to_owned()),
            _ => Ok(()),
        }
    }

    fn resize(&mut self, capacity: u64, answer: &mut Answer) -> Result<(), String> {
        self.capacity = capacity;
        self.make_room(0, 0, answer);
        Ok(())
    }

    fn hand_over(&mut self) -> Result<Vec<ExportedEntry>, String> {
        let skew = u32::from(self.script.next() == 255);
        let entry = |(slot, _): &(u32, u64)| ExportedEntry { slot: Slot(slot + skew), frequency: 1 };
        Ok(self.queue.iter().map(entry).collect())
    }

    fn take_over(&mut self, entries: &[ImportedEntry]) -> Result<(), String> {
        for entry in entries {
            self.queue.push_back((entry.slot.0, entry.weight));
            self.used += entry.weight;
        }
        Ok(())
    }
}

/// What a cache does: entries by id, with slot and weight.
struct Owner {
    policy: Box<dyn Policy>,
    capacity: u64,
    used: u64,
    entries: BTreeMap<u64, (u32, u64)>,
    free: Vec<u32>,
}

impl Owner {
    fn take(&mut self, id: u64) {
        if let Some((slot, weight)) = self.entries.remove(&id) {
            self.used -= weight;
            self.free.push(slot);
        }
    }

    /// False where the policy has failed.
    fn evict(&mut self) -> bool {
        let Some(Slot(victim)) = self.policy.victim() else { return false };
        let id = self.entries.iter().find(|(_, (slot, _))| *slot == victim).map(|(id, _)| *id);
        let Some(id) = id else { panic!("slot {victim} is no entry's") };
        self.take(id);
        true
    }

    /// False where the policy has failed.
    fn use_entry(&mut self, id: u64, weight: u64) -> bool {
        if let Some((slot, _)) = self.entries.get(&id) {
            self.policy.on_hit(Slot(*slot));
            return true;
        }
        self.policy.on_miss(id, weight);
        while self.used + weight > self.capacity {
            if !self.evict() {
                return false;
            }
        }
        let Some(slot) = self.free.pop() else { return true };
        self.entries.insert(id, (slot, weight));
        self.used += weight;
        self.policy.on_insert(Slot(slot), id, weight);
        true
    }

    fn settle(&mut self) {
        if let Some(mut work) = self.policy.take_deferred() {
            work.run();
            drop(self.policy.put_back(work));
        }
    }

    /// All entries are handed over, each once.
    fn check(&mut self) {
        while let Preparation::Work(mut work) = self.policy.prepare_export() {
            work.run();
            drop(self.policy.put_back(work));
        }
        let mut exported: Vec<u32> = self.policy.export().iter().map(|entry| entry.slot.0).collect();
        exported.sort_unstable();
        let mut held: Vec<u32> = self.entries.values().map(|(slot, _)| *slot).collect();
        held.sort_unstable();
        exported.dedup();
        if self.policy.fault().is_none() {
            assert!(exported.iter().all(|slot| held.binary_search(slot).is_ok()), "{exported:?} of {held:?}");
        }
    }
}

/// Lets an owner use the policy until the bytes are used up or it has failed, live and step by step.
pub fn answers(bytes: &[u8]) {
    for live in [true, false] {
        let script = Script(Arc::new(Mutex::new(bytes.iter().copied().collect())));
        let of_policy = script.clone();
        let factory = PolicyFactory::batched("fuzzed", move |Opening { capacity, .. }| {
            let script = of_policy.clone();
            Ok(Box::new(Fifo { script, capacity, used: 0, queue: VecDeque::new() }))
        });
        let capacity = u64::from(script.next() % 30) + 1;
        let policy = if live { factory.build_live(capacity, true) } else { factory.build(capacity) };
        let free = (0..64).rev().collect();
        let mut owner = Owner { policy, capacity, used: 0, entries: BTreeMap::new(), free };
        while !script.is_over() {
            let (step, id) = (script.next(), u64::from(script.next() % 48));
            let weight = u64::from(script.next() % 3 + 1).min(owner.capacity);
            match step % 16 {
                0 => {
                    if let Some((slot, _)) = owner.entries.get(&id) {
                        owner.policy.on_remove(Slot(*slot));
                        owner.take(id);
                    }
                }
                1 => {
                    owner.capacity = id % 30 + 1;
                    owner.policy.set_capacity(owner.capacity);
                    while owner.used > owner.capacity && owner.evict() {}
                }
                2 => owner.check(),
                3 | 4 => owner.settle(),
                _ => {
                    if !owner.use_entry(id, weight) {
                        break;
                    }
                }
            }
        }
        owner.check();
    }
}
