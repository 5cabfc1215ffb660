//! A batched LRU behind the adapter, beside the native one, under an owner that does all that owners do.

use proptest::prelude::*;

use crate::batched::fixture::{Owner, batches};
use crate::{ImportedEntry, Lru, PolicyFactory, Slot};

proptest! {
    #[test]
    fn the_victims_are_those_of_the_native_policy(
        steps in prop::collection::vec((0u8..10, 0u64..40, 1u64..4), 0..400),
    ) {
        let mut ours = Owner::new(batches(None).build(20), 20);
        let mut native = Owner::new(Box::new(Lru::new()), 20);
        for (step, id, weight) in steps {
            for owner in [&mut ours, &mut native] {
                match step {
                    0 => owner.remove(id),
                    1 => owner.replace(id, weight),
                    2 => owner.resize(10 + id / 2),
                    _ => prop_assert!(owner.access(id, weight)),
                }
            }
            prop_assert_eq!(&ours.evicted, &native.evicted);
            prop_assert_eq!(&ours.slots, &native.slots);
        }
        prop_assert_eq!(ours.policy.len(), native.policy.len());
    }
}

#[test]
fn another_policy_takes_over_from_it_and_it_from_another() {
    let mut one = Owner::new(batches(None).build(10), 10);
    for id in [1, 2, 3, 1] {
        one.access(id, 2);
    }
    // What is kept back is told before the next miss, and not before an export.
    one.access(4, 2);
    let slots: Vec<u32> = one.policy.export().iter().map(|entry| entry.slot.0).collect();
    let of = |id| one.slots[&id].0;
    assert_eq!(slots, [of(2), of(3), of(1), of(4)]);
    let entry = |id: u64| ImportedEntry { slot: Slot(of(id)), id, weight: 2, frequency: 1 };
    let entries: Vec<ImportedEntry> = [2, 3, 1, 4].map(entry).into();
    let mut other = batches(None).rebuild(10, &entries);
    other.on_hit(Slot(of(2)));
    assert_eq!([other.victim(), other.victim()], [Some(Slot(of(3))), Some(Slot(of(1)))]);
}

#[test]
fn one_that_fails_names_no_victim_from_then_on() {
    let mut owner = Owner::new(batches(Some(30)).build(10), 10);
    let served = (0..100).take_while(|id| owner.access(*id, 1)).count();
    assert_eq!(served, 29);
    assert_eq!(owner.policy.victim(), None);
    let mut closed = PolicyFactory::batched("closed", |_| Err("not today".to_owned())).build(10);
    closed.on_miss(1, 1);
    closed.on_insert(Slot(0), 1, 1);
    assert_eq!(closed.victim(), None);
}
