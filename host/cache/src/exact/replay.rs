//! Whole stretches of a trace through one policy: the simulator's inner loop.
//!
//! It answers exactly as [`Exact`](super::Exact) does, request by request, and is several times as fast:
//!
//! - it is compiled for each policy, so that nothing in the loop is called through a pointer;
//! - keys are numbered, and finding an entry is one look into an array ([`Replay::numbered`], or [`Replay::growing`]
//!   while the trace is still being read); where there are too many keys for that, hashed keys are found through a table
//!   of the residents ([`Replay::hashed`]);
//! - requests are known ahead. Each `AHEAD` of them are looked up once before they are applied, without waiting for
//!   one another, so that the memory they need is on its way when their turn comes. What was seen then may have
//!   changed by then; it is looked up again, and only the time depends on it.
//!
//! It cannot fail: an entry heavier than the capacity is a miss and is not stored.
#![expect(
    clippy::indexing_slicing,
    reason = "slots are handed out here, and numbers are below those of the keys"
)]

use std::borrow::Cow;
use std::hint::black_box;
use std::marker::PhantomData;

use hashbrown::HashTable;
use host_policy::list::{NIL, at};
use host_policy::mix::mix;
use host_policy::{MOST_CAPACITY, Policy, PolicyKind, Slot, Visitor};

/// Requests that are looked up before they are applied. Enough for the memory to be busy; few enough that what was
/// fetched is still in the first-level cache.
const AHEAD: usize = 32;

/// What a stretch of requests came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that found their entry.
    pub hits: u64,
    /// Bytes of the requests; 0 where no sizes were given.
    pub bytes: u64,
    /// Bytes of the requests that missed; 0 where no sizes were given.
    pub bytes_missed: u64,
}

/// What an entry weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weigh {
    /// Every entry 1: the capacity is in objects.
    Objects,
    /// Every entry its size, at least 1: the capacity is in bytes.
    Bytes,
}

/// A policy at a capacity, to be fed with requests in order.
///
/// ```
/// use host_cache::{PolicyKind, replay::{Replay, Weigh}};
///
/// let ids = [0xfeed, 0xbeef, 0xcafe]; // the hashed keys, by number
/// let mut replay = Replay::numbered(PolicyKind::Lru, 2, Weigh::Objects, &ids);
/// assert_eq!(replay.feed(&[0, 1, 0, 2], &[]).hits, 1);
/// assert_eq!(replay.feed(&[1, 2], &[]).hits, 1); // 1 went when 2 came, and took the place of 0
/// ```
pub struct Replay<'a, Key>(Box<dyn Feed<Key> + 'a>);

impl<'a> Replay<'a, u32> {
    /// An empty cache whose requests are numbers into `ids`, the hashed keys, without duplicates. `capacity` is in the
    /// unit of `weigh`; over 2^62 counts as 2^62. Costs 4 bytes a key besides what residents need.
    #[must_use]
    pub fn numbered(kind: PolicyKind, capacity: u64, weigh: Weigh, ids: &'a [u64]) -> Self {
        let index = Numbered { slots: vec![0; ids.len()], keys: Vec::new(), ids: Cow::Borrowed(ids) };
        Self(start(kind, capacity, weigh, index))
    }

    /// The same for keys that are not known yet: each has to be [learned](Self::learn) before it is asked for. Costs 12
    /// bytes a key besides what residents need.
    ///
    /// ```
    /// use host_cache::{PolicyKind, replay::{Replay, Weigh}};
    ///
    /// let mut replay = Replay::growing(PolicyKind::Lru, 2, Weigh::Objects);
    /// replay.learn(&[0xfeed, 0xbeef]);
    /// assert_eq!(replay.feed(&[0, 1, 0], &[]).hits, 1);
    /// // The numbers have become too many: from here on by hash.
    /// assert_eq!(replay.into_hashed().feed(&[0xfeed, 0xcafe, 0xfeed], &[]).hits, 2);
    /// ```
    #[must_use]
    pub fn growing(kind: PolicyKind, capacity: u64, weigh: Weigh) -> Self {
        let index = Numbered { slots: Vec::new(), keys: Vec::new(), ids: Cow::Borrowed(&[]) };
        Self(start(kind, capacity, weigh, index))
    }

    /// Takes the hashes of the keys with the next numbers.
    pub fn learn(&mut self, ids: &[u64]) {
        self.0.learn(ids);
    }

    /// The same cache for hashed keys.
    #[must_use]
    pub fn into_hashed(self) -> Replay<'static, u64> {
        Replay(self.0.into_hashed())
    }
}

impl Replay<'static, u64> {
    /// An empty cache whose requests are hashed keys. Costs nothing for keys that are not resident.
    #[must_use]
    pub fn hashed(kind: PolicyKind, capacity: u64, weigh: Weigh) -> Self {
        let index = Hashed { table: HashTable::new(), keys: Vec::new() };
        Self(start(kind, capacity, weigh, index))
    }
}

impl<Key> Replay<'_, Key> {
    /// Applies requests in order. `sizes` has one for each, or is empty; where it is empty, or a size 0, the size counts
    /// as 1. A hit keeps the weight the entry was stored with.
    pub fn feed(&mut self, requests: &[Key], sizes: &[u32]) -> Tally {
        self.0.feed(requests, sizes)
    }
}

impl<Key> std::fmt::Debug for Replay<'_, Key> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}

/// One dynamic call for a stretch of requests.
trait Feed<Key>: Send {
    fn feed(&mut self, requests: &[Key], sizes: &[u32]) -> Tally;
    fn learn(&mut self, ids: &[u64]);
    fn into_hashed(self: Box<Self>) -> Box<dyn Feed<u64>>;
}

fn start<'a, I: Index + Send + 'a>(
    kind: PolicyKind,
    capacity: u64,
    weigh: Weigh,
    index: I,
) -> Box<dyn Feed<I::Key> + 'a> {
    let capacity = capacity.min(MOST_CAPACITY);
    kind.visit(capacity, Start { capacity, weigh, index, lives: PhantomData })
}

struct Start<'a, I> {
    capacity: u64,
    weigh: Weigh,
    index: I,
    /// How long the index lives.
    lives: PhantomData<&'a ()>,
}

impl<'a, I: Index + Send + 'a> Visitor for Start<'a, I> {
    type Output = Box<dyn Feed<I::Key> + 'a>;

    fn visit<P: Policy + 'static>(self, policy: P) -> Self::Output {
        let Self { capacity, weigh, index, .. } = self;
        match weigh {
            Weigh::Objects => Box::new(Unit { policy, index, room: capacity }),
            Weigh::Bytes => Box::new(Weighed {
                policy,
                index,
                capacity,
                room: capacity,
                weights: Vec::new(),
                free: Vec::new(),
            }),
        }
    }
}

/// Finds the slot of a key. Slots are dense and given out by [`push`](Index::push).
trait Index {
    type Key: Copy + Default;
    /// The hash of the key that policies see.
    fn id(&self, key: Self::Key) -> u64;
    /// A slot that holds the key if any does, found in one step. For what comes before [`holds`](Index::holds).
    fn guess(&self, key: Self::Key) -> u32;
    /// Whether the slot, a [`guess`](Index::guess) of any time, holds the key.
    fn holds(&self, slot: u32, key: Self::Key) -> bool;
    /// The slot of a resident key, else [`NIL`].
    #[inline]
    fn find(&self, key: Self::Key) -> u32 {
        let slot = self.guess(key);
        if self.holds(slot, key) { slot } else { NIL }
    }
    /// Gives the key the next new slot; [`NIL`] once there is none.
    fn push(&mut self, key: Self::Key) -> u32;
    /// Forgets the key in a slot.
    fn clear(&mut self, slot: Slot);
    /// Puts a key into a slot that is clear.
    fn put(&mut self, slot: Slot, key: Self::Key);
    /// Learns the hashes of further keys, where keys are numbers.
    fn learn(&mut self, ids: &[u64]);
    /// The same entries in the same slots, found by hash.
    fn into_hashed(self) -> Hashed;
    /// Puts a key into a slot in place of another one.
    #[inline]
    fn replace(&mut self, slot: Slot, key: Self::Key) {
        self.clear(slot);
        self.put(slot, key);
    }
}

/// The slot of a key is where it was last, if it still is there (the sparse set of Briggs and Torczon, "An efficient
/// representation for sparse sets", ACM LOPLAS 1993). So nothing has to be done about a key that goes: its place in the
/// large array is far away, and a store to it would be waited for.
struct Numbered<'a> {
    /// The slot that each key, by number, had last.
    slots: Vec<u32>,
    /// The number of the key in each slot; [`NIL`], which is no key's, where there is none.
    keys: Vec<u32>,
    ids: Cow<'a, [u64]>,
}

impl Index for Numbered<'_> {
    type Key = u32;

    #[inline]
    fn id(&self, key: u32) -> u64 {
        self.ids.get(at(key)).copied().unwrap_or_default()
    }

    #[inline]
    fn guess(&self, key: u32) -> u32 {
        self.slots[at(key)]
    }

    #[inline]
    fn holds(&self, slot: u32, key: u32) -> bool {
        self.keys.get(at(slot)) == Some(&key)
    }

    #[inline]
    fn push(&mut self, key: u32) -> u32 {
        // There are at most 2^32 - 1 keys, hence slots.
        let slot = u32::try_from(self.keys.len()).unwrap_or(NIL);
        self.keys.push(key);
        self.slots[at(key)] = slot;
        slot
    }

    #[inline]
    fn clear(&mut self, slot: Slot) {
        self.keys[at(slot.0)] = NIL;
    }

    #[inline]
    fn put(&mut self, slot: Slot, key: u32) {
        self.keys[at(slot.0)] = key;
        self.slots[at(key)] = slot.0;
    }

    #[inline]
    fn replace(&mut self, slot: Slot, key: u32) {
        self.put(slot, key);
    }

    fn learn(&mut self, ids: &[u64]) {
        if !ids.is_empty() {
            self.ids.to_mut().extend(ids);
            self.slots.resize(self.ids.len(), 0);
        }
    }

    fn into_hashed(self) -> Hashed {
        let keys: Vec<u64> = self.keys.iter().map(|&key| self.id(key)).collect();
        let mut table = HashTable::with_capacity(keys.len());
        for ((slot, &number), &key) in (0..).zip(&self.keys).zip(&keys) {
            if number != NIL {
                table.insert_unique(mix(key), slot, |&slot| mix(keys[at(slot)]));
            }
        }
        Hashed { table, keys }
    }
}

struct Hashed {
    table: HashTable<u32>,
    /// The key in each slot.
    keys: Vec<u64>,
}

impl Index for Hashed {
    type Key = u64;

    #[inline]
    fn id(&self, key: u64) -> u64 {
        key
    }

    #[inline]
    fn guess(&self, key: u64) -> u32 {
        self.table.find(mix(key), |&slot| self.keys[at(slot)] == key).copied().unwrap_or(NIL)
    }

    #[inline]
    fn holds(&self, slot: u32, key: u64) -> bool {
        self.keys.get(at(slot)) == Some(&key)
    }

    fn push(&mut self, key: u64) -> u32 {
        let Ok(slot) = u32::try_from(self.keys.len()) else { return NIL };
        if slot != NIL {
            self.keys.push(key);
            self.put(Slot(slot), key);
        }
        slot
    }

    fn clear(&mut self, slot: Slot) {
        if let Ok(found) = self.table.find_entry(mix(self.keys[at(slot.0)]), |&held| held == slot.0) {
            found.remove();
        }
    }

    fn put(&mut self, slot: Slot, key: u64) {
        self.keys[at(slot.0)] = key;
        let keys = &self.keys;
        self.table.insert_unique(mix(key), slot.0, |&slot| mix(keys[at(slot)]));
    }

    fn learn(&mut self, _ids: &[u64]) {}

    fn into_hashed(self) -> Hashed {
        self
    }
}

/// Looks up what requests will need, so that it is near when they are applied.
#[inline]
fn look_ahead<P: Policy, I: Index>(policy: &P, index: &I, requests: &[I::Key]) {
    let mut slots = [NIL; AHEAD];
    for (slot, &key) in slots.iter_mut().zip(requests) {
        *slot = index.guess(key);
    }
    for &slot in black_box(&slots) {
        policy.prefetch(Slot(slot));
    }
    // Without a branch for each: whether a request will miss is what a processor cannot guess. And without a panic, so
    // that all of it is left out for a policy that wants to know nothing of misses.
    let (mut missing, mut count) = ([I::Key::default(); AHEAD], 0);
    for (&slot, &key) in slots.iter().zip(requests) {
        if let Some(place) = missing.get_mut(count) {
            *place = key;
        }
        count += usize::from(!index.holds(slot, key));
    }
    for &key in missing.iter().take(count) {
        policy.prefetch_miss(index.id(key));
    }
}

/// Entries of weight 1: once the cache is full, an entry takes the slot of the one it evicts.
struct Unit<P, I> {
    policy: P,
    index: I,
    /// Entries that fit besides those there are.
    room: u64,
}

impl<P: Policy, I: Index> Unit<P, I> {
    /// Whether the request hits.
    #[inline]
    fn access(&mut self, key: I::Key) -> bool {
        let slot = self.index.find(key);
        if slot != NIL {
            self.policy.on_hit(Slot(slot));
            return true;
        }
        self.miss(key);
        false
    }

    #[inline]
    fn miss(&mut self, key: I::Key) {
        let id = self.index.id(key);
        self.policy.on_miss(id, 1);
        if self.room > 0 {
            let slot = self.index.push(key);
            if slot != NIL {
                self.room -= 1;
                self.policy.on_insert(Slot(slot), id, 1);
            }
        } else if let Some(slot) = self.policy.victim() {
            self.index.replace(slot, key);
            self.policy.on_insert(slot, id, 1);
        }
    }
}

impl<P: Policy + 'static, I: Index + Send> Feed<I::Key> for Unit<P, I> {
    fn learn(&mut self, ids: &[u64]) {
        self.index.learn(ids);
    }

    fn into_hashed(self: Box<Self>) -> Box<dyn Feed<u64>> {
        let Self { policy, index, room } = *self;
        Box::new(Unit { policy, index: index.into_hashed(), room })
    }

    fn feed(&mut self, requests: &[I::Key], sizes: &[u32]) -> Tally {
        let mut tally = Tally::default();
        let mut sizes = sizes.iter();
        for requests in requests.chunks(AHEAD) {
            look_ahead(&self.policy, &self.index, requests);
            if sizes.len() == 0 {
                for &key in requests {
                    tally.hits += u64::from(self.access(key));
                }
            } else {
                for (&key, &size) in requests.iter().zip(&mut sizes) {
                    tally.count(self.access(key), size.max(1));
                }
            }
        }
        tally
    }
}

/// Entries of any weight.
struct Weighed<P, I> {
    policy: P,
    index: I,
    capacity: u64,
    /// What fits besides the entries there are.
    room: u64,
    /// Weight of the entry in each slot.
    weights: Vec<u32>,
    free: Vec<u32>,
}

impl<P: Policy, I: Index> Weighed<P, I> {
    #[inline]
    fn access(&mut self, key: I::Key, weight: u32) -> bool {
        let slot = self.index.find(key);
        if slot != NIL {
            self.policy.on_hit(Slot(slot));
            return true;
        }
        self.miss(key, weight);
        false
    }

    fn miss(&mut self, key: I::Key, size: u32) {
        let weight = u64::from(size);
        if weight > self.capacity {
            return;
        }
        let id = self.index.id(key);
        self.policy.on_miss(id, weight);
        while weight > self.room {
            let Some(slot) = self.policy.victim() else { return };
            self.room += u64::from(self.weights[at(slot.0)]);
            self.index.clear(slot);
            self.free.push(slot.0);
        }
        let slot = if let Some(slot) = self.free.pop() {
            self.index.put(Slot(slot), key);
            self.weights[at(slot)] = size;
            slot
        } else {
            let slot = self.index.push(key);
            if slot == NIL {
                return;
            }
            self.weights.push(size);
            slot
        };
        self.room -= weight;
        self.policy.on_insert(Slot(slot), id, weight);
    }
}

impl<P: Policy + 'static, I: Index + Send> Feed<I::Key> for Weighed<P, I> {
    fn learn(&mut self, ids: &[u64]) {
        self.index.learn(ids);
    }

    fn into_hashed(self: Box<Self>) -> Box<dyn Feed<u64>> {
        let Self { policy, index, capacity, room, weights, free } = *self;
        Box::new(Weighed { policy, index: index.into_hashed(), capacity, room, weights, free })
    }

    fn feed(&mut self, requests: &[I::Key], sizes: &[u32]) -> Tally {
        let mut tally = Tally::default();
        let mut sizes = sizes.iter();
        for requests in requests.chunks(AHEAD) {
            look_ahead(&self.policy, &self.index, requests);
            if sizes.len() == 0 {
                for &key in requests {
                    tally.hits += u64::from(self.access(key, 1));
                }
            } else {
                for (&key, &size) in requests.iter().zip(&mut sizes) {
                    tally.count(self.access(key, size.max(1)), size.max(1));
                }
            }
        }
        tally
    }
}

impl Tally {
    #[inline]
    pub(crate) fn count(&mut self, hit: bool, size: u32) {
        let size = u64::from(size);
        self.hits += u64::from(hit);
        self.bytes += size;
        self.bytes_missed += if hit { 0 } else { size };
    }
}

#[cfg(test)]
mod tests {
    use super::{Replay, Tally, Weigh};
    use crate::{Exact, PolicyKind};
    use host_policy::mix::mix;
    use proptest::prelude::*;

    /// What [`Exact`] says of the same requests.
    fn reference(kind: PolicyKind, capacity: u64, weigh: Weigh, keys: &[u64], sizes: &[u32]) -> Tally {
        let mut cache = Exact::new(kind, capacity);
        let mut tally = Tally::default();
        for (place, &key) in keys.iter().enumerate() {
            let size = sizes.get(place).map_or(1, |&size| size.max(1));
            let hit = cache.access(key, if weigh == Weigh::Bytes { u64::from(size) } else { 1 });
            if sizes.is_empty() {
                tally.hits += u64::from(hit);
            } else {
                tally.count(hit, size);
            }
        }
        tally
    }

    fn sum(tallies: impl Iterator<Item = Tally>) -> Tally {
        tallies.fold(Tally::default(), |a, b| Tally {
            hits: a.hits + b.hits,
            bytes: a.bytes + b.bytes,
            bytes_missed: a.bytes_missed + b.bytes_missed,
        })
    }

    proptest! {
        /// Each policy, numbered and hashed, with and without sizes, fed in stretches of any length.
        #[test]
        fn equals_exact(
            numbers in prop::collection::vec(0u32..60, 0..700),
            sizes in prop::collection::vec(0u32..9, 700),
            capacity in 0u64..70,
            stretch in 1usize..90,
            turn in 0usize..9,
            sized: bool,
            in_bytes: bool,
        ) {
            let ids: Vec<u64> = (0..60).map(mix).collect();
            let keys: Vec<u64> = numbers.iter().map(|&n| ids[super::at(n)]).collect();
            let sizes = if sized { &sizes[..keys.len()] } else { &[] };
            let weigh = if in_bytes { Weigh::Bytes } else { Weigh::Objects };
            for kind in PolicyKind::ALL {
                let want = reference(kind, capacity, weigh, &keys, sizes);
                let part = |at: usize| sizes.get(at * stretch..).unwrap_or(&[]);
                let mut replay = Replay::numbered(kind, capacity, weigh, &ids);
                let parts = numbers.chunks(stretch).enumerate();
                prop_assert_eq!(sum(parts.map(|(at, part_of)| {
                    replay.feed(part_of, &part(at)[..part_of.len().min(part(at).len())])
                })), want, "{} numbered", kind);
                let mut replay = Replay::hashed(kind, capacity, weigh);
                let parts = keys.chunks(stretch).enumerate();
                prop_assert_eq!(sum(parts.map(|(at, part_of)| {
                    replay.feed(part_of, &part(at)[..part_of.len().min(part(at).len())])
                })), want, "{} hashed", kind);
                // Keys are learned as they come, and in the middle the numbers are given up.
                let mut growing = Some(Replay::growing(kind, capacity, weigh));
                let mut hashed = None;
                let mut known = 0;
                let parts = numbers.chunks(stretch).zip(keys.chunks(stretch)).enumerate();
                prop_assert_eq!(sum(parts.map(|(at, (numbers, keys))| {
                    let sizes = &part(at)[..keys.len().min(part(at).len())];
                    if at == turn && let Some(replay) = growing.take() {
                        hashed = Some(replay.into_hashed());
                    }
                    if let Some(replay) = &mut hashed {
                        return replay.feed(keys, sizes);
                    }
                    let replay = growing.as_mut().unwrap();
                    let most = numbers.iter().max().map_or(0, |&most| super::at(most) + 1).max(known);
                    replay.learn(&ids[known..most]);
                    known = most;
                    replay.feed(numbers, sizes)
                })), want, "{} growing", kind);
            }
        }
    }

    #[test]
    fn equals_exact_where_ghosts_and_growth_matter() {
        // Skewed: the product of two draws favours small numbers.
        let draw = |step: u64| (mix(step) % 1_000) * (mix(!step) % 20) / 4;
        let keys: Vec<u64> = (0..60_000).map(draw).map(mix).collect();
        let sizes: Vec<u32> = keys.iter().map(|key| u32::try_from(key % 50).unwrap()).collect();
        for kind in PolicyKind::ALL {
            for (weigh, capacity) in [(Weigh::Objects, 400), (Weigh::Bytes, 9_000)] {
                let mut replay = Replay::hashed(kind, capacity, weigh);
                let want = reference(kind, capacity, weigh, &keys, &sizes);
                assert_eq!(replay.feed(&keys, &sizes), want, "{kind}");
            }
        }
    }
}
