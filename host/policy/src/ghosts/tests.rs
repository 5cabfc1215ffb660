//! The queue against a vector, with many returns, so that chunks empty, merge and are used again.

use super::{Ghosts, Tag};
use proptest::prelude::*;

fn check(steps: &[(u8, u64, u64)]) -> Result<(), TestCaseError> {
    let mut ghosts: Ghosts<u64> = Ghosts::new();
    let mut model: Vec<(u64, u64)> = Vec::new();
    for &(step, id, weight) in steps {
        let known = model.iter().position(|ghost| ghost.0 == id);
        match step {
            0..3 => {
                let word = known.map(|at| model.remove(at).0);
                prop_assert_eq!(ghosts.forget(Tag::of(id)), word);
            }
            3 => {
                prop_assert_eq!(ghosts.oldest(), model.first().map(|ghost| ghost.0));
                prop_assert_eq!(ghosts.drop_oldest(), !model.is_empty());
                model.drain(..model.len().min(1));
            }
            4 if id % 16 == 0 => {
                let most = weight * 100;
                ghosts.limit(most);
                while model.iter().map(|ghost| ghost.1).sum::<u64>() > most {
                    model.remove(0);
                }
            }
            _ => {
                known.map(|at| model.remove(at));
                ghosts.remember(Tag::of(id), weight, id);
                model.push((id, weight));
            }
        }
        prop_assert_eq!(ghosts.weight(), model.iter().map(|ghost| ghost.1).sum::<u64>());
        prop_assert_eq!(ghosts.count, model.len());
    }
    prop_assert_eq!(
        ghosts.words().collect::<Vec<_>>(),
        model.iter().map(|ghost| ghost.0).collect::<Vec<_>>()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_queue_is_a_vector(steps in prop::collection::vec((0u8..9, 0u64..700, 1u64..9), 0..2_500)) {
        check(&steps)?;
    }

    #[test]
    fn a_queue_of_units_is_a_vector(steps in prop::collection::vec((0u8..12, 0u64..300, Just(1)), 0..2_500)) {
        check(&steps)?;
    }
}

#[test]
fn gaps_are_closed() {
    let mut ghosts: Ghosts = Ghosts::new();
    for id in 0..64_000 {
        ghosts.remember(Tag::of(id), 1, ());
    }
    let full = ghosts.chunks.len();
    assert_eq!(full, 1_000);
    // One in eight stays; the oldest stays too, so that none of the rest can go by being dropped.
    for id in (0..64_000).filter(|id| id % 8 != 0) {
        assert!(ghosts.forget(Tag::of(id)).is_some());
    }
    let linked = ghosts.chunks.linked();
    assert!(linked <= full / 4, "{linked} chunks for an eighth of what filled {full}");
    // What was freed is used again.
    for id in 100_000..140_000 {
        ghosts.remember(Tag::of(id), 1, ());
    }
    assert_eq!(ghosts.chunks.len(), full);
    for id in (0..64_000).filter(|id| id % 8 == 0) {
        assert!(ghosts.forget(Tag::of(id)).is_some(), "{id}");
    }
}
