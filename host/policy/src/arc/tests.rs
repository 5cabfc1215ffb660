//! Sizes under weights, removals and resizes; `tests/policies.rs` compares unit weights with the paper.

use super::{Adaptive, ByHash, GhostStore, Policy, Slot, real};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn check(arc: &Adaptive, resident: &BTreeMap<u32, (u64, u64)>) -> Result<(), TestCaseError> {
    let weight = |segment: &crate::segment::Segment| -> u64 {
        segment.list.iter(&arc.uses).map(|slot| arc.weights.get(slot)).sum()
    };
    prop_assert_eq!(weight(&arc.t1), arc.t1.weight);
    prop_assert_eq!(weight(&arc.t2), arc.t2.weight);
    prop_assert_eq!(arc.t1.weight + arc.t2.weight, resident.values().map(|(_, weight)| weight).sum::<u64>());
    prop_assert_eq!(arc.len(), resident.len());
    prop_assert!(arc.target >= 0.0 && arc.target <= real(arc.capacity), "p is {}", arc.target);
    if arc.t1.weight + arc.t2.weight <= arc.capacity {
        prop_assert!(arc.seen_once() <= arc.capacity || ByHash::weight(&arc.b1) == 0, "|L1| > c");
        prop_assert!(arc.directory() <= 2 * arc.capacity, "the directory is over 2c");
    }
    Ok(())
}

proptest! {
    #[test]
    fn sizes_hold(steps in prop::collection::vec((0u8..16, 0u64..60, 1u64..25), 0..400)) {
        let mut arc = Adaptive::new(80);
        // Slot to id and weight, as the owner of the entries knows them.
        let mut resident = BTreeMap::new();
        let evict = |arc: &mut Adaptive, resident: &mut BTreeMap<u32, (u64, u64)>, room: u64| {
            while resident.values().map(|(_, weight)| weight).sum::<u64>() + room > arc.capacity {
                let victim = arc.victim().expect("there is an entry");
                assert!(resident.remove(&victim.0).is_some(), "{victim:?} is not resident");
            }
        };
        for (step, id, weight) in steps {
            let held = resident.iter().find(|(_, entry): &(_, &(u64, u64))| entry.0 == id).map(|(&slot, _)| slot);
            match (step, held) {
                (0, _) => {
                    arc.set_capacity(weight * 6);
                    evict(&mut arc, &mut resident, 0);
                }
                (1, Some(slot)) => {
                    arc.on_remove(Slot(slot));
                    resident.remove(&slot);
                }
                (2, Some(slot)) if weight <= resident[&slot].1 => {
                    arc.on_reweigh(Slot(slot), weight);
                    resident.insert(slot, (id, weight));
                }
                (_, Some(slot)) => arc.on_hit(Slot(slot)),
                (_, None) if weight <= arc.capacity => {
                    arc.on_miss(id, weight);
                    evict(&mut arc, &mut resident, weight);
                    let slot = (0..).find(|slot| !resident.contains_key(slot)).unwrap();
                    arc.on_insert(Slot(slot), id, weight);
                    resident.insert(slot, (id, weight));
                }
                (_, None) => {}
            }
            check(&arc, &resident)?;
        }
    }
}

#[test]
fn late_hits_and_removals_of_unknown_slots_are_ignored() {
    let mut arc = Adaptive::new(2);
    arc.on_hit(Slot(9));
    arc.on_remove(Slot(9));
    arc.on_reweigh(Slot(9), 5);
    assert_eq!((arc.len(), arc.victim()), (0, None));
}
