//! Weights, removals and resizes; `tests/w_tinylfu.rs` compares unit weights with the paper.

use super::{Decimal, ImportedEntry, PROBATION, PROTECTED, Parameters, Policy, Slot, WINDOW, WTinyLfu};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn check(policy: &WTinyLfu, resident: &BTreeMap<u32, (u64, u64)>) -> Result<(), TestCaseError> {
    let parts = &policy.segments;
    for (segment, number) in
        [(&parts.window, WINDOW), (&parts.probation, PROBATION), (&parts.protected, PROTECTED)]
    {
        let slots: Vec<u32> = segment.list.iter(&policy.entries).collect();
        prop_assert_eq!(slots.iter().map(|slot| resident[slot].1).sum::<u64>(), segment.weight);
        prop_assert!(slots.iter().all(|&slot| policy.entries.data(slot).usage.segment() == number));
    }
    prop_assert!(parts.protected.weight <= policy.max_protected);
    prop_assert_eq!(policy.max_window + policy.max_main, policy.capacity);
    prop_assert!(policy.max_protected <= policy.max_main);
    let mut exported: Vec<u32> = policy.export().iter().map(|exported| exported.slot.0).collect();
    exported.sort_unstable();
    prop_assert_eq!(exported, resident.keys().copied().collect::<Vec<_>>(), "each entry is exported once");
    prop_assert_eq!(policy.len(), resident.len());
    prop_assert!(policy.sketch.entries() >= policy.len());
    Ok(())
}

proptest! {
    #[test]
    fn parts_hold(
        steps in prop::collection::vec((0u8..16, 0u64..60, 1u64..25), 0..400),
        window in 1u32..=99,
        climbs: bool,
    ) {
        let parameters = Parameters::new(Decimal::percent(window)).unwrap();
        let mut policy = if climbs { WTinyLfu::climbing } else { WTinyLfu::with }(80, parameters);
        let mut resident: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        let evict = |policy: &mut WTinyLfu, resident: &mut BTreeMap<u32, (u64, u64)>, room: u64| {
            while resident.values().map(|(_, weight)| weight).sum::<u64>() + room > policy.capacity {
                let victim = policy.victim().expect("there is an entry");
                assert!(resident.remove(&victim.0).is_some(), "{victim:?} is not resident");
            }
        };
        for (step, id, weight) in steps {
            let held = resident.iter().find(|(_, entry)| entry.0 == id).map(|(&slot, _)| slot);
            match (step, held) {
                (0, _) => {
                    policy.set_capacity(weight * 6);
                    evict(&mut policy, &mut resident, 0);
                }
                (1, Some(slot)) => {
                    policy.on_remove(Slot(slot));
                    resident.remove(&slot);
                }
                (2, Some(slot)) => {
                    policy.on_reweigh(Slot(slot), weight);
                    resident.insert(slot, (id, weight));
                    evict(&mut policy, &mut resident, 0);
                }
                (_, Some(slot)) => policy.on_hit(Slot(slot)),
                (_, None) if weight <= policy.capacity => {
                    policy.on_miss(id, weight);
                    evict(&mut policy, &mut resident, weight);
                    let slot = (0..).find(|slot| !resident.contains_key(slot)).unwrap();
                    policy.on_insert(Slot(slot), id, weight);
                    resident.insert(slot, (id, weight));
                    prop_assert!(policy.segments.window.weight <= policy.max_window);
                }
                (_, None) => {}
            }
            check(&policy, &resident)?;
        }
    }
}

/// Announces and inserts slot and id `slot` of `weight`; the victims until the owner's sum fits 1,000.
fn insert(policy: &mut WTinyLfu, slot: u32, weight: u64) -> Vec<u32> {
    policy.on_miss(u64::from(slot), weight);
    let mut victims = Vec::new();
    while policy.segments.window.weight + policy.main_weight() + weight > 1_000 {
        victims.push(policy.victim().unwrap().0);
    }
    policy.on_insert(Slot(slot), u64::from(slot), weight);
    victims
}

#[test]
fn an_entry_too_heavy_for_the_window_has_to_beat_its_victims_too() {
    let mut policy = WTinyLfu::new(1_000);
    for slot in 0..10 {
        insert(&mut policy, slot, 100);
    }
    // Used once like its victim, 0: it is the next to go. Used again before: it is not, and 1 is.
    assert_eq!(insert(&mut policy, 10, 100), [0]);
    assert_eq!(insert(&mut policy, 11, 100), [10]);
    policy.sketch.add(crate::mix::mix(12));
    assert_eq!(insert(&mut policy, 12, 100), [11]);
    assert_eq!(insert(&mut policy, 13, 100), [1]);
}

#[test]
fn the_sample_follows_the_mean_weight() {
    let mut policy = WTinyLfu::new(1_000);
    insert(&mut policy, 0, 100);
    insert(&mut policy, 1, 10);
    // 1,000 hold 18 entries of 55: a sample of 180.
    for _ in 0..176 {
        policy.on_hit(Slot(1));
    }
    assert_eq!((policy.sketch.additions(), policy.sketch.estimate(crate::mix::mix(1))), (178, 15));
    policy.on_hit(Slot(1));
    policy.on_hit(Slot(1));
    assert_eq!((policy.sketch.additions(), policy.sketch.estimate(crate::mix::mix(1))), (90, 7));
}

#[test]
fn a_successor_evicts_in_the_order_given_and_knows_the_frequencies() {
    let entry = |slot: u32| ImportedEntry {
        slot: Slot(slot),
        id: u64::from(slot),
        weight: u64::from(slot % 3) + 1,
        frequency: slot / 10 + 1,
    };
    let entries: Vec<ImportedEntry> = (0..300).map(entry).collect();
    let mut policy = WTinyLfu::new(600);
    policy.import(&entries);
    for (now, then) in policy.export().iter().zip(&entries) {
        assert_eq!((now.slot, now.frequency), (then.slot, then.frequency));
        assert!(policy.sketch.estimate(crate::mix::mix(then.id)) >= then.frequency.min(15));
    }
    assert!((473..=475).contains(&policy.segments.protected.weight), "{}", policy.segments.protected.weight);
    let victims: Vec<u32> = std::iter::from_fn(|| policy.victim()).map(|slot| slot.0).collect();
    assert_eq!(victims, (0..300).collect::<Vec<_>>());
}

#[test]
fn a_warm_loser_is_admitted_now_and_then_and_always_the_same() {
    let run = || {
        let mut policy = WTinyLfu::new(100);
        let entries = (0..100).map(|slot| ImportedEntry {
            slot: Slot(slot),
            id: u64::from(slot),
            weight: 1,
            frequency: 15,
        });
        policy.import(&entries.collect::<Vec<_>>());
        let candidate = policy.entries.data(0).to_owned();
        let victim = policy.entries.data(1).to_owned();
        (0..10_000).map(|_| policy.admits(candidate, victim)).collect::<Vec<_>>()
    };
    let admitted = run().iter().filter(|&&admitted| admitted).count();
    assert!((40..120).contains(&admitted), "{admitted} of 10,000 are about one in 128");
    assert_eq!(run(), run());
}

#[test]
fn late_hits_and_removals_of_unknown_slots_are_ignored() {
    let mut policy = WTinyLfu::new(2);
    policy.on_hit(Slot(9));
    policy.on_remove(Slot(9));
    policy.on_reweigh(Slot(9), 5);
    assert_eq!((policy.len(), policy.victim()), (0, None));
}

#[test]
fn a_batch_of_hits_is_the_hits_one_by_one() {
    let mut policies = [(); 2].map(|()| WTinyLfu::new(1_000));
    for slot in 0..50 {
        for policy in &mut policies {
            insert(policy, slot, 20);
        }
    }
    // Slots 50 and up are unknown.
    let hits: Vec<Slot> =
        (0..1_000).map(|step| Slot(u32::try_from(crate::mix::mix(step) % 53).unwrap())).collect();
    let [batched, single] = &mut policies;
    batched.on_hits(&hits);
    hits.iter().for_each(|&slot| single.on_hit(slot));
    assert_eq!(batched.export(), single.export());
    for id in 0..50 {
        let hash = crate::mix::mix(id);
        assert_eq!(batched.sketch.estimate(hash), single.sketch.estimate(hash));
    }
    assert_eq!(batched.sketch.additions(), single.sketch.additions());
}

/// Runs ids of weight 1 through a cache of 64 whose window climbs from a half. The window's share in the end.
fn climbed(ids: impl Iterator<Item = u64>) -> u64 {
    let mut policy = WTinyLfu::climbing(64, Parameters::new(Decimal::percent(50)).unwrap());
    let mut slots: BTreeMap<u64, u32> = BTreeMap::new();
    for id in ids {
        if let Some(&slot) = slots.get(&id) {
            policy.on_hit(Slot(slot));
            continue;
        }
        policy.on_miss(id, 1);
        let victim = (slots.len() == 64).then(|| policy.victim().unwrap().0);
        slots.retain(|_, slot| Some(*slot) != victim);
        let slot = victim.unwrap_or_else(|| u32::try_from(slots.len()).unwrap());
        slots.insert(id, slot);
        policy.on_insert(Slot(slot), id, 1);
    }
    policy.max_window
}

#[test]
fn the_window_grows_where_uses_are_recent_and_shrinks_where_they_are_frequent() {
    let random = |step: u64| crate::mix::mix(step);
    // Each id twice, the second time up to 100 requests after the first.
    let recent = (0..60_000).map(|step| {
        if random(step) % 2 == 0 { 1_000 + step } else { 1_000 + step.saturating_sub(random(!step) % 100) }
    });
    // A third of the requests are to ids never seen again, the others to 80 at random, of which main holds most.
    let frequent =
        (0..60_000).map(|step| if random(step) % 3 == 0 { 1_000 + step } else { random(!step) % 80 });
    let (recent, frequent) = (climbed(recent), climbed(frequent));
    assert!(recent > 45 && frequent < 20, "from 32 to {recent} and to {frequent}");
}

/// Entries of any weight change sides; what is too heavy for a step ends it.
#[test]
fn a_step_ends_at_an_entry_that_weighs_more_than_is_left_of_it() {
    let mut policy = WTinyLfu::climbing(1_000, Parameters::default());
    for slot in 0..10 {
        insert(&mut policy, slot, if slot < 2 { 30 } else { 100 });
    }
    // All skipped the window and are in probation; 0 and 1 are its oldest.
    assert_eq!((policy.grow(62), policy.max_window), (32, 40));
    assert_eq!((policy.grow(32), policy.max_window), (2, 70));
    assert_eq!((policy.grow(2), policy.max_window), (0, 70));
    assert_eq!((policy.shrink(62), policy.max_window), (32, 40));
    assert_eq!((policy.shrink(29), policy.max_window), (0, 40));
    assert_eq!((policy.shrink(30), policy.max_window, policy.max_main), (0, 10, 990));
}
