//! A batched LRU that names victims ahead, under an owner whose work is done at once or late.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{FEWEST, reserve};
use crate::batched::Deferred;
use crate::batched::fixture::{Owner, batches};
use crate::{Lru, Policy, PolicyFactory, Preparation, Slot};

fn live(policy: &PolicyFactory, capacity: u64) -> Owner {
    Owner::new(policy.build_live(capacity, true), capacity)
}

/// Does what is due, as the cache does after each change.
fn settle(owner: &mut Owner) {
    if let Some(mut work) = owner.policy.take_deferred() {
        work.run();
        assert!(owner.policy.put_back(work).is_none());
    }
}

/// Does all that waits, and lets the policy tell its order.
fn prepare(owner: &mut Owner) {
    while let Preparation::Work(mut work) = owner.policy.prepare_export() {
        work.run();
        assert!(owner.policy.put_back(work).is_none());
    }
}

/// The owner's entries are those that the policy knows of, each once.
fn check(owner: &Owner) {
    let exported: Vec<u32> = owner.policy.export().iter().map(|entry| entry.slot.0).collect();
    let slots: BTreeSet<u32> = owner.slots.values().map(|(slot, _)| *slot).collect();
    assert_eq!((exported.len(), owner.policy.len()), (slots.len(), slots.len()));
    assert_eq!(exported.into_iter().collect::<BTreeSet<u32>>(), slots);
    assert!(owner.used <= owner.capacity);
}

proptest! {
    /// The cache holds at least what the native policy holds in a cache that is smaller by the reserve.
    #[test]
    fn nothing_that_a_slightly_smaller_cache_holds_is_missed(
        ids in prop::collection::vec(0u64..50, 0..600),
        capacity in 16u64..40,
    ) {
        let mut ours = live(&batches(None), capacity);
        let less = capacity - reserve(capacity);
        let mut native = Owner::new(Box::new(Lru::new()), less);
        for id in ids {
            prop_assert!(ours.access(id, 1) && native.access(id, 1));
            settle(&mut ours);
            check(&ours);
            let missed: Vec<&u64> = native.slots.keys().filter(|id| !ours.slots.contains_key(id)).collect();
            prop_assert!(missed.is_empty(), "{missed:?} after {id}; {:?}", ours.evicted);
        }
    }

    /// Whatever the owner does while work is under way, victims are resident, and nothing is lost or known twice.
    #[test]
    fn late_work_is_taken_in(
        steps in prop::collection::vec((0u8..16, 0u64..60, 1u64..4), 0..500),
        weighed in any::<bool>(),
    ) {
        let mut owner = Owner::new(batches(None).build_live(24, weighed), 24);
        let mut away: Option<Deferred> = None;
        for (step, id, weight) in steps {
            let weight = if weighed { weight } else { 1 };
            match step {
                0 => owner.remove(id),
                1 => owner.replace(id, weight),
                2 => owner.resize(10 + id / 2),
                3..=5 => {
                    if let Some(mut work) = away.take() {
                        work.run();
                        prop_assert!(owner.policy.put_back(work).is_none());
                    }
                }
                6 => {
                    if let Preparation::Work(work) = owner.policy.prepare_export() {
                        away = Some(work);
                    }
                }
                _ => prop_assert!(owner.access(id, weight), "no victim: {:?}", owner.policy.fault()),
            }
            away = away.or_else(|| owner.policy.take_deferred());
            check(&owner);
            prop_assert_eq!(owner.policy.fault(), None);
        }
        if let Some(mut work) = away {
            work.run();
            prop_assert!(owner.policy.put_back(work).is_none());
        }
        prepare(&mut owner);
        check(&owner);
        prop_assert_eq!(owner.policy.fault(), None);
    }
}

#[test]
fn a_hit_on_an_entry_that_was_given_up_brings_it_back() {
    let mut owner = live(&batches(None), 16);
    for id in 0..16 {
        owner.access(id, 1);
        settle(&mut owner);
    }
    // 14 are in the policy, and 0 and 1 wait to go.
    owner.access(0, 1);
    settle(&mut owner);
    owner.access(20, 1);
    owner.access(21, 1);
    assert_eq!(owner.evicted, [1, 2]);
}

#[test]
fn the_order_is_handed_over_once_it_was_asked_for() {
    let mut owner = live(&batches(None), 16);
    for id in (0..16).chain([3, 2]) {
        owner.access(id, 1);
        settle(&mut owner);
    }
    prepare(&mut owner);
    let order: Vec<Slot> = owner.policy.export().iter().map(|entry| entry.slot).collect();
    let slot = |id| Slot(owner.slots[&id].0);
    assert_eq!(order[..2], [slot(0), slot(1)]);
    assert_eq!(order[14..], [slot(3), slot(2)]);
}

#[test]
fn room_that_others_take_is_found_out() {
    let mut owner = live(&batches(None), 100);
    for id in 0..100 {
        owner.access(id, 1);
        settle(&mut owner);
    }
    // Other guests of the cache take a fifth of it.
    owner.capacity = 80;
    for id in 100..400 {
        owner.access(id, 1);
        settle(&mut owner);
    }
    assert_eq!(owner.evicted[owner.evicted.len() - 100..], (220..320).collect::<Vec<u64>>());
    owner.capacity = 100;
    for id in 400..800 {
        owner.access(id, 1);
        settle(&mut owner);
    }
    assert_eq!(owner.slots.len(), 100);
    assert_eq!(owner.evicted[owner.evicted.len() - 100..], (600..700).collect::<Vec<u64>>());
}

#[test]
fn one_that_fails_names_no_victim_and_keeps_the_entries() {
    let mut owner = live(&batches(Some(3)), 32);
    let served = (0..100)
        .take_while(|id| {
            let served = owner.access(*id, 1);
            if let Some(mut work) = owner.policy.take_deferred() {
                work.run();
                drop(owner.policy.put_back(work));
            }
            served
        })
        .count();
    assert!((32..64).contains(&served), "{served}");
    assert_eq!(owner.policy.fault(), Some("a fault"));
    assert_eq!((owner.policy.victim(), owner.policy.len()), (None, 32));
    assert_eq!(owner.policy.export().len(), 32);
    let closed = PolicyFactory::batched("closed", |_| Err("not today".to_owned()));
    let mut closed = live(&closed, 4);
    assert_eq!((0..10).take_while(|id| closed.access(*id, 1)).count(), 4);
    assert_eq!(closed.policy.fault(), Some("not today"));
}

#[test]
fn work_of_another_policy_is_given_back() {
    let mut one = live(&batches(None), 8);
    let mut other = live(&batches(None), 8);
    assert!((0..20).all(|id| one.access(id, 1)));
    let work = one.policy.take_deferred().unwrap();
    assert!(one.policy.take_deferred().is_none(), "it is away");
    assert!(matches!(one.policy.prepare_export(), Preparation::Away));
    let work = other.policy.put_back(work).unwrap();
    assert!(one.policy.put_back(work).is_none());
}

#[test]
fn the_reserve_is_small() {
    let reserves = [0, 1, 2, 8, 16, 32, 256, 640, 100_000].map(reserve);
    assert_eq!(reserves, [0, 0, 1, 1, 2, FEWEST, FEWEST, 10, 1_562]);
}
