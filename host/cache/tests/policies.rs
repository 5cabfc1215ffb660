//! Weights, switches, removals and new capacities in any order: the books balance and the limit holds. That each
//! policy evicts what its paper says is tested beside the policies.

use host_cache::{Exact, builtin};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_limit_holds(steps in prop::collection::vec((0u8..20, 0u64..50, 1u64..30), 0..600)) {
        for kind in &builtin::ALL {
            let mut cache = Exact::new(kind, 60);
            let mut stored = std::collections::BTreeMap::new();
            for &(step, id, weight) in &steps {
                match step {
                    0 => cache.set_capacity(weight * 5),
                    1 => {
                        let before: Vec<_> = (0..50).filter(|&id| cache.contains(id)).collect();
                        let next = usize::try_from(id).unwrap_or(0) % builtin::ALL.len();
                        cache.set_policy(&builtin::ALL[next]);
                        let after: Vec<_> = (0..50).filter(|&id| cache.contains(id)).collect();
                        prop_assert_eq!(before, after, "a switch keeps every entry");
                    }
                    2 => { cache.remove(id); }
                    _ => {
                        if !cache.access(id, weight) {
                            stored.insert(id, weight);
                        }
                    }
                }
                let held: Vec<u64> = (0..50).filter(|&id| cache.contains(id)).collect();
                prop_assert_eq!(cache.len(), held.len());
                prop_assert_eq!(cache.used(), held.iter().map(|id| stored[id]).sum::<u64>());
                prop_assert!(cache.used() <= cache.capacity());
            }
        }
    }
}
