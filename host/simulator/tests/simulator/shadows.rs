//! Shadows against full simulations, on real traces at the rate that they choose for themselves.
//!
//! The traces lie beside the repository, in `../shared/traces`; without them this says so and passes.

use host_cache::Shadows;
use host_policy::{PolicyFactory, builtin};
use host_simulator::{Replay, Weigh};
use host_workload::key::hash_number;

use crate::traces::{directory, keys};

const POLICIES: [PolicyFactory; 3] = [builtin::LRU, builtin::LFU, builtin::ARC];
const FACTORS: [f64; 2] = [1.0, 2.0];
const PERCENT: [f64; 5] = [0.1, 1.0, 10.0, 50.0, 80.0];

/// Errors of the six estimates, in points of the miss ratio.
fn errors(ids: &[u64], capacity: u64) -> (f64, Vec<f64>) {
    let mut shadows = Shadows::new(&POLICIES, &FACTORS, capacity, 1);
    for &id in ids {
        shadows.feed(id, 1);
    }
    let error = |estimate: &host_cache::Estimate| {
        let mut full = Replay::hashed(&estimate.policy, estimate.capacity, Weigh::Objects);
        let misses = ids.len() as u64 - full.feed(ids, &[]).unwrap().hits;
        let truth = misses as f64 / ids.len() as f64;
        (estimate.miss_ratio().unwrap() - truth).abs() * 100.0
    };
    (shadows.sampling_rate(), shadows.estimates().iter().map(error).collect())
}

#[test]
#[ignore = "six full simulations of six traces at five capacities take most of a minute"]
fn estimates_are_exact_in_small_caches_and_near_the_full_simulation_in_large_ones() {
    let Some(directory) = directory() else { return };
    let (mut all, mut sampled) = (Vec::new(), Vec::new());
    for name in [
        "OLTP.lis.zst",
        "cloudPhysicsIO.csv.zst",
        "loop.trace.gz",
        "sprite.trace.gz",
        "corda_vault.txt.zst",
        "mooncake_conv.txt.zst",
    ] {
        let ids: Vec<u64> = keys(&directory, name).into_iter().map(hash_number).collect();
        let distinct = ids.iter().collect::<std::collections::HashSet<_>>().len() as f64;
        for percent in PERCENT {
            let capacity = (distinct * percent / 100.0).round_ties_even() as u64;
            if capacity < 20 {
                continue;
            }
            let (rate, errors) = errors(&ids, capacity);
            let most = errors.iter().copied().fold(0.0, f64::max);
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            println!(
                "{name} {percent} %: {capacity} objects, rate {rate}: error {most:.2} at most, mean {mean:.2}"
            );
            if rate < 1.0 {
                sampled.extend(&errors);
            }
            all.extend(errors);
        }
    }
    let summary = |errors: &[f64]| {
        (errors.iter().copied().fold(0.0, f64::max), errors.iter().sum::<f64>() / errors.len() as f64)
    };
    println!("all {:.2?}, those sampled {:.2?} (most, mean)", summary(&all), summary(&sampled));
    assert!(summary(&all).0 < 2.5 && summary(&sampled).1 < 0.7, "{:?}", summary(&sampled));
    assert!(sampled.len() >= 24, "four capacities at least are too large to be followed whole");
}
