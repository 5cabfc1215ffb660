use std::collections::VecDeque;

use host_policy::Slot;

use super::*;

/// FIFO, with what it does wrong.
#[derive(Default)]
struct Queue {
    entries: VecDeque<(u32, u64)>,
    used: u64,
    capacity: u64,
    wrong: Option<&'static str>,
}

impl Queue {
    fn room(&mut self, incoming: u64, event: u32, answer: &mut Answer) {
        while self.used + incoming > self.capacity {
            let Some((slot, weight)) = self.entries.pop_front() else { return };
            self.used -= weight;
            answer.evict(slot, false, event);
        }
    }

    fn take(&mut self, slot: u32) -> Option<u64> {
        let place = self.entries.iter().position(|(entry, _)| *entry == slot)?;
        let (_, weight) = self.entries.remove(place)?;
        self.used -= weight;
        Some(weight)
    }
}

impl BatchedPolicy for Queue {
    fn wants_ids(&self) -> bool {
        false
    }

    fn turn(&mut self, batch: Batch<'_>, answer: &mut Answer) -> Result<(), String> {
        // Whoever looks at the length of a batch depends on where batches end.
        if self.wrong == Some("length") && batch.events.len() % 2 == 1 {
            self.entries.make_contiguous().reverse();
        }
        let mut weights = batch.weights.iter();
        for (number, event) in (0..).zip(batch.events) {
            let weight = u64::from(weights.next().copied().unwrap_or(1));
            let (slot, kind) = Kind::read(*event).unwrap();
            let resident = self.entries.iter().any(|(entry, _)| *entry == slot);
            match (kind, resident) {
                (Kind::Used, true) | (Kind::Removed, false) => {}
                (Kind::Removed, true) => drop(self.take(slot)),
                (Kind::Replaced, true) => {
                    self.take(slot);
                    self.entries.push_back((slot, weight));
                    self.used += weight;
                    self.room(0, number, answer);
                }
                (Kind::Used | Kind::Replaced, false) => {
                    self.room(weight, number, answer);
                    self.entries.push_back((slot, weight));
                    self.used += weight;
                }
            }
        }
        Ok(())
    }

    fn resize(&mut self, capacity: u64, answer: &mut Answer) -> Result<(), String> {
        self.capacity = capacity;
        self.room(0, 0, answer);
        Ok(())
    }

    fn hand_over(&mut self) -> Result<Vec<ExportedEntry>, String> {
        let skipped = usize::from(self.wrong == Some("hand-over"));
        let entries = self.entries.iter().skip(skipped);
        Ok(entries.map(|(slot, _)| ExportedEntry { slot: Slot(*slot), frequency: 1 }).collect())
    }

    fn take_over(&mut self, entries: &[ImportedEntry]) -> Result<(), String> {
        self.entries = entries.iter().map(|entry| (entry.slot.0, entry.weight)).collect();
        self.used = entries.iter().map(|entry| entry.weight).sum();
        Ok(())
    }
}

fn owner(capacity: u64, weighed: bool, slots: Slots, wrong: Option<&'static str>) -> Owner<Queue> {
    let policy = Queue { capacity, wrong, ..Queue::default() };
    Owner::new(policy, Opening { capacity, weighed, seed: 1 }, slots)
}

fn served(weighed: bool, slots: Slots, batches: Batches, wrong: Option<&'static str>) -> Outcome {
    let mut owner = owner(if weighed { 10_000 } else { 100 }, weighed, slots, wrong);
    owner.serve(0..3_000, batches).unwrap();
    owner.outcome().clone()
}

#[test]
fn what_leaves_depends_on_the_events_and_not_on_batches_or_slots() {
    for weighed in [false, true] {
        let one = served(weighed, Slots::Fixed, Batches::Of(64), None);
        assert!(one.victims.len() > 500 && one.hits > 100, "{one:?}");
        assert_eq!(one, served(weighed, Slots::Fixed, Batches::UpTo(97), None));
        assert_eq!(one, served(weighed, Slots::Reused, Batches::UpTo(97), None));
    }
}

#[test]
fn a_policy_that_looks_at_the_length_of_a_batch_shows() {
    let of = |batches| served(false, Slots::Fixed, batches, Some("length"));
    assert_ne!(of(Batches::Of(64)), of(Batches::UpTo(97)));
}

#[test]
fn entries_are_handed_over_whole_and_taken_over() {
    for weighed in [false, true] {
        let mut one = owner(1_000, weighed, Slots::Reused, None);
        one.serve(0..2_000, Batches::Of(64)).unwrap();
        one.resize(500).unwrap();
        let entries = one.hand_over().unwrap();
        assert_eq!(entries.len(), one.residents());
        let mut two = owner(500, weighed, Slots::Reused, None);
        two.take_over(&one, &entries).unwrap();
        two.serve(2_000..2_500, Batches::Of(64)).unwrap();
    }
    let mut wrong = owner(100, false, Slots::Fixed, Some("hand-over"));
    wrong.serve(0..2_000, Batches::Of(64)).unwrap();
    let reason = wrong.hand_over().unwrap_err().to_string();
    assert!(reason.ends_with("it handed over 99 entries of 100 that are resident"), "{reason}");
}

#[test]
fn an_answer_that_cannot_be_true_is_told_with_its_events() {
    let mut wrong = owner(100, false, Slots::Fixed, None);
    wrong.policy.capacity = 101;
    let failure = wrong.serve(0..2_000, Batches::Of(64)).unwrap_err();
    let text = failure.to_string();
    assert!(text.starts_with("events ") && text.contains("it made too little room for slot"), "{text}");
}
