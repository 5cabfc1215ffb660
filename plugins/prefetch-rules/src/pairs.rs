//! Associations: keys that tend to follow a key within the next few accesses.
//!
//! As in mining association rules (Agrawal and others, 1993): support is how often the one followed
//! the other, confidence which share of the first one's accesses that is. Lift keeps out what is
//! asked for all the time and so follows everything: such keys are in the cache anyway. Neighbours
//! at a small distance are left to the host's streams.
//!
//! At most three pairs an access, sorted: 12,288 for a full window, less than twenty million
//! instructions. Sorted vectors rather than hash maps, so that the same accesses give the same
//! rules in the same order.

use crate::{
    Settings,
    pattern::{Found, Pattern},
};
use std::cmp::Reverse;

/// How far behind a key its followers are looked for.
const REACH: usize = 3;
/// A follower must come this many times as often as it would by chance.
const LEAST_LIFT: f64 = 2.0;
/// Targets of one rule. The contract allows 16; loads that compete with each other are worth less.
const MOST_TARGETS: usize = 4;
/// Keys so close to each other are a stream's business.
const NEIGHBOURHOOD: u64 = 3;

/// Associations, best supported first.
pub(crate) fn find(keys: &[u64], settings: &Settings) -> Vec<Found> {
    let occurrences = tally(keys.to_vec());
    let often = |key: u64| {
        let place = occurrences.binary_search_by_key(&key, |(key, _)| *key).ok();
        place.and_then(|place| occurrences.get(place)).map_or(0, |(_, times)| *times)
    };
    let accesses = keys.len().max(1);
    let by_chance = |target: u64| {
        let reach = f64::from(u32::try_from(REACH).unwrap_or(u32::MAX));
        (reach * f64::from(often(target)) / f64::from(u32::try_from(accesses).unwrap_or(u32::MAX))).min(1.0)
    };
    let is_frequent: Vec<bool> = keys.iter().map(|key| often(*key) >= settings.min_support).collect();
    let mut strong: Vec<(u64, Reverse<u32>, u64)> = tally(pairs(keys, &is_frequent))
        .into_iter()
        .filter(|((key, target), support)| {
            let confidence = f64::from(*support) / f64::from(often(*key).max(1));
            *support >= settings.min_support
                && confidence >= settings.min_confidence
                && confidence > LEAST_LIFT * by_chance(*target)
        })
        .map(|((key, target), support)| (key, Reverse(support), target))
        .collect();
    strong.sort_unstable();
    let mut found: Vec<Found> = strong
        .chunk_by(|one, other| one.0 == other.0)
        .filter_map(|group| {
            let (key, Reverse(support), _) = *group.first()?;
            let targets = group.iter().take(MOST_TARGETS).map(|(_, _, target)| *target).collect();
            Some(Found { pattern: Pattern::Follow { key, targets }, support })
        })
        .collect();
    // Stable: of equal support, the smaller key first.
    found.sort_by_key(|found| Reverse(found.support));
    found
}

/// Each key with each key of the next few accesses, once an access of the first. Only frequent
/// ones: a pair has no more support than its keys, and most keys of most windows come once.
fn pairs(keys: &[u64], is_frequent: &[bool]) -> Vec<(u64, u64)> {
    let mut pairs = Vec::new();
    for (place, (key, _)) in keys.iter().zip(is_frequent).enumerate().filter(|(_, (_, frequent))| **frequent)
    {
        let reach = place + 1..(place + 1 + REACH).min(keys.len());
        let following = keys.get(reach.clone()).unwrap_or_default();
        let frequent = is_frequent.get(reach).unwrap_or_default();
        for (nth, target) in following.iter().enumerate() {
            let seen = following.iter().take(nth).any(|before| before == target);
            if !seen && frequent.get(nth) == Some(&true) && !is_neighbour(*key, *target) {
                pairs.push((*key, *target));
            }
        }
    }
    pairs
}

/// Also true of a key and itself.
fn is_neighbour(key: u64, target: u64) -> bool {
    key.wrapping_sub(target).min(target.wrapping_sub(key)) <= NEIGHBOURHOOD
}

/// How often each item is there, in the order of the items.
fn tally<T: Ord + Copy>(mut items: Vec<T>) -> Vec<(T, u32)> {
    items.sort_unstable();
    items
        .chunk_by(|one, other| one == other)
        .filter_map(|group| Some((*group.first()?, u32::try_from(group.len()).unwrap_or(u32::MAX))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that are not neighbours of each other and never come again.
    fn noise(seed: u64) -> impl Iterator<Item = u64> {
        (seed..).map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 << 63)
    }

    /// `times` times 100 and then 200, with something between and around.
    fn related(times: u64) -> Vec<u64> {
        (0..times)
            .flat_map(|time| {
                let other: Vec<u64> = noise(time * 20 + 1).take(20).collect();
                [vec![100, other[0], 200], other[1..].to_vec()].concat()
            })
            .collect()
    }

    #[test]
    fn a_key_that_follows_is_found_behind_another() {
        let found = find(&related(10), &Settings::default());
        let pattern = Pattern::Follow { key: 100, targets: vec![200] };
        assert_eq!(found, [Found { pattern, support: 10 }]);
    }

    #[test]
    fn support_has_a_threshold() {
        assert_eq!(find(&related(3), &Settings::default()), []);
        assert_eq!(find(&related(4), &Settings::default()).len(), 1);
    }

    #[test]
    fn confidence_has_a_threshold() {
        let mut keys = related(10);
        keys.extend(noise(1000).take(10).flat_map(|other| [100, other, other ^ 8, other ^ 16]));
        assert_eq!(find(&keys, &Settings::default()), []);
        let settings = Settings { min_confidence: 0.4, ..Settings::default() };
        assert_eq!(find(&keys, &settings).len(), 1);
    }

    #[test]
    fn what_follows_everything_is_no_association() {
        let keys: Vec<u64> = (0..400).flat_map(|time| [1000 * (time % 50) + 77, 5]).collect();
        let targets: Vec<u64> = find(&keys, &Settings::default())
            .into_iter()
            .flat_map(|found| match found.pattern {
                Pattern::Follow { targets, .. } => targets,
                Pattern::Streams { .. } | Pattern::Mined | Pattern::Replays { .. } => Vec::new(),
            })
            .collect();
        assert!(!targets.is_empty() && !targets.contains(&5), "{targets:?}");
    }

    #[test]
    fn of_a_loop_only_the_turn_is_an_association() {
        let keys: Vec<u64> = (0..10).flat_map(|_| 0..40).collect();
        let found = find(&keys, &Settings::default());
        let turn = |found: &Found| matches!(&found.pattern, Pattern::Follow { key: 37.., targets } if targets[0] == 0);
        assert!(found.len() == 3 && found.iter().all(turn), "{found:?}");
    }

    #[test]
    fn the_best_supported_comes_first_and_equals_by_key() {
        let mut keys: Vec<u64> = (0..6).flat_map(|_| [500, 600, 7]).collect();
        keys.extend((0..9).flat_map(|_| [300, 400, 8]));
        keys.extend(noise(50).take(200));
        let first: Vec<u32> = find(&keys, &Settings::default()).iter().map(|found| found.support).collect();
        assert!(first.is_sorted_by(|one, other| one >= other) && first.len() > 2, "{first:?}");
        assert_eq!(find(&keys, &Settings::default()), find(&keys, &Settings::default()));
    }
}
