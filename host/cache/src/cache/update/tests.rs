//! Updates against a map. The concurrent ones are in `tests/shuttle`.

use super::{Change, Life, Present};
use crate::{Cache, Cause, Outcome};
use host_policy::builtin;
use parking_lot::Mutex;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of an entry in the model. Moments are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    value: u64,
    until: Option<u64>,
    idle: Option<u64>,
}

/// A map whose entries have lifetimes.
#[derive(Debug, Default)]
struct Model {
    held: BTreeMap<u64, Held>,
    now: u64,
    live: Option<u64>,
    idle: Option<u64>,
}

impl Model {
    fn get(&self, key: u64) -> Option<Held> {
        let is_ahead = |end: Option<u64>| end.is_none_or(|end| end > self.now);
        self.held.get(&key).copied().filter(|held| is_ahead(held.until) && is_ahead(held.idle))
    }

    fn until(&self, key: u64, life: Life) -> Option<u64> {
        match (life, self.get(key)) {
            (Life::Same, Some(held)) => held.until,
            (Life::Default | Life::Same, _) => self.live.map(|live| self.now + live),
            (Life::Endless, _) => None,
            (Life::Until(moment), _) => u64::try_from(moment.as_nanos()).ok(),
        }
    }

    fn store(&mut self, key: u64, value: u64, life: Life) {
        let until = self.until(key, life);
        self.held.insert(key, Held { value, until, idle: self.idle.map(|idle| self.now + idle) });
    }

    fn use_it(&mut self, key: u64) {
        if self.get(key).is_some()
            && let Some(held) = self.held.get_mut(&key)
        {
            held.idle = self.idle.map(|idle| self.now + idle);
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Update(Change<()>),
    InsertUntil(Life),
    Get,
    Peek,
    Fill,
    Remove,
    Wait(u64),
    SetLive(Option<u64>),
}

fn lives() -> impl Strategy<Value = Life> {
    prop_oneof![
        Just(Life::Default),
        Just(Life::Same),
        Just(Life::Endless),
        (0u64..60).prop_map(|end| Life::Until(Duration::from_nanos(end))),
        Just(Life::Until(Duration::MAX)),
    ]
}

fn changes() -> impl Strategy<Value = Change<()>> {
    prop_oneof![
        Just(Change::Keep),
        Just(Change::Remove),
        lives().prop_map(|life| Change::Store((), life)),
        lives().prop_map(|life| Change::Store((), life)),
        lives().prop_map(Change::Live),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => changes().prop_map(Step::Update),
        1 => lives().prop_map(Step::InsertUntil),
        2 => Just(Step::Get),
        1 => Just(Step::Peek),
        1 => Just(Step::Fill),
        1 => Just(Step::Remove),
        1 => (1u64..9).prop_map(Step::Wait),
        1 => prop::option::of(0u64..20).prop_map(Step::SetLive),
    ]
}

fn told(found: Option<Present<'_, u64>>) -> Option<(u64, Option<Duration>)> {
    found.map(|found| (*found.value, found.until))
}

fn told_by(model: &Model, key: u64) -> Option<(u64, Option<Duration>)> {
    model.get(key).map(|held| (held.value, held.until.map(Duration::from_nanos)))
}

proptest! {
    /// With room for everything: every entry is as the map has it, up to the moment when its time is over.
    #[test]
    fn entries_are_what_a_map_with_lifetimes_has(
        steps in prop::collection::vec((0u64..6, steps()), 1..200),
        idle in prop::option::of(1u64..12),
        live in prop::option::of(1u64..20),
        policy in prop::sample::select(builtin::ALL.to_vec()),
    ) {
        let clock = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&clock);
        let left = Arc::new(AtomicU64::new(0));
        let heard = Arc::clone(&left);
        let builder = Cache::builder(1_000)
            .shards(2)
            .policy(&policy)
            .listener(move |_, _, _| {
                heard.fetch_add(1, Ordering::Relaxed);
            })
            .clock(move || Duration::from_nanos(time.load(Ordering::Relaxed)));
        let builder = if let Some(idle) = idle { builder.time_to_idle(Duration::from_nanos(idle)) } else { builder };
        let cache = if let Some(live) = live { builder.time_to_live(Duration::from_nanos(live)) } else { builder }.build();
        let mut model = Model { idle, live, ..Model::default() };
        for (value, (key, step)) in (0u64..).zip(steps) {
            prop_assert_eq!(cache.now(), Duration::from_nanos(model.now));
            match step {
                Step::Update(change) => {
                    let mut seen = None;
                    let (number, outcome) = cache.update(key, |found| {
                        seen = told(found);
                        (match change {
                            Change::Store((), life) => Change::Store(value, life),
                            Change::Keep => Change::Keep,
                            Change::Remove => Change::Remove,
                            Change::Live(life) => Change::Live(life),
                        }, value)
                    });
                    prop_assert_eq!((number, seen), (value, told_by(&model, key)));
                    let is_there = model.get(key).is_some();
                    match change {
                        Change::Store((), life) => {
                            let want = if is_there { Outcome::Replaced } else { Outcome::Inserted };
                            prop_assert_eq!(outcome, Some(want));
                            model.store(key, value, life);
                        }
                        Change::Live(life) if is_there => {
                            let until = model.until(key, life);
                            model.held.get_mut(&key).unwrap().until = until;
                            prop_assert_eq!(outcome, None);
                        }
                        Change::Remove => {
                            model.held.remove(&key);
                            prop_assert_eq!(outcome, None);
                        }
                        Change::Keep | Change::Live(_) => prop_assert_eq!(outcome, None),
                    }
                }
                Step::InsertUntil(life) => {
                    cache.insert_until(key, value, life);
                    model.store(key, value, life);
                }
                Step::Get => {
                    let found = cache.get_with(&key, |&value| value);
                    prop_assert_eq!(found, model.get(key).map(|held| held.value));
                    model.use_it(key);
                }
                Step::Peek => {
                    let found = cache.peek_with(&key, |found| told(Some(found)));
                    prop_assert_eq!(found.flatten(), told_by(&model, key));
                }
                Step::Fill => {
                    // What is over its time is in the way of a fill for as long as it lies there.
                    cache.purge_expired();
                    cache.fill(key, value);
                    if model.get(key).is_none() {
                        model.store(key, value, Life::Default);
                    }
                }
                Step::Remove => {
                    prop_assert_eq!(cache.remove(&key), model.get(key).map(|held| held.value));
                    model.held.remove(&key);
                }
                Step::Wait(time) => {
                    model.now += time;
                    clock.store(model.now, Ordering::Relaxed);
                }
                Step::SetLive(live) => {
                    cache.set_time_to_live(live.map(Duration::from_nanos));
                    model.live = live;
                }
            }
            for key in 0..6 {
                let found = cache.peek_with(&key, |found| told(Some(found))).flatten();
                prop_assert_eq!(found, told_by(&model, key), "key {}", key);
            }
            cache.check().unwrap();
            let stats = cache.stats();
            // What leaves probation counts as stored once more.
            prop_assert_eq!(stats.insertions - stats.promoted - left.load(Ordering::Relaxed), stats.entries);
        }
    }

    /// With little room: what was stored is there until the listener hears that it left, once.
    #[test]
    fn what_leaves_is_heard_of_and_the_weight_holds(
        steps in prop::collection::vec((0u64..12, 1u64..14, 0..8), 1..300),
        policy in prop::sample::select(builtin::ALL.to_vec()),
    ) {
        let heard: Arc<Mutex<Vec<(u64, u64, Cause)>>> = Arc::default();
        let listening = Arc::clone(&heard);
        let cache = Cache::builder(24)
            .shards(2)
            .policy(&policy)
            .weigher(|_: &u64, value: &u64| value % 16)
            .listener(move |&key, &value, cause| listening.lock().push((key, value, cause)))
            .build();
        let mut model: BTreeMap<u64, u64> = BTreeMap::new();
        for (number, (key, weight, step)) in (0u64..).zip(steps) {
            let value = number * 16 + weight;
            let before = model.get(&key).copied();
            let mut stored = false;
            match step {
                0 => drop(cache.get(&key)),
                1 => cache.fill(key, value),
                2 => {
                    let (seen, _) = cache.update(key, |found| (Change::Remove, found.map(|found| *found.value)));
                    prop_assert_eq!(seen, before);
                }
                _ => {
                    let (seen, outcome) =
                        cache.update(key, |found| (Change::Store(value, Life::Same), found.map(|found| *found.value)));
                    prop_assert_eq!(seen, before);
                    stored = outcome != Some(Outcome::Refused);
                    prop_assert_eq!(stored, weight <= 12);
                }
            }
            for (key, value, cause) in heard.lock().drain(..) {
                if cause != Cause::Refused {
                    prop_assert_eq!(model.remove(&key), Some(value), "{:?}", cause);
                }
            }
            if stored || (step == 1 && cache.peek(&key) == Some(value)) {
                model.insert(key, value);
            }
            let found: BTreeMap<u64, u64> = cache.iter().collect();
            prop_assert_eq!(&found, &model);
            prop_assert!(cache.weight() <= 24);
            cache.check().unwrap();
        }
    }
}

#[test]
fn a_load_under_way_is_overtaken_by_a_change_and_not_by_a_look() {
    let cache = Cache::builder(100).build();
    let load = |change: Change<u64>| {
        cache.clear();
        let loaded = cache.get_or_insert_with(1, || {
            cache.update(1, |found| {
                assert!(found.is_none());
                (change, ())
            });
            7
        });
        assert_eq!(loaded.0, 7, "who loads gets what was loaded");
        cache.get(&1)
    };
    assert_eq!(load(Change::Keep), Some(7));
    assert_eq!(load(Change::Store(8, Life::Default)), Some(8));
    assert_eq!(load(Change::Remove), None);
}

#[test]
fn a_change_or_a_weigher_that_panics_changes_nothing() {
    let cache = Cache::builder(100)
        .weigher(|_: &u64, &value: &u64| {
            assert_ne!(value, 13);
            value
        })
        .build();
    cache.insert(1, 5);
    let change = || cache.update(1, |_| -> (Change<u64>, ()) { panic!("on purpose") });
    assert!(catch_unwind(AssertUnwindSafe(change)).is_err());
    let weigh = || cache.update(1, |_| (Change::Store(13, Life::Same), ()));
    assert!(catch_unwind(AssertUnwindSafe(weigh)).is_err());
    assert_eq!((cache.get(&1), cache.weight()), (Some(5), 5));
    cache.check().unwrap();
}

#[test]
fn an_update_is_no_lookup_and_a_replacement_is_a_use() {
    let cache = Cache::builder(2).shards(1).build();
    cache.insert(1, 1);
    cache.insert(2, 2);
    // Seen, and not used: 1 remains the one that leaves first.
    cache.update(1, |found| (Change::Keep, assert!(found.is_some())));
    cache.update(1, |_| (Change::Live(Life::Endless), ()));
    cache.insert(3, 3);
    assert!(!cache.contains(&1));
    cache.update(2, |_| (Change::Store(20, Life::Same), ()));
    cache.insert(4, 4);
    assert_eq!((cache.peek(&2), cache.peek(&3)), (Some(20), None));
    assert_eq!((cache.stats().hits, cache.stats().misses), (0, 0));
}
