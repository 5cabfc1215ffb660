//! Sequential runs: keys in a row at one distance.
//!
//! Four keys make a run: three are what the host's rule waits for, and a fourth shows that waiting
//! would have paid. A stride is worth a rule when its runs hold a tenth of all accesses; keys that
//! are hashes have no such strides. Repetitions of one key in a row do not break a run. One pass,
//! and a sort of the runs.

use crate::{
    Settings,
    pattern::{Found, Pattern},
};

/// Keys that make a run.
const SHORTEST_RUN: u32 = 4;
/// One access in so many must lie in runs of a stride.
const SHARE: usize = 10;
/// Strides with a rule at a time. More than that is noise with a pattern.
const MOST_STRIDES: usize = 4;

/// The strides whose runs hold enough of the accesses, most accesses first.
pub(crate) fn find(keys: &[u64], settings: &Settings) -> Vec<Found> {
    let mut strides: Vec<(i64, u32)> = Vec::new();
    for (stride, length) in runs(keys) {
        match strides.binary_search_by_key(&stride, |(stride, _)| *stride) {
            Ok(place) => {
                if let Some((_, accesses)) = strides.get_mut(place) {
                    *accesses += length;
                }
            }
            Err(place) => strides.insert(place, (stride, length)),
        }
    }
    let enough = u32::try_from(keys.len() / SHARE).unwrap_or(u32::MAX);
    strides.retain(|(_, accesses)| *accesses > enough);
    strides.sort_by_key(|(stride, accesses)| (std::cmp::Reverse(*accesses), *stride));
    strides.truncate(MOST_STRIDES);
    let pattern = |stride| Pattern::Run { stride, depth: settings.depth };
    strides.into_iter().map(|(stride, support)| Found { pattern: pattern(stride), support }).collect()
}

/// Every run with its stride and its number of keys.
fn runs(keys: &[u64]) -> Vec<(i64, u32)> {
    let mut runs = Vec::new();
    let (mut stride, mut length) = (0, 1);
    for (before, key) in keys.iter().zip(keys.iter().skip(1)) {
        // Keys are numbers modulo 2^64, and so is the distance.
        let step = key.wrapping_sub(*before).cast_signed();
        if step == 0 {
            continue;
        }
        if step == stride {
            length += 1;
            continue;
        }
        if length >= SHORTEST_RUN {
            runs.push((stride, length));
        }
        (stride, length) = (step, 2);
    }
    if length >= SHORTEST_RUN {
        runs.push((stride, length));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strides(keys: &[u64]) -> Vec<(i64, u32)> {
        find(keys, &Settings::default())
            .into_iter()
            .map(|found| match found.pattern {
                Pattern::Run { stride, .. } => (stride, found.support),
                Pattern::Follow { .. } => panic!("not a run"),
            })
            .collect()
    }

    #[test]
    fn strides_forwards_and_backwards_are_found() {
        let mut keys: Vec<u64> = (100..140).collect();
        keys.extend((0..20).map(|step| 9000 - 8 * step));
        assert_eq!(strides(&keys), [(1, 40), (-8, 20)]);
    }

    #[test]
    fn three_in_a_row_are_not_a_run() {
        let keys: Vec<u64> =
            (0..50).flat_map(|start: u64| (0..3).map(move |step| start * start * 1000 + step)).collect();
        assert_eq!(strides(&keys), []);
    }

    #[test]
    fn a_run_among_few_of_many_accesses_is_left() {
        let mut keys: Vec<u64> =
            (0..96).map(|key: u64| key.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ key.pow(3)).collect();
        keys.extend(1_000_000..1_000_004);
        assert_eq!(strides(&keys), []);
        keys.extend(2_000_000..2_000_010);
        assert_eq!(strides(&keys), [(1, 14)]);
    }

    #[test]
    fn a_key_asked_for_twice_does_not_break_a_run() {
        let keys: Vec<u64> = (0..20).flat_map(|key| [key, key]).collect();
        assert_eq!(strides(&keys), [(1, 20)]);
    }

    #[test]
    fn the_ends_of_the_key_space_meet() {
        let keys: Vec<u64> = (0..8).map(|step| (u64::MAX - 3).wrapping_add(step)).collect();
        assert_eq!(strides(&keys), [(1, 8)]);
    }

    #[test]
    fn nothing_shows_nothing() {
        assert_eq!(strides(&[]), []);
        assert_eq!(strides(&[7]), []);
        assert_eq!(strides(&[7; 100]), []);
    }
}
