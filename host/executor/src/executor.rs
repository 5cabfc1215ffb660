//! Both pools behind one handle.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::cpu::{CpuPool, Job};
use crate::error::{ExecutorError, TaskError};
use crate::io::{IoPool, Says};
use crate::pool_window::PoolWindow;
use crate::recorder::{ClassId, Outcome, Pool, Recorder};
use crate::stats::{Demand, ExecutorStats};

/// How long dropping waits for IO tasks that run.
const GRACE: Duration = Duration::from_secs(2);

/// A CPU pool and an IO pool, with what was measured of their tasks.
///
/// Shared by reference or in an `Arc`; every method may be called from any thread, inside and outside of
/// async code, unless it says otherwise.
///
/// # Dropping
///
/// Queued tasks are dropped, running ones finish: dropping waits for CPU tasks, and up to two seconds for
/// IO tasks, which after that are dropped at their next await. Inside async code, or on one of its own
/// workers, dropping waits for nothing, because what it waited for might need that very thread: CPU tasks
/// then finish by themselves and IO tasks are dropped at their next await.
pub struct Executor {
    config: Config,
    recorder: Arc<Recorder>,
    cpu: CpuPool,
    io: IoPool,
    cpu_window: PoolWindow,
    io_window: PoolWindow,
}

impl Executor {
    /// Starts both pools.
    ///
    /// # Errors
    ///
    /// A setting out of range, or threads that the operating system refuses.
    pub fn new(config: Config) -> Result<Self, ExecutorError> {
        config.check()?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let recorder = Arc::new(Recorder::new(cores));
        let cpu = CpuPool::new(config.cpu_workers, config.cpu_queue, Arc::clone(&recorder))?;
        let io = IoPool::new(
            config.io_workers,
            config.max_io_workers,
            config.io_queue,
            cores,
            Arc::clone(&recorder),
        )
        .inspect_err(|_| cpu.close())?;
        Ok(Self {
            cpu_window: PoolWindow::new(config.cpu_workers),
            io_window: PoolWindow::new(config.io_workers),
            config,
            recorder,
            cpu,
            io,
        })
    }

    /// The class of that name, made when it is first asked for.
    #[must_use]
    pub fn class(&self, name: &str) -> ClassId {
        self.recorder.class(name)
    }

    /// Runs a closure on a CPU worker: waits for room in the queue, then for the result.
    ///
    /// # Errors
    ///
    /// [`TaskError::Panicked`] if it panics, [`TaskError::Stopped`] if the executor goes first.
    pub async fn cpu<T: Send + 'static>(
        &self,
        class: ClassId,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, TaskError> {
        self.submit_cpu(class, task).await?.await
    }

    /// Runs a future on the IO pool: waits for room in the queue, then for the result.
    ///
    /// # Errors
    ///
    /// [`TaskError::Panicked`] if it panics, [`TaskError::Stopped`] if the executor goes first.
    pub async fn io<F>(&self, class: ClassId, task: F) -> Result<F::Output, TaskError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.submit_io(class, task).await?.await
    }

    /// Queues a closure for a CPU worker: waits for room in the queue only.
    ///
    /// # Errors
    ///
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub async fn submit_cpu<T: Send + 'static>(
        &self,
        class: ClassId,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Pending<T>, TaskError> {
        self.queue_cpu(class, task, |_| false).await
    }

    /// As [`submit_cpu`](Self::submit_cpu), for a task whose error counts as failed.
    ///
    /// # Errors
    ///
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub async fn submit_cpu_fallible<T: Send + 'static, E: Send + 'static>(
        &self,
        class: ClassId,
        task: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Pending<Result<T, E>>, TaskError> {
        self.queue_cpu(class, task, Result::is_err).await
    }

    async fn queue_cpu<T: Send + 'static>(
        &self,
        class: ClassId,
        task: impl FnOnce() -> T + Send + 'static,
        failed: fn(&T) -> bool,
    ) -> Result<Pending<T>, TaskError> {
        let submitted = Instant::now();
        let (job, pending) = closure(task, failed);
        self.cpu.submit(class, job, submitted).await?;
        Ok(pending)
    }

    /// Queues a future for the IO pool: waits for room in the queue only.
    ///
    /// # Errors
    ///
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub async fn submit_io<F>(&self, class: ClassId, task: F) -> Result<Pending<F::Output>, TaskError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(Pending(Way::Io(self.io.submit(class, task, Says { failed: |_| false, cpu: None }).await?)))
    }

    /// As [`submit_io`](Self::submit_io), for a task whose error counts as failed.
    ///
    /// # Errors
    ///
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub async fn submit_io_fallible<F, T, E>(
        &self,
        class: ClassId,
        task: F,
    ) -> Result<Pending<Result<T, E>>, TaskError>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let says = Says { failed: Result::is_err, cpu: None };
        Ok(Pending(Way::Io(self.io.submit(class, task, says).await?)))
    }

    /// As [`submit_io_fallible`](Self::submit_io_fallible), for a task whose work is done elsewhere, such as in a process of
    /// its own: `cpu` says of its result how long it kept a CPU busy, where that is known.
    ///
    /// # Errors
    ///
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub async fn submit_io_elsewhere<F, T, E>(
        &self,
        class: ClassId,
        task: F,
        cpu: fn(&Result<T, E>) -> Option<Duration>,
    ) -> Result<Pending<Result<T, E>>, TaskError>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let says = Says { failed: Result::is_err, cpu: Some(cpu) };
        Ok(Pending(Way::Io(self.io.submit(class, task, says).await?)))
    }

    /// The runtime of the IO pool, for what has to be spawned past the queue (timers, servers).
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.io.handle().clone()
    }

    /// Waits for a future from outside of async code.
    ///
    /// # Panics
    ///
    /// If called inside async code, where blocking would stop other tasks: await there instead.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.io.handle().block_on(future)
    }

    /// Grows or shrinks the CPU pool to `workers`, clamped to 1 and the configured most, and answers with
    /// what is in force. A worker too many leaves after its present task; nothing queued is lost.
    ///
    /// # Errors
    ///
    /// The operating system refuses a thread. Those that did start work.
    pub fn resize_cpu(&self, workers: u32) -> Result<u32, ExecutorError> {
        let workers = workers.clamp(1, self.config.max_cpu_workers);
        self.cpu.resize(workers, |now| tell_resized("cpu", self.cpu_window.resized(now), now))
    }

    /// Raises or lowers the number of IO tasks that run at once to `workers`, clamped to 1 and the
    /// configured most, and answers with what is in force. Tasks too many finish; none starts until the
    /// number is below the limit.
    pub fn resize_io(&self, workers: u32) -> u32 {
        let workers = workers.clamp(1, self.config.max_io_workers);
        self.io.resize(workers, |now| tell_resized("io", self.io_window.resized(now), now))
    }

    /// Bounds the number of IO tasks that run at once to `most`, at least 1, whatever was or will be asked for by
    /// [`resize_io`](Self::resize_io), and answers with what is in force. For what no setting may overrule, such as memory
    /// that runs short; `u32::MAX` bounds nothing.
    pub fn bound_io(&self, most: u32) -> u32 {
        self.io.bound(most.max(1), |now| tell_resized("io", self.io_window.resized(now), now))
    }

    /// What the pools have to do now. It takes no lock that a task takes.
    #[must_use]
    pub fn demand(&self) -> Demand {
        Demand { cpu_queued: self.cpu.queued(), io_queued: self.io.queued(), io_workers: self.io.workers() }
    }

    /// What happened since the last call, or since the start.
    pub fn window(&self) -> ExecutorStats {
        ExecutorStats {
            cpu: self.cpu_window.window(&self.recorder, Pool::Cpu, self.cpu.queued()),
            io: self.io_window.window(&self.recorder, Pool::Io, self.io.queued()),
            classes: self.recorder.window(),
        }
    }
}

fn tell_resized(pool: &'static str, from: u32, to: u32) {
    if from != to {
        tracing::info!(pool, from, to, "pool resized");
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.io.close();
        self.cpu.close();
        if Handle::try_current().is_err() && !CpuPool::on_worker() {
            self.cpu.join();
            self.io.wait(GRACE);
        }
        self.io.shut_down();
    }
}

/// A task under way: a future of its result. Dropping it leaves the task running.
#[derive(Debug)]
pub struct Pending<T>(Way<T>);

/// The way a result comes back.
#[derive(Debug)]
enum Way<T> {
    Cpu(oneshot::Receiver<Result<T, TaskError>>),
    Io(JoinHandle<Result<T, TaskError>>),
}

impl<T> Future for Pending<T> {
    type Output = Result<T, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Way::Cpu(result) => {
                Pin::new(result).poll(context).map(|got| got.unwrap_or(Err(TaskError::Stopped)))
            }
            Way::Io(result) => Pin::new(result).poll(context).map(|got| match got {
                Ok(outcome) => outcome,
                Err(error) if error.is_panic() => Err(TaskError::panicked(&*error.into_panic())),
                Err(_cancelled) => Err(TaskError::Stopped),
            }),
        }
    }
}

struct Closure<F, T> {
    task: Option<F>,
    failed: fn(&T) -> bool,
    result: Result<T, TaskError>,
    waiting: oneshot::Sender<Result<T, TaskError>>,
}

fn closure<F, T>(task: F, failed: fn(&T) -> bool) -> (Box<dyn Job>, Pending<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (waiting, result) = oneshot::channel();
    (
        Box::new(Closure { task: Some(task), failed, result: Err(TaskError::Stopped), waiting }),
        Pending(Way::Cpu(result)),
    )
}

impl<F, T> Job for Closure<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&mut self) -> Outcome {
        if let Some(task) = self.task.take() {
            // The closure is consumed, so nobody sees what a panic left half done in it.
            self.result =
                catch_unwind(AssertUnwindSafe(task)).map_err(|payload| TaskError::panicked(&*payload));
        }
        Outcome::of(&self.result, self.failed)
    }

    fn deliver(self: Box<Self>) {
        // Who waited may have gone; then the result is of no use to anybody.
        let _ = self.waiting.send(self.result);
    }
}
