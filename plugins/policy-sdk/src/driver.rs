//! Goes through batches for a policy that names victims one at a time.

use host_policy::{ImportedEntry, InSlot, ReplayPolicy, Slot};

use crate::{Answer, Drive, Opening, Residents};

/// What the policy knows of the entry in a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unknown,
    Resident,
    Remembered,
}

/// A policy, with the room that is left.
#[derive(Debug)]
pub struct Driver<P> {
    policy: P,
    states: Vec<State>,
    /// Of residents; empty where entries are not weighed.
    weights: Vec<u32>,
    weighed: bool,
    used: u64,
    capacity: u64,
}

impl<P: ReplayPolicy> Driver<P> {
    /// A policy without entries.
    pub fn new(policy: P, opening: Opening) -> Self {
        let Opening { capacity, weighed, .. } = opening;
        Self { policy, states: Vec::new(), weights: Vec::new(), weighed, used: 0, capacity }
    }

    #[inline]
    fn state(&self, slot: u32) -> State {
        self.states.get(at(slot)).copied().unwrap_or_default()
    }

    #[inline]
    fn weight(&self, slot: u32) -> u32 {
        self.weights.get(at(slot)).copied().unwrap_or(1)
    }

    #[inline]
    fn set(&mut self, slot: u32, state: State, weight: u32) {
        if at(slot) >= self.states.len() {
            self.states.resize(at(slot) + 1, State::Unknown);
            if self.weighed {
                self.weights.resize(at(slot) + 1, 1);
            }
        }
        if let Some(place) = self.states.get_mut(at(slot)) {
            *place = state;
        }
        if let Some(place) = self.weights.get_mut(at(slot)) {
            *place = weight;
        }
    }

    /// An entry comes in.
    fn insert(&mut self, slot: u32, weight: u32, id: u64, event: u32, answer: &mut Answer) {
        let remembered = self.state(slot) == State::Remembered;
        if let Some(ghosts) = self.policy.ghost_slots() {
            ghosts.set_lookup(remembered.then_some(Slot(slot)));
        }
        self.policy.on_miss(id, u64::from(weight));
        self.make_room(u64::from(weight), event, answer);
        self.set(slot, State::Resident, weight);
        self.used += u64::from(weight);
        self.policy.on_insert(Slot(slot), id, u64::from(weight));
        self.forget(answer);
    }

    /// Takes out entries until so much fits.
    #[inline]
    fn make_room(&mut self, incoming: u64, event: u32, answer: &mut Answer) {
        while self.used + incoming > self.capacity {
            let Some(Slot(victim)) = self.policy.victim() else { return };
            let remembered = self.policy.ghost_slots().is_some_and(|ghosts| ghosts.retains());
            self.used -= u64::from(self.weight(victim));
            if let Some(place) = self.states.get_mut(at(victim)) {
                *place = if remembered { State::Remembered } else { State::Unknown };
            }
            answer.victims.push(victim << 1 | u32::from(remembered));
            answer.at.push(event);
        }
    }

    /// Notes the entries that are not remembered any more.
    #[inline]
    fn forget(&mut self, answer: &mut Answer) {
        while let Some(Slot(slot)) = self.policy.ghost_slots().and_then(InSlot::reclaim) {
            if let Some(state) = self.states.get_mut(at(slot)).filter(|state| **state == State::Remembered) {
                *state = State::Unknown;
                answer.forgotten.push(slot);
            }
        }
    }
}

/// Without slots whose entries came back later in the batch, and are resident or remembered.
fn known_no_more(states: &[State], forgotten: &mut Vec<u32>) {
    forgotten.retain(|slot| states.get(at(*slot)) == Some(&State::Unknown));
}

fn nothing() -> Answer {
    Answer { victims: Vec::new(), at: Vec::new(), forgotten: Vec::new() }
}

impl<P: ReplayPolicy> Drive for Driver<P> {
    fn turn(&mut self, events: &[u32], weights: &[u32], ids: &[u64]) -> Answer {
        let mut answer = nothing();
        let (mut weights, mut ids) = (weights.iter(), ids.iter());
        for (number, &event) in (0..).zip(events) {
            let weight = weights.next().copied().unwrap_or(1);
            let id = ids.next().copied().unwrap_or(0);
            let slot = event >> 2;
            let resident = self.state(slot) == State::Resident;
            match (event & 3, resident) {
                (1, true) => {
                    self.used -= u64::from(self.weight(slot));
                    self.policy.on_remove(Slot(slot));
                    self.set(slot, State::Unknown, 1);
                }
                // What is remembered of it stays until it is old.
                (1, false) => {}
                (2, true) => {
                    self.policy.on_hit(Slot(slot));
                    self.used -= u64::from(self.weight(slot));
                    self.used += u64::from(weight);
                    self.set(slot, State::Resident, weight);
                    self.policy.on_reweigh(Slot(slot), u64::from(weight));
                    self.make_room(0, number, &mut answer);
                    self.forget(&mut answer);
                }
                (_, true) => self.policy.on_hit(Slot(slot)),
                (_, false) => self.insert(slot, weight, id, number, &mut answer),
            }
        }
        known_no_more(&self.states, &mut answer.forgotten);
        answer
    }

    fn resize(&mut self, capacity: u64) -> Answer {
        let mut answer = nothing();
        self.capacity = capacity;
        self.policy.set_capacity(capacity);
        self.make_room(0, 0, &mut answer);
        self.forget(&mut answer);
        answer
    }

    fn hand_over(&mut self) -> Residents {
        let entries = self.policy.export();
        Residents {
            slots: entries.iter().map(|entry| entry.slot.0).collect(),
            uses: entries.iter().map(|entry| entry.frequency).collect(),
        }
    }

    fn take_over(&mut self, slots: &[u32], uses: &[u32], weights: &[u32], ids: &[u64]) {
        let mut entries = Vec::with_capacity(slots.len());
        let (mut uses, mut weights, mut ids) = (uses.iter(), weights.iter(), ids.iter());
        for &slot in slots {
            let weight = weights.next().copied().unwrap_or(1);
            self.set(slot, State::Resident, weight);
            self.used += u64::from(weight);
            entries.push(ImportedEntry {
                slot: Slot(slot),
                id: ids.next().copied().unwrap_or(0),
                weight: u64::from(weight),
                frequency: uses.next().copied().unwrap_or(1).max(1),
            });
        }
        self.policy.import(&entries);
    }
}

/// A slot as a place in a list.
#[expect(clippy::as_conversions, reason = "usize has at least 32 bits on every supported target")]
const fn at(slot: u32) -> usize {
    slot as usize
}

#[cfg(test)]
mod tests;
