//! Whatever happens, in any order and from any thread, each key issued is decided exactly once.
#![expect(clippy::as_conversions, reason = "small counts of a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use host_prefetch::{Budget, Prefetcher, Rule};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Access(u64),
    Loaded(u64, u64),
    Failed(u64),
    Evicted(u64),
    Install(u32, u32, Rule),
    Withdraw(u32, u32),
    MaxInFlight(u32),
    CacheShare(f64),
    Finish,
}

fn key() -> impl Strategy<Value = u64> {
    0_u64..24
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        (prop_oneof![Just(1_i64), Just(2), Just(-1), Just(i64::MIN), Just(i64::MAX)], 1_u32..6)
            .prop_map(|(stride, depth)| Rule::Sequential { stride, depth }),
        (key(), prop::collection::vec(key(), 1..5))
            .prop_map(|(key, targets)| Rule::Association { key, targets }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => key().prop_map(Step::Access),
        6 => (key(), 0_u64..50).prop_map(|(key, weight)| Step::Loaded(key, weight)),
        1 => key().prop_map(Step::Failed),
        2 => key().prop_map(Step::Evicted),
        3 => (0_u32..3, 0_u32..3, rule()).prop_map(|(owner, id, rule)| Step::Install(owner, id, rule)),
        1 => (0_u32..3, 0_u32..3).prop_map(|(owner, id)| Step::Withdraw(owner, id)),
        1 => (0_u32..6).prop_map(Step::MaxInFlight),
        1 => (0.0_f64..0.5).prop_map(Step::CacheShare),
        1 => Just(Step::Finish),
    ]
}

const CAPACITY: u64 = 400;

/// The plainest bookkeeping that is right: one map, no ages, and of the budget what it allows.
#[derive(Default)]
struct Model {
    in_flight: BTreeSet<u64>,
    undecided: BTreeSet<u64>,
    unused: BTreeMap<u64, u64>,
    issued: u64,
    timely: u64,
    late: u64,
    wasted: u64,
    /// Weights reported, and how many.
    loaded: (u64, u64),
}

impl Model {
    /// Whether unused entries leave room in `share` of the cache for another one of the mean weight.
    fn has_room(&self, share: f64) -> bool {
        let expected = self.loaded.0.checked_div(self.loaded.1).unwrap_or(0);
        (self.unused.values().sum::<u64>() + expected) as f64 <= CAPACITY as f64 * share
    }

    fn access(&mut self, key: u64) {
        if self.unused.remove(&key).is_some() {
            self.timely += 1;
        } else if self.undecided.remove(&key) {
            self.late += 1;
        }
    }

    #[expect(clippy::collapsible_match, reason = "a guard that changes the model would be hard to read")]
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Loaded(key, weight) => {
                if self.in_flight.remove(key) {
                    self.loaded = (self.loaded.0 + weight, self.loaded.1 + 1);
                    if self.undecided.remove(key) {
                        self.unused.insert(*key, *weight);
                    }
                }
            }
            Step::Failed(key) => {
                if self.in_flight.remove(key) && self.undecided.remove(key) {
                    self.wasted += 1;
                }
            }
            Step::Evicted(key) => self.wasted += u64::from(self.unused.remove(key).is_some()),
            Step::Finish => {
                self.wasted += (self.unused.len() + self.undecided.len()) as u64;
                self.unused.clear();
                self.undecided.clear();
                self.in_flight.clear();
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn counts_agree_with_the_model_after_every_step(
        steps in prop::collection::vec(step(), 1..200),
        resident in prop::collection::btree_set(key(), 0..6),
    ) {
        let p = Prefetcher::new(Budget { max_in_flight: 4, cache_share: 0.5 }, 2);
        p.set_cache_capacity(CAPACITY);
        let mut model = Model::default();
        let (mut most, mut share) = (4, 0.5);
        for step in &steps {
            match step {
                Step::Access(key) => {
                    model.access(*key);
                    let mut out = Vec::new();
                    p.on_access(*key, |key| resident.contains(&key), &mut out);
                    for load in out {
                        prop_assert!(!resident.contains(&load.key) && load.key != *key, "{load:?}");
                        prop_assert!(!model.unused.contains_key(&load.key), "unused: {load:?}");
                        prop_assert!(model.in_flight.insert(load.key), "in flight: {load:?}");
                        prop_assert!(model.in_flight.len() <= most, "over budget");
                        prop_assert!(model.has_room(share), "over the share of the cache");
                        model.undecided.insert(load.key);
                        model.issued += 1;
                    }
                }
                Step::Loaded(key, weight) => p.loaded(*key, *weight),
                Step::Failed(key) => p.failed(*key),
                Step::Evicted(key) => p.evicted(*key),
                Step::Install(owner, id, rule) => { let _ = p.install(*owner, *id, rule.clone()); }
                Step::Withdraw(owner, id) => { let _ = p.withdraw(*owner, *id); }
                Step::MaxInFlight(loads) => {
                    most = *loads as usize;
                    p.set_max_in_flight(*loads);
                }
                Step::CacheShare(of_cache) => {
                    share = *of_cache;
                    p.set_cache_share(share);
                }
                Step::Finish => p.finish(),
            }
            model.apply(step);
            for s in p.stats().into_iter().map(|rule| rule.counts) {
                prop_assert_eq!(s.issued, s.timely + s.late + s.wasted + s.pending, "{:?}", s);
            }
            let t = p.totals();
            prop_assert_eq!((t.issued, t.timely, t.late, t.wasted),
                (model.issued, model.timely, model.late, model.wasted), "after {:?}", step);
            prop_assert_eq!(t.pending, (model.undecided.len() + model.unused.len()) as u64);
            prop_assert_eq!(p.in_flight() as usize, model.in_flight.len());
        }
    }
}

/// Each worker makes at least so many accesses, and goes on for as long as the rules change.
const ACCESSES: u64 = 20_000;
const CHANGES: u32 = 500;

/// Says that the changes have ended, also by a failed assertion.
struct Changing<'a>(&'a AtomicBool);

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn threads_and_a_changing_rule_lose_no_key() {
    let p = Prefetcher::with_unused_after(Budget { max_in_flight: 16, cache_share: 0.5 }, 4, 100);
    p.set_cache_capacity(10_000);
    let change = |round: u32| {
        p.install(0, round % 3, Rule::Sequential { stride: 1, depth: 1 + round % 7 }).unwrap();
        let targets = vec![u64::from(round % 50), 3, 4];
        p.install(1, 0, Rule::Association { key: 40, targets }).unwrap();
        let _ = p.withdraw(0, (round + 1) % 3);
    };
    // Whatever the scheduler does, no access comes before the first rule.
    change(0);
    let start = Barrier::new(3);
    let changing = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _changing = Changing(&changing);
            start.wait();
            for round in 1..=CHANGES {
                change(round);
                for s in p.stats().into_iter().map(|rule| rule.counts) {
                    assert_eq!(s.issued, s.timely + s.late + s.wasted + s.pending, "{s:?}");
                }
            }
        });
        let (p, start, changing) = (&p, &start, &changing);
        for worker in 0..2_u64 {
            scope.spawn(move || {
                start.wait();
                let mut out = Vec::new();
                let mut n = 0;
                while n < ACCESSES || changing.load(Ordering::Relaxed) {
                    let key = (n + 25 * worker) % 50;
                    p.on_access(key, |key| key % 11 == 0, &mut out);
                    for load in out.drain(..) {
                        if n % 9 == 0 { p.failed(load.key) } else { p.loaded(load.key, 10) }
                    }
                    if n % 5 == 0 {
                        p.evicted((key + 2) % 50);
                    }
                    n += 1;
                }
            });
        }
    });
    p.finish();
    let t = p.totals();
    assert!(t.issued > 1000 && t.timely > 0 && t.wasted > 0, "{t:?}");
    assert_eq!((t.pending, t.issued), (0, t.timely + t.late + t.wasted), "{t:?}");
    assert_eq!(p.in_flight(), 0);
}
