//! The table against a map.

use super::{Table, Tags, WIDTH, first_of, home};
use proptest::prelude::*;
use std::collections::BTreeMap;

proptest! {
    /// Against a map. Few hashes and fewer groups, so that groups overflow.
    #[test]
    fn is_a_map(steps in prop::collection::vec((0u32..60, any::<bool>()), 0..600)) {
        let hash_of = |key: u32| ((key % 3) << 30) | (key % 5);
        let mut table = Table::new();
        let mut places = BTreeMap::new();
        for (key, insert) in steps {
            let found = table.find(hash_of(key), |&held| held == key).map(|(place, _)| place);
            prop_assert_eq!(found, places.get(&key).copied());
            if found.is_none() && insert {
                if table.is_full() {
                    table.grow(u64::MAX, |&key| hash_of(key), |&key, place| { places.insert(key, place); });
                }
                places.insert(key, table.insert(hash_of(key), key));
            } else if let Some(place) = found && !insert {
                let moved = |&key: &u32, place| { places.insert(key, place); };
                prop_assert_eq!(table.remove(place, hash_of(key), |&key| hash_of(key), moved), Some(key));
                places.remove(&key);
            }
            prop_assert_eq!(table.len(), places.len());
            for group in table.groups.iter().filter(|group| group.tags.passed() > 0) {
                prop_assert!(group.items.iter().all(Option::is_some), "a group that was passed by is full");
            }
        }
        let mut left: Vec<u32> = table.iter().copied().collect();
        left.sort_unstable();
        prop_assert_eq!(left, places.keys().copied().collect::<Vec<_>>());
        while let Some((key, place)) = places.pop_first() {
            let moved = |&key: &u32, place| { places.insert(key, place); };
            prop_assert_eq!(table.remove(place, hash_of(key), |&key| hash_of(key), moved), Some(key));
        }
        prop_assert!(table.groups.iter().all(|group| group.tags == Tags(0)), "no trace is left of what was removed");
    }

    /// What is found may be one too many, which an item's comparison corrects; never one too few, and a free place
    /// is free.
    #[test]
    fn tags_are_found(tags: u64, tag: u8, place in 0..WIDTH) {
        let mut tags = Tags(tags);
        tags.set(place, tag);
        let bytes = tags.0.to_le_bytes();
        for (place, &byte) in bytes.iter().enumerate().take(WIDTH) {
            prop_assert!(byte != tag || (tags.matching(tag) >> (8 * place)) & 0x80 != 0);
        }
        let free = bytes.iter().take(WIDTH).position(|&byte| byte == 0);
        prop_assert_eq!(free, Some(tags.free()).filter(|&place| place < WIDTH));
    }

    /// The first hash of a group has it for its home, and the one before has not.
    #[test]
    fn groups_begin_at_their_first_hash(groups in 1usize..100_000, group: prop::sample::Index) {
        let group = group.index(groups);
        let first = first_of(group, groups).unwrap();
        prop_assert_eq!(home(first, groups), group);
        prop_assert!(first == 0 || home(first - 1, groups) + 1 == group);
        prop_assert_eq!(first_of(groups, groups), None);
    }

    /// Group by group every item is shown once, in whatever steps the table grows meanwhile.
    #[test]
    fn growing_hides_nothing(
        hashes in prop::collection::vec(prop_oneof![any::<u32>(), 0u32..4, u32::MAX - 3..=u32::MAX], 0..300),
        grow in prop::collection::vec(any::<bool>(), 300),
    ) {
        let hash_of = |&(hash, _): &(u32, usize)| hash;
        let mut table = Table::new();
        for (number, &hash) in hashes.iter().enumerate() {
            if table.is_full() {
                table.grow(u64::MAX, hash_of, |_, _| {});
            }
            table.insert(hash, (hash, number));
        }
        let (mut seen, mut next, mut grow) = (Vec::new(), Some(0), grow.into_iter());
        while let Some(from) = next {
            next = table.visit_home(from, hash_of, |&(_, number)| seen.push(number));
            prop_assert!(next.is_none_or(|next| next > from));
            if grow.next() == Some(true) {
                table.grow(u64::MAX, hash_of, |_, _| {});
            }
            // The table grows by half each time: enough is enough.
            if table.groups.len() > 10_000 {
                grow = Vec::new().into_iter();
            }
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..hashes.len()).collect::<Vec<_>>());
    }
}
