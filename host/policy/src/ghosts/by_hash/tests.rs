//! The queue against a vector, with many returns, so that the ring is packed and lines overflow.

use super::{Fingerprint, Ghosts};
use proptest::prelude::*;

fn limit<T: Copy>(ghosts: &mut Ghosts<T>, weight: u64) {
    while ghosts.weight > weight && ghosts.drop_oldest() {}
}

fn check(steps: &[(u8, u64, u64)]) -> Result<(), TestCaseError> {
    let mut ghosts: Ghosts<u64> = Ghosts::new();
    ghosts.first = u32::MAX - 100;
    let mut model: Vec<(u64, u64)> = Vec::new();
    for &(step, id, weight) in steps {
        let known = model.iter().position(|ghost| ghost.0 == id);
        match step {
            0..3 => {
                let payload = known.map(|at| model.remove(at).0);
                prop_assert_eq!(ghosts.forget(Fingerprint::of(id)), payload);
            }
            3 => {
                prop_assert_eq!(ghosts.oldest(), model.first().map(|ghost| ghost.0));
                prop_assert_eq!(ghosts.drop_oldest(), !model.is_empty());
                model.drain(..model.len().min(1));
            }
            4 if id % 16 == 0 => {
                let most = weight * 100;
                limit(&mut ghosts, most);
                while model.iter().map(|ghost| ghost.1).sum::<u64>() > most {
                    model.remove(0);
                }
            }
            _ => {
                prop_assert_eq!(ghosts.forget(Fingerprint::of(id)), known.map(|at| model.remove(at).0));
                ghosts.remember(Fingerprint::of(id), weight, id);
                model.push((id, weight));
            }
        }
        prop_assert_eq!(ghosts.weight, model.iter().map(|ghost| ghost.1).sum::<u64>());
        prop_assert_eq!(ghosts.records.len() - ghosts.gaps, model.len());
    }
    let mut payloads = Vec::new();
    ghosts.change_payloads(|payload| {
        payloads.push(payload);
        payload
    });
    prop_assert_eq!(payloads, model.iter().map(|ghost| ghost.0).collect::<Vec<_>>());
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
    let mut ghosts: Ghosts<()> = Ghosts::new();
    for id in 0..64_000 {
        ghosts.remember(Fingerprint::of(id), 1, ());
    }
    // The oldest stays and holds the ring's front; of the rest one in eight does.
    for id in (0..64_000).filter(|id| id % 8 != 0) {
        assert!(ghosts.forget(Fingerprint::of(id)).is_some());
    }
    assert!(ghosts.records.len() <= 12_200, "{} records for 8,000 ghosts", ghosts.records.len());
    // Returning at once, again and again, does not lengthen the ring for good.
    for id in 100_000..200_000 {
        ghosts.remember(Fingerprint::of(id), 1, ());
        assert!(ghosts.forget(Fingerprint::of(id)).is_some());
    }
    assert!(ghosts.records.len() <= 12_200, "{} records for 8,000 ghosts", ghosts.records.len());
    for id in (0..64_000).filter(|id| id % 8 == 0) {
        assert!(ghosts.forget(Fingerprint::of(id)).is_some(), "{id}");
    }
    assert_eq!((ghosts.records.len(), ghosts.gaps, ghosts.weight), (0, 0, 0));
}

#[test]
fn numbers_wrap() {
    let mut ghosts: Ghosts<()> = Ghosts::new();
    ghosts.first = u32::MAX - 500;
    for id in 0..2_000 {
        ghosts.remember(Fingerprint::of(id), 1, ());
        limit(&mut ghosts, 300);
        assert_eq!(ghosts.forget(Fingerprint::of(id.wrapping_sub(300))), None, "{id}");
    }
    assert!(ghosts.first < 2_000);
    assert!((1_700..2_000).all(|id| ghosts.forget(Fingerprint::of(id)).is_some()));
}

#[test]
fn what_lies_idle_is_given_back() {
    let mut ghosts: Ghosts<u64> = Ghosts::new();
    (0..10_000).for_each(|id| ghosts.remember(Fingerprint::of(id), 1, id));
    assert!(ghosts.records.capacity() < 10_500 && ghosts.index.lines() >= 1_900);
    limit(&mut ghosts, 1_000);
    assert!(ghosts.records.capacity() < 1_500, "{} places", ghosts.records.capacity());
    assert!(ghosts.index.lines() < 550, "{} lines", ghosts.index.lines());
    for id in 0..10_000 {
        assert_eq!(ghosts.forget(Fingerprint::of(id)), (id >= 9_000).then_some(id), "{id}");
    }
}

#[test]
fn a_number_that_comes_again_is_another_ghost() {
    let mut ghosts: Ghosts<()> = Ghosts::new();
    let mut remember = |id| {
        ghosts.remember(Fingerprint::of(id), 1, ());
        limit(&mut ghosts, 3);
    };
    // Few lines, and the first ghost's number again after 2^24.
    (0..=(1 << 24)).for_each(&mut remember);
    assert_eq!(ghosts.forget(Fingerprint::of(0)), None);
    assert_eq!(ghosts.forget(Fingerprint::of(1 << 24)), Some(()));
    assert_eq!(ghosts.weight, 2);
}

#[test]
fn there_may_be_more_than_fit_the_fewest_bits() {
    let mut ghosts: Ghosts<()> = Ghosts::new();
    let many = (1 << 22) + 1_000;
    (0..many).for_each(|id| ghosts.remember(Fingerprint::of(id), 1, ()));
    assert!((0..many).step_by(1_000).all(|id| ghosts.forget(Fingerprint::of(id)).is_some()));
    assert!((many..2 * many).step_by(1_000).all(|id| ghosts.forget(Fingerprint::of(id)).is_none()));
    limit(&mut ghosts, 1_000);
    assert!((many - 999..many).step_by(7).all(|id| ghosts.forget(Fingerprint::of(id)).is_some()));
}

#[test]
fn weights_that_do_not_fit_count_as_the_largest_that_does() {
    let mut ghosts: Ghosts<()> = Ghosts::new();
    let largest = u64::from(u32::MAX);
    for (id, weight) in [(1, 1), (2, u64::MAX), (3, largest + 1), (4, largest), (5, 7)] {
        ghosts.remember(Fingerprint::of(id), weight, ());
    }
    assert_eq!(ghosts.weight, 1 + 3 * largest + 7);
    assert_eq!(ghosts.forget(Fingerprint::of(3)), Some(()));
    assert_eq!(ghosts.weight, 1 + 2 * largest + 7);
    limit(&mut ghosts, largest + 7);
    assert_eq!((ghosts.weight, ghosts.forget(Fingerprint::of(2))), (largest + 7, None));
}

#[test]
fn as_many_as_were_expected_need_no_more_room() {
    let mut ghosts: Ghosts<()> = Ghosts::new();
    ghosts.expect(1_000);
    ghosts.remember(Fingerprint::of(0), 9, ());
    let room =
        |ghosts: &Ghosts<()>| (ghosts.records.capacity(), ghosts.weights.capacity(), ghosts.index.lines());
    let before = room(&ghosts);
    for id in 1..1_000 {
        ghosts.remember(Fingerprint::of(id), 9, ());
    }
    assert_eq!(room(&ghosts), before);
    ghosts.expect(10);
    assert_eq!(room(&ghosts), before, "fewer give nothing back");
}
