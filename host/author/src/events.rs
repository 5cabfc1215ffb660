//! Requests for an eviction policy that no trace recorded, and what their owner makes of them: events in batches, and its own
//! record of who is resident.
//!
//! The requests are always the same: some keys come often and many come once, entries are removed and grow. What the owner
//! knows after each batch is [`Residents`]; an answer that cannot be true ends the replay, as it ends a policy in a cache.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use host_contract::split_mix::mix;
use host_policy::batched::{Answer, Batch, BatchedPolicy, Kind, Nonsense, Opening, Residents};
use host_policy::{ExportedEntry, ImportedEntry};

/// Keys that are asked for.
const KEYS: u64 = 3_000;

/// How requests are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slots {
    /// Each key has one slot for ever, as in the simulator.
    Fixed,
    /// A slot is another key's once the policy knows nothing of the entry, as in a cache.
    Reused,
}

/// How many events a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batches {
    /// Always so many.
    Of(usize),
    /// From one to so many, by chance.
    UpTo(usize),
}

impl Batches {
    fn next(self, number: u64) -> usize {
        match self {
            Self::Of(length) => length.max(1),
            Self::UpTo(most) => {
                let most = u64::try_from(most.max(1)).unwrap_or(u64::MAX);
                usize::try_from(mix(number) % most + 1).unwrap_or(1)
            }
        }
    }
}

/// What became of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Keys that left, with the number of the event that each left for.
    pub victims: Vec<(u64, u64)>,
    /// Events told.
    pub events: u64,
    /// Those of them that found their entry.
    pub hits: u64,
}

/// Why a policy cannot go on, and where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The first event of the batch.
    pub from: u64,
    /// The event after the batch.
    pub to: u64,
    /// Why.
    pub reason: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.to > self.from + 1 {
            write!(f, "events {} to {}: {}", self.from, self.to - 1, self.reason)
        } else {
            write!(f, "event {}: {}", self.from, self.reason)
        }
    }
}

/// The owner of a policy: tells it of requests and keeps its own record.
pub struct Owner<P> {
    policy: P,
    opening: Opening,
    slots: Slots,
    residents: Residents,
    wants_ids: bool,
    slot_of: HashMap<u64, u32>,
    /// The key of each slot.
    key_of: Vec<Option<u64>>,
    free: Vec<u32>,
    weight_of: HashMap<u64, u32>,
    events: Vec<u32>,
    weights: Vec<u32>,
    ids: Vec<u64>,
    answer: Answer,
    outcome: Outcome,
    slowest: Duration,
}

impl<P: BatchedPolicy> Owner<P> {
    /// Without entries, for a policy that was opened like this.
    pub fn new(policy: P, opening: Opening, slots: Slots) -> Self {
        Self {
            wants_ids: policy.wants_ids(),
            policy,
            opening,
            slots,
            residents: Residents::new(opening.capacity),
            slot_of: HashMap::new(),
            key_of: Vec::new(),
            free: Vec::new(),
            weight_of: HashMap::new(),
            events: Vec::new(),
            weights: Vec::new(),
            ids: Vec::new(),
            answer: Answer::default(),
            outcome: Outcome::default(),
            slowest: Duration::ZERO,
        }
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// What became of all requests so far.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The slowest call so far.
    pub fn slowest(&self) -> Duration {
        self.slowest
    }

    /// Number of residents, by the owner's own record.
    pub fn residents(&self) -> usize {
        self.residents.len()
    }

    /// Serves the requests with these numbers, in batches.
    ///
    /// # Errors
    /// The policy failed, or answered what cannot be true.
    pub fn serve(&mut self, requests: std::ops::Range<u64>, batches: Batches) -> Result<(), Failure> {
        let mut length = batches.next(requests.start);
        for request in requests {
            let chance = mix(request);
            let key = (chance >> 40) % ((chance >> 16) % KEYS + 1);
            let weight = self.weight(key, chance);
            // Rarely, because each ends a batch.
            match chance % 256 {
                // Its owner removes, or stores again, only what is there.
                0..4 => self.when_resident(key, Kind::Removed, weight)?,
                4..8 if self.opening.weighed => self.when_resident(key, Kind::Replaced, weight)?,
                _ => self.add(key, Kind::Used, weight),
            }
            if self.events.len() >= length {
                self.turn()?;
                length = batches.next(request);
            }
        }
        self.turn()
    }

    /// The capacity is another one.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn resize(&mut self, capacity: u64) -> Result<(), Failure> {
        self.turn()?;
        self.opening.capacity = capacity;
        self.answer.clear();
        let began = Instant::now();
        let told = self.policy.resize(capacity, &mut self.answer);
        self.took(began);
        let followed = told.and_then(|()| told_or(self.residents.resize(capacity, &self.answer)));
        self.settle(followed, 0)
    }

    /// The residents as the policy tells them, held against the owner's record: each has to be named once.
    ///
    /// # Errors
    /// The policy failed, or they do not fit.
    pub fn hand_over(&mut self) -> Result<Vec<ImportedEntry>, Failure> {
        self.turn()?;
        let began = Instant::now();
        let told = self.policy.hand_over();
        self.took(began);
        let entries = told.map_err(|reason| self.failure(0, reason))?;
        let mut handed = Vec::with_capacity(entries.len());
        let mut seen = std::collections::HashSet::new();
        for ExportedEntry { slot, frequency } in entries {
            let resident = self.residents.is_resident(slot.0);
            if !resident || !seen.insert(slot) {
                let what = if resident { "which it named before" } else { "which is not resident" };
                return Err(self.failure(0, format!("it handed over slot {}, {what}", slot.0)));
            }
            let key = self.key(slot.0);
            let weight = u64::from(self.weight_of.get(&key).copied().unwrap_or(1));
            handed.push(ImportedEntry { slot, id: mix(key), weight, frequency: frequency.max(1) });
        }
        if handed.len() != self.residents.len() {
            let (told, all) = (handed.len(), self.residents.len());
            return Err(self.failure(0, format!("it handed over {told} entries of {all} that are resident")));
        }
        Ok(handed)
    }

    /// Takes over what another owner has, with its entries as that one's policy handed them over.
    ///
    /// # Errors
    /// The policy failed, or they do not fit.
    pub fn take_over<Q>(&mut self, other: &Owner<Q>, entries: &[ImportedEntry]) -> Result<(), Failure> {
        (self.slot_of, self.key_of) = (other.slot_of.clone(), other.key_of.clone());
        self.weight_of = other.weight_of.clone();
        for entry in entries {
            let weight = u32::try_from(entry.weight).unwrap_or(u32::MAX);
            let followed = told_or(self.residents.take_over(entry.slot.0, weight));
            followed.map_err(|reason| self.failure(0, reason))?;
        }
        let began = Instant::now();
        let told = self.policy.take_over(entries);
        self.took(began);
        told.map_err(|reason| self.failure(0, reason))
    }

    /// The weight of a key's entry: some change when they are stored again.
    fn weight(&self, key: u64, chance: u64) -> u32 {
        if !self.opening.weighed {
            return 1;
        }
        let most = self.opening.capacity.clamp(1, 200);
        let of = if (4..8).contains(&(chance % 256)) { chance } else { key };
        u32::try_from(mix(of) % most + 1).unwrap_or(1)
    }

    /// An event for an entry that has to be resident then. What is told before has to be answered first.
    fn when_resident(&mut self, key: u64, kind: Kind, weight: u32) -> Result<(), Failure> {
        self.turn()?;
        let slot = self.slot_of.get(&key).copied();
        if slot.is_some_and(|slot| self.residents.is_resident(slot)) {
            self.add(key, kind, weight);
            self.turn()?;
        }
        Ok(())
    }

    fn add(&mut self, key: u64, kind: Kind, weight: u32) {
        let slot = self.slot(key);
        self.events.push(kind.of(slot));
        if self.opening.weighed {
            self.weights.push(weight);
        }
        if self.wants_ids {
            self.ids.push(mix(key));
        }
        if kind == Kind::Replaced {
            self.weight_of.insert(key, weight);
        }
    }

    fn slot(&mut self, key: u64) -> u32 {
        if self.slots == Slots::Fixed {
            let slot = u32::try_from(key).unwrap_or(0);
            let at = usize::try_from(key).unwrap_or(0);
            if self.key_of.len() <= at {
                self.key_of.resize(at + 1, None);
            }
            if let Some(place) = self.key_of.get_mut(at) {
                *place = Some(key);
            }
            self.slot_of.insert(key, slot);
            return slot;
        }
        if let Some(slot) = self.slot_of.get(&key) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.key_of.push(None);
            u32::try_from(self.key_of.len() - 1).unwrap_or(0)
        });
        if let Some(place) = self.key_of.get_mut(at(slot)) {
            *place = Some(key);
        }
        self.slot_of.insert(key, slot);
        slot
    }

    fn key(&self, slot: u32) -> u64 {
        self.key_of.get(at(slot)).copied().flatten().unwrap_or(u64::MAX)
    }

    /// Tells the policy of what was added.
    fn turn(&mut self) -> Result<(), Failure> {
        if self.events.is_empty() {
            return Ok(());
        }
        self.answer.clear();
        let batch = Batch { events: &self.events, weights: &self.weights, ids: &self.ids };
        let began = Instant::now();
        let told = self.policy.turn(batch, &mut self.answer);
        self.slowest = self.slowest.max(began.elapsed());
        let (mut hits, mut inserted) = (0, Vec::new());
        let followed = told.and_then(|()| {
            told_or(self.residents.follow(batch, &self.answer, |number, hit| {
                hits += u64::from(hit);
                if !hit {
                    inserted.push(number);
                }
            }))
        });
        self.outcome.hits += hits;
        for number in inserted {
            let slot = self.events.get(number).map_or(0, |event| event >> 2);
            let weight = self.weights.get(number).copied().unwrap_or(1);
            self.weight_of.insert(self.key(slot), weight);
        }
        let events = u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        self.settle(followed, events)
    }

    /// Notes who left, and takes back the slots of whom the policy knows no more.
    fn settle(&mut self, followed: Result<(), String>, events: u64) -> Result<(), Failure> {
        let first = self.outcome.events;
        if let Err(reason) = followed {
            return Err(self.failure(events, reason));
        }
        for (victim, at) in self.answer.victims.iter().zip(&self.answer.at) {
            self.outcome.victims.push((first + u64::from(*at), self.key(victim >> 1)));
        }
        if self.slots == Slots::Reused {
            self.reclaim();
        }
        self.outcome.events += events;
        self.events.clear();
        self.weights.clear();
        self.ids.clear();
        Ok(())
    }

    fn reclaim(&mut self) {
        let left = self.answer.victims.iter().map(|victim| victim >> 1);
        let removed = self.events.iter().filter_map(|event| match Kind::read(*event) {
            Some((slot, Kind::Removed)) => Some(slot),
            _ => None,
        });
        let slots: Vec<u32> = left.chain(self.answer.forgotten.iter().copied()).chain(removed).collect();
        for slot in slots {
            if self.residents.is_free(slot)
                && let Some(key) = self.key_of.get_mut(at(slot)).and_then(Option::take)
            {
                self.slot_of.remove(&key);
                self.weight_of.remove(&key);
                self.free.push(slot);
            }
        }
    }

    fn took(&mut self, began: Instant) {
        self.slowest = self.slowest.max(began.elapsed());
    }

    fn failure(&self, events: u64, reason: String) -> Failure {
        let from = self.outcome.events;
        Failure { from, to: from + events, reason }
    }
}

impl<P> std::fmt::Debug for Owner<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Owner")
            .field("opening", &self.opening)
            .field("slots", &self.slots)
            .field("events", &self.outcome.events)
            .finish_non_exhaustive()
    }
}

fn told_or(followed: Result<(), Nonsense>) -> Result<(), String> {
    followed.map_err(|nonsense| nonsense.to_string())
}

/// A slot as a place in a list.
#[expect(clippy::as_conversions, reason = "usize has at least 32 bits on every supported target")]
const fn at(slot: u32) -> usize {
    slot as usize
}

#[cfg(test)]
mod tests;
