//! Loads: one a key at a time, by threads and by tasks, whatever becomes of the loader.

use crate::explore;
use crate::tracked::{Key, Ledger, Seedless, Tracked, chosen, step};
use host_cache::{Cache, Fill, Outcome, Served, builtin};
use shuttle::{future, thread};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const KEYS: u64 = 2;

/// A write of its own for what was inserted by hand, not loaded.
const BY_HAND: u64 = 1 << 32;

struct World {
    cache: Cache<Key, Tracked, Seedless>,
    ledger: Arc<Ledger>,
    /// Whether somebody loads the key now.
    loading: [AtomicBool; KEYS as usize],
    loaded: AtomicU64,
}

/// Set while a loader runs, whichever way it ends.
struct Loading<'a>(&'a AtomicBool);

impl<'a> Loading<'a> {
    fn begin(flag: &'a AtomicBool) -> Self {
        assert!(!flag.swap(true, Ordering::SeqCst), "two load one key at a time");
        Self(flag)
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl World {
    fn new(capacity: u64) -> Arc<Self> {
        let cache = Cache::builder(capacity)
            .shards(1)
            .weigher(|_: &Key, value: &Tracked| value.weight)
            .hasher(Seedless::default())
            .build();
        Arc::new(Self {
            cache,
            ledger: Ledger::new(),
            loading: Default::default(),
            loaded: AtomicU64::new(0),
        })
    }

    fn value(&self, key: u64, write: u64) -> Tracked {
        Tracked::new(&self.ledger, key, write, 1)
    }

    /// Loads as the schedule says: well, or with an error, or with a panic.
    fn load(&self, key: u64) -> Result<Tracked, &'static str> {
        let _loading = Loading::begin(&self.loading[key as usize]);
        step();
        match chosen(4) {
            0 => Err("no such page"),
            1 => resume_unwind(Box::new("loader")), // no message on the test's output
            _ => Ok(self.value(key, self.loaded.fetch_add(1, Ordering::SeqCst))),
        }
    }

    /// As `load`, with a moment in between at which a task can be cancelled.
    async fn load_async(&self, key: u64) -> Result<Tracked, &'static str> {
        let _loading = Loading::begin(&self.loading[key as usize]);
        future::yield_now().await;
        match chosen(3) {
            0 => Err("no such page"),
            _ => Ok(self.value(key, self.loaded.fetch_add(1, Ordering::SeqCst))),
        }
    }

    /// Asks once, and survives a loader that panics.
    fn ask(&self, key: u64) {
        let asked =
            catch_unwind(AssertUnwindSafe(|| self.cache.get_or_try_insert_with(Key(key), || self.load(key))));
        if let Ok(Ok((value, _))) = asked {
            assert_eq!(value.key, key);
        }
    }

    async fn ask_async(&self, key: u64) {
        if let Ok((value, _)) = self.cache.get_or_try_insert_async(Key(key), self.load_async(key)).await {
            assert_eq!(value.key, key);
        }
    }

    fn end(self: Arc<Self>) {
        self.cache.check().unwrap();
        for key in 0..KEYS {
            // No flight was left behind: one more caller is served, or loads itself, and waits for nobody.
            let served =
                self.cache.get_or_try_insert_with(Key(key), || Ok::<_, ()>(self.value(key, BY_HAND)));
            assert!(matches!(served, Ok((_, Served::Hit | Served::Loaded))), "{served:?}");
        }
        let stats = self.cache.stats();
        assert!(stats.waited <= stats.misses, "{stats:?}");
        let ledger = Arc::clone(&self.ledger);
        drop(self);
        ledger.settle();
    }
}

fn spawn(world: &Arc<World>, run: impl FnOnce(&World) + Send + 'static) -> thread::JoinHandle<()> {
    let world = Arc::clone(world);
    thread::spawn(move || run(&world))
}

#[test]
fn one_loads_and_the_others_wait_whatever_becomes_of_the_loader() {
    explore("loads", || {
        let world = World::new(100);
        let asking: Vec<_> =
            (0..4).map(|_| spawn(&world, |world| (0..2).for_each(|_| world.ask(chosen(KEYS))))).collect();
        asking.into_iter().for_each(|thread| thread.join().unwrap());
        world.end();
    });
}

#[test]
fn a_load_that_ends_well_is_the_only_one() {
    explore("one load", || {
        let world = World::new(100);
        let asking: Vec<_> = (0..3)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || {
                    let load = || {
                        let _loading = Loading::begin(&world.loading[0]);
                        step();
                        Ok::<_, ()>(world.value(0, world.loaded.fetch_add(1, Ordering::SeqCst)))
                    };
                    let (value, served) = world.cache.get_or_try_insert_with(Key(0), load).unwrap();
                    assert_eq!(value.write, 0);
                    served
                })
            })
            .collect();
        let served: Vec<Served> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(world.loaded.load(Ordering::SeqCst), 1, "{served:?}");
        assert_eq!(served.iter().filter(|&&served| served == Served::Loaded).count(), 1);
        let stats = world.cache.stats();
        assert_eq!((stats.hits + stats.misses, stats.insertions), (3, 1));
        assert_eq!(stats.waited, served.iter().filter(|&&served| served == Served::Waited).count() as u64);
        world.end();
    });
}

#[test]
fn a_cancelled_task_wakes_the_others_and_leaves_nothing() {
    explore("cancelled", || {
        let world = World::new(100);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let world = Arc::clone(&world);
                future::spawn(async move { world.ask_async(0).await })
            })
            .collect();
        let thread = spawn(&world, |world| world.ask(0));
        // Aborted wherever they are: before they ask, as the leader, as a waiter, or when it is over.
        tasks[0].abort();
        tasks[1].abort();
        for task in tasks {
            let ended = future::block_on(task);
            assert!(matches!(ended, Ok(()) | Err(future::JoinError::Cancelled)));
        }
        thread.join().unwrap();
        world.end();
    });
}

#[test]
fn fills_and_lookups_share_a_load() {
    explore("fills", || {
        let world = World::new(100);
        let filling = spawn(&world, |world| {
            let filled =
                catch_unwind(AssertUnwindSafe(|| world.cache.try_fill_with(Key(0), || world.load(0))));
            if let Ok(Ok(fill)) = filled {
                assert!(matches!(fill, Fill::Present | Fill::UnderWay | Fill::Loaded));
            }
        });
        let task = {
            let world = Arc::clone(&world);
            future::spawn(
                async move { world.cache.try_fill_async(Key(0), world.load_async(0)).await.is_ok() },
            )
        };
        let asking = spawn(&world, |world| world.ask(0));
        task.abort();
        drop(future::block_on(task));
        for thread in [filling, asking] {
            thread.join().unwrap();
        }
        world.end();
    });
}

#[test]
fn a_value_inserted_during_a_load_stays() {
    explore("overtaken by an insert", || {
        let world = World::new(100);
        let loading = spawn(&world, |world| {
            let load = || {
                step();
                Ok::<_, ()>(world.value(0, 0))
            };
            world.cache.get_or_try_insert_with(Key(0), load).unwrap();
        });
        let inserting = spawn(&world, |world| {
            assert_ne!(world.cache.insert(Key(0), world.value(0, BY_HAND)), Outcome::Refused);
        });
        let switching = spawn(&world, |world| world.cache.set_policy(&builtin::LFU));
        for thread in [loading, inserting, switching] {
            thread.join().unwrap();
        }
        // Before the load it is found, during the load it stays, after the load it replaces.
        assert_eq!(world.cache.get(&Key(0)).map(|value| value.write), Some(BY_HAND));
        world.end();
    });
}

#[test]
fn a_key_removed_during_a_load_stays_removed() {
    explore("overtaken by a removal under way", || {
        let world = World::new(100);
        let load = || {
            let removing = spawn(&world, |world| drop(world.cache.remove(&Key(0))));
            let switching = spawn(&world, |world| world.cache.set_policy(&builtin::ARC));
            for thread in [removing, switching] {
                thread.join().unwrap();
            }
            Ok::<_, ()>(world.value(0, 0))
        };
        world.cache.get_or_try_insert_with(Key(0), load).unwrap();
        assert!(world.cache.get(&Key(0)).is_none(), "removed stays removed");
        world.end();
    });
}

#[test]
fn a_clear_during_a_load_keeps_it_out() {
    explore("overtaken by a clear", || {
        let world = World::new(100);
        let load = || {
            let clearing = spawn(&world, |world| world.cache.clear());
            let asking = spawn(&world, |world| drop(world.cache.get(&Key(0))));
            for thread in [clearing, asking] {
                thread.join().unwrap();
            }
            Ok::<_, ()>(world.value(0, 0))
        };
        world.cache.get_or_try_insert_with(Key(0), load).unwrap();
        assert!(world.cache.get(&Key(0)).is_none(), "cleared stays cleared");
        world.end();
    });
}
