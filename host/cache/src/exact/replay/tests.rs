//! That a replay answers as [`Exact`](crate::Exact) does, whatever its index.
use super::{Replay, Tally, Weigh};
use crate::{Exact, PolicyFactory, builtin};
use host_policy::list::at;
use host_policy::mix::mix;
use proptest::prelude::*;

/// What [`Exact`] says of the same requests.
fn reference(kind: &PolicyFactory, capacity: u64, weigh: Weigh, keys: &[u64], sizes: &[u32]) -> Tally {
    let mut cache = Exact::new(kind, capacity);
    let mut tally = Tally::default();
    for (place, &key) in keys.iter().enumerate() {
        let size = sizes.get(place).map_or(1, |&size| size.max(1));
        let hit = cache.access(key, if weigh == Weigh::Bytes { u64::from(size) } else { 1 });
        if sizes.is_empty() {
            tally.hits += u64::from(hit);
        } else {
            tally.count(hit, size);
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
    /// Each policy, numbered and hashed, with and without sizes, fed in stretches of any length.
    #[test]
    fn equals_exact(
        numbers in prop::collection::vec(0u32..60, 0..700),
        sizes in prop::collection::vec(0u32..9, 700),
        capacity in 0u64..70,
        stretch in 1usize..90,
        turn in 0usize..9,
        sized: bool,
        in_bytes: bool,
    ) {
        let ids: Vec<u64> = (0..60).map(mix).collect();
        let keys: Vec<u64> = numbers.iter().map(|&n| ids[at(n)]).collect();
        let sizes = if sized { &sizes[..keys.len()] } else { &[] };
        let weigh = if in_bytes { Weigh::Bytes } else { Weigh::Objects };
        for kind in &builtin::ALL {
            let want = reference(kind, capacity, weigh, &keys, sizes);
            let part = |at: usize| sizes.get(at * stretch..).unwrap_or(&[]);
            let mut replay = Replay::numbered(kind, capacity, weigh, &ids);
            let parts = numbers.chunks(stretch).enumerate();
            prop_assert_eq!(sum(parts.map(|(at, part_of)| {
                replay.feed(part_of, &part(at)[..part_of.len().min(part(at).len())])
            })), want, "{} numbered", kind);
            let mut replay = Replay::hashed(kind, capacity, weigh);
            let parts = keys.chunks(stretch).enumerate();
            prop_assert_eq!(sum(parts.map(|(at, part_of)| {
                replay.feed(part_of, &part(at)[..part_of.len().min(part(at).len())])
            })), want, "{} hashed", kind);
            // Keys are learned as they come, and in the middle the numbers are given up.
            let mut growing = Some(Replay::growing(kind, capacity, weigh));
            let mut hashed = None;
            let mut known = 0;
            let parts = numbers.chunks(stretch).zip(keys.chunks(stretch)).enumerate();
            prop_assert_eq!(sum(parts.map(|(at, (numbers, keys))| {
                let sizes = &part(at)[..keys.len().min(part(at).len())];
                if at == turn && let Some(replay) = growing.take() {
                    hashed = Some(replay.into_hashed());
                }
                if let Some(replay) = &mut hashed {
                    return replay.feed(keys, sizes);
                }
                let replay = growing.as_mut().unwrap();
                let most = numbers.iter().max().map_or(0, |&most| host_policy::list::at(most) + 1).max(known);
                replay.learn(&ids[known..most]);
                known = most;
                replay.feed(numbers, sizes)
            })), want, "{} growing", kind);
        }
    }
}

#[test]
fn equals_exact_where_ghosts_and_growth_matter() {
    // Skewed: the product of two draws favours small numbers.
    let draw = |step: u64| (mix(step) % 1_000) * (mix(!step) % 20) / 4;
    let keys: Vec<u64> = (0..60_000).map(draw).map(mix).collect();
    let sizes: Vec<u32> = keys.iter().map(|key| u32::try_from(key % 50).unwrap()).collect();
    for kind in &builtin::ALL {
        for (weigh, capacity) in [(Weigh::Objects, 400), (Weigh::Bytes, 9_000)] {
            let mut replay = Replay::hashed(kind, capacity, weigh);
            let want = reference(kind, capacity, weigh, &keys, &sizes);
            assert_eq!(replay.feed(&keys, &sizes), want, "{kind}");
        }
    }
}
