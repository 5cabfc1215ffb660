//! A cache that has adopted a shadow's policy misses what the shadow misses, and no gap twice.

use host_contract::split_mix::mix;
use host_policy::{ImportedEntry, Policy as _, PolicyFactory, Registry, Slot, builtin};
use proptest::prelude::*;

use super::{Adopted, ShadowState};
use crate::{Cache, Shadows};

/// Ids of requests: loops, hot keys and scans in turn.
fn requests(seed: u64, length: u64) -> impl Iterator<Item = u64> {
    (0..length).map(move |step| match (mix(seed) + step / 400) % 3 {
        0 => step % 90,
        1 => (mix(step ^ seed) % 40) * (mix(step) % 3),
        _ => 1_000 + step,
    })
}

struct Pair {
    cache: Cache<u64, u64>,
    shadows: Shadows,
    misses: u64,
}

impl Pair {
    fn new(start: &PolicyFactory, followed: &PolicyFactory, capacity: u64) -> Self {
        let cache = Cache::builder(capacity).shards(1).policy(start).weigher(|_, weight| *weight).build();
        Self { cache, shadows: Shadows::new(std::slice::from_ref(followed), &[1.0], capacity, 1), misses: 0 }
    }

    fn request(&mut self, key: u64) {
        let weight = 1 + key % 3;
        if self.cache.get(&key).is_none() {
            self.misses += 1;
            self.cache.insert(key, weight);
        }
        self.shadows.feed(self.cache.id(&key), weight);
    }

    fn shadow_misses(&mut self) -> u64 {
        self.shadows.estimates()[0].misses
    }

    fn adopt(&mut self, policy: &PolicyFactory) {
        assert!(self.cache.adopt(self.shadows.state(policy).unwrap()));
    }
}

proptest! {
    #[test]
    fn the_cache_misses_at_most_what_its_shadow_misses_and_each_gap_once(seed: u64, at in 100_u64..900) {
        for policy in &Registry::default() {
            let start = if *policy == builtin::LRU { builtin::LFU } else { builtin::LRU };
            let mut pair = Pair::new(&start, policy, 100);
            let requests: Vec<_> = requests(seed, 3_000).collect();
            let (before, after) = requests.split_at(usize::try_from(at).unwrap());
            before.iter().for_each(|&key| pair.request(key));
            pair.adopt(policy);
            prop_assert_eq!(pair.cache.check(), Ok(()));
            let (own, shadow) = (pair.misses, pair.shadow_misses());
            for (step, &key) in after.iter().enumerate() {
                pair.request(key);
                if step.is_multiple_of(97) {
                    prop_assert_eq!(pair.cache.check(), Ok(()), "{}", policy);
                }
            }
            // A gap is an entry of the shadow that the cache did not hold: 100 at most, each of a weight of 1 or more.
            let gaps = 100;
            prop_assert!(
                pair.misses - own <= pair.shadow_misses() - shadow + gaps,
                "{}: {} misses, {} of the shadow", policy, pair.misses - own, pair.shadow_misses() - shadow
            );
            prop_assert_eq!(pair.cache.policy(), policy.clone());
        }
    }

    #[test]
    fn everything_else_that_a_cache_does_goes_on(seed: u64) {
        for policy in &Registry::default() {
            let mut pair = Pair::new(&builtin::LRU, policy, 60);
            requests(seed, 500).for_each(|key| pair.request(key));
            pair.adopt(policy);
            for (step, key) in (0_u64..).zip(requests(seed ^ 1, 600)) {
                match mix(step ^ seed) % 8 {
                    0 => drop(pair.cache.remove(&key)),
                    1 => drop(pair.cache.insert(key, 1 + step % 5)),
                    2 if step % 40 == 0 => pair.cache.set_capacity(30 + step % 60),
                    _ => pair.request(key),
                }
                prop_assert_eq!(pair.cache.check(), Ok(()), "{}", policy);
            }
            // What was adopted is left again.
            let other = if *policy == builtin::ARC { builtin::LRU } else { builtin::ARC };
            pair.cache.set_policy(&other);
            prop_assert_eq!(pair.cache.check(), Ok(()));
        }
    }
}

#[test]
fn a_cache_that_never_needs_room_keeps_no_turns_that_are_over() {
    // Of the shadow's hundred entries, ninety are never asked for: LIRS holds on to them, and the cache has room.
    let entries = (0..100).map(|id| Some((1_000 + id, 1))).collect();
    let mut policy = builtin::LIRS.build(100);
    for (slot, id) in (0..100).zip(1_000..) {
        policy.on_miss(id, 1);
        policy.on_insert(Slot(slot), id, 1);
    }
    let state = ShadowState { kind: builtin::LIRS, policy, capacity: 100, entries };
    let own: Vec<_> =
        (0..10).map(|n| ImportedEntry { slot: Slot(n), id: n.into(), weight: 1, frequency: 1 }).collect();
    let mut adopted = Adopted::new(state, 100, &own);
    for step in 0..10_000 {
        adopted.on_hit(Slot(step % 10));
    }
    assert_eq!(adopted.len(), 10);
    assert!(adopted.extras.len() < 200, "{} turns", adopted.extras.len());
    assert_eq!(std::iter::from_fn(|| adopted.victim()).count(), 10);
}

#[test]
fn a_cache_in_shards_adopts_nothing() {
    let cache = Cache::<u64, u64>::builder(100_000).shards(4).build();
    let mut shadows = Shadows::new(&[builtin::ARC], &[1.0], 1_000, 1);
    assert!(!cache.adopt(shadows.state(&builtin::ARC).unwrap()));
    assert_eq!(cache.policy(), builtin::LRU);
}

#[test]
fn a_sample_and_a_policy_that_cannot_be_copied_have_nothing_to_adopt() {
    let mut shadows = Shadows::new(&[builtin::ARC], &[1.0], 1_000_000, 1);
    assert!(shadows.state(&builtin::ARC).is_none(), "a sample");
    let opaque = PolicyFactory::new("opaque", |_| Box::new(Opaque(host_policy::Lru::new())));
    let mut shadows = Shadows::new(std::slice::from_ref(&opaque), &[1.0], 100, 1);
    assert!(shadows.state(&opaque).is_none());
    assert!(shadows.state(&builtin::ARC).is_none(), "no such shadow");
}

/// An LRU that does not say how to copy it.
struct Opaque(host_policy::Lru);

impl host_policy::Policy for Opaque {
    fn on_hit(&mut self, slot: host_policy::Slot) {
        self.0.on_hit(slot);
    }
    fn on_miss(&mut self, id: u64, weight: u64) {
        self.0.on_miss(id, weight);
    }
    fn victim(&mut self) -> Option<host_policy::Slot> {
        self.0.victim()
    }
    fn on_insert(&mut self, slot: host_policy::Slot, id: u64, weight: u64) {
        self.0.on_insert(slot, id, weight);
    }
    fn on_remove(&mut self, slot: host_policy::Slot) {
        self.0.on_remove(slot);
    }
    fn on_reweigh(&mut self, slot: host_policy::Slot, weight: u64) {
        self.0.on_reweigh(slot, weight);
    }
    fn set_capacity(&mut self, capacity: u64) {
        self.0.set_capacity(capacity);
    }
    fn export(&self) -> Vec<host_policy::ExportedEntry> {
        self.0.export()
    }
    fn import(&mut self, entries: &[host_policy::ImportedEntry]) {
        self.0.import(entries);
    }
    fn len(&self) -> usize {
        self.0.len()
    }
}
