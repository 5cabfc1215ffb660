//! A batched policy behind the interface of all policies: its owner asks for victims one by one.
//!
//! Hits are kept back until the next call that needs an answer; everything else is a batch of its own. So it names the victims
//! that the policy would name in any batches: they depend on the events alone. The policy's slots are not its owner's: an
//! incoming entry has to have one before its owner knows where it goes, and a remembered one keeps it. A victim that the policy
//! named early waits until its owner asks for one. One that is asked for early, as for a value that grew, is had from a capacity
//! that shrinks for a moment.
//!
//! A policy that fails, or answers [nonsense](super::Nonsense), names no victim from then on; its owner takes another one then.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};

use super::{Answer, Batch, BatchedPolicy, Kind, MOST_SLOTS, Residents};
use crate::list::{NIL, at};
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};

/// Hits that are kept back at most.
const MOST_HITS: usize = 1024;

/// What the owner knows of one of the policy's slots.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Where the owner has the entry; [`NIL`] where it has none.
    owner: u32,
    id: u64,
    weight: u64,
    /// It is among the free ones.
    free: bool,
}

/// The adapter; see the [module](self).
pub(crate) struct Stepwise {
    /// In a cell, because an export is asked of one that may not change.
    policy: RefCell<Box<dyn BatchedPolicy>>,
    wants_ids: bool,
    capacity: u64,
    residents: Residents,
    /// By the policy's slot.
    known: Vec<Known>,
    free: Vec<u32>,
    /// The policy's slot of each slot of the owner; [`NIL`] where it has none.
    own: Vec<u32>,
    /// The policy's slot of each entry that it remembers, by id.
    remembered: HashMap<u64, u32>,
    /// Victims that the owner has not asked for yet, as its own slots.
    victims: VecDeque<Slot>,
    /// The policy's slot of the entry announced last.
    incoming: Option<u32>,
    hits: Vec<u32>,
    hit_weights: Vec<u32>,
    hit_ids: Vec<u64>,
    weighed: bool,
    answer: Answer,
    fault: Option<String>,
}

impl Stepwise {
    pub(crate) fn new(opened: Result<Box<dyn BatchedPolicy>, String>, capacity: u64, weighed: bool) -> Self {
        let (policy, fault): (Box<dyn BatchedPolicy>, _) = match opened {
            Ok(policy) => (policy, None),
            Err(reason) => (Box::new(Failed), Some(reason)),
        };
        Self {
            wants_ids: policy.wants_ids(),
            policy: RefCell::new(policy),
            capacity,
            residents: Residents::new(capacity),
            known: Vec::new(),
            free: Vec::new(),
            own: Vec::new(),
            remembered: HashMap::new(),
            victims: VecDeque::new(),
            incoming: None,
            hits: Vec::new(),
            hit_weights: Vec::new(),
            hit_ids: Vec::new(),
            weighed,
            answer: Answer::default(),
            fault,
        }
    }

    /// Keeps an event back.
    fn keep(&mut self, kind: Kind, own: u32) {
        let Some(known) = self.known.get(at(own)).copied() else { return };
        self.hits.push(kind.of(own));
        if self.weighed {
            self.hit_weights.push(u32::try_from(known.weight).unwrap_or(u32::MAX));
        }
        if self.wants_ids {
            self.hit_ids.push(known.id);
        }
    }

    /// Tells the policy of all that was kept back, and takes in what it answers.
    fn flush(&mut self) {
        if self.hits.is_empty() || self.fault.is_some() {
            self.clear();
            return;
        }
        self.answer.clear();
        let batch = Batch { events: &self.hits, weights: &self.hit_weights, ids: &self.hit_ids };
        let told = self.policy.get_mut().turn(batch, &mut self.answer).and_then(|()| {
            self.residents.follow(batch, &self.answer, |_, _| ()).map_err(|nonsense| nonsense.to_string())
        });
        self.clear();
        self.take_in(told);
    }

    fn clear(&mut self) {
        self.hits.clear();
        self.hit_weights.clear();
        self.hit_ids.clear();
    }

    /// What follows from an answer for the owner.
    fn take_in(&mut self, told: Result<(), String>) {
        if let Err(reason) = told {
            self.fault = Some(reason);
            return;
        }
        let Answer { victims, forgotten, .. } = std::mem::take(&mut self.answer);
        for &victim in &victims {
            let own = victim >> 1;
            let Some(known) = self.known.get_mut(at(own)) else { continue };
            let owner = std::mem::replace(&mut known.owner, NIL);
            let id = known.id;
            if let Some(place) = self.own.get_mut(at(owner)) {
                *place = NIL;
                self.victims.push_back(Slot(owner));
            }
            if victim & 1 == 1 {
                self.remembered.insert(id, own);
            }
            self.release(own);
        }
        forgotten.iter().for_each(|own| self.release(*own));
        self.answer = Answer { victims, at: std::mem::take(&mut self.answer.at), forgotten };
    }

    /// Frees a slot, where the policy knows nothing of it any more.
    fn release(&mut self, own: u32) {
        if let Some(known) = self.known.get_mut(at(own)).filter(|known| !known.free)
            && self.residents.is_free(own)
        {
            known.free = true;
            if self.remembered.get(&known.id) == Some(&own) {
                self.remembered.remove(&known.id);
            }
            self.free.push(own);
        }
    }

    /// The policy's slot for an incoming entry: the one in which it is remembered, or a new one.
    fn slot_for(&mut self, id: u64, weight: u64) -> u32 {
        let known = Known { owner: NIL, id, weight, free: false };
        let own = self.remembered.remove(&id).or_else(|| self.free.pop());
        let next = u32::try_from(self.known.len()).unwrap_or(MOST_SLOTS);
        let own = own.unwrap_or(next);
        match self.known.get_mut(at(own)) {
            Some(place) => *place = known,
            None => self.known.push(known),
        }
        own
    }

    /// Tells the policy of a capacity, and takes in what it answers.
    fn resize(&mut self, capacity: u64) {
        if self.fault.is_some() {
            return;
        }
        self.answer.clear();
        let told = self.policy.get_mut().resize(capacity, &mut self.answer).and_then(|()| {
            self.residents.resize(capacity, &self.answer).map_err(|nonsense| nonsense.to_string())
        });
        self.take_in(told);
    }

    /// A slot of the owner has another entry, or none: it is no victim any more.
    fn vacate(&mut self, slot: Slot) {
        if !self.victims.is_empty() {
            self.victims.retain(|victim| *victim != slot);
        }
    }

    /// Puts an entry of the policy where its owner has it.
    fn place(&mut self, own: u32, slot: Slot) {
        self.vacate(slot);
        if at(slot.0) >= self.own.len() {
            self.own.resize(at(slot.0) + 1, NIL);
        }
        if let Some(place) = self.own.get_mut(at(slot.0)) {
            *place = own;
        }
        if let Some(known) = self.known.get_mut(at(own)) {
            known.owner = slot.0;
        }
    }

    fn own(&self, slot: Slot) -> Option<u32> {
        self.own.get(at(slot.0)).copied().filter(|own| *own != NIL)
    }
}

impl Policy for Stepwise {
    fn on_hit(&mut self, slot: Slot) {
        if let Some(own) = self.own(slot) {
            self.keep(Kind::Used, own);
            if self.hits.len() >= MOST_HITS {
                self.flush();
            }
        }
    }

    fn on_miss(&mut self, id: u64, weight: u64) {
        let own = self.slot_for(id, weight);
        self.keep(Kind::Used, own);
        self.flush();
        self.incoming = Some(own);
    }

    fn victim(&mut self) -> Option<Slot> {
        self.flush();
        if self.victims.is_empty()
            && let Some(less) = self.residents.used().checked_sub(1)
        {
            self.resize(less);
            self.resize(self.capacity);
        }
        self.victims.pop_front().filter(|_| self.fault.is_none())
    }

    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        let announced = self.incoming.take();
        let same = |own: &u32| self.known.get(at(*own)).is_some_and(|known| known.id == id);
        let own = match announced.filter(same) {
            Some(own) => own,
            None => {
                let own = self.slot_for(id, weight);
                self.keep(Kind::Used, own);
                self.flush();
                own
            }
        };
        self.place(own, slot);
    }

    fn on_remove(&mut self, slot: Slot) {
        self.vacate(slot);
        if let Some(own) = self.own(slot) {
            self.keep(Kind::Removed, own);
            self.flush();
            if let Some(place) = self.own.get_mut(at(slot.0)) {
                *place = NIL;
            }
            if let Some(known) = self.known.get_mut(at(own)) {
                known.owner = NIL;
            }
            self.release(own);
        }
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        if let Some(own) = self.own(slot) {
            if let Some(known) = self.known.get_mut(at(own)) {
                known.weight = weight;
            }
            self.keep(Kind::Replaced, own);
            self.flush();
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.flush();
        self.capacity = capacity;
        self.resize(capacity);
    }

    /// Without the hits that are kept back. What the policy does not name is the coldest to its owner.
    fn export(&self) -> Vec<ExportedEntry> {
        let handed = match &self.fault {
            None => self.policy.borrow_mut().hand_over().unwrap_or_default(),
            Some(_) => Vec::new(),
        };
        let owners = handed.into_iter().filter_map(|entry| {
            let owner = self.known.get(at(entry.slot.0))?.owner;
            (owner != NIL).then_some(ExportedEntry { slot: Slot(owner), ..entry })
        });
        // What it has named and its owner has not asked for goes first.
        let named = self.victims.iter().map(|slot| ExportedEntry { slot: *slot, frequency: 1 });
        named.chain(owners).collect()
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        let mut own_entries = Vec::with_capacity(entries.len());
        for entry in entries {
            let own = self.slot_for(entry.id, entry.weight);
            self.place(own, entry.slot);
            own_entries.push(ImportedEntry { slot: Slot(own), ..*entry });
        }
        let told = own_entries.iter().try_for_each(|entry| {
            let weight = u32::try_from(entry.weight).unwrap_or(u32::MAX);
            self.residents.take_over(entry.slot.0, weight).map_err(|nonsense| nonsense.to_string())
        });
        let told = told.and_then(|()| self.policy.get_mut().take_over(&own_entries));
        self.fault = self.fault.take().or(told.err());
    }

    fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    fn len(&self) -> usize {
        self.residents.len() + self.victims.len()
    }
}

impl ReplayPolicy for Stepwise {}

/// Stands in for a policy that could not be opened.
struct Failed;

impl BatchedPolicy for Failed {
    fn wants_ids(&self) -> bool {
        false
    }

    fn turn(&mut self, _: Batch<'_>, _: &mut Answer) -> Result<(), String> {
        Err("it was not opened".to_owned())
    }

    fn resize(&mut self, _: u64, _: &mut Answer) -> Result<(), String> {
        Err("it was not opened".to_owned())
    }

    fn hand_over(&mut self) -> Result<Vec<ExportedEntry>, String> {
        Err("it was not opened".to_owned())
    }

    fn take_over(&mut self, _: &[ImportedEntry]) -> Result<(), String> {
        Err("it was not opened".to_owned())
    }
}

#[cfg(test)]
mod tests;
