//! The IO pool: async tasks on a runtime of its own, so many at once and no more.
//!
//! A task that finds a free worker (a permit of `workers`) is spawned with it. Otherwise it takes a permit of
//! the queue's room and is spawned to wait for a worker, first come, first served. The runtime's few threads only
//! poll; how many tasks run at once is the limit alone, so it is resized without touching threads.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::cpu_timer::{CpuTimer, Measured};
use crate::error::{ExecutorError, TaskError};
use crate::recorder::{ClassId, Ended, Outcome, Pool, Recorder, Started};
use crate::resizable_semaphore::ResizableSemaphore;

/// Tokio's own number of threads for blocking calls (`tokio::fs`); raised where more tasks may run at once.
const BLOCKING_THREADS: usize = 512;
/// Threads that poll. Tasks wait for most of their time, so a few serve thousands.
const MOST_POLLING_THREADS: usize = 4;

struct Shared {
    workers: ResizableSemaphore,
    room: ResizableSemaphore,
    recorder: Arc<Recorder>,
}

/// How many tasks run at once.
#[derive(Debug, Clone, Copy)]
struct Size {
    wanted: u32,
    /// No more than that, whatever is wanted.
    most: u32,
}

impl Size {
    fn in_force(self) -> u32 {
        self.wanted.min(self.most)
    }
}

/// What a future's output says of the task.
pub(crate) struct Says<T> {
    /// Whether it failed.
    pub(crate) failed: fn(&T) -> bool,
    /// Time on a CPU, where the work was done elsewhere; without it the time of the threads that poll is measured.
    pub(crate) cpu: Option<fn(&T) -> Option<Duration>>,
}

pub(crate) struct IoPool {
    shared: Arc<Shared>,
    queue: u32,
    /// Held while resizing, and to read it.
    size: Mutex<Size>,
    /// None once shut down.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl IoPool {
    pub(crate) fn new(
        workers: u32,
        max_workers: u32,
        queue: u32,
        cores: usize,
        recorder: Arc<Recorder>,
    ) -> Result<Self, ExecutorError> {
        let blocking = usize::try_from(max_workers).unwrap_or(usize::MAX).max(BLOCKING_THREADS);
        let runtime = Builder::new_multi_thread()
            .thread_name("host-io")
            .worker_threads(cores.clamp(1, MOST_POLLING_THREADS))
            .max_blocking_threads(blocking)
            .enable_all()
            .build()
            .map_err(ExecutorError::Runtime)?;
        let shared = Shared {
            workers: ResizableSemaphore::new(workers),
            room: ResizableSemaphore::new(queue),
            recorder,
        };
        let handle = runtime.handle().clone();
        Ok(Self {
            shared: Arc::new(shared),
            queue,
            size: Mutex::new(Size { wanted: workers, most: u32::MAX }),
            runtime: Some(runtime),
            handle,
        })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits for a worker or room in the queue, and spawns.
    pub(crate) async fn submit<F>(
        &self,
        class: ClassId,
        future: F,
        says: Says<F::Output>,
    ) -> Result<JoinHandle<Result<F::Output, TaskError>>, TaskError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let submitted = Instant::now();
        let permit = match self.try_permit()? {
            Some(permit) => permit,
            None => {
                self.shared.room.acquire().await?;
                Permit::queued(&self.shared)
            }
        };
        Ok(self.handle.spawn(run(permit, class, future, submitted, says)))
    }

    /// A free worker, else room in the queue.
    fn try_permit(&self) -> Result<Option<Permit>, TaskError> {
        if self.shared.workers.try_acquire()?.is_some() {
            return Ok(Some(Permit { shared: Arc::clone(&self.shared), kind: PermitKind::Worker }));
        }
        Ok(self.shared.room.try_acquire()?.map(|()| Permit::queued(&self.shared)))
    }

    pub(crate) fn workers(&self) -> u32 {
        self.size.lock().in_force()
    }

    pub(crate) fn queued(&self) -> u64 {
        u64::from(self.queue.saturating_sub(self.shared.room.free()))
    }

    /// Raises or lowers the number of workers. `changed` is told the number in force, under the lock.
    pub(crate) fn resize(&self, workers: u32, changed: impl FnOnce(u32)) -> u32 {
        self.change(|size| size.wanted = workers, changed)
    }

    /// Bounds the number of workers, whatever was or will be wanted. `changed` as of [`resize`](Self::resize).
    pub(crate) fn bound(&self, most: u32, changed: impl FnOnce(u32)) -> u32 {
        self.change(|size| size.most = most, changed)
    }

    fn change(&self, to: impl FnOnce(&mut Size), changed: impl FnOnce(u32)) -> u32 {
        let mut size = self.size.lock();
        let before = size.in_force();
        to(&mut size);
        let now = size.in_force();
        if now > before {
            self.shared.workers.grow(now - before);
        } else {
            self.shared.workers.shrink(before - now);
        }
        changed(now);
        now
    }

    /// Stops what is queued. Does not wait.
    pub(crate) fn close(&self) {
        self.shared.room.close();
        self.shared.workers.close();
    }

    /// Waits until no task runs, at most `grace`. Not to be called on the runtime itself.
    pub(crate) fn wait(&self, grace: Duration) {
        let begun = Instant::now();
        while self.shared.recorder.running(Pool::Io) > 0 && begun.elapsed() < grace {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Drops what still runs, at its next await. Does not wait, so it may be called anywhere.
    pub(crate) fn shut_down(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a task holds, given back when dropped: also when the task is dropped before it ran.
struct Permit {
    shared: Arc<Shared>,
    kind: PermitKind,
}

#[derive(Clone, Copy, PartialEq)]
enum PermitKind {
    Worker,
    Queued,
}

impl Permit {
    fn queued(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), kind: PermitKind::Queued }
    }

    /// Gives up the room in the queue for a worker, once there is one.
    async fn become_worker(&mut self) -> Result<(), TaskError> {
        if self.kind == PermitKind::Queued {
            self.shared.workers.acquire().await?;
            self.kind = PermitKind::Worker;
            self.shared.room.release();
        }
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        match self.kind {
            PermitKind::Worker => self.shared.workers.release(),
            PermitKind::Queued => self.shared.room.release(),
        }
    }
}

/// Notes the end of a task, also of one that is dropped half way.
struct Running<'a> {
    recorder: &'a Recorder,
    task: Started,
    ended: Option<Ended>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        match self.ended {
            Some(ended) => self.recorder.finish(&self.task, ended),
            None => self.recorder.give_up(&self.task),
        }
    }
}

async fn run<F: Future>(
    mut permit: Permit,
    class: ClassId,
    future: F,
    submitted: Instant,
    says: Says<F::Output>,
) -> Result<F::Output, TaskError> {
    permit.become_worker().await?;
    let recorder = &*permit.shared.recorder;
    let task = recorder.start(Pool::Io, class, submitted);
    let timed = task.timed && says.cpu.is_none();
    let begun = Instant::now();
    let mut running = Running { recorder, task, ended: None };
    let mut future = pin!(future);
    let (mut on_cpu, mut not_running) = (Duration::ZERO, Duration::ZERO);
    let mut first_polled = None;
    let mut measured = None;
    let result = poll_fn(|context| {
        let timer = if timed { CpuTimer::begin() } else { None };
        // The future is not polled again after a panic, so nobody sees what it left behind.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        if let Some(timer) = timer {
            let begun = timer.begun();
            let part = timer.end();
            on_cpu += part.on_cpu;
            not_running += part.not_running;
            let elapsed = begun + part.elapsed - *first_polled.get_or_insert(begun);
            measured = Some(Measured { elapsed, on_cpu, not_running });
        }
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => Poll::Ready(Err(TaskError::panicked(&*payload))),
        }
    })
    .await;
    if let (Some(cpu), Ok(output)) = (says.cpu, &result) {
        measured = cpu(output).map(|on_cpu| Measured {
            elapsed: begun.elapsed(),
            on_cpu,
            not_running: Duration::ZERO,
        });
    }
    running.ended = Some(Ended { measured, outcome: Outcome::of(&result, says.failed) });
    result
}
