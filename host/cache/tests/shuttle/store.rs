//! Lookups, inserts, removals, switches, resizes and clears at once.

use crate::explore;
use crate::history::{Event, History};
use crate::tracked::{Key, Ledger, Seedless, Tracked, chosen, step};
use host_cache::{Cache, Change, Life, Outcome, PolicyFactory, builtin};
use shuttle::thread;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KEYS: u64 = 6;

type Tracking = Cache<Key, Tracked, Seedless>;

/// A cache, and what happened to it.
struct World {
    cache: Tracking,
    history: History,
    ledger: Arc<Ledger>,
    /// How many entries left, by what the listener heard.
    left: Arc<AtomicU64>,
    /// The cache's clock, in nanoseconds, and when it was last seen before the end of each write's time.
    clock: Arc<AtomicU64>,
    ends: Mutex<HashMap<u64, u64>>,
}

fn policy() -> PolicyFactory {
    let native = builtin::ALL.len();
    match chosen(native as u64 + 2) as usize {
        number if number < native => builtin::ALL[number].clone(),
        _ => crate::batched::fifo(),
    }
}

impl World {
    fn new(capacity: u64, shards: usize) -> Arc<Self> {
        let (left, clock) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (leaving, time) = (Arc::clone(&left), Arc::clone(&clock));
        let cache = Cache::builder(capacity)
            .policy(&policy())
            .shards(shards)
            .weigher(|_: &Key, value: &Tracked| value.weight)
            .listener(move |key, value, cause| {
                assert_eq!(key.0, value.key, "told of another key's value");
                if cause != host_cache::Cause::Refused {
                    leaving.fetch_add(1, Ordering::Relaxed);
                }
            })
            .clock(move || Duration::from_nanos(time.load(Ordering::SeqCst)))
            .hasher(Seedless::default())
            .build();
        let (history, ledger, ends) = (History::default(), Ledger::new(), Mutex::default());
        Arc::new(Self { cache, history, ledger, left, clock, ends })
    }

    fn get(&self, key: u64) {
        self.history.note(key, || {
            let now = self.clock.load(Ordering::SeqCst);
            let value = self.cache.get(&Key(key));
            if let Some(value) = &value {
                assert_eq!(value.key, key, "the value of another key");
                let end = self.ends.lock().unwrap().get(&value.write).copied();
                assert!(end.is_none_or(|end| now < end), "asked at {now}, served what ended at {end:?}");
            }
            (Event::Read(value.map(|value| value.write)), ())
        });
    }

    fn insert(&self, key: u64, weight: u64) {
        self.history.note(key, || {
            let number = self.history.next_write();
            let outcome = self.cache.insert(Key(key), Tracked::new(&self.ledger, key, number, weight));
            // One that is refused removes an older value.
            (if outcome == Outcome::Refused { Event::Remove } else { Event::Write(number) }, ())
        });
    }

    /// Inserts an entry that lives so long.
    fn insert_mortal(&self, key: u64, live: u64) {
        self.history.note(key, || {
            let number = self.history.next_write();
            let value = Tracked::new(&self.ledger, key, number, 1);
            assert_ne!(
                self.cache.insert_with_ttl(Key(key), value, Duration::from_nanos(live)),
                Outcome::Refused
            );
            self.ends.lock().unwrap().insert(number, self.clock.load(Ordering::SeqCst) + live);
            (Event::Write(number), ())
        });
    }

    fn remove(&self, key: u64) {
        self.history.note(key, || {
            let removed = self.cache.remove(&Key(key));
            assert!(removed.is_none_or(|value| value.key == key), "removed another key's value");
            (Event::Remove, ())
        });
    }

    /// Stores a value in one step with a look at what was there, or removes that, or leaves it.
    fn update(&self, key: u64, weight: u64) {
        self.history.note(key, || {
            let number = self.history.next_write();
            let what = chosen(3);
            let (event, outcome) = self.cache.update(Key(key), |found| {
                assert!(found.is_none_or(|found| found.value.key == key), "shown another key's value");
                match what {
                    0 => (Change::Remove, Event::Remove),
                    1 => {
                        let seen = found.map(|found| found.value.write);
                        (Change::Keep, Event::Read(seen))
                    }
                    _ => {
                        let value = Tracked::new(&self.ledger, key, number, weight);
                        (Change::Store(value, Life::Same), Event::Write(number))
                    }
                }
            });
            (if outcome == Some(Outcome::Refused) { Event::Remove } else { event }, ())
        });
    }

    /// Three in five are lookups and inserts.
    fn operate(&self, operations: u32, heaviest: u64) {
        for _ in 0..operations {
            let key = chosen(KEYS);
            match chosen(10) {
                8 => self.update(key, 1 + chosen(heaviest)),
                9 => drop(self.cache.scan(0, 2, |key, found| assert_eq!(key.0, found.value.key))),
                0..3 => self.get(key),
                3..6 => self.insert(key, 1 + chosen(heaviest)),
                6 => self.remove(key),
                _ => drop(self.cache.peek(&Key(key))),
            }
        }
    }

    /// Nothing is wrong, nothing is lost, nothing is left.
    fn end(self: Arc<Self>, roomy: bool) {
        self.cache.check().unwrap();
        (0..KEYS).for_each(|key| self.get(key));
        self.history.verify(roomy);
        let stats = self.cache.stats();
        assert_eq!(stats.insertions - self.left.load(Ordering::Relaxed), stats.entries, "{stats:?}");
        self.cache.clear();
        assert_eq!((self.cache.len(), self.cache.weight()), (0, 0));
        let ledger = Arc::clone(&self.ledger);
        drop(self);
        ledger.settle();
    }
}

/// Runs the threads to their end, then ends the world.
fn together(world: Arc<World>, roomy: bool, threads: Vec<Box<dyn FnOnce(&World) + Send>>) {
    let running: Vec<_> = threads
        .into_iter()
        .map(|thread| {
            let world = Arc::clone(&world);
            thread::spawn(move || thread(&world))
        })
        .collect();
    running.into_iter().for_each(|thread| thread.join().unwrap());
    world.end(roomy);
}

#[test]
fn reads_and_writes_agree_while_entries_are_evicted() {
    explore("evictions", || {
        together(
            World::new(4, 1),
            false,
            vec![
                Box::new(|world| world.operate(6, 3)),
                Box::new(|world| world.operate(6, 3)),
                Box::new(|world| (0..8).for_each(|_| world.get(chosen(KEYS)))),
            ],
        );
    });
}

#[test]
fn a_switch_loses_nothing_and_stops_no_reader() {
    explore("switches", || {
        together(
            World::new(1_000, 2),
            true,
            vec![
                Box::new(|world| world.operate(6, 3)),
                Box::new(|world| (0..8).for_each(|_| world.get(chosen(KEYS)))),
                Box::new(|world| (0..4).for_each(|_| world.cache.set_policy(&policy()))),
                Box::new(|world| {
                    world.operate(3, 3);
                    world.cache.set_capacity(2_000);
                }),
            ],
        );
    });
}

#[test]
fn the_weight_stays_under_every_capacity() {
    const CAPACITIES: [u64; 3] = [12, 9, 2];
    explore("resizes", || {
        together(
            World::new(12, 2),
            false,
            vec![
                Box::new(|world| world.operate(6, 4)),
                Box::new(|world| world.operate(6, 4)),
                Box::new(|world| {
                    for capacity in CAPACITIES {
                        world.cache.set_capacity(capacity);
                        let weight = world.cache.weight();
                        assert!(weight <= capacity, "{weight} after the capacity was set to {capacity}");
                        world.cache.set_policy(&policy());
                    }
                }),
                Box::new(|world| {
                    for _ in 0..10 {
                        // The capacity only shrinks: what was published before bounds what is there after.
                        let capacity = world.cache.capacity();
                        let weight = world.cache.weight();
                        assert!(weight <= capacity, "{weight} is over {capacity}");
                        world.cache.check().unwrap();
                    }
                }),
            ],
        );
    });
}

#[test]
fn a_clear_removes_what_was_there_and_nothing_else() {
    explore("clears", || {
        together(
            World::new(1_000, 2),
            true,
            vec![
                Box::new(|world| world.operate(5, 2)),
                Box::new(|world| world.operate(5, 2)),
                Box::new(|world| (0..2).for_each(|_| world.history.note_clear(KEYS, || world.cache.clear()))),
                Box::new(|world| {
                    world.cache.set_policy(&policy());
                    let mut seen = Vec::new();
                    world.cache.for_each(|key, value| {
                        assert_eq!(key.0, value.key);
                        seen.push(key.0);
                    });
                    let shown = seen.len();
                    seen.sort_unstable();
                    seen.dedup();
                    assert_eq!(seen.len(), shown, "an entry was shown twice");
                }),
            ],
        );
    });
}

#[test]
fn what_has_expired_is_never_served() {
    explore("lifetimes", || {
        together(
            World::new(100, 1),
            false,
            vec![
                Box::new(|world| (0..6).for_each(|_| world.insert_mortal(chosen(KEYS), chosen(4)))),
                Box::new(|world| (0..8).for_each(|_| world.get(chosen(KEYS)))),
                Box::new(|world| world.operate(4, 1)),
                Box::new(|world| {
                    for _ in 0..4 {
                        world.clock.fetch_add(1, Ordering::SeqCst);
                        step();
                        world.cache.set_policy(&policy());
                    }
                    world.cache.purge_expired();
                }),
            ],
        );
    });
}

#[test]
fn no_update_is_lost() {
    explore("updates", || {
        let world = World::new(100, 1);
        let add = |world: &World| {
            for _ in 0..3 {
                world.cache.update(Key(0), |found| {
                    let weight = found.map_or(0, |found| found.value.weight) + 1;
                    step();
                    (Change::Store(Tracked::new(&world.ledger, 0, 0, weight), Life::Same), ())
                });
            }
        };
        let running: Vec<_> = (0..2)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || add(&world))
            })
            .collect();
        world.cache.set_policy(&policy());
        if let Some(seen) = world.cache.get_with(&Key(0), |value| {
            step();
            value.weight
        }) {
            assert!((1..=6).contains(&seen));
        }
        running.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(world.cache.peek_with(&Key(0), |found| found.value.weight), Some(6));
        world.cache.remove(&Key(0));
        world.end(true);
    });
}

#[test]
fn counters_add_up() {
    explore("counters", || {
        let world = World::new(5, 1);
        let lookups = {
            let reader = |lookups: u64| {
                let world = Arc::clone(&world);
                thread::spawn(move || (0..lookups).for_each(|_| world.get(chosen(KEYS))))
            };
            let writer = {
                let world = Arc::clone(&world);
                thread::spawn(move || {
                    (0..5).for_each(|_| world.insert(chosen(KEYS), 1));
                    world.cache.set_policy(&policy());
                    world.cache.stats();
                })
            };
            for thread in [reader(70), reader(5), writer] {
                thread.join().unwrap();
            }
            75
        };
        let stats = world.cache.stats();
        assert_eq!(stats.hits + stats.misses, lookups);
        world.end(false);
    });
}
