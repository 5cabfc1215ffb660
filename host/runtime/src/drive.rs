//! Works through an input: submits requests, waits for them, keeps the figures of each phase.
//!
//! The driver is a single producer that stands for a fixed number of clients: it submits the next request when one of
//! them is free, so that memory stays bounded however long the input is. A request's time runs from then on.

pub(crate) mod builtin;
pub(crate) mod directory;
pub(crate) mod trace;
mod warm_up;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use host_executor::{ClassId, Executor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::live::Live;
use crate::progress::{Progress, Stop};
use crate::report::{Phase, Warming};
use crate::snapshot_builder::served;

pub(crate) use warm_up::WarmUp;

/// Clients, each asking again when it was answered. More than the workers of any profile, so that a pool that is too
/// small shows as a queue.
const CLIENTS: u32 = 256;

/// How often the progress is told, in requests.
const TELL: u64 = 256;

/// What a driver works with.
pub(crate) struct Drive<'a> {
    pub(crate) live: Arc<Live>,
    pub(crate) executor: Arc<Executor>,
    pub(crate) request_class: ClassId,
    pub(crate) compute_class: ClassId,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) stop: &'a Stop,
    clients: Arc<Semaphore>,
    warm_up: WarmUp,
}

/// A client that is free: it asks once, and is free again when this is dropped.
pub(crate) struct Client(Option<OwnedSemaphorePermit>);

/// The counters when a phase began.
pub(crate) struct Before {
    name: String,
    counters: Counters,
    started: Instant,
}

/// Counters that a phase is the difference of.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    finished: u64,
    hits: u64,
    misses: u64,
    prefetched: u64,
}

impl<'a> Drive<'a> {
    pub(crate) fn new(
        live: Arc<Live>,
        executor: Arc<Executor>,
        progress: &'a dyn Progress,
        stop: &'a Stop,
        warm_up: WarmUp,
    ) -> Self {
        Self {
            warm_up,
            request_class: executor.class("request"),
            compute_class: executor.class("compute"),
            clients: Arc::new(Semaphore::new(usize::try_from(CLIENTS).unwrap_or(usize::MAX))),
            live,
            executor,
            progress,
            stop,
        }
    }

    /// Begins to warm the cache, before the first request: for so long as it may hold up the run, then beside it. `find` gives
    /// the number of a key that is known by name.
    pub(crate) async fn warm_up(&self, find: impl Fn(&[u8]) -> Option<u64>) {
        self.warm_up.begin(self, find).await;
    }

    /// What warming came to; none where nothing was to be warmed. It goes no further.
    pub(crate) fn warmed(&self) -> Option<Warming> {
        self.warm_up.end(self)
    }

    /// Begins a phase.
    pub(crate) fn begin(&self, name: &str, total: Option<u64>) -> Before {
        self.progress.begin(name, total);
        Before { name: name.to_owned(), counters: self.counters(), started: Instant::now() }
    }

    /// Waits for what is under way and ends the phase.
    pub(crate) async fn end(&self, before: Before) -> Phase {
        drop(self.clients.acquire_many(CLIENTS).await);
        let (now, then) = (self.counters(), before.counters);
        let phase = Phase {
            requests: now.finished.saturating_sub(then.finished),
            hits: now.hits.saturating_sub(then.hits),
            prefetched: now.prefetched.saturating_sub(then.prefetched),
            misses: now.misses.saturating_sub(then.misses),
            seconds: before.started.elapsed().as_secs_f64(),
            name: before.name,
        };
        let ratio = phase.hit_ratio().map_or_else(String::new, |r| format!("{:5.1} % hits, ", r * 100.0));
        self.progress
            .end(&format!("{:22} {:>7} requests, {ratio}{:.2} s", phase.name, phase.requests, phase.seconds));
        phase
    }

    fn counters(&self) -> Counters {
        let plane = &self.live.plane;
        let stats = plane.cache.stats();
        let (hits, misses) = served(&stats);
        let prefetch = plane.prefetcher.totals();
        let prefetched = prefetch.timely + prefetch.late + stats.spare_asked;
        // A request that a prefetch served is a hit of the prefetch, and not of the cache.
        Counters {
            finished: plane.metrics.count(),
            hits: hits.saturating_sub(prefetched),
            misses,
            prefetched,
        }
    }

    /// Waits for a client that is free.
    pub(crate) async fn client(&self) -> Client {
        // The semaphore is never closed.
        Client(Arc::clone(&self.clients).acquire_owned().await.ok())
    }

    /// Submits a task of a client to the IO pool; waits for a place in its queue. A task that answers with an error counts
    /// as failed.
    pub(crate) async fn io<T, E>(
        &self,
        client: Client,
        task: impl Future<Output = Result<T, E>> + Send + 'static,
    ) where
        T: Send + 'static,
        E: Send + 'static,
    {
        let task = async move {
            let done = task.await;
            drop(client.0);
            done
        };
        // A task that is refused because the pool stops was not done, and nobody waits for it: its client is dropped
        // with it.
        drop(self.executor.submit_io_fallible(self.request_class, task).await);
    }

    /// Submits a job of a client to the CPU pool; waits for a place in its queue.
    pub(crate) async fn cpu(&self, client: Client, job: impl FnOnce() + Send + 'static) {
        let job = move || {
            job();
            drop(client.0);
        };
        drop(self.executor.submit_cpu(self.compute_class, job).await);
    }

    /// Tells how far the phase is, and whether to go on.
    pub(crate) fn goes_on(&self, done: u64) -> bool {
        if done.is_multiple_of(TELL) {
            self.progress.at(done);
        }
        !self.stop.asked()
    }
}
