//! Weights, and late calls; `tests/three_queues.rs` compares unit weights with the papers.

use super::{FREQUENCY, Policy, Slot};
use crate::{ByHash, Decimal, GhostStore, S4Fifo, s4_fifo};

fn insert(policy: &mut S4Fifo, slot: u32, weight: u64) {
    policy.on_miss(u64::from(slot), weight);
    policy.on_insert(Slot(slot), u64::from(slot), weight);
}

fn hits_counted(policy: &S4Fifo, slot: u32) -> u16 {
    policy.access.get(Slot(slot)).flags() & FREQUENCY
}

#[test]
fn an_entry_ages_by_the_weight_that_enters_after_it() {
    // S has 40 of 400, of which the newest 10 do not count.
    let mut policy = S4Fifo::new(400);
    insert(&mut policy, 0, 5);
    insert(&mut policy, 1, 6);
    policy.on_hit(Slot(0));
    assert_eq!(hits_counted(&policy, 0), 0, "6 entered after it");
    insert(&mut policy, 2, 4);
    policy.on_hit(Slot(0));
    policy.on_hit(Slot(1));
    assert_eq!([0, 1].map(|slot| hits_counted(&policy, slot)), [1, 0], "10 and 4 did");
    // What leaves, or weighs otherwise now, did enter.
    policy.on_remove(Slot(2));
    policy.on_reweigh(Slot(1), 1);
    policy.on_hit(Slot(0));
    assert_eq!((hits_counted(&policy, 0), policy.small.weight), (2, 6));
}

#[test]
fn what_entered_wraps() {
    let mut policy = S4Fifo::new(400);
    policy.inflow = u64::MAX - 3;
    insert(&mut policy, 0, 5);
    policy.on_hit(Slot(0));
    insert(&mut policy, 1, 12);
    policy.on_hit(Slot(0));
    policy.on_hit(Slot(1));
    assert_eq!([0, 1].map(|slot| hits_counted(&policy, slot)), [1, 0]);
}

#[test]
fn shares_are_weights_and_ghosts_are_bounded_by_them() {
    let [small, ghosts, skip] = [25, 50, 0].map(Decimal::percent);
    let parameters = s4_fifo::Parameters::new([small, ghosts, skip], [1, 1]).unwrap();
    let mut policy = S4Fifo::<ByHash>::with(100, parameters);
    let weight = |slot: u32| u64::from(slot % 7) + 1;
    let mut held = 0;
    for slot in 0..200 {
        policy.on_miss(u64::from(slot), weight(slot));
        while held + weight(slot) > 100 {
            held -= weight(policy.victim().unwrap().0);
        }
        policy.on_insert(Slot(slot), u64::from(slot), weight(slot));
        held += weight(slot);
        assert_eq!(policy.small.weight + policy.main.weight, held);
        assert!(ByHash::weight(&policy.ghosts) <= 50);
    }
    // Nothing was used again: what went left S, and M kept what filled it, up to S's share of 25 and an entry.
    assert!((68..=82).contains(&policy.main.weight), "{}", policy.main.weight);
    policy.set_capacity(0);
    assert_eq!(ByHash::weight(&policy.ghosts), 0);
}

#[test]
fn late_hits_and_removals_of_unknown_slots_are_ignored() {
    let mut policy = S4Fifo::new(2);
    policy.on_hit(Slot(9));
    policy.on_remove(Slot(9));
    policy.on_reweigh(Slot(9), 5);
    assert_eq!((policy.len(), policy.victim()), (0, None));
}
