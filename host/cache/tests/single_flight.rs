//! One load per key at a time, whatever becomes of the loader. Threads and tasks meet at barriers and
//! channels, not by waiting a while.
#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    reason = "a test: a panic is its failure, its numbers are its own"
)]

use host_cache::{Cache, Fill, Served, builtin};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use tokio::sync::oneshot;

type Numbers = Cache<u64, u64>;

fn numbers() -> Arc<Numbers> {
    Arc::new(Cache::builder(1_000).policy(&builtin::LRU).build())
}

/// Spins until `lookups` more misses were counted: then so many callers are at or past the join.
fn until_misses(cache: &Numbers, misses: u64) {
    while cache.stats().misses < misses {
        thread::yield_now();
    }
}

#[test]
fn many_threads_load_a_key_once() {
    for round in 0..50 {
        let (cache, loads) = (numbers(), AtomicU64::new(0));
        let start = Barrier::new(8);
        let served: Vec<Served> = thread::scope(|threads| {
            let ask = || {
                start.wait();
                let load = || {
                    loads.fetch_add(1, Ordering::SeqCst);
                    thread::yield_now();
                    Ok::<_, ()>(round)
                };
                let (value, served) = cache.get_or_try_insert_with(7, load).unwrap();
                assert_eq!(value, round);
                served
            };
            let asking: Vec<_> = (0..8).map(|_| threads.spawn(ask)).collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        assert_eq!(served.iter().filter(|&&served| served == Served::Loaded).count(), 1);
        let stats = cache.stats();
        assert_eq!((stats.hits + stats.misses, stats.insertions), (8, 1));
        let waited = served.iter().filter(|&&served| served == Served::Waited).count();
        assert_eq!(stats.waited, waited as u64);
    }
}

/// A leader that ends badly while another thread waits: the other loads, and nothing of the first is left.
fn second_takes_over(lead: impl Fn(&Numbers, &mut dyn FnMut()) + Sync) {
    let cache = numbers();
    thread::scope(|threads| {
        let (leading, led) = mpsc::channel::<()>();
        let cache = &cache;
        let lead = &lead;
        threads.spawn(move || {
            lead(cache, &mut || {
                leading.send(()).unwrap();
                until_misses(cache, 2);
            });
        });
        led.recv().unwrap();
        let (value, served) = cache.get_or_try_insert_with(7, || Ok::<_, ()>(2)).unwrap();
        assert_eq!((value, served), (2, Served::Loaded));
    });
    assert_eq!((cache.get(&7), cache.len()), (Some(2), 1));
    cache.check().unwrap();
}

#[test]
fn a_failed_load_passes_to_a_waiter() {
    second_takes_over(|cache, wait| {
        let failed = cache.get_or_try_insert_with(7, || {
            wait();
            Err("no such page")
        });
        assert_eq!(failed, Err("no such page"));
    });
}

#[test]
fn a_panicking_load_passes_to_a_waiter() {
    second_takes_over(|cache, wait| {
        let load = || -> Result<u64, ()> {
            wait();
            std::panic::resume_unwind(Box::new("loader")) // no message on the test's output
        };
        let panicked = catch_unwind(AssertUnwindSafe(|| cache.get_or_try_insert_with(7, load)));
        assert!(panicked.is_err());
    });
}

#[test]
fn a_load_that_is_overtaken_is_returned_and_not_stored() {
    let cache = numbers();
    let loaded = cache.get_or_try_insert_with(7, || {
        cache.insert(7, 70);
        Ok::<_, ()>(1)
    });
    assert_eq!((loaded, cache.get(&7)), (Ok((1, Served::Loaded)), Some(70)), "the newer value stays");
    let loaded = cache.get_or_try_insert_with(8, || {
        cache.remove(&8);
        Ok::<_, ()>(1)
    });
    assert_eq!((loaded, cache.get(&8)), (Ok((1, Served::Loaded)), None), "removed stays removed");
    let loaded = cache.get_or_try_insert_with(9, || {
        cache.clear();
        cache.insert(10, 1);
        Ok::<_, ()>(1)
    });
    assert_eq!((loaded, cache.get(&9)), (Ok((1, Served::Loaded)), None));
    assert_eq!(cache.get_or_try_insert_with(9, || Ok::<_, ()>(2)), Ok((2, Served::Loaded)));
    assert_eq!(cache.get(&9), Some(2), "the mark was the old load's");
}

#[test]
fn a_value_the_cache_refuses_is_returned() {
    let cache = Cache::builder(10).shards(1).weigher(|_: &u64, &value: &u64| value).build();
    assert_eq!(cache.get_or_try_insert_with(1, || Ok::<_, ()>(11)), Ok((11, Served::Loaded)));
    assert_eq!((cache.len(), cache.stats().refused), (0, 1));
}

#[tokio::test]
async fn tasks_wait_for_one_load() {
    let cache = numbers();
    let (finish, finished) = oneshot::channel::<u64>();
    let leader = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.get_or_try_insert_async(7, finished).await }
    });
    while cache.stats().misses < 1 {
        tokio::task::yield_now().await;
    }
    let waiters: Vec<_> = (0..5)
        .map(|_| {
            let cache = Arc::clone(&cache);
            let never = std::future::pending::<Result<u64, ()>>();
            tokio::spawn(async move { cache.get_or_try_insert_async(7, never).await })
        })
        .collect();
    while cache.stats().misses < 6 {
        tokio::task::yield_now().await;
    }
    finish.send(3).unwrap();
    assert_eq!(leader.await.unwrap().unwrap(), (3, Served::Loaded));
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), Ok((3, Served::Waited)));
    }
}

#[tokio::test]
async fn a_cancelled_load_passes_to_a_waiter() {
    let cache = numbers();
    let leader = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.get_or_try_insert_async(7, std::future::pending::<Result<u64, ()>>()).await }
    });
    while cache.stats().misses < 1 {
        tokio::task::yield_now().await;
    }
    let waiters: Vec<_> = (0..3)
        .map(|number| {
            let cache = Arc::clone(&cache);
            tokio::spawn(
                async move { cache.get_or_try_insert_async(7, async move { Ok::<_, ()>(number) }).await },
            )
        })
        .collect();
    while cache.stats().misses < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cache.len(), 0);
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    let mut served = Vec::new();
    for waiter in waiters {
        served.push(waiter.await.unwrap().unwrap());
    }
    let loaded: Vec<_> = served.iter().filter(|(_, served)| *served == Served::Loaded).collect();
    assert_eq!(loaded.len(), 1, "{served:?}");
    assert!(served.iter().all(|(value, _)| *value == loaded[0].0), "{served:?}");
    assert_eq!(cache.get(&7), Some(loaded[0].0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_waits_for_a_task_and_a_failing_task_for_a_thread() {
    let cache = numbers();
    let (finish, finished) = oneshot::channel::<u64>();
    let leader = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.get_or_try_insert_async(7, finished).await }
    });
    until_misses(&cache, 1);
    let waiting = thread::spawn({
        let cache = Arc::clone(&cache);
        move || cache.get_or_try_insert_with(7, || Ok::<_, ()>(2))
    });
    until_misses(&cache, 2);
    drop(finish); // the load fails
    assert!(leader.await.unwrap().is_err());
    assert_eq!(waiting.join().unwrap(), Ok((2, Served::Loaded)));
}

/// Threads and tasks ask for few keys with loaders that succeed, fail, panic or are dropped half-way: never
/// two loads of one key at a time, never a value that was not loaded, nobody left waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_of_a_key_never_overlap() {
    const KEYS: u64 = 4;
    const ROUNDS: u64 = 2_000;
    /// Marks a load of a key for as long as it lives.
    struct Loading<'a>(&'a AtomicU64);
    impl<'a> Loading<'a> {
        fn begin(loading: &'a AtomicU64) -> Self {
            assert_eq!(loading.fetch_add(1, Ordering::SeqCst), 0, "two loads of a key at a time");
            Self(loading)
        }
    }
    impl Drop for Loading<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let cache = Arc::new(Cache::<u64, u64>::builder(1_000).shards(2).build());
    let loading: Arc<Vec<AtomicU64>> = Arc::new((0..KEYS).map(|_| AtomicU64::new(0)).collect());
    let tasks: Vec<_> = (0..4u64)
        .map(|worker| {
            let (cache, loading) = (Arc::clone(&cache), Arc::clone(&loading));
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let (key, fate) = ((round + worker) % KEYS, (round * 7 + worker) % 5);
                    let load = async {
                        let _loading = Loading::begin(&loading[key as usize]);
                        for _ in 0..fate {
                            tokio::task::yield_now().await;
                        }
                        if fate == 2 { Err("refused") } else { Ok(key * 10) }
                    };
                    let asking = cache.get_or_try_insert_async(key, load);
                    tokio::select! {
                        biased;
                        answer = asking => assert!(matches!(answer, Err("refused")) || answer.unwrap().0 == key * 10),
                        () = async { for _ in 0..=fate { tokio::task::yield_now().await } }, if fate > 2 => {}
                    }
                    cache.remove(&key);
                }
            })
        })
        .collect();
    let threads: Vec<_> = (0..2u64)
        .map(|worker| {
            let (cache, loading) = (Arc::clone(&cache), Arc::clone(&loading));
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    let (key, fate) = ((round + worker) % KEYS, (round * 3 + worker) % 4);
                    let load = || {
                        let _loading = Loading::begin(&loading[key as usize]);
                        thread::yield_now();
                        match fate {
                            0 => Err("refused"),
                            1 => std::panic::resume_unwind(Box::new("loader")),
                            _ => Ok(key * 10),
                        }
                    };
                    let asked = catch_unwind(AssertUnwindSafe(|| cache.get_or_try_insert_with(key, load)));
                    if let Ok(Ok((value, _))) = asked {
                        assert_eq!(value, key * 10);
                    }
                    cache.remove(&key);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(loading.iter().all(|loading| loading.load(Ordering::SeqCst) == 0));
    cache.check().unwrap();
}

#[tokio::test]
async fn a_fill_counts_nothing_and_joins_with_lookups() {
    let cache = numbers();
    assert_eq!(cache.try_fill_with(1, || Ok::<_, ()>(10)), Ok(Fill::Loaded));
    assert_eq!(cache.try_fill_with(1, || Ok::<_, ()>(11)), Ok(Fill::Present));
    assert_eq!(cache.try_fill_with(2, || Err("gone")), Err("gone"));
    assert_eq!((cache.stats().hits, cache.stats().misses, cache.len()), (0, 0, 1));
    let (finish, finished) = oneshot::channel::<u64>();
    let filling = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.try_fill_async(7, finished).await }
    });
    tokio::task::yield_now().await; // one thread: the fill now waits for its origin
    assert_eq!(cache.try_fill_async(7, async { Ok::<_, ()>(9) }).await, Ok(Fill::UnderWay));
    let lookup = tokio::spawn({
        let cache = Arc::clone(&cache);
        async move { cache.get_or_try_insert_async(7, std::future::pending::<Result<u64, ()>>()).await }
    });
    while cache.stats().misses < 1 {
        tokio::task::yield_now().await;
    }
    finish.send(70).unwrap();
    assert_eq!(filling.await.unwrap().unwrap(), Fill::Loaded);
    assert_eq!(lookup.await.unwrap(), Ok((70, Served::Waited)));
    let abandoned = cache.try_fill_async(8, std::future::pending::<Result<u64, ()>>());
    tokio::select! { biased; _ = abandoned => unreachable!(), () = std::future::ready(()) => {} }
    assert_eq!(cache.try_fill_with(8, || Ok::<_, ()>(80)), Ok(Fill::Loaded), "an abandoned fill is over");
}
