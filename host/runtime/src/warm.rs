//! Warming: what was asked for most before is loaded before anybody asks for it again.
//!
//! Keys come in the order of their heat. A load is issued only in a quiet period: no request waits in a queue of the pools,
//! and demand loads take less than half of the IO workers. That is looked at each time a load ends, and else every [`LOOK`],
//! without a lock that a request takes. Before the first request it is always quiet. A load
//! takes its place in the prefetch budget.
//!
//! An entry goes to spare room of the cache (`cache/probation.rs`), where no policy sees it and nothing is evicted for it. So
//! what warming saves is known: every warmed entry that is asked for would have been a miss. A key for which there is no
//! room, or of which the origin has nothing, is passed over for good. A load that fails is counted; whoever asks for the key
//! meets the error.
//!
//! Virtual time has a request at a time and no queue: there the keys are loaded before the first request.

pub(crate) mod hot;
pub(crate) mod save;
pub(crate) mod source;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use host_cache::Fill;
use host_contract::number::to_f64;
use host_executor::Executor;
use host_prefetch::Prefetcher;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::data_plane::DataPlane;
use crate::key::Key;
use crate::live::Live;
use crate::origin::OriginError;
use crate::report::Warming;

/// How often a warmer looks whether it is quiet, while nothing of its own ends.
const LOOK: Duration = Duration::from_millis(5);

/// Most keys that are saved, and that are warmed.
pub(crate) const MOST_HOT: usize = 65_536;

/// What became of the keys that were not loaded into the cache.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    named: u64,
    /// Loads that gave a value.
    loaded: AtomicU64,
    there: AtomicU64,
    unknown: AtomicU64,
    no_room: AtomicU64,
    failed: AtomicU64,
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Tally {
    /// Of so many keys, so many of which are known to be unknown.
    pub(crate) fn new(named: usize, unknown: usize) -> Self {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self { named: count(named), unknown: AtomicU64::new(count(unknown)), ..Self::default() }
    }

    /// Whether a key is worth its load; where it is not, says why. `weight` is what the entry is expected to weigh; none where
    /// the origin has nothing.
    pub(crate) fn takes(&self, plane: &DataPlane, key: &Key, weight: Option<u64>) -> bool {
        let passed_over = match weight {
            _ if plane.cache.contains(key) => &self.there,
            None => &self.unknown,
            Some(weight) if plane.cache.room_beside(key) < weight => &self.no_room,
            Some(_) => return true,
        };
        one_more(passed_over);
        false
    }

    /// A load gave a value.
    pub(crate) fn one_loaded(&self) {
        one_more(&self.loaded);
    }

    fn settle(&self, ended: &Result<Result<Fill, OriginError>, JoinError>) {
        one_more(match ended {
            Ok(Ok(Fill::Loaded)) => &self.loaded,
            Ok(Ok(Fill::Present | Fill::UnderWay)) => &self.there,
            Ok(Err(_)) | Err(_) => &self.failed,
        });
    }

    /// What warming has come to, where a load takes `load_us` microseconds.
    pub(crate) fn report(&self, plane: &DataPlane, load_us: f64) -> Warming {
        let stats = plane.cache.stats();
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        // One whose room or key was taken during its load was not stored.
        let refused = read(&self.loaded).saturating_sub(stats.spare_filled);
        let mut warming = Warming {
            named: self.named,
            loaded: stats.spare_filled,
            asked: stats.spare_asked,
            waiting: stats.spare,
            wasted: stats.spare_filled.saturating_sub(stats.spare_asked + stats.spare),
            saved_seconds: to_f64(stats.spare_asked) * load_us / 1e6,
            there: read(&self.there),
            unknown: read(&self.unknown),
            no_room: read(&self.no_room) + refused,
            failed: read(&self.failed),
            ..Warming::default()
        };
        let done = warming.loaded + warming.there + warming.unknown + warming.no_room + warming.failed;
        warming.not_reached = warming.named.saturating_sub(done);
        warming
    }
}

/// Warming under way. Dropping it ends it; loads that are not done are given up.
#[derive(Debug)]
pub(crate) struct Warmer {
    task: JoinHandle<()>,
    tally: Arc<Tally>,
}

impl Warmer {
    /// Begins to warm these keys, the hottest first. Of so many more names nothing is known.
    pub(crate) fn start(live: &Arc<Live>, pools: &Arc<Executor>, keys: Vec<u64>, unknown: usize) -> Self {
        let tally = Arc::new(Tally::new(keys.len() + unknown, unknown));
        let work = Work {
            live: Arc::clone(live),
            pools: Arc::downgrade(pools),
            tally: Arc::clone(&tally),
            loads: JoinSet::new(),
        };
        Self { task: live.runtime.spawn(work.run(keys)), tally }
    }

    /// Waits until all is done, or for so long.
    pub(crate) async fn wait(&mut self, time: Duration) -> bool {
        // Once it has given its result, a task is not to be asked again.
        self.task.is_finished() || timeout(time, &mut self.task).await.is_ok()
    }

    /// What it has come to.
    pub(crate) fn report(&self, plane: &DataPlane) -> Warming {
        self.tally.report(plane, plane.metrics.mean_load_us())
    }
}

impl Drop for Warmer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Ended = Result<Fill, OriginError>;

struct Work {
    live: Arc<Live>,
    pools: Weak<Executor>,
    tally: Arc<Tally>,
    loads: JoinSet<Ended>,
}

impl Work {
    async fn run(mut self, keys: Vec<u64>) {
        for number in keys {
            let key = Key::Number(number);
            let weight = self.live.origin.has(number).then(|| mean_weight(&self.live.plane));
            if !self.tally.takes(&self.live.plane, &key, weight) {
                continue;
            }
            let Some(place) = self.place().await else { return };
            let live = Arc::clone(&self.live);
            self.loads.spawn(async move {
                let _place = place;
                live.warm(key).await
            });
        }
        while let Some(ended) = self.loads.join_next().await {
            self.tally.settle(&ended);
        }
    }

    /// A place in the budget, once it is quiet; none where the pools are gone.
    async fn place(&mut self) -> Option<Place> {
        loop {
            while let Some(ended) = self.loads.try_join_next() {
                self.tally.settle(&ended);
            }
            if self.is_quiet()?
                && let Some(place) = Place::take(&self.live.plane.prefetcher)
            {
                return Some(place);
            }
            if self.loads.is_empty() {
                tokio::time::sleep(LOOK).await;
            } else if let Ok(Some(ended)) = timeout(LOOK, self.loads.join_next()).await {
                self.tally.settle(&ended);
            }
        }
    }

    fn is_quiet(&self) -> Option<bool> {
        let demand = self.pools.upgrade()?.demand();
        let own = u64::try_from(self.loads.len()).unwrap_or(u64::MAX);
        let half = u64::from(demand.io_workers).div_ceil(2);
        // A load of its own may need the CPU pool, too.
        let nobody_waits = demand.io_queued == 0 && demand.cpu_queued <= own;
        Some(nobody_waits && self.live.demand_loads() < half && own < half)
    }
}

/// What an entry is expected to weigh.
fn mean_weight(plane: &DataPlane) -> u64 {
    plane.cache.weight().checked_div(plane.cache.len()).unwrap_or(1)
}

/// A place in the prefetch budget.
struct Place(Arc<Prefetcher>);

impl Place {
    fn take(prefetcher: &Arc<Prefetcher>) -> Option<Self> {
        prefetcher.begin_load().then(|| Self(Arc::clone(prefetcher)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.end_load();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ledger::Ledger;
    use crate::options::{Options, Scope};
    use crate::origin::{Load, Origin};
    use crate::value::Value;
    use crate::wiring::Parts;

    /// Has the numbers below 100, and cannot load 13.
    struct Numbers;

    impl Origin for Numbers {
        fn load(&self, key: &Key) -> Load<'_> {
            let key = key.clone();
            Box::pin(async move {
                tokio::task::yield_now().await;
                if key == Key::Number(13) {
                    Err(OriginError::NoSuchKey(key))
                } else {
                    Ok(Value::standing_for(1))
                }
            })
        }

        fn has(&self, key: u64) -> bool {
            key < 100
        }
    }

    fn parts(sets: &[&str]) -> (Arc<Live>, Arc<Executor>) {
        let machine = host_telemetry::Machine::read(std::path::Path::new("."));
        let settings = host_profile::Loader::new().user_file(None).set(sets.iter().copied()).load(&machine);
        let settings = settings.unwrap();
        let executor = crate::wiring::executor(&settings).unwrap();
        let scope = Scope { capacity: 10, mean_weight: 1, ..Options::new(settings).scope };
        let parts = Parts::in_virtual_time(&scope, &Arc::default(), Vec::new(), Ledger::new(None)).unwrap();
        (Arc::new(Live::new(parts.plane, Arc::new(Numbers), executor.handle())), executor)
    }

    fn warmed(live: &Arc<Live>, executor: &Arc<Executor>, keys: Vec<u64>) -> Warming {
        let mut warmer = Warmer::start(live, executor, keys, 1);
        executor.block_on(async { while !warmer.wait(Duration::from_millis(50)).await {} });
        assert_eq!(live.plane.prefetcher.in_flight(), 0, "every place was given back");
        warmer.report(&live.plane)
    }

    #[test]
    fn the_hottest_are_loaded_until_there_is_no_room_and_the_rest_is_accounted_for() {
        let (live, executor) = parts(&["executor.io-workers=1"]);
        executor.block_on(live.serve(live.arrive(Key::Number(7)))).unwrap();
        let warming = warmed(&live, &executor, vec![7, 13, 200, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12]);
        assert_eq!((warming.named, warming.loaded, warming.waiting), (15, 9, 9), "{warming:?}");
        assert_eq!((warming.there, warming.failed, warming.unknown), (1, 1, 2), "{warming:?}");
        assert_eq!((warming.no_room, warming.not_reached, warming.saved_seconds), (2, 0, 0.0), "{warming:?}");
        let cached = |key| live.plane.cache.contains(&Key::Number(key));
        assert!((1..=10).all(cached) && !cached(11));
        executor.block_on(live.serve(live.arrive(Key::Number(1)))).unwrap();
        let stats = live.plane.cache.stats();
        assert_eq!((stats.spare_asked, stats.hits, stats.misses), (1, 1, 1));
    }

    #[test]
    fn prefetching_that_is_switched_off_warms_nothing() {
        let (live, executor) = parts(&["prefetch.mode=on-demand"]);
        let mut warmer = Warmer::start(&live, &executor, vec![1, 2], 0);
        assert!(!executor.block_on(warmer.wait(Duration::from_millis(20))));
        let warming = warmer.report(&live.plane);
        assert_eq!((warming.loaded, warming.not_reached), (0, 2));
    }

    #[test]
    fn it_is_quiet_where_nobody_waits_and_few_load() {
        let (live, executor) = parts(&["executor.io-workers=2"]);
        let tally = Arc::new(Tally::new(0, 0));
        let pools = Arc::downgrade(&executor);
        let work = Work { live: Arc::clone(&live), pools, tally, loads: JoinSet::new() };
        assert_eq!(work.is_quiet(), Some(true));
        let class = executor.class("blocked");
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let blocked = || {
            let gate = Arc::clone(&gate);
            async move { drop(gate.acquire().await) }
        };
        executor.block_on(async {
            let two =
                [executor.submit_io(class, blocked()).await, executor.submit_io(class, blocked()).await];
            assert_eq!(work.is_quiet(), Some(true), "busy, and nobody waits");
            let third = executor.submit_io(class, blocked()).await.unwrap();
            assert_eq!(work.is_quiet(), Some(false), "one waits");
            gate.add_permits(3);
            for task in two {
                task.unwrap().await.unwrap();
            }
            third.await.unwrap();
            assert_eq!(work.is_quiet(), Some(true));
            let mut load = Box::pin(live.serve(live.arrive(Key::Number(1))));
            let poll = std::future::poll_fn(|context| {
                std::task::Poll::Ready(std::future::Future::poll(load.as_mut(), context).is_pending())
            });
            assert!(poll.await, "under way");
            assert_eq!((work.is_quiet(), live.demand_loads()), (Some(false), 1), "half of the workers load");
            load.await.unwrap();
            assert_eq!((work.is_quiet(), live.demand_loads()), (Some(true), 0));
        });
    }
}
