//! Weights, removals and resizes, and the stamps; `tests/lirs.rs` compares unit weights with the paper.

use super::{ByHash, GhostStore, HIR, ImportedEntry, LIR, Lirs, Parameters, Policy, Slot};
use crate::Decimal;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn check(lirs: &mut Lirs, resident: &BTreeMap<u32, (u64, u64)>) -> Result<(), TestCaseError> {
    for (segment, status) in [(&lirs.lir, LIR), (&lirs.queue, HIR)] {
        let slots: Vec<u32> = segment.list.iter(&lirs.stamps).collect();
        prop_assert_eq!(slots.iter().map(|slot| resident[slot].1).sum::<u64>(), segment.weight);
        prop_assert!(slots.iter().all(|&slot| lirs.access.get(Slot(slot)).flags() == status));
    }
    prop_assert!(lirs.lir.weight <= lirs.max_lir);
    prop_assert!(ByHash::weight(&lirs.ghosts) <= lirs.max_ghosts);
    let exported: Vec<u32> = lirs.export().iter().map(|exported| exported.slot.0).collect();
    let mut sorted = exported.clone();
    sorted.sort_unstable();
    prop_assert_eq!(sorted, resident.keys().copied().collect::<Vec<_>>(), "each entry is exported once");
    prop_assert_eq!(lirs.len(), resident.len());
    // The claim by which S needs no list: in order of last use are LIR, the HIR entries in S, and the ghosts,
    // which are all older than those.
    let mut remembered = Vec::new();
    ByHash::for_each_payload(&mut lirs.ghosts, &mut lirs.stamps, |stamp| {
        remembered.push(u32::from_le_bytes(stamp));
        stamp
    });
    let used = |segment: &super::Segment| -> Vec<u32> {
        segment.list.iter(&lirs.stamps).map(|slot| *lirs.stamps.data(slot)).collect()
    };
    prop_assert!(used(&lirs.lir).is_sorted_by(|a, b| a < b));
    let queued = used(&lirs.queue).into_iter().filter(|&stamp| lirs.in_stack(stamp));
    let cold: Vec<u32> = remembered.into_iter().filter(|&stamp| lirs.in_stack(stamp)).chain(queued).collect();
    prop_assert!(cold.is_sorted_by(|a, b| a < b), "{:?}", cold);
    Ok(())
}

proptest! {
    #[test]
    fn parts_hold(
        steps in prop::collection::vec((0u8..16, 0u64..60, 1u64..25), 0..400),
        hir in 1u32..60,
        clock in prop_oneof![Just(0), u32::MAX - 300..u32::MAX],
    ) {
        let parameters = Parameters::new(Decimal::percent(hir), Decimal::whole(1)).unwrap();
        let mut lirs = Lirs::with(80, parameters);
        lirs.clock = clock;
        let mut resident: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        let evict = |lirs: &mut Lirs, resident: &mut BTreeMap<u32, (u64, u64)>, room: u64| {
            while resident.values().map(|(_, weight)| weight).sum::<u64>() + room > lirs.capacity {
                let victim = lirs.victim().expect("there is an entry");
                assert!(resident.remove(&victim.0).is_some(), "{victim:?} is not resident");
            }
        };
        for (step, id, weight) in steps {
            let held = resident.iter().find(|(_, entry)| entry.0 == id).map(|(&slot, _)| slot);
            match (step, held) {
                (0, _) => {
                    lirs.set_capacity(weight * 6);
                    evict(&mut lirs, &mut resident, 0);
                }
                (1, Some(slot)) => {
                    lirs.on_remove(Slot(slot));
                    resident.remove(&slot);
                }
                (2, Some(slot)) => {
                    lirs.on_reweigh(Slot(slot), weight);
                    resident.insert(slot, (id, weight));
                    evict(&mut lirs, &mut resident, 0);
                }
                (_, Some(slot)) => lirs.on_hit(Slot(slot)),
                (_, None) if weight <= lirs.capacity => {
                    lirs.on_miss(id, weight);
                    evict(&mut lirs, &mut resident, weight);
                    let slot = (0..).find(|slot| !resident.contains_key(slot)).unwrap();
                    lirs.on_insert(Slot(slot), id, weight);
                    resident.insert(slot, (id, weight));
                }
                (_, None) => {}
            }
            check(&mut lirs, &resident)?;
        }
    }

    /// The clock's end changes no decision.
    #[test]
    fn renumbering_changes_nothing(ids in prop::collection::vec(0u64..40, 0..400), left in 1u32..200) {
        let mut caches = [0, u32::MAX - left].map(|clock| {
            let mut lirs = Lirs::new(12);
            lirs.clock = clock;
            (lirs, BTreeMap::new())
        });
        for id in ids {
            let outcomes = caches.each_mut().map(|(lirs, slots): &mut (Lirs, BTreeMap<u64, u32>)| {
                if let Some(&slot) = slots.get(&id) {
                    lirs.on_hit(Slot(slot));
                    return None;
                }
                lirs.on_miss(id, 1);
                let victim = (slots.len() == 12).then(|| lirs.victim().unwrap().0);
                slots.retain(|_, slot| Some(*slot) != victim);
                let slot = victim.unwrap_or(u32::try_from(slots.len()).unwrap());
                slots.insert(id, slot);
                lirs.on_insert(Slot(slot), id, 1);
                Some(victim)
            });
            prop_assert_eq!(outcomes[0], outcomes[1]);
        }
    }
}

#[test]
fn a_successor_evicts_in_the_order_given() {
    let entry = |slot: u32| ImportedEntry {
        slot: Slot(slot),
        id: u64::from(slot),
        weight: u64::from(slot % 3) + 1,
        frequency: slot + 1,
    };
    let entries: Vec<ImportedEntry> = (0..300).map(entry).collect();
    let mut lirs = Lirs::new(600);
    lirs.import(&entries);
    assert!(
        lirs.export()
            .iter()
            .zip(&entries)
            .all(|(now, then)| (now.slot, now.frequency) == (then.slot, then.frequency))
    );
    assert!((590..=594).contains(&lirs.lir.weight), "LIR is full: {}", lirs.lir.weight);
    let victims: Vec<u32> = std::iter::from_fn(|| lirs.victim()).map(|slot| slot.0).collect();
    assert_eq!(victims, (0..300).collect::<Vec<_>>());
}

#[test]
fn late_hits_and_removals_of_unknown_slots_are_ignored() {
    let mut lirs = Lirs::new(2);
    lirs.on_hit(Slot(9));
    lirs.on_remove(Slot(9));
    lirs.on_reweigh(Slot(9), 5);
    assert_eq!((lirs.len(), lirs.victim()), (0, None));
}
