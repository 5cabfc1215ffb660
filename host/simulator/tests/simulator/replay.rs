//! A replay hits where the naive cache does, whatever its index.

use host_contract::split_mix::mix;
use host_policy::{PolicyFactory, builtin};
use host_simulator::{Replay, Tally, Weigh};
use proptest::prelude::*;

use crate::reference::Reference;

/// The naive cache's answer to the same requests.
fn reference(kind: &PolicyFactory, capacity: u64, weigh: Weigh, keys: &[u64], sizes: &[u32]) -> Tally {
    let mut cache = Reference::new(kind, capacity);
    let mut tally = Tally::default();
    for (place, &key) in keys.iter().enumerate() {
        let size = sizes.get(place).map_or(1, |&size| size.max(1));
        let hit = cache.access(key, if weigh == Weigh::Bytes { u64::from(size) } else { 1 });
        if sizes.is_empty() {
            tally.hits += u64::from(hit);
        } else {
            tally.hits += u64::from(hit);
            tally.bytes += u64::from(size);
            tally.bytes_missed += u64::from(size) * u64::from(!hit);
        }
    }
    tally
}

fn sum(tallies: impl Iterator<Item = Tally>) -> Tally {
    tallies.fold(Tally::default(), |a, b| Tally {
        hits: a.hits + b.hits,
        bytes: a.bytes + b.bytes,
        bytes_missed: a.bytes_missed + b.bytes_missed,
    })
}

proptest! {
    /// Each policy, numbered and hashed, with and without sizes, fed in batches of any length.
    #[test]
    fn equals_the_naive_cache(
        numbers in prop::collection::vec(0u32..60, 0..700),
        sizes in prop::collection::vec(0u32..9, 700),
        capacity in 0u64..70,
        batch in 1usize..90,
        sized: bool,
        in_bytes: bool,
    ) {
        let ids: Vec<u64> = (0..60).map(mix).collect();
        let keys: Vec<u64> = numbers.iter().map(|&n| ids[n as usize]).collect();
        let sizes = if sized { &sizes[..keys.len()] } else { &[] };
        let weigh = if in_bytes { Weigh::Bytes } else { Weigh::Objects };
        for kind in &builtin::ALL {
            let want = reference(kind, capacity, weigh, &keys, sizes);
            let part = |at: usize| sizes.get(at * batch..).unwrap_or(&[]);
            // Keys are learned as they come.
            let mut replay = Replay::numbered(kind, capacity, weigh);
            let mut known = 0;
            let parts = numbers.chunks(batch).enumerate();
            prop_assert_eq!(sum(parts.map(|(at, part_of)| {
                let most = part_of.iter().max().map_or(0, |&most| most as usize + 1).max(known);
                replay.learn(&ids[known..most]);
                known = most;
                replay.feed(part_of, &part(at)[..part_of.len().min(part(at).len())]).unwrap()
            })), want, "{} numbered", kind);
            let mut replay = Replay::hashed(kind, capacity, weigh);
            let parts = keys.chunks(batch).enumerate();
            prop_assert_eq!(sum(parts.map(|(at, part_of)| {
                replay.feed(part_of, &part(at)[..part_of.len().min(part(at).len())]).unwrap()
            })), want, "{} hashed", kind);
        }
    }
}

#[test]
fn equals_the_naive_cache_where_ghosts_and_growth_matter() {
    // Skewed: the product of two draws favours small numbers.
    let draw = |step: u64| (mix(step) % 1_000) * (mix(!step) % 20) / 4;
    let keys: Vec<u64> = (0..60_000).map(draw).map(mix).collect();
    let sizes: Vec<u32> = keys.iter().map(|key| u32::try_from(key % 50).unwrap()).collect();
    for kind in &builtin::ALL {
        for (weigh, capacity) in [(Weigh::Objects, 400), (Weigh::Bytes, 9_000)] {
            let mut replay = Replay::hashed(kind, capacity, weigh);
            let want = reference(kind, capacity, weigh, &keys, &sizes);
            assert_eq!(replay.feed(&keys, &sizes).unwrap(), want, "{kind}");
        }
    }
}

#[test]
fn a_policy_that_is_not_built_in_is_replayed_through_its_factory() {
    let ids: Vec<u64> = (0..300).map(mix).collect();
    let numbers: Vec<u32> =
        (0..20_000_u64).map(|step| (mix(step) % 300 * (mix(!step) % 7) / 6) as u32).collect();
    let keys: Vec<u64> = numbers.iter().map(|&number| ids[number as usize]).collect();
    for kind in builtin::ALL {
        let built_in = kind.clone();
        let mine = PolicyFactory::new("mine", move |capacity| built_in.build(capacity));
        let want = Replay::hashed(&kind, 50, Weigh::Objects).feed(&keys, &[]).unwrap();
        assert!(want.hits > 2_000, "{kind}: {want:?} tests little");
        let mut numbered = Replay::numbered(&mine, 50, Weigh::Objects);
        numbered.learn(&ids);
        assert_eq!(numbered.feed(&numbers, &[]).unwrap(), want, "{kind}");
        assert_eq!(Replay::hashed(&mine, 50, Weigh::Objects).feed(&keys, &[]).unwrap(), want, "{kind}");
        let ones = vec![1; keys.len()];
        let in_bytes = Replay::hashed(&mine, 50, Weigh::Bytes).feed(&keys, &ones).unwrap();
        assert_eq!(in_bytes.hits, want.hits, "{kind}");
    }
}
