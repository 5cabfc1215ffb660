//! What a switch promises: the order of victims after it, for each pair of policies.

use PolicyKind::{Arc, Lfu, Lru};
use host_cache::policy::Resident;
use host_cache::{Exact, Policy, PolicyKind, Slot};

const PAIRS: [(PolicyKind, PolicyKind); 6] =
    [(Lru, Lfu), (Lru, Arc), (Lfu, Lru), (Lfu, Arc), (Arc, Lru), (Arc, Lfu)];

/// A policy with slots 0 to 5, 2 used thrice, 4 twice, 1 twice and before it 4.
fn used(kind: PolicyKind) -> Box<dyn Policy> {
    let mut policy = kind.build(6);
    for slot in 0..6 {
        policy.on_miss(u64::from(slot), 1);
        policy.on_insert(Slot(slot), u64::from(slot), 1);
    }
    for slot in [2, 4, 1, 2] {
        policy.on_hit(Slot(slot));
    }
    policy
}

fn switched(from: &dyn Policy, to: PolicyKind) -> Vec<u32> {
    let resident = |standing: &host_cache::policy::Standing| Resident {
        slot: standing.slot,
        id: u64::from(standing.slot.0),
        weight: 1,
        frequency: standing.frequency,
    };
    let entries: Vec<Resident> = from.export().iter().map(resident).collect();
    let mut policy = to.succeed(6, &entries);
    assert_eq!(policy.len(), 6);
    std::iter::from_fn(|| policy.victim()).map(|slot| slot.0).collect()
}

#[test]
fn victims_come_in_the_promised_order() {
    for (from, to) in PAIRS {
        // Used once, in order of age; then twice, the earlier use first; then thrice.
        assert_eq!(switched(&*used(from), to), [0, 3, 5, 4, 1, 2], "{from} to {to}");
    }
    // Where frequency and recency disagree each translation shows its own: 2 is frequent, but used long ago.
    let disagree = |kind: PolicyKind| {
        let mut policy = used(kind);
        for slot in [4, 1, 0] {
            policy.on_hit(Slot(slot));
        }
        policy
    };
    // LRU order 3, 5, 2, 4, 1, 0 with uses 1, 1, 3, 3, 3, 2.
    assert_eq!(switched(&*disagree(Lru), Lfu), [3, 5, 0, 2, 4, 1]);
    assert_eq!(switched(&*disagree(Lru), Arc), [3, 5, 2, 4, 1, 0]);
    assert_eq!(switched(&*disagree(Lfu), Lru), [3, 5, 0, 2, 4, 1]);
    assert_eq!(switched(&*disagree(Lfu), Arc), [3, 5, 0, 2, 4, 1]);
    assert_eq!(switched(&*disagree(Arc), Lru), [3, 5, 2, 4, 1, 0]);
    assert_eq!(switched(&*disagree(Arc), Lfu), [3, 5, 0, 2, 4, 1]);
}

#[test]
fn the_hot_set_outlives_the_switch() {
    for (from, to) in PAIRS {
        let mut cache = Exact::new(from, 1_000);
        // 200 hot ids, each used five times; then 800 that are used once and fill the cache.
        for id in (0..200).cycle().take(1_000).chain(1_000..1_800) {
            cache.access(id, 1);
        }
        // LRU alone would let the hot ids go next: they are used once more, as a hot id would be.
        for id in 0..200 {
            assert!(cache.access(id, 1), "{from}: {id} is resident");
        }
        cache.set_policy(to);
        for id in 10_000..10_700 {
            cache.access(id, 1);
        }
        let left = (0..200).filter(|&id| cache.contains(id)).count();
        assert_eq!(left, 200, "{from} to {to}: hot ids were evicted within 700 inserts");
    }
}

#[test]
fn a_way_through_all_three_keeps_counts() {
    let mut cache = Exact::new(Lfu, 100);
    for id in (0..100).chain((0..10).cycle().take(500)) {
        cache.access(id, 1);
    }
    for kind in [Arc, Lru, Arc, Lfu] {
        cache.set_policy(kind);
    }
    // Fifty uses each: newcomers used forty times still rank below them.
    for id in (1_000..1_090).flat_map(|id| std::iter::repeat_n(id, 40)) {
        cache.access(id, 1);
    }
    for id in 2_000..2_200 {
        cache.access(id, 1);
    }
    assert!((0..10).all(|id| cache.contains(id)));
}
