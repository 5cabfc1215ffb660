//! A policy that is told of batches, as one that is a component is: FIFO. Other threads run in the middle of its calls.

use host_cache::PolicyFactory;
use host_cache::policy::batched::{Answer, Batch, BatchedPolicy, Kind, Opening};
use host_cache::policy::{ExportedEntry, ImportedEntry, Slot};
use shuttle::thread;
use std::collections::VecDeque;

#[derive(Default)]
struct Fifo {
    capacity: u64,
    used: u64,
    queue: VecDeque<(u32, u64)>,
}

impl Fifo {
    fn take(&mut self, slot: u32) -> bool {
        let Some(at) = self.queue.iter().position(|(other, _)| *other == slot) else { return false };
        self.used -= self.queue.remove(at).map_or(0, |(_, weight)| weight);
        true
    }

    fn make_room(&mut self, incoming: u64, at: u32, answer: &mut Answer) {
        while self.used + incoming > self.capacity {
            let Some((slot, weight)) = self.queue.pop_front() else { return };
            self.used -= weight;
            answer.evict(slot, false, at);
        }
    }
}

impl BatchedPolicy for Fifo {
    fn wants_ids(&self) -> bool {
        false
    }

    fn turn(&mut self, batch: Batch<'_>, answer: &mut Answer) -> Result<(), String> {
        thread::yield_now();
        for (number, event) in batch.events.iter().enumerate() {
            let (slot, kind) = Kind::read(*event).unwrap();
            let weight = u64::from(batch.weights.get(number).copied().unwrap_or(1));
            let known = self.queue.iter().any(|(other, _)| *other == slot);
            match (kind, known) {
                (Kind::Removed, _) => drop(self.take(slot)),
                (Kind::Used, true) => {}
                (Kind::Used | Kind::Replaced, _) => {
                    self.take(slot);
                    self.make_room(weight, u32::try_from(number).unwrap(), answer);
                    self.queue.push_back((slot, weight));
                    self.used += weight;
                }
            }
        }
        thread::yield_now();
        Ok(())
    }

    fn resize(&mut self, capacity: u64, answer: &mut Answer) -> Result<(), String> {
        self.capacity = capacity;
        self.make_room(0, 0, answer);
        Ok(())
    }

    fn hand_over(&mut self) -> Result<Vec<ExportedEntry>, String> {
        thread::yield_now();
        let entry = |(slot, _): &(u32, u64)| ExportedEntry { slot: Slot(*slot), frequency: 1 };
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

pub(crate) fn fifo() -> PolicyFactory {
    let open = |opening: Opening| -> Result<Box<dyn BatchedPolicy>, String> {
        Ok(Box::new(Fifo { capacity: opening.capacity, ..Fifo::default() }))
    };
    PolicyFactory::batched("batched-fifo", open)
}
