//! Lookups, inserts, removals, switches, resizes and clears at once.

use crate::explore;
use crate::history::{Event, History};
use crate::tracked::{Key, Ledger, Seedless, Tracked, chosen};
use host_cache::{Cache, Outcome, PolicyKind};
use shuttle::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const KEYS: u64 = 6;

type Tracking = Cache<Key, Tracked, Seedless>;

/// A cache, and what happened to it.
struct World {
    cache: Tracking,
    history: History,
    ledger: Arc<Ledger>,
    /// Stored less gone, by what the listener heard.
    balance: Arc<AtomicU64>,
}

fn policy() -> PolicyKind {
    PolicyKind::ALL[chosen(PolicyKind::ALL.len() as u64) as usize]
}

impl World {
    fn new(capacity: u64, shards: usize) -> Arc<Self> {
        let balance = Arc::new(AtomicU64::new(0));
        let left = Arc::clone(&balance);
        let cache = Cache::builder(capacity)
            .policy(policy())
            .shards(shards)
            .weigher(|_: &Key, value: &Tracked| value.weight)
            .listener(move |key, value, cause| {
                assert_eq!(key.0, value.key, "told of another key's value");
                if cause != host_cache::Cause::Refused {
                    left.fetch_add(1, Ordering::Relaxed);
                }
            })
            .hasher(Seedless::default())
            .build();
        Arc::new(Self { cache, history: History::default(), ledger: Ledger::new(), balance })
    }

    fn get(&self, key: u64) {
        self.history.note(key, || {
            let value = self.cache.get(&Key(key));
            if let Some(value) = &value {
                assert_eq!(value.key, key, "the value of another key");
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

    fn remove(&self, key: u64) {
        self.history.note(key, || {
            let removed = self.cache.remove(&Key(key));
            assert!(removed.is_none_or(|value| value.key == key), "removed another key's value");
            (Event::Remove, ())
        });
    }

    /// Three in four are lookups and inserts.
    fn operate(&self, operations: u32, heaviest: u64) {
        for _ in 0..operations {
            let key = chosen(KEYS);
            match chosen(8) {
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
        assert_eq!(stats.insertions - self.balance.load(Ordering::Relaxed), stats.entries, "{stats:?}");
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
                Box::new(|world| (0..4).for_each(|_| world.cache.set_policy(policy()))),
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
    const CAPACITIES: [u64; 4] = [12, 9, 5, 2];
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
                        world.cache.set_policy(policy());
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
                    world.cache.set_policy(policy());
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
                    world.cache.set_policy(policy());
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
