//! Weights, switches, removals and new capacities in any order: the books balance and the limit holds. That each
//! policy evicts what its paper says is tested beside the policies.

use host_cache::{Cache, builtin};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_limit_holds(steps in prop::collection::vec((0u8..20, 0u64..50, 1u64..30), 0..600)) {
        for kind in &builtin::ALL {
            let cache = Cache::builder(60).policy(kind).shards(1).weigher(|_, &weight: &u64| weight).build();
            let mut stored = std::collections::BTreeMap::new();
            for &(step, id, weight) in &steps {
                match step {
                    0 => cache.set_capacity(weight * 5),
                    1 => {
                        let before: Vec<_> = (0..50).filter(|&id| cache.contains(&id)).collect();
                        let next = usize::try_from(id).unwrap_or(0) % builtin::ALL.len();
                        cache.set_policy(&builtin::ALL[next]);
                        let after: Vec<_> = (0..50).filter(|&id| cache.contains(&id)).collect();
                        prop_assert_eq!(before, after, "a switch keeps every entry");
                    }
                    2 => { cache.remove(&id); }
                    _ => {
                        stored.insert(id, cache.get_or_insert_with(id, || weight).0);
                    }
                }
                let held: Vec<u64> = (0..50).filter(|&id| cache.contains(&id)).collect();
                prop_assert_eq!(usize::try_from(cache.len()), Ok(held.len()));
                prop_assert_eq!(cache.weight(), held.iter().map(|id| stored[id]).sum::<u64>());
                prop_assert!(cache.weight() <= cache.capacity());
            }
        }
    }
}
