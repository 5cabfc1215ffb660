//! Works through an input: submits requests, waits for them, keeps the figures of each phase.
//!
//! The driver is a single producer that stands for a fixed number of clients: it submits the next request
//! when fewer are unanswered, so that memory stays bounded however long the input is.

pub(crate) mod builtin;
pub(crate) mod directory;
pub(crate) mod trace;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use host_executor::{ClassId, Executor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::progress::{Progress, Stop};
use crate::report::Phase;
use crate::requests::Requests;
use crate::snapshot_builder::served;

/// Requests that are under way or queued at once: so many clients, each asking again when it was answered.
/// More than the workers of any profile, so that a pool that is too small shows as a queue.
const CLIENTS: u32 = 256;

/// How often the progress is told, in requests.
const TELL: u64 = 256;

/// What a driver works with.
pub(crate) struct Drive<'a> {
    pub(crate) requests: Arc<Requests>,
    pub(crate) executor: Arc<Executor>,
    pub(crate) request_class: ClassId,
    pub(crate) compute_class: ClassId,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) stop: &'a Stop,
    outstanding: Arc<Semaphore>,
}

/// The figures when a phase began.
pub(crate) struct Mark {
    name: String,
    finished: u64,
    hits: u64,
    misses: u64,
    started: Instant,
}

impl<'a> Drive<'a> {
    pub(crate) fn new(requests: Arc<Requests>, progress: &'a dyn Progress, stop: &'a Stop) -> Self {
        let executor = Arc::clone(&requests.executor);
        Self {
            request_class: executor.class("request"),
            compute_class: executor.class("compute"),
            outstanding: Arc::new(Semaphore::new(usize::try_from(CLIENTS).unwrap_or(usize::MAX))),
            requests,
            executor,
            progress,
            stop,
        }
    }

    /// Begins a phase.
    pub(crate) fn begin(&self, name: &str, total: Option<u64>) -> Mark {
        self.progress.begin(name, total);
        let (hits, misses) = served(&self.requests.cache.stats());
        Mark {
            name: name.to_owned(),
            finished: self.requests.meter.count(),
            hits,
            misses,
            started: Instant::now(),
        }
    }

    /// Waits for what is under way and ends the phase.
    pub(crate) async fn end(&self, mark: Mark) -> Phase {
        self.settled().await;
        let (hits, misses) = served(&self.requests.cache.stats());
        let phase = Phase {
            requests: self.requests.meter.count().saturating_sub(mark.finished),
            hits: hits.saturating_sub(mark.hits),
            misses: misses.saturating_sub(mark.misses),
            seconds: mark.started.elapsed().as_secs_f64(),
            name: mark.name,
        };
        let ratio =
            phase.hit_ratio().map_or_else(String::new, |r| format!("{:5.1} % from the cache, ", r * 100.0));
        self.progress
            .end(&format!("{:22} {:>7} requests, {ratio}{:.2} s", phase.name, phase.requests, phase.seconds));
        phase
    }

    /// Submits a task to the IO pool; waits for a place in its queue.
    pub(crate) async fn io(&self, task: impl Future<Output = ()> + Send + 'static) {
        let permit = self.permit().await;
        let task = async move {
            task.await;
            drop(permit);
        };
        // A task that is refused because the pool stops was not done, and nobody waits for it: its
        // permit is dropped with it.
        drop(self.executor.submit_io(self.request_class, task).await);
    }

    /// Submits a job to the CPU pool; waits for a place in its queue.
    pub(crate) async fn cpu(&self, job: impl FnOnce() + Send + 'static) {
        let permit = self.permit().await;
        let job = move || {
            job();
            drop(permit);
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

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.outstanding).acquire_owned().await.ok()
    }

    async fn settled(&self) {
        drop(self.outstanding.acquire_many(CLIENTS).await);
    }
}
