//! Random calls against a map: what is found is what was put last, or nothing; also in what the end of the process would have left
//! after any of them.

use std::collections::HashMap;
use std::time::Duration;

use host_tier::{Item, Tier};
use proptest::prelude::*;

use crate::support::{REGION, Time, block_on, copy, open, quick_folder};

const KEYS: u16 = 60;

#[derive(Debug, Clone)]
enum Call {
    Put {
        key: u16,
        length: usize,
        seconds: Option<u64>,
    },
    Remove(u16),
    Get(u16),
    Flush,
    Restart,
    /// Goes on with what the end of the process would have left.
    Kill,
    Clear,
    Resize(u64),
    Pass(u64),
}

fn call() -> impl Strategy<Value = Call> {
    let key = 0..KEYS;
    let seconds =
        prop_oneof![Just(None), Just(Some(5)), Just(Some(500)), Just(Some(5_000)), Just(Some(50_000))];
    prop_oneof![
        60 => (key.clone(), 0_usize..5_000, seconds)
            .prop_map(|(key, length, seconds)| Call::Put { key, length, seconds }),
        25 => key.clone().prop_map(Call::Remove),
        20 => key.prop_map(Call::Get),
        1 => Just(Call::Flush),
        1 => Just(Call::Restart),
        2 => Just(Call::Kill),
        1 => (0_u8..20).prop_map(|n| if n == 0 { Call::Clear } else { Call::Flush }),
        1 => (8_u64..14).prop_map(Call::Resize),
        2 => (0_u64..20).prop_map(Call::Pass),
    ]
}

fn name(key: u16) -> Vec<u8> {
    format!("key {key}").into_bytes()
}

async fn run(calls: Vec<Call>) -> Result<(), TestCaseError> {
    let (mut place, time) = (quick_folder(), Time::new());
    let mut regions = 10;
    let mut disk = Some(open(place.path(), regions, &time));
    let mut newest: HashMap<u16, Item> = HashMap::new();
    for (number, call) in calls.into_iter().enumerate() {
        let tier = disk.as_ref().unwrap();
        match call {
            Call::Put { key, length, seconds } => {
                let byte = u8::try_from(number % 251).unwrap();
                let until = seconds.map(|seconds| time.now() + Duration::from_secs(seconds));
                let item = Item { kind: byte, until, ..Item::new(name(key), vec![byte; length]) };
                tier.put(item.clone()).await.unwrap();
                newest.insert(key, item.clone());
                // Nothing is evicted by the put of it.
                prop_assert_eq!(tier.get(&name(key)).await.unwrap(), Some(item));
            }
            Call::Remove(key) => {
                tier.remove(&name(key)).await.unwrap();
                newest.remove(&key);
                prop_assert_eq!(tier.get(&name(key)).await.unwrap(), None);
            }
            Call::Get(key) => {
                let found = tier.get(&name(key)).await.unwrap();
                prop_assert!(found.is_none() || found.as_ref() == newest.get(&key));
            }
            Call::Flush => tier.flush().await.unwrap(),
            Call::Restart => {
                drop(disk.take());
                disk = Some(open(place.path(), regions, &time));
            }
            Call::Kill => {
                let left = copy(place.path());
                drop(disk.take());
                place = left;
                disk = Some(open(place.path(), regions, &time));
            }
            Call::Clear => {
                tier.clear().await.unwrap();
                newest.clear();
            }
            Call::Resize(wanted) => {
                tier.set_capacity(wanted * u64::from(REGION)).await.unwrap();
                regions = wanted;
            }
            Call::Pass(seconds) => time.pass(Duration::from_secs(seconds)),
        }
        newest.retain(|_, item| !item.is_over(time.now()));
    }
    let tier = disk.as_ref().unwrap();
    let mut live = 0;
    for key in 0..KEYS {
        let found = tier.get(&name(key)).await.unwrap();
        prop_assert!(found.is_none() || found.as_ref() == newest.get(&key));
        live += u64::from(found.is_some());
    }
    let stats = tier.stats();
    prop_assert_eq!(stats.errors, 0);
    prop_assert!(stats.entries >= live && stats.entries <= u64::from(KEYS));
    prop_assert_eq!(stats.capacity, regions * u64::from(REGION));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_found_is_what_was_put_last(calls in prop::collection::vec(call(), 1..500)) {
        block_on(run(calls))?;
    }
}

#[test]
#[ignore = "some minutes"]
fn what_is_found_is_what_was_put_last_in_many_more_cases() {
    let config = ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner.run(&prop::collection::vec(call(), 1..800), |calls| block_on(run(calls))).unwrap();
}
