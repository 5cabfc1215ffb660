//! Requests through a policy that is told of batches: exact, whatever the length of a batch.
//!
//! The policy is told what was asked for, evicts by itself, and says which entries left at which request; so hits are counted
//! after it, from what it said ([`Residents`]). Keys by number are slots as they are: each keeps its own for ever, and neither an
//! index nor a look-up is needed. Keys by hash get a slot for as long as the policy knows them.

use hashbrown::HashMap;
use host_policy::batched::{Answer, Batch, BatchedPolicy, Kind, MOST_SLOTS, Residents};

use super::{Feed, PolicyFault, Tally, Weigh};
use crate::index::at;

/// Requests of a batch. A call of a component costs more than a request: among so many it is lost, and what
/// travels still fits the nearest cache.
const BATCH: usize = 1024;

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
    /// The hash of a key.
    fn id(&self, key: Self::Key) -> u64;
    /// Learns the hashes of further keys, where keys are numbers.
    fn learn(&mut self, ids: &[u64]);
    /// Takes back the slots of entries that the policy knows no more.
    fn reclaim(&mut self, answer: &Answer, residents: &Residents);
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
        self.slots.reclaim(&self.answer, &self.residents);
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
        for requests in requests.chunks(BATCH) {
            for &key in requests {
                self.add(key, sizes.next().map(|size| *size.max(&1)), &mut tally)?;
            }
            self.turn(&mut tally)?;
        }
        Ok(tally)
    }
}

/// A key's number is its slot.
#[derive(Default)]
pub(super) struct ByNumber {
    ids: Vec<u64>,
}

impl Slots for ByNumber {
    type Key = u32;

    #[inline]
    fn slot(&mut self, key: u32) -> Option<u32> {
        (key < MOST_SLOTS).then_some(key)
    }

    fn id(&self, key: u32) -> u64 {
        self.ids.get(at(key)).copied().unwrap_or_default()
    }

    fn learn(&mut self, ids: &[u64]) {
        self.ids.extend(ids);
    }

    fn reclaim(&mut self, _: &Answer, _: &Residents) {}
}

/// A key has a slot for as long as the policy knows it.
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
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.keys.len()).ok().filter(|slot| *slot < MOST_SLOTS)?;
                self.keys.push(None);
                slot
            }
        };
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

    fn reclaim(&mut self, answer: &Answer, residents: &Residents) {
        let left = answer.victims.iter().map(|victim| victim >> 1);
        for slot in left.chain(answer.forgotten.iter().copied()) {
            if residents.is_free(slot)
                && let Some(key) = self.keys.get_mut(at(slot)).and_then(Option::take)
            {
                self.slots.remove(&key);
                self.free.push(slot);
            }
        }
    }
}
