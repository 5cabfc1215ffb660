//! The driver beside a loop that asks the same policy for one victim after the other.

use std::collections::BTreeMap;

use host_policy::{
    Clock2QPlus, InSlot, Lirs, Lru, S3Fifo, Sieve, Slot, TwoQ, WTinyLfu, clock2q_plus, lirs, s3_fifo, two_q,
    w_tinylfu,
};

use super::*;

/// Numbers of which small ones come more often.
fn requests(count: u64) -> Vec<u32> {
    let mut state = 7_u64;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = u32::try_from(state >> 40).unwrap();
            (draw % 1_000).min(draw / 1_000 % 1_000) % (1 + draw % 300)
        })
        .collect()
}

fn opening(weighed: bool) -> Opening {
    Opening { capacity: 50, weighed, seed: 1 }
}

/// Hits of the driver, told in batches of this length.
fn driven(policy: impl ReplayPolicy, keys: &[u32], batch: usize) -> u64 {
    let mut driver = Driver::new(policy, opening(false));
    let mut resident = BTreeMap::new();
    let (mut hits, mut forgotten_of) = (0, Vec::new());
    for keys in keys.chunks(batch) {
        let events: Vec<u32> = keys.iter().map(|key| key << 2).collect();
        let Answer { victims, at, forgotten } = driver.turn(&events, &[], &[]);
        let mut victims = victims.iter().zip(&at).peekable();
        for (number, key) in (0..).zip(keys) {
            if resident.contains_key(key) {
                hits += 1;
            }
            while let Some((victim, _)) = victims.next_if(|(_, event)| **event == number) {
                assert!(resident.remove(&(victim >> 1)).is_some(), "{victim} was not resident");
                forgotten_of.extend((victim & 1 == 1).then_some(victim >> 1));
            }
            resident.insert(*key, ());
            assert!(resident.len() <= 50);
        }
        assert!(victims.next().is_none());
        for slot in forgotten {
            assert!(forgotten_of.contains(&slot), "{slot} was never remembered");
            assert!(!resident.contains_key(&slot), "{slot} is resident");
        }
    }
    hits
}

/// Hits of a loop over the policy itself, whose ghosts are by hash.
fn alone(mut policy: impl ReplayPolicy, keys: &[u32]) -> u64 {
    let (mut slots, mut hits) = (BTreeMap::new(), 0);
    for &key in keys {
        if let Some(slot) = slots.get(&key) {
            hits += 1;
            policy.on_hit(Slot(*slot));
            continue;
        }
        policy.on_miss(u64::from(key), 1);
        let slot = if slots.len() < 50 {
            u32::try_from(slots.len()).unwrap()
        } else {
            let Slot(victim) = policy.victim().unwrap();
            slots.retain(|_, slot| *slot != victim);
            victim
        };
        slots.insert(key, slot);
        policy.on_insert(Slot(slot), u64::from(key), 1);
    }
    hits
}

#[test]
fn the_same_entries_hit_whatever_the_length_of_a_batch() {
    let keys = requests(20_000);
    macro_rules! same {
        ($policy:expr, $by_hash:expr) => {
            let hits = alone($by_hash, &keys);
            assert!(hits > 5_000, "{hits}");
            for batch in [1, 7, 1_024] {
                assert_eq!(
                    driven($policy, &keys, batch),
                    hits,
                    "{} in batches of {batch}",
                    stringify!($policy)
                );
            }
        };
    }
    same!(Lru::new(), Lru::new());
    same!(Sieve::new(), Sieve::new());
    same!(S3Fifo::<InSlot>::with(50, s3_fifo::Parameters::default()), S3Fifo::new(50));
    same!(TwoQ::<InSlot>::with(50, two_q::Parameters::default()), TwoQ::new(50));
    same!(Lirs::<InSlot>::with(50, lirs::Parameters::default()), Lirs::new(50));
    same!(Clock2QPlus::<InSlot>::with(50, clock2q_plus::Parameters::default()), Clock2QPlus::new(50));
}

#[test]
fn a_sketch_gets_the_hashes() {
    let keys = requests(20_000);
    let mut driver = Driver::new(WTinyLfu::with(50, w_tinylfu::Parameters::default()), opening(false));
    let mut victims = 0;
    for keys in keys.chunks(64) {
        let events: Vec<u32> = keys.iter().map(|key| key << 2).collect();
        let ids: Vec<u64> =
            keys.iter().map(|key| u64::from(*key).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        victims += driver.turn(&events, &[], &ids).victims.len();
    }
    assert!(victims > 1_000, "{victims}");
}

#[test]
fn weights_removals_and_capacities_are_kept_count_of() {
    let mut driver = Driver::new(Lru::new(), opening(true));
    let told = |answer: Answer| (answer.victims, answer.at);
    // 20, 20 and 10 fit; 30 needs the two oldest.
    let events = [0, 1, 2, 3].map(|slot: u32| slot << 2);
    assert_eq!(told(driver.turn(&events, &[20, 20, 10, 30], &[])), (vec![0, 2], vec![3, 3]));
    // Slot 2 is removed, so that 15 fit; slot 3 grows to 40, for which slot 4 has to go.
    let events = [2 << 2 | 1, 4 << 2, 3 << 2 | 2];
    assert_eq!(told(driver.turn(&events, &[1, 15, 40], &[])), (vec![4 << 1], vec![2]));
    assert_eq!(told(driver.resize(39)), (vec![3 << 1], vec![0]));
}

#[test]
fn entries_are_handed_over_and_taken_over() {
    let mut one = Driver::new(Lru::new(), opening(true));
    one.turn(&[0, 1, 2, 0].map(|slot: u32| slot << 2), &[1, 2, 3, 1], &[]);
    let Residents { slots, uses } = one.hand_over();
    assert_eq!((slots.as_slice(), uses.as_slice()), (&[1, 2, 0][..], &[1, 1, 2][..]));
    let mut other = Driver::new(Sieve::new(), opening(true));
    other.take_over(&slots, &uses, &[2, 3, 1], &[]);
    assert_eq!(other.resize(4).victims, [1 << 1]);
}
