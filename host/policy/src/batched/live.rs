//! A batched policy in charge of a cache under threads: it is never called while its owner holds a lock.
//!
//! Under its owner's lock the policy only takes notes: events go to a list, and victims come from a queue that the policy
//! filled before. Once the list is long or the queue is short, the owner takes the work out ([`Policy::take_deferred`]), runs
//! it without the lock, and [puts it back](Policy::put_back). So that there are victims in hand, the policy is opened with a
//! little less than its owner's capacity: a 64th less in large caches.
//!
//! # What differs from the exact order
//!
//! The policy sees the same requests, and so names the same victims as anywhere, for that smaller capacity. An entry that it
//! has given up and that its owner still has is a hit to the user and an insertion to the policy. Two more things can happen
//! where threads are faster than the work is done, or the cache is very small:
//!
//! - The queue is empty. Then the next entry in the order of slots goes, and the policy is told that it was removed.
//! - More than 65,536 events wait. Then further hits are not noted.
//!
//! Where probation and other guests of the cache take room that the policy does not know of, its capacity is lowered until the
//! queue is filled again, and raised when they leave.
//!
//! A policy that fails or answers [nonsense](super::Nonsense) names no victim from then on; its owner takes another one then.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::work::{Events, Step, Work};
use super::{BatchedPolicy, Deferred, Kind, MOST_SLOTS, Opening, Residents};
use crate::list::{NIL, at};
use crate::mix::mix;
use crate::{ExportedEntry, ImportedEntry, Policy, Preparation, Slot};

/// Events that make the work due.
const MANY: usize = 1_024;

/// Events that wait at most before hits are left out.
const MOST_WAITING: usize = 1 << 16;

/// The policy's capacity is less than its owner's by one part in so many, and in small caches by up to four entries.
const RESERVE: u64 = 64;
const FEWEST: u64 = 4;

/// Ids are hashes as a rule, but need not be.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = mix(id);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What is known of one of the policy's slots.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Where the owner has the entry; [`NIL`] where it has none.
    owner: u32,
    /// The weight, as the policy is told it.
    weight: u32,
    id: u64,
    /// The number of the work in which its last event is. Plain hits are marked when it matters: when work is taken in.
    noted: u32,
    /// It waits in the queue of victims.
    queued: bool,
    /// It is among the free ones.
    free: bool,
}

/// The adapter; see the [module](self).
pub(crate) struct Live {
    /// The policy with its buffers; `None` while its owner runs it.
    home: Option<Box<Work>>,
    /// Tells this policy's work from another's.
    mark: Arc<()>,
    wants_ids: bool,
    weighed: bool,
    /// The owner's capacity.
    capacity: u64,
    /// What the policy was told last, or will be told.
    target: u64,
    /// By the policy's slot.
    known: Vec<Known>,
    free: Vec<u32>,
    /// The policy's slot of each slot of the owner, with [`QUEUED`] where it is; [`NIL`] where it has none.
    own: Vec<u32>,
    /// Entries that the owner has, in and out of the queue.
    len: usize,
    /// The policy's slot of each entry that it may remember, by id.
    remembered: HashMap<u64, u32, BuildHasherDefault<Mixed>>,
    /// Whether the policy has remembered any so far.
    remembers: bool,
    /// Victims, the first to go in front, as the policy's slots. One that is not queued any more is skipped.
    queue: VecDeque<u32>,
    queue_weight: u64,
    /// The policy's slots whose entry left the queue while the policy was away.
    left: Vec<u32>,
    /// The heaviest entry of late.
    heaviest: u64,
    /// The policy's slot of the entry announced last.
    incoming: Option<u32>,
    /// What is to be told before the events.
    steps: Vec<Step>,
    events: Events,
    /// What may have come in by these events.
    entering: u64,
    /// The number of the work that takes these events.
    number: u32,
    /// A victim was asked for since the last work.
    asked: bool,
    /// Where the next entry is looked for that goes without the policy's word.
    hand: usize,
    /// The order that the policy told last, while no work was done since.
    order: Option<Vec<ExportedEntry>>,
    fault: Option<String>,
}

/// Marks the entry of an owner's slot as one in the queue. Slots are below it.
const QUEUED: u32 = 1 << 31;

/// The part of a capacity that is kept for victims in hand.
fn reserve(capacity: u64) -> u64 {
    match capacity {
        0 | 1 => 0,
        _ => (capacity / RESERVE).max((capacity / 8).clamp(1, FEWEST)),
    }
}

impl Live {
    /// Opens the policy for its owner's capacity.
    pub(crate) fn open(
        open: &(dyn Fn(Opening) -> Result<Box<dyn BatchedPolicy>, String> + Send + Sync),
        opening: Opening,
    ) -> Self {
        let capacity = opening.capacity.max(1);
        let target = capacity - reserve(capacity);
        let mark = Arc::new(());
        let (home, fault) = match open(Opening { capacity: target, ..opening }) {
            Ok(policy) => {
                let work = Work::new(policy, Residents::new(target), Arc::clone(&mark));
                (Some(Box::new(work)), None)
            }
            Err(reason) => (None, Some(reason)),
        };
        Self {
            wants_ids: home.as_ref().is_some_and(|work| work.policy.wants_ids()),
            home,
            mark,
            weighed: opening.weighed,
            capacity,
            target,
            known: Vec::new(),
            free: Vec::new(),
            own: Vec::new(),
            len: 0,
            remembered: HashMap::default(),
            remembers: false,
            queue: VecDeque::new(),
            queue_weight: 0,
            left: Vec::new(),
            heaviest: 0,
            incoming: None,
            steps: Vec::new(),
            events: Events::default(),
            entering: 0,
            number: 0,
            asked: false,
            hand: 0,
            order: None,
            fault,
        }
    }

    #[inline]
    fn own(&self, slot: Slot) -> Option<u32> {
        self.own.get(at(slot.0)).filter(|own| **own != NIL).map(|own| own & !QUEUED)
    }

    /// A weight as the policy is told it.
    fn told(&self, weight: u64) -> u32 {
        if self.weighed { u32::try_from(weight).unwrap_or(u32::MAX).max(1) } else { 1 }
    }

    /// Notes an event. The entry does not wait in the queue any more.
    #[inline]
    fn note(&mut self, kind: Kind, own: u32) {
        let Some(known) = self.known.get_mut(at(own)) else { return };
        known.noted = self.number;
        if known.queued {
            known.queued = false;
            self.queue_weight -= u64::from(known.weight);
            self.entering += u64::from(known.weight);
            if let Some(place) = self.own.get_mut(at(known.owner)) {
                *place = own;
            }
        }
        if self.fault.is_some() {
            return;
        }
        self.events.events.push(kind.of(own));
        if self.weighed {
            self.events.weights.push(known.weight);
        }
        if self.wants_ids {
            self.events.ids.push(known.id);
        }
        if kind == Kind::Removed {
            self.events.removed.push(own);
        }
    }

    /// Puts an entry that the policy has given up into the queue.
    fn queue(&mut self, own: u32) {
        let Some(known) = self.known.get_mut(at(own)) else { return };
        known.queued = true;
        self.queue_weight += u64::from(known.weight);
        if let Some(place) = self.own.get_mut(at(known.owner)) {
            *place = own | QUEUED;
        }
        self.queue.push_back(own);
    }

    /// Notes that an entry comes in, and gives it a slot: the one in which it is remembered, a free one, or a new one.
    fn enter(&mut self, id: u64, weight: u64) -> u32 {
        let weight = self.told(weight);
        let known = Known { owner: NIL, weight, id, noted: self.number, queued: false, free: false };
        let before = if self.remembers { self.remembered.remove(&id) } else { None };
        let own = before.or_else(|| self.free.pop());
        let own = own.unwrap_or_else(|| u32::try_from(self.known.len()).unwrap_or(MOST_SLOTS));
        match self.known.get_mut(at(own)) {
            Some(place) => *place = known,
            None => self.known.push(known),
        }
        self.heaviest = self.heaviest.max(u64::from(weight));
        self.entering += u64::from(weight);
        self.note(Kind::Used, own);
        own
    }

    /// Puts an entry where its owner has it.
    fn place(&mut self, own: u32, Slot(slot): Slot) {
        if at(slot) >= self.own.len() {
            self.own.resize(at(slot) + 1, NIL);
        }
        if let Some(place) = self.own.get_mut(at(slot)) {
            *place = own;
        }
        if let Some(known) = self.known.get_mut(at(own)) {
            known.owner = slot;
            self.len += 1;
        }
    }

    /// The owner has the entry no more. Gives where it had it.
    fn displace(&mut self, own: u32) -> Option<Slot> {
        let known = self.known.get_mut(at(own))?;
        let owner = std::mem::replace(&mut known.owner, NIL);
        let place = self.own.get_mut(at(owner))?;
        *place = NIL;
        self.len -= 1;
        Some(Slot(owner))
    }

    /// Takes an entry out of the queue. The policy has given it up, and may remember it.
    fn unqueue(&mut self, own: u32) {
        if let Some(known) = self.known.get_mut(at(own)) {
            known.queued = false;
            self.queue_weight -= u64::from(known.weight);
        }
        if self.home.is_some() {
            self.release(own);
        } else {
            self.left.push(own);
        }
    }

    /// Frees a slot if neither its owner nor the policy knows an entry in it, and nothing of it waits to be told.
    fn release(&mut self, own: u32) {
        let (Some(work), Some(known)) = (&self.home, self.known.get_mut(at(own))) else { return };
        if known.free || known.owner != NIL || known.noted == self.number || !work.residents.is_free(own) {
            return;
        }
        known.free = true;
        if self.remembers && self.remembered.get(&known.id) == Some(&own) {
            self.remembered.remove(&known.id);
        }
        self.free.push(own);
    }

    /// Next, the policy is told another capacity.
    fn resize(&mut self, target: u64) {
        self.target = target;
        let events = std::mem::take(&mut self.events);
        if !events.events.is_empty() {
            self.steps.push(Step::Turn(events));
        }
        self.steps.push(Step::Resize(target));
    }

    /// What the victims in hand should weigh: the reserve, and enough for two of the heaviest entries.
    fn wanted(&self) -> u64 {
        reserve(self.capacity).max(2 * self.heaviest.min(self.capacity / 4))
    }

    /// Whether there is something to do for the policy.
    #[inline]
    fn is_due(&self) -> bool {
        let Some(work) = &self.home else { return false };
        if self.fault.is_some() {
            return false;
        }
        if !self.steps.is_empty() || self.events.events.len() >= MANY {
            return true;
        }
        let short = self.queue_weight <= self.wanted() / 2;
        short && self.entering > 0 && (self.asked || work.residents.used() + self.entering > self.target)
    }

    /// Takes out the policy with all that waits.
    fn take(&mut self) -> Option<Deferred> {
        let mut work = self.home.take()?;
        if let Some(own) = self.incoming.take() {
            self.note(Kind::Removed, own);
        }
        std::mem::swap(&mut work.steps, &mut self.steps);
        std::mem::swap(&mut work.events, &mut self.events);
        self.number = self.number.wrapping_add(1);
        self.entering = 0;
        self.order = None;
        Some(Deferred(work))
    }

    /// Lowers or raises the policy's capacity where other things than its entries take room.
    fn adjust(&mut self, used: u64) {
        let wanted = self.wanted();
        if std::mem::take(&mut self.asked) && self.queue_weight < wanted / 2 {
            let target = self.target.min(used).saturating_sub(wanted - self.queue_weight);
            let target = target.max(self.capacity / 2).max(1);
            if target < self.target {
                self.resize(target);
            }
        } else if self.queue_weight > wanted + wanted / 2 + self.heaviest {
            let most = self.capacity - reserve(self.capacity);
            let target = most.min(self.target + self.queue_weight - wanted);
            if target > self.target {
                self.resize(target);
            }
        }
        self.heaviest -= self.heaviest / 16;
    }

    /// The next entry in the order of slots, which the policy has not given up.
    fn any(&mut self) -> Option<Slot> {
        // Nothing is in the queue.
        let next = |from: usize| {
            let later = self.own.get(from..)?.iter().position(|own| *own != NIL)?;
            Some(from + later)
        };
        let found = next(self.hand).or_else(|| next(0))?;
        self.hand = found + 1;
        let own = self.own.get(found).copied()?;
        self.note(Kind::Removed, own);
        self.displace(own)
    }
}

impl Policy for Live {
    fn on_hit(&mut self, slot: Slot) {
        self.on_hits(&[slot]);
    }

    fn on_hits(&mut self, slots: &[Slot]) {
        if self.events.events.len() >= MOST_WAITING || self.fault.is_some() {
            return;
        }
        // What a hit of an entry in the queue, of weighed ones and of those with ids takes besides stays out of the loop.
        let plain = !self.weighed && !self.wants_ids;
        for slot in slots {
            let Some(&own) = self.own.get(at(slot.0)).filter(|own| **own != NIL) else { continue };
            if plain && own & QUEUED == 0 {
                self.events.events.push(Kind::Used.of(own));
            } else {
                self.note(Kind::Used, own & !QUEUED);
            }
        }
    }

    fn on_miss(&mut self, id: u64, weight: u64) {
        if let Some(own) = self.incoming.take() {
            self.note(Kind::Removed, own);
        }
        if self.fault.is_none() {
            self.incoming = Some(self.enter(id, weight));
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        if self.fault.is_some() {
            return None;
        }
        self.asked = true;
        while let Some(own) = self.queue.pop_front() {
            let Some(known) = self.known.get(at(own)).copied().filter(|known| known.queued) else { continue };
            let slot = self.displace(own);
            if self.remembers {
                self.remembered.insert(known.id, own);
            }
            self.unqueue(own);
            if slot.is_some() {
                return slot;
            }
        }
        self.any()
    }

    fn next_victim(&self) -> Option<Slot> {
        let known = self.known.get(at(*self.queue.front()?))?;
        (known.owner != NIL).then_some(Slot(known.owner))
    }

    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        let announced = self.incoming.take();
        let same = |own: &u32| self.known.get(at(*own)).is_some_and(|known| known.id == id);
        let own = announced.filter(same).unwrap_or_else(|| self.enter(id, weight));
        self.place(own, slot);
    }

    fn on_remove(&mut self, slot: Slot) {
        let Some(own) = self.own(slot) else { return };
        self.displace(own);
        if self.known.get(at(own)).is_some_and(|known| known.queued) {
            self.unqueue(own);
        } else {
            self.note(Kind::Removed, own);
        }
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        let Some(own) = self.own(slot) else { return };
        let weight = self.told(weight);
        // Out of the queue by its old weight.
        let queued = self.known.get(at(own)).is_some_and(|known| known.queued);
        if queued {
            self.note(Kind::Used, own);
        }
        if let Some(known) = self.known.get_mut(at(own)) {
            known.weight = weight;
        }
        self.heaviest = self.heaviest.max(u64::from(weight));
        self.entering += u64::from(weight);
        self.note(Kind::Replaced, own);
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity.max(1);
        self.resize(self.capacity - reserve(self.capacity));
    }

    /// In the order that the policy told when it was [prepared](Policy::prepare_export), else in no order but for the victims in
    /// hand.
    fn export(&self) -> Vec<ExportedEntry> {
        let mut seen = vec![false; self.known.len()];
        let handed = self.order.iter().flatten().map(|entry| (entry.slot.0, entry.frequency));
        let queued = self.queue.iter().map(|own| (*own, 1));
        let rest = (0..).zip(&self.known).map(|(own, _)| (own, 1));
        let mut entries = Vec::with_capacity(self.len);
        for (own, frequency) in queued.chain(handed).chain(rest) {
            let Some((known, seen)) = self.known.get(at(own)).zip(seen.get_mut(at(own))) else { continue };
            if known.owner != NIL && !std::mem::replace(seen, true) {
                entries.push(ExportedEntry { slot: Slot(known.owner), frequency });
            }
        }
        entries
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        let mut room = self.target;
        let (mut kept, mut left) = (Vec::with_capacity(entries.len()), Vec::new());
        let mut full = false;
        for entry in entries.iter().rev() {
            let weight = self.told(entry.weight);
            let own = u32::try_from(self.known.len()).unwrap_or(MOST_SLOTS);
            let known =
                Known { owner: NIL, weight, id: entry.id, noted: self.number, queued: false, free: false };
            self.known.push(known);
            self.place(own, entry.slot);
            full |= u64::from(weight) > room;
            if full {
                left.push(own);
            } else {
                room -= u64::from(weight);
                kept.push(ImportedEntry { slot: Slot(own), weight: u64::from(weight), ..*entry });
            }
        }
        left.into_iter().rev().for_each(|own| self.queue(own));
        kept.reverse();
        self.steps.push(Step::TakeOver(kept));
    }

    fn take_deferred(&mut self) -> Option<Deferred> {
        if self.is_due() { self.take() } else { None }
    }

    fn put_back(&mut self, Deferred(mut work): Deferred) -> Option<Deferred> {
        if !Arc::ptr_eq(&work.mark, &self.mark) {
            return Some(Deferred(work));
        }
        if let Some(reason) = work.fault.take() {
            self.fault = Some(reason);
            return Some(Deferred(work));
        }
        let mut outcome = std::mem::take(&mut work.outcome);
        let used = work.residents.used();
        // One that came back later in the same work is no victim.
        outcome.victims.retain(|victim| !work.residents.is_resident(victim >> 1));
        self.home = Some(work);
        let earlier = self.steps.iter().filter_map(|step| match step {
            Step::Turn(events) => Some(events),
            _ => None,
        });
        for event in earlier.chain([&self.events]).flat_map(|events| &events.events) {
            if let Some(known) = self.known.get_mut(at(event >> 2)) {
                known.noted = self.number;
            }
        }
        for &victim in &outcome.victims {
            let own = victim >> 1;
            self.remembers |= victim & 1 == 1;
            let Some(known) = self.known.get(at(own)) else { continue };
            if known.owner == NIL {
                self.release(own);
            } else if known.noted != self.number && !known.queued {
                self.queue(own);
            }
        }
        let left = std::mem::take(&mut self.left);
        for own in outcome.forgotten.iter().chain(&outcome.removed).chain(&left) {
            self.release(*own);
        }
        self.order = outcome.order.take();
        if let Some(work) = &mut self.home {
            // Its lists keep their memory.
            work.outcome = outcome;
        }
        self.adjust(used);
        None
    }

    fn prepare_export(&mut self) -> Preparation {
        if self.fault.is_some() || self.order.is_some() {
            return Preparation::Ready;
        }
        if self.home.is_none() {
            return Preparation::Away;
        }
        let events = std::mem::take(&mut self.events);
        self.steps.push(Step::Turn(events));
        self.steps.push(Step::HandOver);
        self.take().map_or(Preparation::Away, Preparation::Work)
    }

    fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests;
