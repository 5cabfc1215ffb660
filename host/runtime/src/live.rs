//! Requests in wall time: a key is looked up, else loaded from the origin, once for all who ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use host_cache::{Change, Fill, Life, Outcome, Present, Served};
use host_workload::recording;
use tokio::runtime::Handle;

use crate::data_plane::{Arrival, DataPlane};
use crate::entry::Entry;
use crate::key::Key;
use crate::origin::{Origin, OriginError};
use crate::record::{REQUEST, Spent};
use crate::refresh::Refresh;
use crate::value::Value;

/// The data plane with an origin and a runtime for its prefetches.
pub(crate) struct Live {
    pub(crate) plane: DataPlane,
    pub(crate) origin: Arc<dyn Origin>,
    pub(crate) runtime: Handle,
    /// Loads under way that requests wait for.
    demand_loads: AtomicU64,
}

/// A request that has arrived, with the time since when it waits.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    arrival: Arrival,
    arrived: Instant,
}

impl Live {
    pub(crate) fn new(plane: DataPlane, origin: Arc<dyn Origin>, runtime: Handle) -> Self {
        Self { plane, origin, runtime, demand_loads: AtomicU64::new(0) }
    }

    /// Loads under way that requests wait for.
    pub(crate) fn demand_loads(&self) -> u64 {
        self.demand_loads.load(Ordering::Relaxed)
    }

    /// A request has arrived: logs it, and starts what the rules want prefetched. Its time runs from here on, the wait in
    /// a queue included.
    pub(crate) fn arrive(self: &Arc<Self>, key: Key) -> Request {
        let arrived = Instant::now();
        let (arrival, loads) = self.plane.arrive(key, |number| self.origin.has(number));
        for number in loads {
            self.prefetch(number);
        }
        Request { arrival, arrived }
    }

    /// Serves a request from the cache, else from the origin.
    ///
    /// # Errors
    /// What the origin answered.
    pub(crate) async fn serve(self: &Arc<Self>, request: Request) -> Result<Value, OriginError> {
        let Request { arrival, arrived } = request;
        let recording = self.plane.recording.as_deref().map(|tap| (tap, Instant::now()));
        self.plane.demanded(arrival.key.number());
        let load = async {
            let _under_way = UnderWay::one_of(&self.demand_loads);
            self.load(&arrival.key).await
        };
        let found = self.plane.cache.get_entry_or_try_insert_async(&arrival.key, load).await;
        if let Some((tap, served)) = recording {
            let ended = self
                .recorded(&arrival.key, found.as_ref().ok().map(|((entry, ()), served)| (entry, *served)));
            tap.ended(ended, Spent { arrived, served, ended: Instant::now() });
        }
        let result = found.map(|((entry, ()), served)| {
            let value = entry.value().to_value();
            self.plane.served(&arrival, &value, served != Served::Loaded);
            if served == Served::Hit {
                self.refresh(&arrival.key);
            }
            value
        });
        self.plane.finished(arrived.elapsed());
        result
    }

    /// A piece of work has ended that was submitted at this time.
    pub(crate) fn worked(&self, class: u8, submitted: Instant) {
        if let Some(tap) = &self.plane.recording {
            tap.worked(class, submitted);
        }
        self.plane.finished(submitted.elapsed());
    }

    /// A request for this key as a recording has it, with the entry that was found and how.
    fn recorded(&self, key: &Key, found: Option<(&Entry, Served)>) -> recording::Request {
        let size = found.map_or(0, |(entry, _)| entry.weight(self.plane.weighing));
        let outcome = match found.map(|(_, served)| served) {
            Some(Served::Hit) => recording::Outcome::Hit,
            Some(Served::Loaded) => recording::Outcome::Loaded,
            Some(_) => recording::Outcome::Waited,
            None => recording::Outcome::Failed,
        };
        let lives = self.plane.cache.time_to_live().filter(|_| outcome == recording::Outcome::Loaded);
        recording::Request {
            class: REQUEST,
            outcome,
            key: key.number(),
            size: u32::try_from(size).unwrap_or(u32::MAX),
            lifetime_s: lives.map_or(0, |lives| u32::try_from(lives.as_secs()).unwrap_or(u32::MAX)),
            ..recording::Request::default()
        }
    }

    /// What the cache holds under `key`, as a request that loads nothing.
    pub(crate) fn get(self: &Arc<Self>, key: Key) -> Option<Value> {
        let Request { arrival, arrived } = self.arrive(key);
        self.plane.demanded(arrival.key.number());
        let cache = &self.plane.cache;
        let read = |entry: &Entry, (): &()| entry.value().to_value();
        let value = cache.get_entry_with_by_id(cache.id(&arrival.key), &arrival.key, read);
        if let Some(value) = &value {
            self.plane.served(&arrival, value, true);
        }
        self.plane.finished(arrived.elapsed());
        value
    }

    /// Stores a value.
    pub(crate) fn put(&self, key: Key, value: Value, lifetime: Option<Duration>) -> Outcome {
        let (id, weight) = (self.plane.cache.id(&key), self.plane.weight(&key, &value));
        // What was prefetched for it is out of date.
        self.plane.prefetcher.evicted(key.number());
        let entry = Entry::of(&key, value);
        let outcome = match lifetime {
            Some(lifetime) => self.plane.cache.insert_with_ttl(entry, (), lifetime),
            None => self.plane.cache.insert(entry, ()),
        };
        // A caller that misses stores what it then found elsewhere. Only now is known what the entry of the miss weighs.
        if outcome == Outcome::Inserted {
            self.plane.weighed(|| id, weight, false, || self.plane.prefixes.groups(key.bytes()));
        }
        outcome
    }

    /// Loads from the origin, and counts the time that it took. Nothing is counted of a load that is dropped before its end.
    async fn load(&self, key: &Key) -> Result<(Entry, ()), OriginError> {
        let began = Instant::now();
        let result = self.origin.load(key).await;
        let took = began.elapsed();
        self.plane.metrics.loaded(took);
        self.plane.prefetcher.load_took(took);
        result.map(|value| (Entry::of(key, value), ()))
    }

    /// Loads into room that nobody needs, unless the key is there or being loaded.
    pub(crate) async fn warm(&self, key: Key) -> Result<Fill, OriginError> {
        self.plane.cache.try_fill_spare_entry_async(&key, self.load(&key)).await
    }

    /// Loads an entry again in a task of its own, where it was asked for near the end of its life. What fails then is met by who
    /// asks for it when its life is over. What was put meanwhile stays.
    fn refresh(self: &Arc<Self>, key: &Key) {
        let Some(refresh) = self.plane.refresh.as_ref().filter(|refresh| refresh.share() > 0.0) else {
            return;
        };
        let cache = &self.plane.cache;
        let end = cache.peek_entry_with(key, |_, found| found.until).flatten();
        let Some((end, life)) = end.zip(cache.time_to_live()) else { return };
        let left = end.saturating_sub(cache.now());
        let Some(refreshing) = Refresh::begin(refresh, key, left, life) else { return };
        let this = Arc::clone(self);
        self.runtime.spawn(async move {
            let Ok((loaded, ())) = this.load(refreshing.key()).await else { return };
            let cache = &this.plane.cache;
            this.plane.before_evicting();
            let (stored, _) =
                cache.update_entry_by_id(cache.id(refreshing.key()), refreshing.key(), |found| match found {
                    Some((_, found)) if found.until == Some(end) => {
                        (Change::Store((loaded, ()), Life::Default), true)
                    }
                    _ => (Change::Keep, false),
                });
            if stored {
                refreshing.done();
            }
        });
    }

    /// Prefetches in a task of its own, bounded by the prefetch budget: behind the requests that wait in the queue it would
    /// always come too late.
    fn prefetch(self: &Arc<Self>, number: u64) {
        let this = Arc::clone(self);
        let task = async move {
            let key = Key::Number(number);
            match this.plane.cache.try_fill_entry_async(&key, this.load(&key)).await {
                Ok(Fill::Loaded) => {
                    let weigh = |entry: &Entry, _: Present<'_, ()>| entry.weight(this.plane.weighing);
                    let weight = this.plane.cache.peek_entry_with(&key, weigh);
                    this.plane.prefetched(number, weight.unwrap_or(0));
                }
                // Somebody else was faster; or whoever asks for it on demand meets the error and reports it.
                Ok(Fill::Present | Fill::UnderWay) | Err(_) => this.plane.prefetcher.failed(number),
            }
        };
        self.runtime.spawn(task);
    }
}

/// One of the loads under way; also of a load that is dropped before its end.
struct UnderWay<'a>(&'a AtomicU64);

impl<'a> UnderWay<'a> {
    fn one_of(loads: &'a AtomicU64) -> Self {
        loads.fetch_add(1, Ordering::Relaxed);
        Self(loads)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::options::{Options, Scope};
    use crate::origin::Load;
    use crate::wiring::Parts;

    /// Has every number, and refuses 0.
    struct Numbers;

    impl Origin for Numbers {
        fn load(&self, key: &Key) -> Load<'_> {
            let key = key.clone();
            Box::pin(async move {
                if key == Key::Number(0) {
                    Err(OriginError::NoSuchKey(key))
                } else {
                    Ok(Value::standing_for(1))
                }
            })
        }

        fn has(&self, _: u64) -> bool {
            true
        }
    }

    fn live(runtime: Handle) -> Arc<Live> {
        let machine = host_telemetry::Machine::read(std::path::Path::new("."));
        let settings = host_profile::Loader::new().user_file(None).load(&machine).unwrap();
        let scope = Scope { capacity: 100, mean_weight: 1, ..Options::new(settings).scope };
        let parts = Parts::in_virtual_time(&scope, &Arc::default(), Vec::new(), Ledger::new(None)).unwrap();
        Arc::new(Live::new(parts.plane, Arc::new(Numbers), runtime))
    }

    #[test]
    fn every_load_of_the_origin_is_measured_and_a_hit_is_none() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let live = live(runtime.handle().clone());
        let measured = || live.plane.metrics.take_origin_p99().is_some();
        runtime.block_on(async {
            live.serve(live.arrive(Key::Number(1))).await.unwrap();
            assert!(measured(), "a miss");
            live.serve(live.arrive(Key::Number(1))).await.unwrap();
            assert!(!measured(), "a hit");
            live.serve(live.arrive(Key::Number(0))).await.unwrap_err();
            assert!(measured(), "an error");
            live.prefetch(2);
            while !live.plane.cache.contains(&Key::Number(2)) {
                tokio::task::yield_now().await;
            }
            assert!(measured(), "a prefetch");
        });
    }

    #[test]
    fn an_entry_that_is_asked_for_near_its_end_is_loaded_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let machine = host_telemetry::Machine::read(std::path::Path::new("."));
        let settings = host_profile::Loader::new().user_file(None).load(&machine).unwrap();
        let scope = Scope { capacity: 100, mean_weight: 1, ..Options::new(settings).scope };
        let clock = Arc::<crate::virtual_clock::VirtualClock>::default();
        let mut parts = Parts::in_virtual_time(&scope, &clock, Vec::new(), Ledger::new(None)).unwrap();
        let refresh = Arc::<Refresh>::default();
        parts.plane.refresh = Some(Arc::clone(&refresh));
        parts.plane.cache.set_time_to_live(Some(Duration::from_secs(100)));
        let live = Arc::new(Live::new(parts.plane, Arc::new(Numbers), runtime.handle().clone()));
        let until = || live.plane.cache.peek_entry_with(&Key::Number(1), |_, found| found.until).flatten();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        runtime.block_on(async {
            let ask = async || {
                live.serve(live.arrive(Key::Number(1))).await.unwrap();
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                until()
            };
            assert_eq!(ask().await, seconds(100));
            clock.advance(Duration::from_secs(80));
            assert_eq!(ask().await, seconds(100), "nobody wants it");
            refresh.set_share(0.25);
            assert_eq!(ask().await, seconds(180), "a fifth of its life was left");
            assert_eq!(ask().await, seconds(180), "it has long to live");
            assert_eq!(refresh.take_done(), 1);

            // What is put while it is loaded is newer.
            clock.advance(Duration::from_secs(90));
            live.serve(live.arrive(Key::Number(1))).await.unwrap();
            live.put(Key::Number(1), Value::standing_for(2), None);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert_eq!((until(), refresh.take_done()), (seconds(270), 0));
            assert_eq!(
                live.get(Key::Number(1))
                    .map(|value| value.weight_under(&Key::Number(1), live.plane.weighing)),
                Some(2)
            );
        });
    }
}
