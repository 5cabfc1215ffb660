//! What turns each dial of this host.
//!
//! Everything is changed where it stands: entries stay in the cache, tasks in their queues. A dial whose part is missing in
//! a run gets no actuator, and is unavailable there.

mod tiers;

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use host_cache::Cache;
use host_contract::dial::{
    CACHE_CAPACITY, CACHE_POLICY, CACHE_TTL, CPU_WORKERS, IO_WORKERS, PREFETCH_IN_FLIGHT, PREFETCH_SHARE,
    REFRESH_AHEAD, WITHOUT_END,
};
use host_contract::{Range, Value};
use host_control::{Actuator, Actuators};
use host_executor::Executor;
use host_prefetch::Prefetcher;

use crate::policies::Policies;
use crate::ranges::{Counted, Ranges};
use crate::refresh::Refresh;
use crate::tiers::Tiers;

/// The parts of a host whose dials are turned. What is missing in a run has none.
pub(crate) struct Turnable<'a, K, V, S> {
    /// The cache, and the policies that it can follow.
    pub(crate) cache: (&'a Arc<Cache<K, V, S>>, &'a Arc<Policies>),
    pub(crate) prefetcher: &'a Arc<Prefetcher>,
    pub(crate) executor: Option<&'a Arc<Executor>>,
    pub(crate) refresh: Option<&'a Arc<Refresh>>,
    pub(crate) tiers: Option<&'a Arc<Tiers>>,
}

/// The actuators of a host.
pub(crate) fn actuators<K, V, S>(parts: &Turnable<'_, K, V, S>, ranges: &Ranges) -> Actuators
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher + Send + Sync + 'static,
{
    let Turnable { cache: (cache, policies), prefetcher, executor, refresh, tiers } = *parts;
    let mut all = Actuators::default()
        .with(CACHE_POLICY, PolicyDial { cache: Arc::clone(cache), policies: Arc::clone(policies) })
        .with(CACHE_CAPACITY, cache_capacity(Arc::clone(cache), Arc::clone(prefetcher), ranges));
    if let Some(seconds) = ranges.counted(CACHE_TTL) {
        all = all.with(CACHE_TTL, cache_ttl(Arc::clone(cache), seconds));
    }
    if let Some(refresh) = refresh {
        all = all.with(REFRESH_AHEAD, refresh_ahead(Arc::clone(refresh)));
    }
    if let Some(tiers) = tiers {
        all = tiers::add(all, tiers, ranges);
    }
    if let Some(most) = ranges.prefetch_in_flight {
        all = all
            .with(PREFETCH_IN_FLIGHT, prefetch_in_flight(Arc::clone(prefetcher), most))
            .with(PREFETCH_SHARE, prefetch_share(Arc::clone(cache), Arc::clone(prefetcher)));
    }
    if let Some((executor, threads)) = executor.zip(ranges.counted(CPU_WORKERS)) {
        all = all.with(CPU_WORKERS, cpu_workers(Arc::clone(executor), threads));
    }
    if let Some((executor, tasks)) = executor.zip(ranges.counted(IO_WORKERS)) {
        all = all.with(IO_WORKERS, io_workers(Arc::clone(executor), tasks));
    }
    all
}

/// The same with dials for pools that are not there: they stand where they are turned to, and nothing follows.
pub(crate) fn with_recorded_pools(mut all: Actuators, ranges: &Ranges) -> Actuators {
    for dial in [CPU_WORKERS, IO_WORKERS] {
        if let Some(counted) = ranges.counted(dial) {
            all = all.with(dial, workers(counted, Ok));
        }
    }
    all
}

/// Its range is asked for each time, because policies come and go.
struct PolicyDial<K, V, S> {
    cache: Arc<Cache<K, V, S>>,
    policies: Arc<Policies>,
}

impl<K, V, S> Actuator for PolicyDial<K, V, S>
where
    K: Hash + Eq + Send + Sync,
    V: Clone + Send + Sync,
    S: BuildHasher + Send + Sync,
{
    fn range(&self) -> Option<Range> {
        Some(Range::Names(self.policies.range()))
    }

    fn value(&self) -> Value {
        // Where a shard fell back to LRU, setting another policy of that name is a change.
        Value::Name(self.cache.stats().in_force().to_string())
    }

    fn apply(&mut self, value: &Value) -> Result<(), String> {
        let Value::Name(name) = value else { return Err(mismatch("a name", value)) };
        let policy = self.policies.parse(name).map_err(|refusal| format!("{name}: {refusal}"))?;
        self.cache.try_set_policy(&policy)
    }
}

fn cache_capacity<K, V, S>(
    cache: Arc<Cache<K, V, S>>,
    prefetcher: Arc<Prefetcher>,
    ranges: &Ranges,
) -> impl Actuator + use<K, V, S>
where
    K: Hash + Eq + Send + Sync,
    V: Clone + Send + Sync,
    S: BuildHasher + Send + Sync,
{
    let shown = Arc::clone(&cache);
    let show = move || Value::Count(shown.capacity());
    let turn = move |value: &Value| {
        let bytes = count(value)?;
        cache.set_capacity(bytes);
        prefetcher.set_cache_capacity(bytes);
        Ok(())
    };
    Turned { range: Range::Count(ranges.capacity.clone()), show, turn }
}

/// Puts the start in force: the cache is built without a lifetime.
fn cache_ttl<K, V, S>(cache: Arc<Cache<K, V, S>>, ttl: Counted) -> impl Actuator + use<K, V, S>
where
    K: Hash + Eq + Send + Sync,
    V: Clone + Send + Sync,
    S: BuildHasher + Send + Sync,
{
    cache.set_time_to_live(lifetime(ttl.start));
    let shown = Arc::clone(&cache);
    let show = move || Value::Count(seconds(shown.time_to_live()));
    let turn = move |value: &Value| {
        cache.set_time_to_live(lifetime(count(value)?));
        Ok(())
    };
    Turned { range: Range::Count(ttl.range), show, turn }
}

/// A time to live of so many seconds; none for the number that stands for no end.
fn lifetime(seconds: u64) -> Option<Duration> {
    (seconds < WITHOUT_END).then(|| Duration::from_secs(seconds))
}

fn seconds(lifetime: Option<Duration>) -> u64 {
    lifetime.map_or(WITHOUT_END, |live| live.as_secs())
}

fn refresh_ahead(refresh: Arc<Refresh>) -> impl Actuator {
    let shown = Arc::clone(&refresh);
    let show = move || Value::Ratio(shown.share());
    let turn = move |value: &Value| {
        refresh.set_share(ratio(value)?);
        Ok(())
    };
    Turned { range: Range::Ratio(0.0..=0.5), show, turn }
}

fn cpu_workers(executor: Arc<Executor>, threads: Counted) -> impl Actuator {
    workers(threads, move |n| executor.resize_cpu(n).map_err(text))
}

fn io_workers(executor: Arc<Executor>, tasks: Counted) -> impl Actuator {
    workers(tasks, move |n| Ok(executor.resize_io(n)))
}

/// `resize` answers the number of workers that is in force then.
fn workers(counted: Counted, resize: impl Fn(u32) -> Result<u32, String> + Send) -> impl Actuator {
    let in_force = Arc::new(AtomicU64::new(counted.start));
    let shown = Arc::clone(&in_force);
    let show = move || Value::Count(shown.load(Ordering::Relaxed));
    let turn = move |value: &Value| {
        let workers = resize(small(value)?)?;
        in_force.store(u64::from(workers), Ordering::Relaxed);
        Ok(())
    };
    Turned { range: Range::Count(counted.range), show, turn }
}

fn prefetch_in_flight(prefetcher: Arc<Prefetcher>, most: u32) -> impl Actuator {
    let shown = Arc::clone(&prefetcher);
    let show = move || Value::Count(u64::from(shown.max_in_flight()));
    let turn = move |value: &Value| {
        prefetcher.set_max_in_flight(small(value)?);
        Ok(())
    };
    Turned { range: Range::Count(0..=u64::from(most)), show, turn }
}

fn prefetch_share<K, V, S>(
    cache: Arc<Cache<K, V, S>>,
    prefetcher: Arc<Prefetcher>,
) -> impl Actuator + use<K, V, S>
where
    K: Hash + Eq + Send + Sync,
    V: Clone + Send + Sync,
    S: BuildHasher + Send + Sync,
{
    let shown = Arc::clone(&prefetcher);
    let show = move || Value::Ratio(shown.cache_share());
    let turn = move |value: &Value| {
        let share = ratio(value)?;
        prefetcher.set_cache_share(share);
        cache.set_probation_share(share);
        Ok(())
    };
    Turned { range: Range::Ratio(0.0..=0.5), show, turn }
}

/// An actuator made of two closures.
struct Turned<Show, Turn> {
    range: Range,
    show: Show,
    turn: Turn,
}

impl<Show, Turn> Actuator for Turned<Show, Turn>
where
    Show: Fn() -> Value + Send,
    Turn: FnMut(&Value) -> Result<(), String> + Send,
{
    fn range(&self) -> Option<Range> {
        Some(self.range.clone())
    }

    fn value(&self) -> Value {
        (self.show)()
    }

    fn apply(&mut self, value: &Value) -> Result<(), String> {
        (self.turn)(value)
    }
}

fn count(value: &Value) -> Result<u64, String> {
    if let Value::Count(count) = value { Ok(*count) } else { Err(mismatch("a whole number", value)) }
}

fn ratio(value: &Value) -> Result<f64, String> {
    if let Value::Ratio(ratio) = *value { Ok(ratio) } else { Err(mismatch("a ratio", value)) }
}

fn small(value: &Value) -> Result<u32, String> {
    u32::try_from(count(value)?).map_err(|_| mismatch("a number below 2^32", value))
}

fn mismatch(expected: &str, value: &Value) -> String {
    format!("expected {expected}, got {value}")
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use host_cache::builtin;
    use host_contract::Dials;
    use host_contract::dial::{DISK_CAPACITY, Kind, TIERS_TTL, WARM_CAPACITY, WARM_COMPRESSION};
    use host_prefetch::Budget;

    use super::*;

    /// Tiers, and the ranges of a profile that has them.
    struct Made {
        ranges: Ranges,
        tiers: Option<Arc<Tiers>>,
        _dir: tempfile::TempDir,
    }

    fn made() -> Made {
        let machine = host_telemetry::Machine::read(std::path::Path::new("."));
        let sets = [
            "tiers.warm.capacity=100KB",
            "tiers.disk.capacity=1MB",
            "tiers.disk.region=64KiB",
            "executor.cpu-workers=1",
            "executor.max-cpu-workers=2",
            "executor.io-workers=2",
            "executor.max-io-workers=4",
        ];
        let dir = tempfile::tempdir().unwrap();
        let folder = format!("tiers.disk.dir={}", dir.path().display());
        let sets = sets.into_iter().chain([folder.as_str()]);
        let settings = host_profile::Loader::new().user_file(None).set(sets).load(&machine).unwrap();
        let tiers = Tiers::open(&settings.tiers).unwrap().map(Arc::new);
        let ranges = crate::ranges::ranges(&settings, 100);
        let ranges =
            Ranges { capacity: 10..=1_000, prefetch_in_flight: Some(8), memory_cap: 10_000_000, ..ranges };
        Made { ranges, tiers, _dir: dir }
    }

    fn policies() -> Arc<Policies> {
        Policies::new(Arc::default())
    }

    fn parts() -> (Arc<Cache<u64, u32>>, Arc<Prefetcher>, Arc<Executor>) {
        let executor = Executor::new(host_executor::Config {
            cpu_workers: 1,
            io_workers: 2,
            max_cpu_workers: 2,
            max_io_workers: 4,
            cpu_queue: 4,
            io_queue: 4,
            ..host_executor::Config::for_cores(1)
        });
        let prefetcher = Prefetcher::new(Budget { max_in_flight: 4, cache_share: 0.25 }, 8);
        (Arc::new(Cache::builder(100).build()), Arc::new(prefetcher), Arc::new(executor.unwrap()))
    }

    fn with_all(
        (cache, prefetcher, executor): (&Arc<Cache<u64, u32>>, &Arc<Prefetcher>, &Arc<Executor>),
        made: &Made,
    ) -> Actuators {
        let parts = Turnable {
            cache: (cache, &policies()),
            prefetcher,
            executor: Some(executor),
            refresh: Some(&Arc::default()),
            tiers: made.tiers.as_ref(),
        };
        actuators(&parts, &made.ranges)
    }

    fn with_cache_alone(
        (cache, prefetcher): (&Arc<Cache<u64, u32>>, &Arc<Prefetcher>),
        ranges: &Ranges,
    ) -> Actuators {
        let parts =
            Turnable { cache: (cache, &policies()), prefetcher, executor: None, refresh: None, tiers: None };
        actuators(&parts, ranges)
    }

    #[test]
    fn every_dial_of_the_table_shows_what_it_was_turned_to() {
        let (cache, prefetcher, executor) = parts();
        let made = made();
        let mut all = with_all((&cache, &prefetcher, &executor), &made);
        for (dial, value) in [
            (CACHE_POLICY, Value::Name("lirs(hir=0.1, ghosts=4)".into())),
            (CACHE_POLICY, Value::Name("arc".into())),
            (CACHE_CAPACITY, Value::Count(500)),
            (CACHE_TTL, Value::Count(60)),
            (REFRESH_AHEAD, Value::Ratio(0.25)),
            (WARM_CAPACITY, Value::Count(200_000)),
            (WARM_COMPRESSION, Value::Name("zstd".into())),
            (DISK_CAPACITY, Value::Count(600_000)),
            (TIERS_TTL, Value::Count(3_600)),
            (CPU_WORKERS, Value::Count(2)),
            (IO_WORKERS, Value::Count(3)),
            (PREFETCH_IN_FLIGHT, Value::Count(0)),
            (PREFETCH_SHARE, Value::Ratio(0.125)),
        ] {
            assert_ne!(all.value(dial), Some(value.clone()), "{dial} is turned");
            assert_eq!(all.apply(dial, &value), Ok(()), "{dial}");
            assert_eq!(all.value(dial), Some(value), "{dial}");
        }
        assert_eq!((cache.policy(), cache.capacity()), (builtin::ARC, 500));
        assert_eq!((prefetcher.max_in_flight(), prefetcher.cache_share()), (0, 0.125));
        for spec in Dials::built_in().iter() {
            assert!(all.range(spec.dial).is_some(), "{} has an actuator", spec.dial);
        }
    }

    #[test]
    fn a_run_without_pools_or_prefetching_lacks_their_dials() {
        let (cache, prefetcher, _) = parts();
        let ranges = Ranges { prefetch_in_flight: None, ..made().ranges };
        let all = with_cache_alone((&cache, &prefetcher), &ranges);
        let there: Vec<_> = all.values().into_keys().collect();
        assert_eq!(there, [CACHE_CAPACITY, CACHE_POLICY, CACHE_TTL]);
    }

    #[test]
    fn a_lifetime_starts_where_the_profile_says_and_has_a_number_for_no_end() {
        let (cache, prefetcher, _) = parts();
        let mut all = with_cache_alone((&cache, &prefetcher), &made().ranges);
        assert_eq!((cache.time_to_live(), all.value(CACHE_TTL)), (None, Some(Value::Count(WITHOUT_END))));
        assert_eq!(all.apply(CACHE_TTL, &Value::Count(60)), Ok(()));
        assert_eq!(cache.time_to_live(), Some(Duration::from_secs(60)));
        assert_eq!(all.apply(CACHE_TTL, &Value::Count(WITHOUT_END)), Ok(()));
        assert_eq!(cache.time_to_live(), None);

        let day = Counted { start: 86_400, range: 60..=86_400 };
        let actuator = cache_ttl(Arc::clone(&cache), day);
        assert_eq!(actuator.value(), Value::Count(86_400));
        assert_eq!(actuator.range(), Some(Range::Count(60..=86_400)));
        assert_eq!(cache.time_to_live(), Some(Duration::from_secs(86_400)));
    }

    #[test]
    fn a_value_of_another_kind_is_an_error_and_changes_nothing() {
        let (cache, prefetcher, executor) = parts();
        let made = made();
        let mut all = with_all((&cache, &prefetcher, &executor), &made);
        let before = all.values();
        for spec in Dials::built_in().iter().filter(|spec| spec.kind != Kind::Choice) {
            let dial = spec.dial;
            let error = all.apply(dial, &Value::Name("arc".into())).unwrap_err();
            assert!(error.ends_with("got arc"), "{error}");
        }
        assert!(all.apply(CACHE_POLICY, &Value::Name("warp".into())).is_err());
        assert!(all.apply(WARM_COMPRESSION, &Value::Name("warp".into())).is_err());
        assert!(all.apply(WARM_COMPRESSION, &Value::Count(1)).is_err());
        assert!(all.apply(CPU_WORKERS, &Value::Count(u64::MAX)).is_err());
        assert_eq!(all.values(), before);
    }
}
