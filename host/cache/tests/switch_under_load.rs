//! Policies switched and capacity changed by two threads while others insert and read: no entry lost that the
//! capacity allowed, none dropped twice, none that leaves unheard. For everything at once and for long, see
//! `soak.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    reason = "a test: a panic is its failure, its numbers are its own"
)]

use host_cache::{Cache, Cause, Outcome, builtin};
use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

/// What belongs under a key. Everybody can check it.
fn value_of(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5EED
}

fn weight_of(key: u64) -> u64 {
    1 + key % 16
}

type Numbers = Cache<u64, Arc<u64>>;

fn numbers(capacity: u64) -> Numbers {
    Cache::builder(capacity).shards(4).weigher(|&key: &u64, _: &Arc<u64>| weight_of(key)).build()
}

/// A cheap sequence, different for each thread.
struct Sequence(u64);

impl Sequence {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

#[test]
fn no_entry_is_lost_that_the_capacity_allows() {
    const KEYS: u64 = 30_000;
    // Room for every key in every shard, however unevenly they fall.
    let roomy = 4 * KEYS * 16;
    let cache = numbers(roomy);
    let end = AtomicBool::new(false);
    thread::scope(|threads| {
        for switcher in 0..2u64 {
            let (cache, end) = (&cache, &end);
            threads.spawn(move || {
                let mut sequence = Sequence(switcher);
                while !end.load(Ordering::Relaxed) {
                    cache.set_policy(&builtin::ALL[sequence.next(builtin::ALL.len() as u64) as usize]);
                    cache.set_capacity(roomy + sequence.next(1_000));
                }
            });
        }
        let halves = [0, 1].map(|half| {
            let cache = &cache;
            threads.spawn(move || {
                for key in (half..KEYS).step_by(2) {
                    cache.insert(key, Arc::new(value_of(key)));
                    let earlier = key / 3 / 2 * 2 + half;
                    assert!(earlier > key || cache.get(&earlier).is_some(), "{earlier} is lost");
                }
            })
        });
        let ends = halves.map(|half| half.join());
        end.store(true, Ordering::Relaxed);
        ends.into_iter().for_each(|half| half.unwrap());
    });
    for key in 0..KEYS {
        assert_eq!(cache.get(&key).as_deref(), Some(&value_of(key)), "{key}");
    }
    assert_eq!(cache.weight(), (0..KEYS).map(weight_of).sum::<u64>());
    assert_eq!(cache.stats().evictions, 0);
    cache.check().unwrap();
}

/// Says that a switch is under way, then waits until it may go on.
type Hold = (mpsc::Sender<()>, mpsc::Receiver<()>);

thread_local! {
    /// What the first key to be hashed on this thread does.
    static HOLD: RefCell<Option<Hold>> = const { RefCell::new(None) };
}

/// A key that can hold up whoever hashes it, as a switch does to tell the new policy what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holding(u64);

impl Hash for Holding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some((begun, go_on)) = HOLD.take() {
            begun.send(()).unwrap();
            go_on.recv().unwrap();
        }
        self.0.hash(state);
    }
}

#[test]
fn lookups_go_on_while_a_switch_is_under_way() {
    const KEYS: u64 = 1_000;
    let cache = Cache::builder(2 * KEYS).shards(1).build();
    (0..KEYS).for_each(|key| assert_eq!(cache.insert(Holding(key), value_of(key)), Outcome::Inserted));
    for kind in builtin::ALL.iter().cycle().skip(1).take(builtin::ALL.len()) {
        let (begin, begun) = mpsc::channel();
        let (go_on, hold) = mpsc::channel();
        let switched = AtomicBool::new(false);
        thread::scope(|threads| {
            let (cache, switched) = (&cache, &switched);
            threads.spawn(move || {
                HOLD.set(Some((begin, hold)));
                cache.set_policy(kind);
                switched.store(true, Ordering::SeqCst);
            });
            begun.recv().expect("the switch hashed no key, so that this test does not see it");
            // More than a read buffer holds, and a miss.
            for key in 0..KEYS {
                assert_eq!(cache.get(&Holding(key)), Some(value_of(key)));
            }
            assert_eq!(cache.get(&Holding(KEYS)), None);
            assert!(!switched.load(Ordering::SeqCst), "the switch was over");
            go_on.send(()).unwrap();
        });
        assert_eq!((&cache.policy(), cache.len()), (kind, KEYS));
        cache.check().unwrap();
    }
    assert_eq!(cache.stats().hits, KEYS * builtin::ALL.len() as u64);
}

#[test]
fn values_are_dropped_exactly_once_and_all_of_them() {
    let counter = Arc::new(());
    let cache = Cache::builder(500).shards(2).build();
    thread::scope(|threads| {
        for worker in 0..2u64 {
            let (cache, counter) = (&cache, &counter);
            threads.spawn(move || {
                let mut sequence = Sequence(worker);
                for step in 0..20_000 {
                    cache.insert(sequence.next(2_000), Arc::clone(counter));
                    if step % 500 == 0 {
                        cache.set_policy(&builtin::ALL[sequence.next(builtin::ALL.len() as u64) as usize]);
                        cache.set_capacity(300 + sequence.next(200));
                    }
                }
            });
        }
    });
    assert_eq!(Arc::strong_count(&counter) as u64, cache.len() + 1);
    cache.clear();
    assert_eq!(Arc::strong_count(&counter), 1);
}

#[test]
fn every_entry_that_leaves_is_heard_once() {
    const KEYS: u64 = 3_000;
    let heard: Arc<[AtomicU64; 4]> = Arc::default();
    let balance: Arc<Vec<AtomicI64>> = Arc::new((0..KEYS).map(|_| AtomicI64::new(0)).collect());
    let (log, entries) = (Arc::clone(&heard), Arc::clone(&balance));
    let cache = Cache::builder(1_000)
        .shards(2)
        .weigher(|&key: &u64, _: &u64| weight_of(key))
        .listener(move |&key, &value, cause| {
            assert_eq!(value, value_of(key));
            log[cause as usize].fetch_add(1, Ordering::Relaxed);
            if cause != Cause::Refused {
                entries[key as usize].fetch_sub(1, Ordering::Relaxed);
            }
        })
        .build();
    thread::scope(|threads| {
        for worker in 0..2u64 {
            let (cache, balance) = (&cache, &balance);
            threads.spawn(move || {
                let mut sequence = Sequence(worker);
                for step in 0..30_000u64 {
                    let key = sequence.next(KEYS);
                    match step % 8 {
                        0 => drop(cache.remove(&key)),
                        1 => drop(cache.get(&key)),
                        _ if cache.insert(key, value_of(key)) == Outcome::Refused => {}
                        _ => {
                            balance[key as usize].fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    if step % 300 == 0 {
                        cache.set_policy(&builtin::ALL[sequence.next(builtin::ALL.len() as u64) as usize]);
                        // Down to eight a shard: half of the weights are refused.
                        cache.set_capacity(16 + sequence.next(1_000));
                    }
                }
            });
        }
    });
    for key in 0..KEYS {
        let left = i64::from(cache.contains(&key));
        assert_eq!(balance[key as usize].load(Ordering::Relaxed), left, "stored less removed, of {key}");
    }
    for cause in [Cause::Evicted, Cause::Replaced, Cause::Removed, Cause::Refused] {
        assert!(heard[cause as usize].load(Ordering::Relaxed) > 0, "{cause:?} never happened");
    }
    let stats = cache.stats();
    assert_eq!(stats.evictions, heard[Cause::Evicted as usize].load(Ordering::Relaxed));
    assert_eq!(stats.refused, heard[Cause::Refused as usize].load(Ordering::Relaxed));
    cache.check().unwrap();
}
