//! Both pools behind one handle.

use std::future::Future;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::affinity::{Affinity, Placement, Plan};
use crate::config::Config;
use crate::cpu::CpuPool;
use crate::error::{ExecutorError, TaskError};
use crate::io::{IoPool, Says};
use crate::mode::Mode;
use crate::pending::{Pending, closure};
use crate::pool_window::PoolWindow;
use crate::priority::Submission;
use crate::recorder::{ClassId, Pool, Recorder};
use crate::stats::{Demand, ExecutorStats};
use crate::topology::Topology;

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
    /// A setting out of range, threads that the operating system refuses, or, with [`Affinity::Cores`], nodes of the machine
    /// that cannot be understood. A worker that cannot be pinned is no error: [`placements`](Self::placements) tells.
    pub fn new(config: Config) -> Result<Self, ExecutorError> {
        let topology = match config.affinity {
            Affinity::None => Topology::default(),
            Affinity::Cores => Topology::of_this_machine()?,
        };
        Self::with_topology(config, &topology)
    }

    /// As [`new`](Self::new), on a machine with these nodes.
    ///
    /// # Errors
    ///
    /// A setting out of range, or threads that the operating system refuses.
    pub fn with_topology(config: Config, topology: &Topology) -> Result<Self, ExecutorError> {
        config.check()?;
        let plan = Plan::new(config.affinity, topology);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let recorder = Arc::new(Recorder::new(cores));
        let cpu = CpuPool::new(
            config.cpu_workers,
            config.cpu_queue,
            &config.shares,
            (config.balance, plan),
            Arc::clone(&recorder),
        )?;
        let io = IoPool::new(
            (config.io_workers, config.max_io_workers),
            config.io_queue,
            &config.shares,
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

    /// Says how tasks of a class run beside each other, from now on. What of it is queued or runs already goes on.
    pub fn set_mode(&self, class: ClassId, mode: Mode) {
        let single = mode == Mode::Single;
        self.cpu.limit(class, single);
        self.io.limit(class, single);
    }

    /// Runs a closure on a CPU worker: waits for room in the queue, then for the result.
    ///
    /// # Errors
    ///
    /// [`TaskError::Panicked`] if it panics, [`TaskError::Stopped`] if the executor goes first.
    pub async fn cpu<T: Send + 'static>(
        &self,
        class: impl Into<Submission>,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, TaskError> {
        self.submit_cpu(class, task).await?.await
    }

    /// Runs a future on the IO pool: waits for room in the queue, then for the result.
    ///
    /// # Errors
    ///
    /// [`TaskError::Panicked`] if it panics, [`TaskError::Stopped`] if the executor goes first.
    pub async fn io<F>(&self, class: impl Into<Submission>, task: F) -> Result<F::Output, TaskError>
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
        class: impl Into<Submission>,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Pending<T>, TaskError> {
        self.queue_cpu(class.into(), task, |_| false).await
    }

    /// As [`submit_cpu`](Self::submit_cpu), for a task whose error counts as failed.
    ///
    /// # Errors
    ///
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub async fn submit_cpu_fallible<T: Send + 'static, E: Send + 'static>(
        &self,
        class: impl Into<Submission>,
        task: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Pending<Result<T, E>>, TaskError> {
        self.queue_cpu(class.into(), task, Result::is_err).await
    }

    async fn queue_cpu<T: Send + 'static>(
        &self,
        submission: Submission,
        task: impl FnOnce() -> T + Send + 'static,
        failed: fn(&T) -> bool,
    ) -> Result<Pending<T>, TaskError> {
        let submitted = Instant::now();
        let (job, pending) = closure(task, failed);
        self.cpu.submit(submission, job, submitted).await?;
        Ok(pending)
    }

    /// Queues a future for the IO pool: waits for room in the queue only.
    ///
    /// # Errors
    ///
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub async fn submit_io<F>(
        &self,
        class: impl Into<Submission>,
        task: F,
    ) -> Result<Pending<F::Output>, TaskError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.io.submit(class.into(), task, Says { failed: |_| false, cpu: None }).await.map(Pending::spawned)
    }

    /// As [`submit_io`](Self::submit_io), for a task whose error counts as failed.
    ///
    /// # Errors
    ///
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub async fn submit_io_fallible<F, T, E>(
        &self,
        class: impl Into<Submission>,
        task: F,
    ) -> Result<Pending<Result<T, E>>, TaskError>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let says = Says { failed: Result::is_err, cpu: None };
        self.io.submit(class.into(), task, says).await.map(Pending::spawned)
    }

    /// As [`submit_io_fallible`](Self::submit_io_fallible), for a task whose work is done elsewhere, such as in a process of
    /// its own: `cpu` says of its result how long it kept a CPU busy, where that is known.
    ///
    /// # Errors
    ///
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub async fn submit_io_elsewhere<F, T, E>(
        &self,
        class: impl Into<Submission>,
        task: F,
        cpu: fn(&Result<T, E>) -> Option<Duration>,
    ) -> Result<Pending<Result<T, E>>, TaskError>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let says = Says { failed: Result::is_err, cpu: Some(cpu) };
        self.io.submit(class.into(), task, says).await.map(Pending::spawned)
    }

    /// Queues a closure for a CPU worker and never waits. Where the queue is full, the youngest task of the lowest priority
    /// below this one gives its place up, unless it is one that its priority is sure of.
    ///
    /// # Errors
    ///
    /// [`TaskError::Shed`] if there is no place; whoever waits for the task that gave up its place gets that too.
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub fn try_submit_cpu<T: Send + 'static>(
        &self,
        class: impl Into<Submission>,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Pending<T>, TaskError> {
        let (job, pending) = closure(task, |_| false);
        self.cpu.try_submit(class.into(), job, Instant::now()).map(|()| pending)
    }

    /// As [`try_submit_cpu`](Self::try_submit_cpu), for a task whose error counts as failed.
    ///
    /// # Errors
    ///
    /// Those of [`try_submit_cpu`](Self::try_submit_cpu).
    pub fn try_submit_cpu_fallible<T: Send + 'static, E: Send + 'static>(
        &self,
        class: impl Into<Submission>,
        task: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Pending<Result<T, E>>, TaskError> {
        let (job, pending) = closure(task, Result::is_err);
        self.cpu.try_submit(class.into(), job, Instant::now()).map(|()| pending)
    }

    /// As [`try_submit_cpu`](Self::try_submit_cpu), for a future on the IO pool.
    ///
    /// # Errors
    ///
    /// [`TaskError::Shed`] if there is no place; whoever waits for the task that gave up its place gets that too.
    /// [`TaskError::Stopped`] if the executor is shutting down.
    pub fn try_submit_io<F>(
        &self,
        class: impl Into<Submission>,
        task: F,
    ) -> Result<Pending<F::Output>, TaskError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.io.try_submit(class.into(), task, Says { failed: |_| false, cpu: None }).map(Pending::spawned)
    }

    /// As [`try_submit_io`](Self::try_submit_io), for a task whose error counts as failed.
    ///
    /// # Errors
    ///
    /// Those of [`try_submit_io`](Self::try_submit_io).
    pub fn try_submit_io_fallible<F, T, E>(
        &self,
        class: impl Into<Submission>,
        task: F,
    ) -> Result<Pending<Result<T, E>>, TaskError>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let says = Says { failed: Result::is_err, cpu: None };
        self.io.try_submit(class.into(), task, says).map(Pending::spawned)
    }

    /// Where each CPU worker runs, by its number, as the system answered when it began.
    #[must_use]
    pub fn placements(&self) -> Vec<Placement> {
        self.cpu.placements()
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

    /// What the pools have to do now.
    #[must_use]
    pub fn demand(&self) -> Demand {
        Demand { cpu_queued: self.cpu.queued(), io_queued: self.io.queued(), io_workers: self.io.workers() }
    }

    /// What happened since the last call, or since the start.
    pub fn window(&self) -> ExecutorStats {
        ExecutorStats {
            cpu: self.cpu_window.window(&self.recorder, Pool::Cpu, self.cpu.stats()),
            io: self.io_window.window(&self.recorder, Pool::Io, self.io.stats()),
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
