//! Requests through a policy that is told of batches: exact, whatever the length of a batch.
//!
//! The policy is told what was asked for, evicts by itself, and says which entries left at which request; so hits are counted
//! after it, from what it said ([`Residents`]). A key has a slot for as long as the policy knows it, then another key gets the
//! slot: so all that the policy keeps is as small as its capacity, and stays in the caches of the processor.

use hashbrown::HashMap;
use host_policy::batched::{Answer, Batch, BatchedPolicy, Kind, MOST_SLOTS, Residents};

use super::{Feed, PolicyFault, Tally, Weigh};
use crate::index::{NIL, at};
use crate::prefetch::prefetch_at;

/// Requests of a batch. A call of a component costs as much as a hundred requests: among so many it is lost, and what travels
/// still fits the second-level cache. A quarter of it takes 5 % longer (`host sim` of the zipf trace that `bench/simulators/run`
/// writes, `plugin:lru` at 15,000 objects: 0.85 s where this takes 0.80).
const BATCH: usize = 4096;

/// Requests between the prefetch of what says where a key is, and its use.
const AHEAD: usize = 32;

/// A policy with what its owner knows.
pub(super) struct Batched<S> {
    policy: Box<dyn BatchedPolicy>,
    slots: S,
    residents: Residents,
    capacity: u64,
    weigh: Weigh,
    events: Vec<u32>,
    /// Of each event's request; empty where no sizes are given.
    sizes: Vec<u32>,
    ids: Vec<u64>,
    wants_ids: bool,
    answer: Answer,
}

/// Which slot a key has.
pub(super) trait Slots: Send {
    type Key: Copy;
    /// The slot of a key, which gets one where it has none; `None` where there are no more.
    fn slot(&mut self, key: Self::Key) -> Option<u32>;
    /// Prefetches what [`slot`](Slots::slot) will read.
    fn prefetch(&self, _key: Self::Key) {}
    /// The hash of a key.
    fn id(&self, key: Self::Key) -> u64;
    /// Learns the hashes of further keys, where keys are numbers.
    fn learn(&mut self, ids: &[u64]);
    /// Takes back a slot, unless it was taken back before.
    fn free(&mut self, slot: u32);
}

impl<S: Slots> Batched<S> {
    pub(super) fn new(policy: Box<dyn BatchedPolicy>, slots: S, capacity: u64, weigh: Weigh) -> Self {
        let wants_ids = policy.wants_ids();
        Self {
            policy,
            slots,
            residents: Residents::new(capacity),
            capacity,
            weigh,
            events: Vec::with_capacity(BATCH),
            sizes: Vec::new(),
            ids: Vec::new(),
            wants_ids,
            answer: Answer::default(),
        }
    }

    /// A request, to be told with the next batch.
    #[inline]
    fn add(&mut self, key: S::Key, size: Option<u32>, tally: &mut Tally) -> Result<(), PolicyFault> {
        let too_many = || PolicyFault("it has too many entries".to_owned());
        let slot = self.slots.slot(key).ok_or_else(too_many)?;
        let weight = if self.weigh == Weigh::Bytes { size.unwrap_or(1) } else { 1 };
        if u64::from(weight) > self.capacity {
            // It comes in under no policy. But it may be there already, with another weight.
            self.turn(tally)?;
            if !self.residents.is_resident(slot) {
                tally.count(false, size.unwrap_or(0));
                if self.residents.is_free(slot) {
                    self.slots.free(slot);
                }
                return Ok(());
            }
        }
        self.events.push(Kind::Used.of(slot));
        self.sizes.extend(size);
        if self.wants_ids {
            self.ids.push(self.slots.id(key));
        }
        Ok(())
    }

    /// Tells the policy of what was added, and counts.
    fn turn(&mut self, tally: &mut Tally) -> Result<(), PolicyFault> {
        self.answer.clear();
        let weights = if self.weigh == Weigh::Bytes { self.sizes.as_slice() } else { &[] };
        let batch = Batch { events: &self.events, weights, ids: &self.ids };
        self.policy.turn(batch, &mut self.answer).map_err(PolicyFault)?;
        let sizes = &self.sizes;
        let count = |number: usize, hit| tally.count(hit, sizes.get(number).copied().unwrap_or(0));
        let followed = self.residents.follow(batch, &self.answer, count);
        followed.map_err(|nonsense| PolicyFault(nonsense.to_string()))?;
        let left = self.answer.victims.iter().map(|victim| victim >> 1);
        for slot in left.chain(self.answer.forgotten.iter().copied()) {
            if self.residents.is_free(slot) {
                self.slots.free(slot);
            }
        }
        self.events.clear();
        self.sizes.clear();
        self.ids.clear();
        Ok(())
    }
}

impl<S: Slots> Feed<S::Key> for Batched<S> {
    fn learn(&mut self, ids: &[u64]) {
        self.slots.learn(ids);
    }

    fn feed(&mut self, requests: &[S::Key], sizes: &[u32]) -> Result<Tally, PolicyFault> {
        let mut tally = Tally::default();
        let mut sizes = sizes.iter();
        let mut ahead = requests.iter().skip(AHEAD);
        for requests in requests.chunks(BATCH) {
            for &key in requests {
                if let Some(&key) = ahead.next() {
                    self.slots.prefetch(key);
                }
                self.add(key, sizes.next().map(|size| *size.max(&1)), &mut tally)?;
            }
            self.turn(&mut tally)?;
        }
        Ok(tally)
    }
}

/// Slots of keys by number: the slot of a key is where it was last, if it still is there, as in the replay of a policy that names
/// one victim at a time (`index.rs`).
#[derive(Default)]
pub(super) struct ByNumber {
    /// The slot that each key had last.
    last: Vec<u32>,
    /// The key in each slot; [`NIL`], which is no key's number, where the slot is free.
    keys: Vec<u32>,
    free: Vec<u32>,
    /// The hash of each key.
    ids: Vec<u64>,
}

impl Slots for ByNumber {
    type Key = u32;

    #[inline]
    #[expect(
        clippy::indexing_slicing,
        reason = "as documented, a request for a number that was not learned panics"
    )]
    fn slot(&mut self, key: u32) -> Option<u32> {
        let last = &mut self.last[at(key)];
        if self.keys.get(at(*last)) == Some(&key) {
            return Some(*last);
        }
        let slot = take(&mut self.free, &mut self.keys, NIL)?;
        *last = slot;
        if let Some(place) = self.keys.get_mut(at(slot)) {
            *place = key;
        }
        Some(slot)
    }

    #[inline]
    fn prefetch(&self, key: u32) {
        prefetch_at(&self.last, at(key));
    }

    #[inline]
    fn id(&self, key: u32) -> u64 {
        self.ids.get(at(key)).copied().unwrap_or_default()
    }

    fn learn(&mut self, ids: &[u64]) {
        self.ids.extend(ids);
        self.last.resize(self.ids.len(), 0);
    }

    #[inline]
    fn free(&mut self, slot: u32) {
        if let Some(key) = self.keys.get_mut(at(slot)).filter(|key| **key != NIL) {
            *key = NIL;
            self.free.push(slot);
        }
    }
}

/// Slots of keys by hash.
#[derive(Default)]
pub(super) struct ByHash {
    slots: HashMap<u64, u32>,
    /// The key of each slot; `None` where the slot is free.
    keys: Vec<Option<u64>>,
    free: Vec<u32>,
}

impl Slots for ByHash {
    type Key = u64;

    fn slot(&mut self, key: u64) -> Option<u32> {
        if let Some(&slot) = self.slots.get(&key) {
            return Some(slot);
        }
        let slot = take(&mut self.free, &mut self.keys, None)?;
        if let Some(place) = self.keys.get_mut(at(slot)) {
            *place = Some(key);
        }
        self.slots.insert(key, slot);
        Some(slot)
    }

    fn id(&self, key: u64) -> u64 {
        key
    }

    fn learn(&mut self, _: &[u64]) {}

    fn free(&mut self, slot: u32) {
        if let Some(key) = self.keys.get_mut(at(slot)).and_then(Option::take) {
            self.slots.remove(&key);
            self.free.push(slot);
        }
    }
}

/// A slot that was freed, else a new one, with nothing in it; `None` where there are no more.
#[inline]
fn take<T>(free: &mut Vec<u32>, keys: &mut Vec<T>, nothing: T) -> Option<u32> {
    if let Some(slot) = free.pop() {
        return Some(slot);
    }
    let slot = u32::try_from(keys.len()).ok().filter(|slot| *slot < MOST_SLOTS)?;
    keys.push(nothing);
    Some(slot)
}
